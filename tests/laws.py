"""The contract: laws 1 to 5, run over every layer and option.

1  whole = split = stepwise      2  alone = together      3  plain = torch = clew
4  saved = loaded                5  seeded = repeated

What claims to be recurrent belongs into `SUBJECTS` (subjects.py) and is then held to all of them.
"""

import copy
import dataclasses
import io
import pickle

import pytest
import safetensors.torch
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from readings import Reading, close, masks_kept, plain
from subjects import SUBJECTS, cases, example, leaves, mapped
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

NOISY = [s for s in SUBJECTS if s.options.keys() & {"zoneout", "recurrent_dropout"}]
every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.name)


def examples(count):
    """The number of examples in the usual profile; a search (see conftest) takes its own."""
    return settings(max_examples=count) if settings().derandomize else settings()


def same(ours, theirs):
    return len(ours) == len(theirs) and all(map(torch.equal, ours, theirs))


def alike(case, ours, theirs):
    """Compare (output, state) to (output, state)."""
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        close(a.detach(), b.detach(), "output or state", case.slack)


# --- 1. whole = split = stepwise -----------------------------------------------------------------


@every_subject
@given(data=st.data())
@examples(8)
def test_whole_is_split_is_stepwise(subject, data):
    case = data.draw(cases(subject, both=False))
    lengths, reset = case.lengths_tensor, case.reset_tensor
    whole = Reading(case, lambda layer, x, state: case.read(layer, x, state))

    if case.T > 1:
        at = data.draw(st.integers(1, case.T - 1), label="split")

        def split(layer, x, state):
            y_1, state = case.call(
                layer,
                x[:at],
                state,
                lengths=None if lengths is None else lengths.clamp(max=at),
                reset=None if reset is None else reset[:at],
            )
            y_2, state = case.call(
                layer,
                x[at:],
                state,
                lengths=None if lengths is None else (lengths - at).clamp(min=0),
                reset=None if reset is None else reset[at:],
            )
            return torch.cat([y_1, y_2]), state

        Reading(case, split).equals(whole, "split")

    def stepwise(layer, x, state):
        ys, state = [], case.state() if state is None else state
        for t in range(case.T):
            alive = torch.tensor(True) if lengths is None else (t < lengths)[:, None]
            kept = state  # by a sequence that has ended: nothing happens to it any more
            if reset is not None:
                forget = reset[t, :, None]
                state = mapped(lambda v, forget=forget: v.masked_fill(forget, 0.0), state)
            y, after = layer.step(x[t], state)
            state = mapped(lambda a, b, on=alive: torch.where(on, a, b), after, kept)
            ys.append(torch.where(alive, y, 0.0))
        return torch.stack(ys), state

    Reading(case, stepwise).equals(whole, "stepwise")


@every_subject
@given(data=st.data())
@examples(4)
def test_stream_and_trace_are_whole(subject, data):
    case = data.draw(cases(subject, both=False))
    layer = case.layer()
    x, state = case.data()
    y, end = case.call(layer, x, state)
    stream = layer.stream(case.B)
    if state is not None:
        stream.state = mapped(lambda v: v.numpy(), state)
    pushed = torch.stack([torch.from_numpy(stream.push(x_t.numpy())) for x_t in x])
    alike(case, (y, end), (pushed, mapped(torch.from_numpy, stream.state)))
    if not subject.stack:
        more = {"lengths": case.lengths_tensor, "reset": case.reset_tensor}
        y, end = case.call(layer, x, state, **more)
        if case.batch_first:
            more["reset"] = None if case.reset is None else more["reset"].t()
            x, y = x.transpose(0, 1), y.transpose(0, 1)
        trace = layer.trace(x, state, **more)
        alike(case, (trace.output, trace.state), (y, end))
        alike(case, trace.h[-1], y.transpose(0, 1) if case.batch_first else y)


@every_subject
def test_reading_both_ways_cannot_be_stepped(subject):
    case = example(subject, both=True)
    layer = case.layer()
    x, _ = case.data()
    with pytest.raises(ValueError, match=r"(?s)both|direction"):
        layer.step(x[0])
    with pytest.raises(ValueError, match=r"(?s)both|direction"):
        layer.stream()


# --- 2. alone = together -------------------------------------------------------------------------


@every_subject
@given(data=st.data())
@examples(8)
def test_alone_is_together(subject, data):
    case = data.draw(cases(subject, least=0))
    rubbish = data.draw(st.sampled_from([torch.nan, torch.inf, 1e30]), label="padding")
    reset = case.reset_tensor
    lengths = [case.T] * case.B if case.lengths is None else list(case.lengths)
    padding = torch.arange(case.T)[:, None] >= torch.tensor(lengths)

    def padded(layer, x, state):
        return case.read(layer, x.masked_fill(padding[..., None], rubbish), state)

    def direct(layer, x, state):
        """As `padded`, but gradients are asked of the very tensor with the rubbish in it."""
        x.data.masked_fill_(padding[..., None], rubbish)
        return case.read(layer, x, state)

    def alone(layer, x, state):
        ys, ends = [], []
        state = case.state() if state is None else state
        for b, n in enumerate(lengths):
            own = mapped(lambda v, b=b: v[:, b : b + 1], state)
            if n == 0:  # nothing to read: nothing is said, nothing changes
                ys.append(None)
                ends.append(own)
                continue
            y, end = case.call(
                layer, x[:n, b : b + 1], own, reset=None if reset is None else reset[:n, b : b + 1]
            )
            ys.append(torch.nn.functional.pad(y, (0, 0, 0, 0, 0, case.T - n)))
            ends.append(end)
        width = case.width
        zeros = torch.zeros(case.T, 1, width, dtype=case.dtype)
        y = torch.cat([zeros if v is None else v for v in ys], 1)
        return y, mapped(lambda *vs: torch.cat(vs, 1), *ends)

    order = torch.randperm(case.B, generator=case.generator())
    back = order.argsort()

    def shuffled(layer, x, state):
        y, end = case.call(
            layer,
            x[:, order],
            mapped(lambda v: v[:, order], state),
            lengths=None if case.lengths is None else case.lengths_tensor[order],
            reset=None if reset is None else reset[:, order],
        )
        return y[:, back], mapped(lambda v: v[:, back], end)

    apart = Reading(case, alone)
    together = Reading(case, direct)
    together.equals(apart, "together")
    assert not together.grads["x"][padding].any(), "padding has a gradient"
    Reading(case, padded).equals(apart, "masked")
    Reading(case, shuffled).equals(apart, "shuffled")


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if not s.stack], ids=lambda s: s.name)
@given(data=st.data())
@examples(3)
def test_packed_is_padded(subject, data):
    case = data.draw(cases(subject, reset=None))
    lengths = [max(1, n) for n in case.lengths or [case.T] * case.B]  # torch packs no empty ones

    def padded(layer, x, state):
        y, end = case.call(layer, x, state, lengths=torch.tensor(lengths))
        return y[: max(lengths)], end

    def packed(layer, x, state):
        y, end = layer(pack_padded_sequence(x, lengths, enforce_sorted=False), state)
        return pad_packed_sequence(y)[0], end

    Reading(case, packed).equals(Reading(case, padded), "packed")


# --- 3. plain = torch = clew ---------------------------------------------------------------------


@every_subject
@given(data=st.data())
@examples(8)
def test_clew_is_plain(subject, data):
    case = data.draw(cases(subject, least=0))
    layer = case.layer()
    x, state = case.data()
    alike(case, case.read(layer, x, state), plain(case, layer, x, state))


@pytest.mark.parametrize("subject", NOISY, ids=lambda s: s.name)
@given(data=st.data())
@examples(6)
def test_clew_in_training_is_plain_with_the_same_masks(subject, data):
    case = data.draw(cases(subject))
    layer = case.layer().train()
    x, state = case.data()
    with masks_kept(case) as noise:
        found = case.read(layer, x, state)
    alike(case, found, plain(case, layer, x, state, noise))


@every_subject
@pytest.mark.parametrize("training", [False, True])
@given(data=st.data())
@examples(2)
def test_gradients_are_the_slopes_of_the_plain_cells(subject, training, data):
    """In a random direction of inputs, state and weights together, by finite differences."""
    case = data.draw(cases(subject, dtype=torch.float64, T=data.draw(st.integers(1, 4))))
    case = dataclasses.replace(case, given=True)
    with masks_kept(case) as noise:
        found = Reading(case, lambda layer, x, state: case.read(layer.train(training), x, state))
    g = torch.Generator().manual_seed(case.seed + 2)
    sources = [found.x, *leaves(found.state), *found.layer.parameters()]
    ways = [torch.randn(v.shape, generator=g, dtype=torch.float64) for v in sources]
    slope = sum((way * grad).sum() for way, grad in zip(ways, found.grads.values(), strict=True))

    g = case.generator()
    pulls = [torch.randn(v.shape, generator=g, dtype=torch.float64) for v in (found.y, *found.end)]
    ends, step = [], 1e-7  # small: layer norm bends sharply where all units agree
    for sign in (1, -2):
        with torch.no_grad():
            for v, way in zip(sources, ways, strict=True):
                v += sign * step * way
        y, end = plain(
            case, found.layer, found.x.detach(), found.state, noise if training else None
        )
        ends.append(sum((v * p).sum() for v, p in zip((y, *end), pulls, strict=True)))
    close(slope, (ends[0] - ends[1]) / (2 * step), "slope", loosen=1e5)


@pytest.mark.parametrize(
    "subject",
    [s for s in SUBJECTS if s.name.endswith("-bare") and not s.stack],
    ids=lambda s: s.name,
)
@given(data=st.data())
@examples(8)
def test_clew_is_torch(subject, data):
    case = data.draw(cases(subject, reset=None, lengths=None))
    kind = {"tanh": "RNN", "relu": "RNN", "gru": "GRU"}.get(subject.kind, "LSTM")
    ours = Reading(case, case.read)
    layer = getattr(torch.nn, kind)(
        case.D,
        case.H,
        case.depth,
        bias=case.bias,
        batch_first=case.batch_first,
        bidirectional=case.both,
        dtype=case.dtype,
        **subject.options,
    )
    layer.load_state_dict(ours.layer.state_dict())

    def torchs(clews, x, state):
        if case.batch_first:
            y, end = torch.func.functional_call(
                layer, dict(clews.named_parameters()), (x.transpose(0, 1), state)
            )
            return y.transpose(0, 1), end
        return torch.func.functional_call(layer, dict(clews.named_parameters()), (x, state))

    ours.equals(Reading(case, torchs), "torch")


# --- 4. saved = loaded ---------------------------------------------------------------------------


def through_safetensors(layer, fresh):
    fresh.load_state_dict(safetensors.torch.load(safetensors.torch.save(layer.state_dict())))
    return fresh


def through_pickle(layer, fresh):
    return pickle.loads(pickle.dumps(layer))


def through_torch(layer, fresh):
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    return fresh


def through_deepcopy(layer, fresh):
    return copy.deepcopy(layer)


@every_subject
@pytest.mark.parametrize(
    "way", [through_safetensors, through_pickle, through_torch, through_deepcopy]
)
@given(data=st.data())
@examples(2)
def test_saved_is_loaded(subject, way, data):
    case = data.draw(cases(subject))
    layer = case.layer()
    loaded = way(layer, case.layer(seed=case.seed + 1))
    assert list(loaded.state_dict()) == list(layer.state_dict())
    x, state = case.data()
    answers = []
    for one in (layer, loaded):
        y, end = case.read(one, x, state)
        torch.manual_seed(0)
        y_2, end_2 = case.read(one.train(), x, state)
        answers.append([y, *leaves(end), y_2, *leaves(end_2)])
    assert same(*answers)


# --- 5. seeded = repeated ------------------------------------------------------------------------


@every_subject
@given(data=st.data())
@examples(3)
def test_seeded_is_repeated(subject, data):
    """A few steps of training, noise and all: the same seed gives the same bits."""
    case = data.draw(cases(subject, depth=2))
    assume(case.lengths is None or max(case.lengths) > 0)

    def trained(seed):
        layer = case.layer(seed=0, dropout=0.3).train()
        x, state = case.data()
        torch.manual_seed(seed)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            y, end = case.read(layer, x, state)
            (y.square().mean() + sum(v.square().mean() for v in leaves(end))).backward()
            optimizer.step()
        return [p.detach() for p in layer.parameters()]

    first = trained(1)
    assert same(first, trained(1))


@every_subject
def test_another_seed_is_other_noise(subject):
    case = example(subject, T=6, H=12, lengths=None, dtype=torch.float64)
    layer = case.layer(dropout=0.3).train()
    x, state = case.data()
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(case.read(layer, x, state)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])
