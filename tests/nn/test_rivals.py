"""What cells are compared with: against plain loops and torch's own layer, and by the laws."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clew import InputError
from clew.nn import LSTM, Stack
from clew.nn.rivals import Attending, Window, in_place_of_cells

D, H, B = 3, 4, 3
KINDS = {"window": partial(Window, window=4), "transformer": partial(Attending, context=5)}
every_kind = pytest.mark.parametrize("kind", KINDS)


def made(kind, both=False, layers=2):
    torch.manual_seed(0)
    with in_place_of_cells(KINDS[kind]):
        return Stack(D, H, layers, bidirectional=both).double()


def data(steps, batch=B, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(steps, batch, D, dtype=torch.float64, generator=draw)


def leaves(state):
    return (
        [state] if isinstance(state, torch.Tensor) else [t for part in state for t in leaves(part)]
    )


def same(one, other):
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)


@every_kind
@settings(max_examples=10)
@given(
    steps=st.integers(0, 30), cut=st.integers(0, 30), resets=st.lists(st.booleans(), max_size=30)
)
def test_whole_is_split_with_outputs_state_and_gradients(kind, steps, cut, resets):
    stack, x, cut = made(kind), data(steps).requires_grad_(), min(cut, steps)
    reset = torch.zeros(steps, B, dtype=torch.bool)
    reset[: len(resets), 1] = torch.tensor(resets[:steps] or [], dtype=torch.bool)
    y, state = stack(x, reset=reset)
    first, between = stack(x[:cut], reset=reset[:cut])
    second, after = stack(x[cut:], between, reset=reset[cut:])
    same(torch.cat([first, second]), y)
    for one, other in zip(leaves(after), leaves(state), strict=True):
        same(one, other)
    if steps:
        pull = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(2))
        whole = torch.autograd.grad((y * pull).sum(), [x, *stack.parameters()])
        split = torch.autograd.grad(
            (torch.cat([first, second]) * pull).sum(), [x, *stack.parameters()]
        )
        for one, other in zip(split, whole, strict=True):
            same(one, other)


@every_kind
def test_stepwise_is_whole_far_beyond_the_window(kind):
    stack, x = made(kind), data(60)
    y, final = stack(x)
    said, state = [], None
    for x_t in x:
        y_t, state = stack.step(x_t, state)
        said.append(y_t)
    same(torch.stack(said), y)
    for one, other in zip(leaves(state), leaves(final), strict=True):
        same(one, other)


@every_kind
@pytest.mark.parametrize("both", [False, True])
@settings(max_examples=8)
@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=4))
def test_alone_is_together_whatever_stands_in_the_padding(kind, both, lengths):
    stack, x = made(kind, both), data(max(lengths), len(lengths))
    for b, length in enumerate(lengths):
        x[length:, b] = 1e3
    y, state = stack(x, lengths=torch.tensor(lengths))
    for b, length in enumerate(lengths):
        alone, own = stack(x[:length, b : b + 1])
        same(y[:length, b : b + 1], alone)
        assert not y[length:, b].any()
        if not both:
            for together, by_itself in zip(state, own, strict=True):
                same(together[:, b : b + 1], by_itself)


@every_kind
@pytest.mark.parametrize("both", [False, True])
def test_after_a_reset_a_sequence_of_its_own_begins(kind, both):
    stack, x = made(kind, both), data(11)
    reset = torch.zeros(11, B, dtype=torch.bool)
    reset[4] = True
    y, _ = stack(x, reset=reset)
    same(y, torch.cat([stack(x[:4])[0], stack(x[4:])[0]]))


@pytest.mark.parametrize("both", [False, True])
def test_a_window_by_plain_loops(both):
    layer, x = Window(D, H, both, window=3).double(), data(6)
    y, _ = layer(x)
    offsets = range(-2, 3) if both else range(-2, 1)
    for t in range(6):
        for b in range(B):
            seen = [x[t + o, b] if 0 <= t + o < 6 else torch.zeros(D).double() for o in offsets]
            by_hand = layer.linear.weight @ torch.cat(seen) + layer.linear.bias
            same(y[t, b], by_hand.clamp(min=0))


@pytest.mark.parametrize("both", [False, True])
def test_attention_is_that_of_torchs_own_layer(both):
    """Of a sequence longer than the context, with the scores of distances made one by one."""
    layer, x, n = Attending(D, H, both, context=6).double(), data(9), 9
    y, _ = layer(x)
    scores = torch.full((layer.heads, n, n), -torch.inf, dtype=torch.float64)
    for t in range(n):
        for s in range(n):
            if -5 <= s - t <= (5 if both else 0):
                scores[:, t, s] = layer.away.weight @ layer.sinusoids[s - t]
    same(y, layer.encoder(layer.enter(x), src_mask=scores.repeat(B, 1, 1)))


@every_kind
@pytest.mark.parametrize("both", [False, True])
def test_what_is_further_away_than_the_window_is_not_seen(kind, both):
    stack, x = made(kind, both, layers=1), data(20).requires_grad_()
    reach = stack.layers[0].reach
    (gradient,) = torch.autograd.grad(stack(x)[0][10].sum(), x)
    seen = gradient.abs().sum((1, 2)) > 0
    last = 10 + reach if both else 10
    assert seen.nonzero().squeeze(1).tolist() == list(range(10 - reach, last + 1))


def test_long_sequences_attend_in_pieces_as_they_would_at_once(monkeypatch):
    layers = [Attending(D, H, both, context=7).double() for both in (False, True)]
    x = data(40)
    whole = [layer(x)[0] for layer in layers]
    monkeypatch.setattr("clew.nn.rivals._PIECE", 3)
    for layer, y in zip(layers, whole, strict=True):
        same(layer(x)[0], y)


def test_distances_are_told_apart():
    table = Attending(D, 8, context=16).sinusoids
    assert len(table) == 31
    assert torch.cdist(table, table).fill_diagonal_(9.0).min() > 0.1


@every_kind
def test_where_a_sequence_began_is_not_known(kind):
    """So what is further away than all layers see together changes nothing."""
    stack, x = made(kind), data(40)
    reach = 2 * stack.layers[0].reach
    same(stack(x)[0][-1], stack(x[-reach - 1 :])[0][-1])


def test_what_stands_in_place_of_cells_does_so_within_the_block_only():
    with in_place_of_cells(Window):
        assert isinstance(Stack(D, H).layers[0], Window)
    with pytest.raises(InputError), in_place_of_cells(Window):
        Stack(D, 0)
    assert isinstance(Stack(D, H).layers[0], LSTM)


@every_kind
def test_what_is_refused(kind):
    both = made(kind, both=True)
    with pytest.raises(InputError, match="step of a bidirectional"):
        both.step(data(1)[0])
    with pytest.raises(InputError, match="a state for a layer that reads both ways"):
        both(data(3), both(data(3))[1])
    layer = made(kind).layers[0]
    with pytest.raises(InputError, match=r"x of shape \(3, 3, 2\)"):
        layer(data(3)[:, :, :2])
    with pytest.raises(InputError, match="a step of shape"):
        layer.step(data(1)[0, :, :2])
    with pytest.raises(InputError, match="a state of another shape"):
        layer(data(3), layer(data(3, 2))[1])
    with pytest.raises(InputError, match=r"reset of torch\.float64"):
        layer(data(3), reset=torch.zeros(3, B).double())
    for lengths in ([4, 1, 1], [1, -1, 1]):
        with pytest.raises(InputError, match="lengths from"):
            layer(data(3), lengths=torch.tensor(lengths))
    for setting in ("window", "context"):
        kind = {"window": Window, "context": Attending}[setting]
        with pytest.raises(InputError, match=f"{setting}=0"):
            kind(D, H, **{setting: 0})
