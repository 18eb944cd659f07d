# mypy: ignore-errors
"""Recurrent layers (first thin version: torch's kernels, lengths by packing)."""

import torch
from torch.nn import RNNBase
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class _Thin(RNNBase):
    def forward(self, input, hx=None, *, lengths=None, reset=None):
        run = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU}.get(self.mode, torch.nn.RNN).forward
        if lengths is None:
            return run(self, input, hx)
        lengths = torch.as_tensor(lengths).cpu()
        packed = pack_padded_sequence(input, lengths.clamp(min=1), self.batch_first, False)
        y, state = run(self, packed, hx)
        steps = input.shape[1 if self.batch_first else 0]
        y, _ = pad_packed_sequence(y, self.batch_first, total_length=steps)
        full = lengths > 0
        y = y * (full[:, None, None] if self.batch_first else full[None, :, None])

        def keep(new, old):
            return torch.where(full[None, :, None], new, torch.zeros_like(new) if old is None else old)

        if self.mode == "LSTM":
            h, c = hx if hx is not None else (None, None)
            return y, (keep(state[0], h), keep(state[1], c))
        return y, keep(state, hx)

    def step(self, x_t, state=None):
        y, state = self(x_t.unsqueeze(0), state)
        return y.squeeze(0), state


class LSTM(_Thin):
    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None, *,
                 layer_norm=False, recurrent_dropout=0.0, zoneout=0.0, init="torch", t_max=None):
        super().__init__("LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, proj_size, device, dtype)

    check_forward_args = torch.nn.LSTM.check_forward_args
    get_expected_cell_size = torch.nn.LSTM.get_expected_cell_size
    permute_hidden = torch.nn.LSTM.permute_hidden


class GRU(_Thin):
    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False, device=None, dtype=None, *,
                 layer_norm=False, recurrent_dropout=0.0, zoneout=0.0, init="torch", t_max=None):
        super().__init__("GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, device=device, dtype=dtype)


class RNN(_Thin):
    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True,
                 batch_first=False, dropout=0.0, bidirectional=False, device=None, dtype=None, *,
                 layer_norm=False, recurrent_dropout=0.0, zoneout=0.0, init="torch", t_max=None):
        super().__init__("RNN_TANH" if nonlinearity == "tanh" else "RNN_RELU", input_size, hidden_size,
                         num_layers, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity
