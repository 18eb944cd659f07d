# mypy: ignore-errors
"""Stack: the network that tasks are built of (first thin version)."""

from torch import nn

from clew.nn.recurrent import GRU, LSTM, RNN


class Stack(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1, *, cell="lstm", bidirectional=False,
                 residual=False, dropout=0.0, layer_norm=False, recurrent_dropout=0.0, zoneout=0.0,
                 init="torch", t_max=None):
        super().__init__()
        kind = {"lstm": LSTM, "gru": GRU, "rnn": RNN}[cell]
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.residual = residual
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            kind(input_size if k == 0 else self.output_size, hidden_size, bidirectional=bidirectional,
                 layer_norm=layer_norm, recurrent_dropout=recurrent_dropout, zoneout=zoneout,
                 init=init, t_max=t_max)
            for k in range(num_layers))

    def forward(self, x, state=None, *, lengths=None, reset=None):
        states = []
        for k, layer in enumerate(self.layers):
            inner = self.dropout(x) if k else x
            y, s = layer(inner, None if state is None else state[k], lengths=lengths, reset=reset)
            x = x + y if self.residual and x.shape == y.shape else y
            states.append(s)
        return x, tuple(states)

    def step(self, x_t, state=None):
        y, state = self(x_t.unsqueeze(0), state)
        return y.squeeze(0), state
