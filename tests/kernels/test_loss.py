"""The native cross-entropy of an output layer against torch's own in float64, on every target."""

from pathlib import Path

import processes
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from clew import InputError
from clew.kernels import simd
from clew.kernels.loss import linear_cross_entropy

TARGETS = simd.targets()
TYPES = (torch.float32, torch.float64)
# One row; nothing whole; one group of words, and several; more than one block of rows.
SIZES = ((1, 1, 1), (5, 3, 7), (70, 40, 65), (900, 33, 300), (30, 70, 2500), (130, 256, 1201))


def drawn(rows: int, width: int, size: int, dtype: torch.dtype, bias: bool = True) -> list:
    torch.manual_seed(rows + width + size)
    tensors = [
        torch.randn(rows, width, dtype=dtype),
        torch.randn(size, width, dtype=dtype) * 2 / width**0.5,
        torch.randn(size, dtype=dtype) if bias else None,
    ]
    tensors = [None if t is None else t.requires_grad_() for t in tensors]
    return [*tensors, torch.randint(size, (rows,))]


def truth(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, **how: object):
    """torch's loss and gradients in float64, times `pull` where it is given."""
    pull = how.pop("pull", None)
    given = [t for t in (hidden, weight, bias) if t is not None]
    exact = [t.detach().double().requires_grad_() for t in given]
    loss = F.cross_entropy(F.linear(*exact), targets, **how)
    return loss, torch.autograd.grad(loss, exact, None if pull is None else pull.double())


def agree(tensors: list, tolerance: float | None = None, **how: object) -> None:
    pull = how.pop("pull", None)
    loss = linear_cross_entropy(*tensors, **how)
    given = [t for t in tensors[:3] if t is not None]
    grads = torch.autograd.grad(loss, given, pull)
    expected, exact = truth(*tensors, pull=pull, **how)
    bound = tolerance or (2e-5 if loss.dtype == torch.float32 else 1e-12)
    for ours, theirs in zip((loss, *grads), (expected, *exact), strict=True):
        assert ours.shape == theirs.shape
        scale = theirs.abs().max().item() or 1.0
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=bound * scale)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("target", TARGETS)
def test_loss_and_gradients(target: str, dtype: torch.dtype, monkeypatch) -> None:
    monkeypatch.setenv("CLEW_SIMD", target)
    for sizes in SIZES:
        for smoothing in (0.0, 0.1):
            tensors = drawn(*sizes, dtype, bias=sizes[0] % 20 != 10)
            tensors[3][1::4] = -100
            agree(tensors, label_smoothing=smoothing, reduction="sum")
            agree(tensors, label_smoothing=smoothing, reduction="mean")
            pull = torch.randn(sizes[0], dtype=dtype)
            agree(tensors, label_smoothing=smoothing, reduction="none", pull=pull)


@given(
    rows=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.integers(1, 250),
    bias=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.3, 1.0]),
    reduction=st.sampled_from(["sum", "mean"]),
)
def test_any_shape(rows, width, size, bias, smoothing, reduction) -> None:
    tensors = drawn(rows, width, size, torch.float64, bias)
    agree(tensors, label_smoothing=smoothing, reduction=reduction)


def test_batch_dimensions_and_strides() -> None:
    hidden, weight, bias, targets = drawn(24, 6, 10, torch.float64)
    cube = hidden.detach().reshape(4, 6, 6).transpose(0, 1)  # (6, 4, 6)
    columns = weight.detach().t().contiguous().t()
    marks = targets.reshape(4, 6).t()
    loss = linear_cross_entropy(cube, columns, bias.detach(), marks, reduction="none")
    expected = F.cross_entropy(F.linear(hidden, weight, bias), targets, reduction="none")
    torch.testing.assert_close(loss, expected.detach().reshape(4, 6).t())


def test_views_of_minus_a_tensor() -> None:
    hidden, weight, bias, targets = (
        None if t is None else t.detach() for t in drawn(5, 3, 7, torch.float64)
    )
    expected = linear_cross_entropy(-hidden, -weight, -bias, targets)
    minus = torch._neg_view
    loss = linear_cross_entropy(minus(hidden), minus(weight), minus(bias), targets)
    assert torch.equal(loss, expected)


@pytest.mark.parametrize("index", [-100, 3, -1])
def test_ignored(index: int) -> None:
    tensors = drawn(20, 8, 12, torch.float64)
    tensors[3][4:9] = index
    agree(tensors, ignore_index=index)
    agree(tensors, ignore_index=index, reduction="none", pull=torch.ones(20, dtype=torch.double))
    loss = linear_cross_entropy(*tensors, ignore_index=index, reduction="none")
    assert not loss[4:9].any()


def test_all_ignored() -> None:
    tensors = drawn(5, 8, 12, torch.float32)
    tensors[3].fill_(-100)
    mean = linear_cross_entropy(*tensors)
    assert mean.isnan()
    assert linear_cross_entropy(*tensors, reduction="sum") == 0
    ours = torch.autograd.grad(mean, tensors[:3])
    _, theirs = truth(*tensors)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.double(), b, equal_nan=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e30])
def test_what_is_not_finite(value: float) -> None:
    for place in (3, 150):  # the target's score, another's
        hidden, weight, bias, targets = drawn(6, 4, 200, torch.float32)
        targets.fill_(3)
        with torch.no_grad():
            bias[place] = value
        ours = linear_cross_entropy(hidden, weight, bias, targets, reduction="none")
        theirs = F.cross_entropy(F.linear(hidden, weight, bias), targets, reduction="none")
        torch.testing.assert_close(ours, theirs, equal_nan=True)
    bias = torch.full((200,), float("-inf"))
    assert linear_cross_entropy(hidden, weight, bias, targets).isnan()


def test_large_scores_neither_overflow_nor_cancel() -> None:
    hidden, weight, _, targets = drawn(40, 8, 300, torch.float32)
    for shift in (-3e4, 3e4):
        bias = torch.full((300,), shift)
        scores = F.linear(hidden, weight, bias).detach()
        ours = linear_cross_entropy(hidden, weight, bias, targets).detach()
        exact = F.cross_entropy(scores.double(), targets)
        torch.testing.assert_close(ours.double(), exact, rtol=1e-5, atol=0)


def test_without_gradients() -> None:
    tensors = drawn(9, 8, 12, torch.float64)
    expected, _ = truth(*tensors)
    with torch.no_grad():
        loss = linear_cross_entropy(*tensors)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, expected.detach())


def test_only_some_gradients() -> None:
    for wanted in range(3):
        tensors = drawn(9, 8, 12, torch.float64)
        _, exact = truth(*tensors)
        for k in range(3):
            tensors[k].requires_grad_(k == wanted)
        linear_cross_entropy(*tensors).backward()
        for k in range(3):
            assert (tensors[k].grad is None) == (k != wanted)
        torch.testing.assert_close(tensors[wanted].grad, exact[wanted])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_derivatives_of_higher_order(reduction: str) -> None:
    hidden, weight, bias, targets = drawn(4, 3, 5, torch.float64)
    targets[1] = -100

    def loss(*tensors: Tensor) -> Tensor:
        return linear_cross_entropy(*tensors, targets, label_smoothing=0.1, reduction=reduction)

    assert torch.autograd.gradcheck(loss, (hidden, weight, bias))
    assert torch.autograd.gradgradcheck(loss, (hidden, weight, bias))


def test_backward_twice_and_scaled() -> None:
    tensors = drawn(9, 8, 12, torch.float64)
    _, exact = truth(*tensors)
    loss = linear_cross_entropy(*tensors)
    (3 * loss).backward(retain_graph=True)
    loss.backward()
    for tensor, grad in zip(tensors[:3], exact, strict=True):
        torch.testing.assert_close(tensor.grad, 4 * grad)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_under_transforms_and_compiled() -> None:
    hidden, weight, bias, targets = drawn(6, 4, 9, torch.float64)
    expected, exact = truth(hidden, weight, bias, targets)
    found = torch.func.grad(lambda w: linear_cross_entropy(hidden, w, bias, targets))(weight)
    torch.testing.assert_close(found, exact[1])
    each = torch.vmap(lambda h, t: linear_cross_entropy(h[None], weight, bias, t[None]))
    torch.testing.assert_close(each(hidden, targets).mean(), expected)
    compiled = torch.compile(linear_cross_entropy, backend="aot_eager", fullgraph=True)
    loss = compiled(hidden, weight, bias, targets)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, weight)[0], exact[1])


def test_under_autocast_as_torch() -> None:
    tensors = drawn(6, 4, 9, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = linear_cross_entropy(*tensors)
        theirs = F.cross_entropy(F.linear(*tensors[:3]), tensors[3])
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", TYPES)
def test_threads_change_no_bit(dtype: torch.dtype) -> None:
    before = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            for sizes in ((1700, 300, 65), (130, 33, 2500)):
                tensors = drawn(*sizes, dtype)
                loss = linear_cross_entropy(*tensors)
                single = linear_cross_entropy(*tensors, reduction="none")
                found.append((count, loss, single, *torch.autograd.grad(loss, tensors[:3])))
    finally:
        torch.set_num_threads(before)
    for k, (_, *tensors) in enumerate(found):
        for ours, first in zip(tensors, found[k % 2][1:], strict=True):
            assert torch.equal(ours, first)


def test_a_row_alone_as_together() -> None:
    hidden, weight, bias, targets = drawn(130, 33, 2500, torch.float32)
    with torch.no_grad():
        together = linear_cross_entropy(hidden, weight, bias, targets, reduction="none")
        for row in (0, 77, 129):
            few = slice(row, row + 1)
            alone = linear_cross_entropy(hidden[few], weight, bias, targets[few], reduction="none")
            assert torch.equal(alone, together[few])


def test_nothing_to_score() -> None:
    hidden, weight = torch.zeros(0, 4), torch.zeros(5, 4)
    loss = linear_cross_entropy(hidden, weight, None, torch.zeros(0, dtype=torch.long))
    assert loss.isnan()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"targets": torch.tensor([1, 5])}, "targets"),
        ({"targets": torch.tensor([1, -1])}, "targets"),
        ({"targets": torch.tensor([1])}, "targets"),
        ({"weight": torch.zeros(5, 3)}, "hidden"),
        ({"weight": torch.zeros(4)}, "weight"),
        ({"bias": torch.zeros(4)}, "bias"),
        ({"label_smoothing": 1.5}, "label_smoothing"),
        ({"reduction": "median"}, "reduction"),
    ],
)
def test_mistakes(change: dict, where: str) -> None:
    right = {
        "hidden": torch.zeros(2, 4),
        "weight": torch.zeros(5, 4),
        "bias": torch.zeros(5),
        "targets": torch.tensor([1, 2]),
    }
    with pytest.raises(InputError) as caught:
        linear_cross_entropy(**{**right, **change})
    assert caught.value.where == where


def resident(field: str) -> int:
    return 1024 * int(Path("/proc/self/status").read_text().partition(field + ":")[2].split()[0])


def memory_of_a_step(rows: int, size: int) -> int:
    hidden, weight = torch.ones(rows, 32).requires_grad_(), torch.ones(size, 32).requires_grad_()
    targets = torch.zeros(rows, dtype=torch.long)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = resident("VmRSS")
    linear_cross_entropy(hidden, weight, None, targets).backward()
    return resident("VmHWM") - before


def hold_no_scores() -> None:
    torch.set_num_threads(2)
    memory_of_a_step(8, 8)  # libraries are loaded, threads are started
    # All scores would be 328 MB; gradients are 3 MB.
    assert memory_of_a_step(4096, 20_000) < 25e6


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells memory")
def test_memory_does_not_hold_the_scores() -> None:
    assert processes.run(hold_no_scores) == 0
