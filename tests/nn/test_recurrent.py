"""What the layers add to torch's: lengths, resets, steps, traces and options, in every layout."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import clew.nn
from clew import InputError

D, H, T, B = 3, 4, 6, 4
LENGTHS = torch.tensor([2, 6, 0, 5])
KINDS = {
    "rnn": (clew.nn.RNN, {}),
    "gru": (clew.nn.GRU, {}),
    "lstm": (clew.nn.LSTM, {}),
    "projected": (clew.nn.LSTM, {"proj_size": 2}),
    "options": (clew.nn.LSTM, {"layer_norm": True, "zoneout": (0.3, 0.1), "num_layers": 2}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def made(kind, **more):
    torch.manual_seed(0)
    build, options = KINDS[kind]
    return build(D, H, **{**options, **more}, dtype=torch.float64).eval()


def data():
    return torch.randn(T, B, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def flat(state):
    return (state,) if isinstance(state, torch.Tensor) else state


def drawn_state(layer, batch=B):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    g = torch.Generator().manual_seed(2)
    sizes = [layer.proj_size or H, H] if layer.mode == "LSTM" else [H]
    parts = [torch.randn(rows, batch, size, dtype=torch.float64, generator=g) for size in sizes]
    return tuple(parts) if len(parts) == 2 else parts[0]


def same(ours, true):
    torch.testing.assert_close(ours[0], true[0])
    for a, b in zip(flat(ours[1]), flat(true[1]), strict=True):
        torch.testing.assert_close(a, b)


# --- lengths ------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("both", [False, True])
def test_lengths_are_what_packing_does_and_empty_sequences_besides(kind, both):
    layer, x = made(kind, bidirectional=both), data()
    state = drawn_state(layer)
    y, end = layer(x, state, lengths=LENGTHS)
    real = LENGTHS > 0
    packed = pack_padded_sequence(x[:, real], LENGTHS[real], enforce_sorted=False)
    inner = [part[:, real] for part in flat(state)]
    y_packed, end_packed = layer(packed, tuple(inner) if len(inner) == 2 else inner[0])
    unpacked, _ = pad_packed_sequence(y_packed, total_length=T)
    torch.testing.assert_close(y[:, real], unpacked)
    assert not y[:, ~real].any()
    for ours, true, before in zip(flat(end), flat(end_packed), flat(state), strict=True):
        torch.testing.assert_close(ours[:, real], true)
        assert torch.equal(ours[:, ~real], before[:, ~real])


@every_kind
def test_the_layout_of_the_input_changes_nothing_but_the_layout(kind):
    layer, swapped = made(kind), made(kind, batch_first=True)
    x = data()
    reset = torch.rand(T, B, generator=torch.Generator().manual_seed(3)) < 0.3
    y, end = layer(x, lengths=LENGTHS, reset=reset)
    y_swapped, end_swapped = swapped(x.transpose(0, 1), lengths=LENGTHS, reset=reset.t())
    same((y_swapped.transpose(0, 1), end_swapped), (y, end))
    for b in range(B):
        alone, end_alone = layer(x[:, b], lengths=LENGTHS[b], reset=reset[:, b])
        torch.testing.assert_close(alone, y[:, b])
        for ours, true in zip(flat(end_alone), flat(end), strict=True):
            torch.testing.assert_close(ours, true[:, b])


@every_kind
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_padding_is_zero_after_what_is_not_a_number(kind, both, dtype):
    layer, x = made(kind, bidirectional=both).to(dtype), data().to(dtype)
    x[1, 3] = float("nan")
    y, _ = layer(x, lengths=LENGTHS)
    assert y[1, 3].isnan().any()
    for b, length in enumerate(LENGTHS.tolist()):
        assert (y[length:, b] == 0).all()


@every_kind
def test_shapes_can_be_worked_out_without_data(kind):
    layer = made(kind).to("meta")
    lengths = torch.zeros(B, dtype=torch.int64, device="meta")
    y, _ = layer(data().to("meta"), lengths=lengths)
    assert y.shape == (T, B, layer.proj_size or H)
    with pytest.raises(ValueError, match="dtype"):
        layer(data().float().to("meta"))


def test_no_steps_at_all_are_allowed_where_lengths_say_so():
    layer = made("lstm", bidirectional=True)
    state = drawn_state(layer)
    y, end = layer(data()[:0], state, lengths=torch.zeros(B, dtype=torch.int32))
    assert y.shape == (0, B, 2 * H)
    assert all(torch.equal(a, b) for a, b in zip(end, state, strict=True))
    with pytest.raises(RuntimeError, match="larger than 0"):
        layer(data()[:0], state)


@pytest.mark.parametrize(
    ("lengths", "what"),
    [
        (torch.tensor([1, 2, 3]), "shape"),
        (torch.tensor([[1, 2, 3, 4]]), "shape"),
        (torch.tensor([1.0, 2.0, 3.0, 4.0]), "float"),
        (torch.tensor([True, True, False, True]), "bool"),
        (torch.tensor([1, 2, 3, 7]), "a length of 7"),
        (torch.tensor([1, -1, 3, 6]), "a length of -1"),
    ],
)
@pytest.mark.parametrize("kind", ["lstm", "options"])
def test_lengths_that_do_not_fit_are_refused(kind, lengths, what):
    with pytest.raises(InputError, match=what):
        made(kind)(data(), lengths=lengths)


# --- resets -------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("both", [False, True])
def test_the_steps_between_resets_are_sequences_of_their_own(kind, both):
    layer = made(kind, bidirectional=both, num_layers=1)
    x, state = data()[:, :1], drawn_state(layer, 1)
    reset = torch.zeros(T, 1, dtype=torch.bool)
    reset[2] = reset[3] = True
    y, end = layer(x, state, reset=reset)
    nothing = [torch.zeros_like(part) for part in flat(state)]

    def entering(first, last):
        """Forward state at the beginning of the first segment, reverse at the end of the last."""
        parts = []
        for zero, given in zip(nothing, flat(state), strict=True):
            part = zero.clone()
            part[0] = given[0] if first else part[0]
            if both:
                part[1] = given[1] if last else part[1]
            parts.append(part)
        return tuple(parts) if len(parts) == 2 else parts[0]

    pieces, ends = [], []
    for begin, stop in ((0, 2), (2, 3), (3, T)):
        piece, piece_end = layer(x[begin:stop], entering(begin == 0, stop == T))
        pieces.append(piece)
        ends.append(piece_end)
    torch.testing.assert_close(y, torch.cat(pieces))
    for ours, first, last in zip(flat(end), flat(ends[0]), flat(ends[-1]), strict=True):
        torch.testing.assert_close(ours[0], last[0])
        if both:
            torch.testing.assert_close(ours[1], first[1])


def test_a_reset_forgets_even_what_is_not_a_number():
    layer, x = made("gru"), data()
    x[1] = float("nan")
    reset = torch.zeros(T, B, dtype=torch.bool)
    reset[2] = True
    y, _ = layer(x, reset=reset)
    torch.testing.assert_close(y[2:], layer(x[2:])[0])


def test_resets_in_padding_do_nothing():
    layer, x = made("lstm", bidirectional=True), data()
    reset = torch.arange(T).unsqueeze(1) >= LENGTHS
    state = drawn_state(layer)
    same(layer(x, state, lengths=LENGTHS, reset=reset), layer(x, state, lengths=LENGTHS))


@pytest.mark.parametrize(
    "reset",
    [
        torch.zeros(T, B),
        torch.zeros(T, B, dtype=torch.int64),
        torch.zeros(B, T, dtype=torch.bool),
        torch.zeros(T, dtype=torch.bool),
    ],
)
def test_resets_that_do_not_fit_are_refused(reset):
    with pytest.raises(InputError, match="reset of"):
        made("gru")(data(), reset=reset)


def test_a_packed_sequence_has_its_lengths_already():
    packed = pack_padded_sequence(data(), torch.tensor([6, 5, 2, 1]))
    with pytest.raises(InputError, match="PackedSequence"):
        made("gru")(packed, lengths=LENGTHS)
    with pytest.raises(InputError, match="PackedSequence"):
        made("gru").trace(packed)


# --- steps and traces ---------------------------------------------------------------------------


@every_kind
def test_steps_are_the_whole(kind):
    layer, x = made(kind), data()
    state = drawn_state(layer)
    whole = layer(x, state)
    said = []
    for x_t in x:
        y_t, state = layer.step(x_t, state)
        said.append(y_t)
    same((torch.stack(said), state), whole)
    with pytest.raises(InputError, match="3 dimensions"):
        layer.step(x)


@every_kind
@pytest.mark.parametrize("both", [False, True])
def test_a_trace_holds_the_equations_step_by_step(kind, both):
    layer, x = made(kind, bidirectional=both), data()
    asked = {"lengths": LENGTHS}
    trace = layer.trace(x, **asked)
    same((trace.output, trace.state), layer(x, **asked))
    directions = 2 if both else 1
    assert len(trace.h) == layer.num_layers * directions
    torch.testing.assert_close(torch.cat(trace.h[-directions:], 2), trace.output)
    if kind in ("lstm", "projected"):
        c = trace.c[0]
        before = torch.cat([torch.zeros_like(c[:1]), c[:-1]])
        alive = (torch.arange(T).unsqueeze(1) < LENGTHS).unsqueeze(2)
        now = trace.f[0] * before + trace.i[0] * trace.g[0]
        torch.testing.assert_close(c, now * alive)
        h = trace.o[0] * c.tanh()
        if kind == "projected":
            h = h @ layer.weight_hr_l0.t()
        torch.testing.assert_close(trace.h[0], h)
    if kind == "gru":
        h = trace.h[0]
        before = torch.cat([torch.zeros_like(h[:1]), h[:-1]])
        alive = (torch.arange(T).unsqueeze(1) < LENGTHS).unsqueeze(2)
        now = (1 - trace.z[0]) * trace.n[0] + trace.z[0] * before
        torch.testing.assert_close(h, now * alive)
        r_n = trace.r[0] * (before @ layer.weight_hh_l0[2 * H :].t() + layer.bias_hh_l0[2 * H :])
        x_n = x @ layer.weight_ih_l0[2 * H :].t() + layer.bias_ih_l0[2 * H :]
        torch.testing.assert_close(trace.n[0], (x_n + r_n).tanh() * alive)


def test_a_trace_of_one_sequence_has_no_batch_and_time_comes_first():
    layer = made("lstm", batch_first=True)
    x = data()
    trace = layer.trace(x.transpose(0, 1))
    assert trace.output.shape == (B, T, H)
    assert trace.f[0].shape == (T, B, H)
    alone = layer.trace(x[:, 1])
    torch.testing.assert_close(alone.f[0], trace.f[0][:, 1])
    torch.testing.assert_close(alone.output, trace.output[1])


def test_a_trace_can_be_differentiated():
    layer = made("lstm")
    x = data().requires_grad_()
    trace = layer.trace(x)
    (slope,) = torch.autograd.grad(trace.f[0][3].sum(), x)
    assert slope[3].abs().sum() > 0
    assert not slope[4:].any()  # a gate does not know the future


# --- options ------------------------------------------------------------------------------------


def test_masks_of_recurrent_dropout_stay_for_a_sequence_and_differ_between_calls():
    torch.manual_seed(5)
    layer = clew.nn.RNN(1, 400, nonlinearity="relu", recurrent_dropout=0.25, bias=False).train()
    with torch.no_grad():
        layer.weight_ih_l0.fill_(0.0)
        layer.weight_hh_l0.copy_(torch.eye(400))
        y, _ = layer(torch.zeros(3, 2, 1), torch.ones(1, 2, 400))
    kept = y[0] > 0
    scale = 4.0 / 3.0
    for t in range(3):  # the same units each step, scaled once more each step
        torch.testing.assert_close(y[t], kept * scale ** (t + 1))
    assert 0.68 < kept.float().mean() < 0.82
    assert not torch.equal(kept[0], kept[1])
    with torch.no_grad():
        again, _ = layer(torch.zeros(3, 2, 1), torch.ones(1, 2, 400))
        still, _ = layer.eval()(torch.zeros(3, 2, 1), torch.ones(1, 2, 400))
    assert not torch.equal(again[0] > 0, kept)
    assert torch.equal(still, torch.ones(3, 2, 400))


def test_zoneout_keeps_units_at_its_rate_and_is_its_expectation_in_evaluation():
    torch.manual_seed(6)
    layer = clew.nn.RNN(1, 2000, zoneout=0.3, bias=False).train()
    with torch.no_grad():
        layer.weight_ih_l0.fill_(0.0)
        layer.weight_hh_l0.fill_(0.0)
        y, _ = layer(torch.zeros(4, 1, 1), torch.ones(1, 1, 2000))
        still, _ = layer.eval()(torch.zeros(4, 1, 1), torch.ones(1, 1, 2000))
    assert set(y.unique().tolist()) == {0.0, 1.0}
    for t in range(4):
        assert abs(float(y[t].mean()) - 0.3 ** (t + 1)) < 0.04
        torch.testing.assert_close(still[t], torch.full((1, 2000), 0.3 ** (t + 1)))


@pytest.mark.parametrize(
    "options",
    [
        {"recurrent_dropout": 1.0},
        {"recurrent_dropout": -0.1},
        {"recurrent_dropout": True},
        {"recurrent_dropout": "0.1"},
        {"zoneout": 1.0},
        {"zoneout": float("nan")},
        {"zoneout": (0.1,)},
        {"zoneout": (0.1, 2.0)},
        {"zoneout": [0.1, 0.1]},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError):
        clew.nn.LSTM(2, 3, **options)


def test_a_pair_of_zoneouts_is_for_the_lstm_alone():
    with pytest.raises(InputError, match="zoneout"):
        clew.nn.GRU(2, 3, zoneout=(0.1, 0.1))
    with pytest.raises(TypeError, match="layer_norm"):
        clew.nn.GRU(2, 3, layer_norm=1)


def test_a_layer_shows_its_options():
    shown = repr(clew.nn.LSTM(2, 3, layer_norm=True, zoneout=(0.1, 0.0), init="chrono", t_max=9))
    assert shown == "LSTM(2, 3, layer_norm=True, zoneout=(0.1, 0.0), init='chrono')"
    assert repr(clew.nn.GRU(2, 3, 2)) == repr(torch.nn.GRU(2, 3, 2))


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm", "options"])
def test_autocast_gives_what_full_precision_gives_roughly(kind):
    layer, x = made(kind).float(), data().float()
    true, _ = layer(x, lengths=LENGTHS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for given in (x, x.bfloat16()):
            y, _ = layer(given, lengths=LENGTHS)
            torch.testing.assert_close(y.float(), true, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_autocast_gives_the_type_that_torch_gives(name, steps):
    x = torch.randn(steps, B, D)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, true = (getattr(module, name)(D, H)(x)[0] for module in (clew.nn, torch.nn))
    assert ours.dtype == true.dtype
