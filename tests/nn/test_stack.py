"""Stack against torch's own layers, put one above the other by hand."""

import pytest
import torch

import clew.nn
from clew import InputError

D, H, T, B = 3, 4, 6, 3
CELLS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
every_cell = pytest.mark.parametrize("cell", CELLS)


def made(cell="lstm", layers=3, seed=0, **options):
    torch.manual_seed(seed)
    return clew.nn.Stack(D, H, layers, cell=cell, **options).double()


def data(steps=T, batch=B):
    return torch.randn(
        steps, batch, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )


def leaves(state):
    return (
        [state] if isinstance(state, torch.Tensor) else [t for part in state for t in leaves(part)]
    )


def by_hand(stack, cell, x):
    """torch's layers with the weights of the stack; residuals added here."""
    for k, layer in enumerate(stack.layers):
        twin = CELLS[cell](layer.input_size, H, bidirectional=stack.bidirectional).double()
        twin.load_state_dict(layer.state_dict())
        y, _ = twin(x)
        x = x + y if stack.residual and k > 0 else y
    return x


@every_cell
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_a_stack_is_torch_layers_one_above_the_other(cell, both, residual):
    stack = made(cell, bidirectional=both, residual=residual)
    y, state = stack(data())
    torch.testing.assert_close(y, by_hand(stack, cell, data()))
    assert y.shape[-1] == stack.output_size
    assert len(state) == 3


def test_a_first_layer_of_fitting_size_has_a_residual_too():
    stack = clew.nn.Stack(H, H, 1, residual=True).double()
    x = torch.randn(T, B, H, dtype=torch.float64)
    torch.testing.assert_close(stack(x)[0], x + stack.layers[0](x)[0])


@every_cell
@pytest.mark.parametrize("residual", [False, True])
def test_dropout_between_layers_is_that_of_torch(cell, residual):
    stack = made(cell, dropout=0.5, residual=residual).train()
    torch.manual_seed(3)
    y, _ = stack(data())
    torch.manual_seed(3)
    x = data()
    for k, layer in enumerate(stack.layers):
        below = torch.nn.functional.dropout(x, 0.5) if k > 0 else x
        above, _ = layer(below)
        x = x + above if residual and k > 0 else above
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(stack.eval()(data())[0], by_hand(stack, cell, data()))


@every_cell
def test_whole_is_split_is_stepwise(cell):
    stack = made(cell, residual=True, layer_norm=True, zoneout=0.1).eval()
    x = data()
    y, state = stack(x)
    first, middle = stack(x[:2])
    second, end = stack(x[2:], middle)
    torch.testing.assert_close(torch.cat([first, second]), y)
    steps, carried = [], None
    for x_t in x:
        y_t, carried = stack.step(x_t, carried)
        steps.append(y_t)
    torch.testing.assert_close(torch.stack(steps), y)
    for a, b, c in zip(leaves(state), leaves(end), leaves(carried), strict=True):
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(a, c)


def test_a_step_of_one_sequence_needs_no_batch():
    stack = made()
    x = data()
    y, state = stack.step(x[0, 0])
    many, many_state = stack.step(x[0])
    torch.testing.assert_close(y, many[0])
    torch.testing.assert_close(state[1][1], many_state[1][1][:, 0])


@every_cell
@pytest.mark.parametrize("both", [False, True])
def test_alone_is_together_whatever_lies_in_the_padding(cell, both):
    stack = clew.nn.Stack(
        H * (1 + both), H, 3, cell=cell, bidirectional=both, residual=True
    ).double()
    lengths = torch.tensor([4, 0, 6])
    x = torch.randn(T, B, H * (1 + both), dtype=torch.float64)
    for b, length in enumerate(lengths.tolist()):
        x[length:, b] = float("nan")
    y, state = stack(x, lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        assert not y[length:, b].any()
        if length:
            alone, end = stack(x[:length, b : b + 1])
            torch.testing.assert_close(y[:length, b], alone[:, 0])
            for ours, true in zip(leaves(state), leaves(end), strict=True):
                torch.testing.assert_close(ours[:, b], true[:, 0])
    y.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in stack.parameters())


def test_resets_part_a_sequence():
    stack = made("gru")
    reset = torch.zeros(T, B, dtype=torch.bool)
    reset[2] = True
    y, _ = stack(data(), reset=reset)
    torch.testing.assert_close(y[2:], stack(data()[2:])[0])


def test_options_reach_every_layer():
    stack = made(
        "lstm",
        layer_norm=True,
        recurrent_dropout=0.1,
        zoneout=(0.1, 0.2),
        init="chrono",
        t_max=30,
        bidirectional=True,
    )
    for layer in stack.layers:
        assert layer.layer_norm
        assert layer.recurrent_dropout == 0.1
        assert layer.zoneout == (0.1, 0.2)
        assert layer.t_max == 30
        assert layer.bidirectional


def test_a_compiled_stack_is_the_stack():
    stack = made("gru", residual=True, bidirectional=True)
    torch._dynamo.reset()
    compiled = torch.compile(stack, fullgraph=True, backend="aot_eager")
    asked = {"lengths": torch.tensor([2, 0, 6])}
    torch.testing.assert_close(compiled(data(), **asked)[0], stack(data(), **asked)[0])


BAD = {
    "cell": ((D, H), {"cell": "elman"}),
    "num_layers": ((D, H, 0), {}),
    "layers a fraction": ((D, H, 2.0), {}),
    "hidden_size": ((D, 0), {}),
    "input_size": ((-1, H), {}),
    "dropout": ((D, H, 2), {"dropout": 1.0}),
    "zoneout": ((D, H), {"cell": "gru", "zoneout": (0.1, 0.1)}),
    "recurrent_dropout": ((D, H), {"recurrent_dropout": -0.1}),
    "t_max": ((D, H), {"init": "chrono"}),
}


@pytest.mark.parametrize("case", BAD)
def test_sizes_and_options_out_of_range_are_refused(case):
    args, options = BAD[case]
    with pytest.raises(ValueError):
        clew.nn.Stack(*args, **options)


@pytest.mark.parametrize("residual", [False, True])
def test_lengths_may_be_a_list(residual):
    stack, lengths = made(residual=residual), [2, 0, 1]
    y, _ = stack(data(), lengths=lengths)
    assert torch.equal(y, stack(data(), lengths=torch.tensor(lengths))[0])
    with pytest.raises(InputError, match="lengths of shape"):
        stack(data(), lengths=[1])


def test_calls_that_do_not_fit_are_refused():
    stack = made()
    with pytest.raises(InputError, match="2 parts"):
        stack(data(), stack(data())[1][:2])
    with pytest.raises(InputError, match="T, B, D"):
        stack(data()[:, 0])
    with pytest.raises(InputError, match="a length of 7"):
        stack(data(), lengths=torch.tensor([1, 7, 2]))
    with pytest.raises(InputError, match="later steps"):
        made(bidirectional=True).step(data()[0])
    with pytest.raises(InputError, match="later steps"):
        made(bidirectional=True).stream()
