"""Attention against its equations, written out in plain Python for one query and one sequence."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from clew import InputError
from clew.nn import AdditiveAttention, DotAttention, GeneralAttention

Q, K, V, H, T, B, S = 3, 4, 2, 5, 6, 3, 2


def made(kind, dtype=torch.float64):
    torch.manual_seed(1)
    built = {
        "additive": lambda: AdditiveAttention(Q, K, H),
        "dot": DotAttention,
        "general": lambda: GeneralAttention(Q, K),
    }[kind]()
    return built.to(dtype)


def data(kind, dtype=torch.float64):
    g = torch.Generator().manual_seed(2)
    query_size = K if kind == "dot" else Q
    shapes = ((S, B, query_size), (T, B, K), (T, B, V))
    return [torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype) for shape in shapes]


def score(attention, q, k):
    """The equation, on lists."""
    if isinstance(attention, DotAttention):
        return sum(a * b for a, b in zip(q, k, strict=True))
    if isinstance(attention, GeneralAttention):
        W = attention.weight.tolist()
        return sum(q[i] * W[i][j] * k[j] for i in range(len(q)) for j in range(len(k)))
    W, U = attention.query.weight.tolist(), attention.key.weight.tolist()
    bias, v = attention.query.bias.tolist(), attention.score.weight.tolist()[0]
    total = 0.0
    for row in range(len(v)):
        inner = bias[row]
        inner += sum(w * x for w, x in zip(W[row], q, strict=True))
        inner += sum(u * x for u, x in zip(U[row], k, strict=True))
        total += v[row] * math.tanh(inner)
    return total


def by_hand(attention, query, keys, values, seen):
    """Weights (T,) and context (V,) of one query (Q,) over one sequence."""
    steps = [t for t in range(len(keys)) if seen[t]]
    powers = {t: math.exp(score(attention, query.tolist(), keys[t].tolist())) for t in steps}
    weights = [
        powers.get(t, 0.0) / sum(powers.values()) if steps else 0.0 for t in range(len(keys))
    ]
    context = [
        sum(w * v for w, v in zip(weights, column, strict=True)) for column in values.t().tolist()
    ]
    return weights, context


every_kind = pytest.mark.parametrize("kind", ["additive", "dot", "general"])


@every_kind
@pytest.mark.parametrize("given", ["nothing", "lengths", "mask"])
def test_weights_and_context_are_the_equation(kind, given):
    attention = made(kind)
    query, keys, values = data(kind)
    lengths = torch.tensor([6, 2, 0])
    mask = torch.rand(T, B, generator=torch.Generator().manual_seed(4)) < 0.5
    mask[:, 1] = False
    asked = {"nothing": {}, "lengths": {"lengths": lengths}, "mask": {"mask": mask}}[given]
    seen = {
        "nothing": torch.ones(T, B, dtype=torch.bool),
        "lengths": torch.arange(T).unsqueeze(1) < lengths,
        "mask": mask,
    }[given]
    context, weights = attention(query, keys, values, **asked)
    assert weights.shape == (S, B, T)
    for s in range(S):
        for b in range(B):
            true_weights, true_context = by_hand(
                attention, query[s, b], keys[:, b], values[:, b], seen[:, b]
            )
            torch.testing.assert_close(weights[s, b], torch.tensor(true_weights).double())
            torch.testing.assert_close(context[s, b], torch.tensor(true_context).double())


@every_kind
def test_one_query_is_the_first_of_many_and_keys_are_their_own_values(kind):
    attention = made(kind)
    query, keys, _ = data(kind)
    context, weights = attention(query[0], keys)
    many, many_weights = attention(query, keys, keys)
    torch.testing.assert_close(context, many[0])
    torch.testing.assert_close(weights, many_weights[0])
    assert context.shape == (B, K)


@every_kind
def test_what_may_not_be_seen_leaves_no_trace(kind):
    attention = made(kind, torch.float32)
    query, keys, values = data(kind, torch.float32)
    lengths = torch.tensor([4, 0, 1])
    answers = []
    for rubbish in (0.0, 1e30, float("nan"), float("inf")):
        padded = [part.clone() for part in (keys, values)]
        for part in padded:
            for b, length in enumerate(lengths.tolist()):
                part[length:, b] = rubbish
            part.requires_grad_()
        asked = query.clone().requires_grad_()
        context, weights = attention(asked, *padded, lengths=lengths)
        attention.zero_grad()
        (context.square().sum() + weights.square().sum()).backward()
        grads = [p.grad.clone() for p in attention.parameters()]
        answers.append([context, weights, asked.grad, *(p.grad for p in padded), *grads])
    for answer in answers[1:]:
        for ours, true in zip(answer, answers[0], strict=True):
            assert torch.equal(ours, true)
    context, weights, *grads = answers[0]
    assert not context[:, 1].any()
    assert not weights[:, 1].any()
    assert all(torch.isfinite(grad).all() for grad in grads)


@every_kind
def test_large_scores_do_not_overflow(kind):
    attention = made(kind, torch.float32)
    query, keys, values = data(kind, torch.float32)
    with torch.no_grad():
        for p in attention.parameters():
            p.mul_(1e4)
    _, weights = attention(query * 1e4, keys * 1e4, values, lengths=torch.tensor([6, 3, 1]))
    torch.testing.assert_close(weights.sum(-1), torch.ones(S, B))


@every_kind
def test_gradients_agree_with_finite_differences(kind):
    attention = made(kind)
    names = [name for name, _ in attention.named_parameters()]

    def run(query, keys, values, *weights):
        given = dict(zip(names, weights, strict=True))
        asked = {"lengths": torch.tensor([6, 2, 0])}
        return torch.func.functional_call(attention, given, (query, keys, values), asked)

    inputs = [*data(kind), *(p.detach() for p in attention.parameters())]
    assert gradcheck(run, [part.requires_grad_() for part in inputs], fast_mode=True)


BAD = {
    "keys of two dimensions": lambda q, k, v: ((q, k[0]), {}),
    "another batch": lambda q, k, v: ((q[:, :2], k), {}),
    "values of other steps": lambda q, k, v: ((q, k, v[:3]), {}),
    "a length beyond the steps": lambda q, k, v: ((q, k), {"lengths": torch.tensor([1, T + 1, 0])}),
    "a length below zero": lambda q, k, v: ((q, k), {"lengths": torch.tensor([1, -1, 0])}),
    "lengths that are not whole": lambda q, k, v: ((q, k), {"lengths": torch.tensor([1.5, 1, 0])}),
    "lengths of another batch": lambda q, k, v: ((q, k), {"lengths": torch.tensor([1])}),
    "both": lambda q, k, v: (
        (q, k),
        {"lengths": torch.tensor([1, 1, 1]), "mask": torch.ones(T, B, dtype=torch.bool)},
    ),
    "mask of numbers": lambda q, k, v: ((q, k), {"mask": torch.ones(T, B)}),
    "mask (B, T)": lambda q, k, v: ((q, k), {"mask": torch.ones(B, T, dtype=torch.bool)}),
    "query of another size": lambda q, k, v: ((q[..., :2], k), {}),
}


@every_kind
@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(kind, case):
    args, options = BAD[case](*data(kind))
    with pytest.raises(InputError):
        made(kind)(*args, **options)


@pytest.mark.parametrize("size", [0, -1, 2.0, True, None])
def test_sizes_are_whole_and_positive(size):
    with pytest.raises(InputError, match="key_size"):
        AdditiveAttention(2, size, 3)
    with pytest.raises(InputError, match="query_size"):
        GeneralAttention(size, 2)
