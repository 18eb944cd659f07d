"""The CRF against its definition: every sequence of tags written out, scored and summed."""

import copy
import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from clew import InputError
from clew.nn import CRF

EXACT = {"atol": 1e-10, "rtol": 1e-10}


def made(tags, *, seed=0, masks=None, size=1.0, dtype=torch.float64):
    torch.manual_seed(seed)
    crf = CRF(tags, **(masks or {})).to(dtype)
    with torch.no_grad():
        for p in crf.parameters():
            p.copy_(torch.randn(p.shape) * size)
    return crf


def by_hand(crf, scores, masks):
    """{tags: score} of every allowed sequence over one sequence of scores (T, K), plain Python."""
    steps, tags = scores.shape
    start, end = crf.start_scores.tolist(), crf.end_scores.tolist()
    moves, own = crf.transition_scores.tolist(), scores.tolist()
    allowed = {name: mask.tolist() for name, mask in (masks or {}).items()}
    found = {}
    for path in itertools.product(range(tags), repeat=steps):
        pairs = list(itertools.pairwise(path))
        if "start" in allowed and not allowed["start"][path[0]]:
            continue
        if "end" in allowed and not allowed["end"][path[-1]]:
            continue
        if "allowed" in allowed and not all(allowed["allowed"][a][b] for a, b in pairs):
            continue
        total = start[path[0]] + end[path[-1]]
        total += sum(own[t][k] for t, k in enumerate(path)) + sum(moves[a][b] for a, b in pairs)
        found[path] = total
    return found


@st.composite
def problems(draw):
    """A CRF with or without masks, and a batch for it, with rubbish in the padding."""
    K, T, B = draw(st.integers(1, 4)), draw(st.integers(0, 4)), draw(st.integers(1, 4))
    seed = draw(st.integers(0, 1000))
    g = torch.Generator().manual_seed(seed)
    lengths = draw(st.lists(st.integers(0, T), min_size=B, max_size=B))
    masks = {}
    for name in draw(st.sets(st.sampled_from(["allowed", "start", "end"]))):
        shape = (K, K) if name == "allowed" else (K,)
        masks[name] = torch.rand(shape, generator=g) < 0.6
    size = draw(st.sampled_from([1.0, 30.0, 400.0]))
    scores = torch.randn(T, B, K, generator=g, dtype=torch.float64) * size
    tags = torch.randint(0, K, (T, B), generator=g)
    padding = torch.arange(T).unsqueeze(1) >= torch.tensor(lengths)
    scores[padding] = draw(st.sampled_from([math.nan, math.inf, 0.0]))
    tags[padding] = draw(st.sampled_from([-1, 10**6]))
    return made(K, seed=seed, masks=masks, size=size), scores, tags, lengths, masks


@given(problem=problems())
@settings(max_examples=60)
def test_everything_is_as_enumerated(problem):
    crf, scores, tags, lengths, masks = problem
    asked = torch.tensor(lengths)
    scores.requires_grad_()
    loss = crf.loss(scores, tags, asked)
    path, best = crf.decode(scores, asked)
    marginals = crf.marginals(scores, asked)
    assert loss.shape == best.shape == asked.shape
    assert path.shape == tags.shape
    assert not marginals.detach()[torch.arange(len(scores)).unsqueeze(1) >= asked].any()
    for b, n in enumerate(lengths):
        assert path[n:, b].eq(-1).all()
        if n == 0:
            assert (loss[b], best[b]) == (0, 0)
            continue
        every = by_hand(crf, scores.detach()[:n, b], masks)
        truth = tuple(tags[:n, b].tolist())
        if not every:
            assert (loss[b], best[b]) == (math.inf, -math.inf)
            assert not marginals[:n, b].any()
            continue
        top = max(every.values())
        total = top + math.log(sum(math.exp(v - top) for v in every.values()))
        assert best[b].item() == pytest.approx(top, abs=1e-9)
        assert every[tuple(path[:n, b].tolist())] == pytest.approx(top, abs=1e-9)
        if truth in every:
            assert loss[b].item() == pytest.approx(total - every[truth], abs=1e-9)
        else:
            assert loss[b] == math.inf
        expected = torch.zeros(n, crf.tags, dtype=torch.float64)
        for one, value in every.items():
            expected[range(n), one] += math.exp(value - total)
        torch.testing.assert_close(marginals[:n, b].detach(), expected, **EXACT)
    if len(scores) == 0:
        return
    grads = torch.autograd.grad(
        loss[loss.isfinite()].sum() + marginals.square().sum(), [scores, *crf.parameters()]
    )
    assert all(grad.isfinite().all() for grad in grads)
    assert not grads[0][torch.arange(len(scores)).unsqueeze(1) >= asked].any()


def batch(K=3, T=4, lengths=(4, 0, 2), seed=3, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    scores = torch.randn(T, len(lengths), K, generator=g, dtype=torch.float64).to(dtype)
    return scores, torch.randint(0, K, (T, len(lengths)), generator=g), torch.tensor(lengths)


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_to_the_second_order(masked):
    masks = {"allowed": torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 1]]).bool()} if masked else {}
    masks |= {"start": torch.tensor([True, True, False])} if masked else {}
    crf = made(3, masks=masks)
    scores, _, lengths = batch()
    tags = torch.tensor([[0, 0, 1], [1, 0, 2], [2, 0, 0], [1, 0, 0]])  # allowed
    names = [name for name, _ in crf.named_parameters()]

    def run(scores, *weights):
        with torch.no_grad():
            before = copy.deepcopy(crf)
        for name, weight in zip(names, weights, strict=True):
            delattr(before, name)
            setattr(before, name, weight)
        return before.loss(scores, tags, lengths), before.marginals(scores, lengths)

    inputs = [part.clone().requires_grad_() for part in (scores, *crf.parameters())]
    assert gradcheck(run, inputs)
    assert gradgradcheck(run, inputs, fast_mode=True)


def test_marginals_are_the_slope_of_the_partition():
    crf = made(3)
    scores, tags, lengths = batch(lengths=(4, 3, 1))
    scores.requires_grad_()
    (slope,) = torch.autograd.grad(crf.loss(scores, tags, lengths).sum(), scores)
    alive = torch.arange(4).unsqueeze(1) < lengths
    own = torch.nn.functional.one_hot(tags, 3) * alive.unsqueeze(2)
    torch.testing.assert_close(crf.marginals(scores, lengths), slope + own, **EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_alone_is_together(dtype):
    crf = made(5, dtype=dtype)
    lengths = (7, 0, 3, 1, 7)
    scores, tags, asked = batch(5, 7, lengths, dtype=dtype)
    loss, (path, best) = crf.loss(scores, tags, asked), crf.decode(scores, asked)
    marginals = crf.marginals(scores, asked)
    for b, n in enumerate(lengths):
        own, truth = scores[:n, b : b + 1], tags[:n, b : b + 1]
        one_path, one_best = crf.decode(own)
        assert torch.equal(path[:n, b], one_path[:, 0])
        torch.testing.assert_close(best[b], one_best[0])
        torch.testing.assert_close(loss[b], crf.loss(own, truth)[0])
        torch.testing.assert_close(marginals[:n, b], crf.marginals(own)[:, 0])


def test_large_scores_do_not_overflow():
    crf = made(3, size=1e4, dtype=torch.float32)
    scores, tags, _ = batch(T=50, lengths=(50, 50), dtype=torch.float32)
    scores = scores * 1e4
    assert crf.loss(scores, tags).isfinite().all()
    torch.testing.assert_close(crf.marginals(scores).sum(2), torch.ones(50, 2))


def test_it_learns_what_single_steps_do_not_say():
    """Tags that alternate, over scores of nothing: only transitions can know."""
    crf = made(2, size=0.1, dtype=torch.float32)
    tags = torch.tensor([[0, 1], [1, 0], [0, 1], [1, 0]])
    scores = torch.zeros(4, 2, 2)
    scores[0, 0, 0] = scores[0, 1, 1] = 1.0
    optimizer = torch.optim.Adam(crf.parameters(), 0.1)
    for _ in range(60):
        optimizer.zero_grad()
        crf.loss(scores, tags).sum().backward()
        optimizer.step()
    assert torch.equal(crf.decode(scores)[0], tags)


def test_half_precision_scores_under_autocast():
    crf = made(3, dtype=torch.float32)
    scores, tags, lengths = batch(dtype=torch.float32)
    half = crf.loss(scores.bfloat16(), tags, lengths)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, crf.loss(scores.bfloat16().float(), tags, lengths))


def test_masks_are_part_of_the_making_and_not_of_the_weights():
    masks = {"end": torch.tensor([True, False])}
    crf = made(2, masks=masks)
    assert set(crf.state_dict()) == {"transition_scores", "start_scores", "end_scores"}
    other = made(2, masks=masks, seed=1)
    other.load_state_dict(crf.state_dict())
    scores, tags, lengths = batch(2)
    assert torch.equal(other.loss(scores, tags, lengths), crf.loss(scores, tags, lengths))
    assert not crf.decode(scores, lengths)[0][3].eq(1).any()


def test_it_can_be_made_where_sizes_cost_nothing():
    with torch.device("meta"):
        crf = CRF(3, allowed=torch.ones(3, 3).bool(), end=torch.tensor([True, False, True]))
        path, score = crf.decode(torch.zeros(5, 2, 3))
    assert (path.shape, score.shape, path.device.type) == ((5, 2), (2,), "meta")


def test_per_sample_gradients():
    crf = made(3)
    scores, tags, _ = batch(lengths=(4, 4, 4))
    weights = dict(crf.named_parameters())

    class Loss(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.crf = crf

        def forward(self, scores, tags):
            return self.crf.loss(scores, tags)

    def one(weights, scores, tags):
        given = {f"crf.{name}": value for name, value in weights.items()}
        both = (scores.unsqueeze(1), tags.unsqueeze(1))
        return torch.func.functional_call(Loss(), given, both)[0]

    found = torch.func.vmap(torch.func.grad(one), in_dims=(None, 1, 1))(weights, scores, tags)
    for b in range(3):
        crf.zero_grad()
        crf.loss(scores[:, b : b + 1], tags[:, b : b + 1]).sum().backward()
        for name, p in crf.named_parameters():
            torch.testing.assert_close(found[name][b], p.grad)


BAD = {
    "no tags at all": lambda: CRF(0),
    "a size that is no number": lambda: CRF(True),
    "a mask of numbers": lambda: CRF(2, start=torch.ones(2)),
    "a mask of another shape": lambda: CRF(2, allowed=torch.ones(2, 3).bool()),
    "scores of another size": lambda: CRF(2).decode(torch.zeros(4, 1, 3)),
    "scores of whole numbers": lambda: CRF(2).decode(torch.zeros(4, 1, 2).long()),
    "scores of one sequence": lambda: CRF(2).marginals(torch.zeros(4, 2)),
    "a length beyond the steps": lambda: CRF(2).decode(torch.zeros(4, 1, 2), torch.tensor([5])),
    "lengths of another batch": lambda: CRF(2).decode(torch.zeros(4, 1, 2), torch.tensor([4, 4])),
    "tags that are not whole": lambda: CRF(2).loss(torch.zeros(4, 1, 2), torch.zeros(4, 1)),
    "tags (B, T)": lambda: CRF(2).loss(torch.zeros(4, 1, 2), torch.zeros(1, 4).long()),
    "a tag there is not": lambda: CRF(2).loss(torch.zeros(1, 1, 2), torch.tensor([[2]])),
    "a tag below zero": lambda: CRF(2).loss(torch.zeros(1, 1, 2), torch.tensor([[-1]])),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(case):
    with pytest.raises(InputError):
        BAD[case]()
