"""Norms of the Jacobians of what a one-way module says by its state some steps before.

Row vectors v go back through the steps one after the other: v_tau = v_{tau-1} ds_{k+1}/ds_k, with
v_0 the rows of dy_t/ds_{t-1}. Shapes: T steps, B sequences, O numbers said, V vectors a sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.errors import InputError

_COLUMNS = 256  # sequences times vectors that go back together: bounds the memory


class Norms(NamedTuple):
    """|dy_t/ds_{t-tau}|_F / sqrt(O) by case and lag, from lag 1 on; (B, lags) each.

    whole: by all of the state; parts: by each tensor of it, in order.
    """

    whole: NDArray[np.float64]
    parts: list[NDArray[np.float64]]


def state_norms(
    module: Any, x: Tensor, lags: int, vectors: int | None = None, seed: int = 0
) -> Norms:
    """The norms at the last step of x (T, B, D), T > lags, read from the state of zeros.

    vectors: how many of signs +1 and -1, drawn with the seed, the squares are estimated with
    (Hutchinson 1990: the mean of |v J|^2 is |J|_F^2); None: exact, with the O unit vectors.
    All norms are zero of a module that carries nothing. Raises InputError where the axis of the
    batch cannot be found in what it carries, and where there is no way back to what was read.
    """
    with torch.no_grad():
        axes = batch_axes(module, x)
        carried = [axis for axis in axes if axis is not None]
        if not carried:
            return Norms(np.zeros((x.shape[1], lags)), [])
        states: list[Any] = []
        state = None
        for t in range(len(x) - 1):
            _, state = module(x[t : t + 1], state)
            states = [*states[-lags + 1 :], state] if lags > 1 else [state]
        said = int(module(x[-1:], state)[0].shape[-1])
    batch = x.shape[1]
    count = said if vectors is None else vectors
    v = _rows(said, batch, vectors, seed).to(x)  # (B V, O)
    owner = torch.arange(batch, device=x.device).repeat_interleave(count)
    sums = np.zeros((len(carried), batch, lags))
    for begin in range(0, len(owner), _COLUMNS):
        those = slice(begin, begin + _COLUMNS)
        squares = _back(module, x[-lags:], states, axes, v[those], owner[those])
        for column, case in enumerate(owner[those].tolist()):
            sums[:, case] += squares[:, :, column]
    # Where numbers have overflowed, sums of them with both signs are none: as good as infinite.
    sums = np.nan_to_num(sums, nan=np.inf, posinf=np.inf)
    sums /= said if vectors is None else said * vectors
    return Norms(np.sqrt(sums.sum(0)), [np.sqrt(part) for part in sums])


def _back(
    module: Any, x: Tensor, states: list[Any], axes: list[int | None], v: Tensor, owner: Tensor
) -> NDArray[np.float64]:
    """Squares (parts, lags, columns) of v J, for columns that belong to the sequences `owner`."""
    found = []
    carried = [axis for axis in axes if axis is not None]
    rows: list[Tensor] | None = None
    scale = np.ones(len(owner))  # of each column: what was taken out of its rows
    for t in range(len(x) - 1, -1, -1):
        # A module that does not look at its state still looks at what it reads.
        read = x[t : t + 1].index_select(1, owner).detach().requires_grad_(rows is None)
        wide = [
            leaf if axis is None else leaf.index_select(axis, owner).detach().requires_grad_()
            for leaf, axis in zip(leaves(states[t]), axes, strict=True)
        ]
        moving = [leaf for leaf, axis in zip(wide, axes, strict=True) if axis is not None]
        state = _filled(states[t], iter(wide))
        with torch.enable_grad():
            y, after = module(read, state)
            if rows is None and not y.requires_grad:
                raise InputError(
                    "what the module says cannot be differentiated by its state",
                    where="the recurrent part of the model",
                    hint="a forward without torch.no_grad, detach or NumPy",
                )
            ends = [y] if rows is None else _moving(after, axes)
            pulls = [v.reshape(y.shape)] if rows is None else rows
            live = [k for k, end in enumerate(ends) if end.requires_grad]
            grads = (
                torch.autograd.grad(
                    [ends[k] for k in live], moving, [pulls[k] for k in live], allow_unused=True
                )
                if live else [None] * len(moving)
            )  # fmt: skip
        rows = [
            torch.zeros_like(leaf) if grad is None else grad
            for leaf, grad in zip(moving, grads, strict=True)
        ]
        squares = np.array([
            row.double().square().movedim(axis, 0).reshape(len(owner), -1).sum(1).cpu().numpy()
            for row, axis in zip(rows, carried, strict=True)
        ])  # fmt: skip
        with np.errstate(over="ignore"):
            found.append(squares * scale**2)
            rows, scale = _rescaled(rows, carried, squares.sum(0), scale)
    return np.array(found).transpose(1, 0, 2)


def _rescaled(
    rows: list[Tensor], axes: list[int], squares: NDArray[np.float64], scale: NDArray[np.float64]
) -> tuple[list[Tensor], NDArray[np.float64]]:
    """Each column's rows with a norm about 1: else they run out of single precision, or crawl.

    By a power of 2, which rounds nothing.
    """
    usual = np.isfinite(squares) & (squares > 0)
    powers = np.exp2(np.round(np.log2(np.where(usual, squares, 1.0)) / 2))
    found = []
    for row, axis in zip(rows, axes, strict=True):
        shape = [1] * row.dim()
        shape[axis] = -1
        found.append(row / torch.from_numpy(powers).to(row).reshape(shape))
    return found, scale * powers


def _rows(said: int, batch: int, vectors: int | None, seed: int) -> Tensor:
    """(B V, O) what is sent back: for each sequence unit vectors, or random signs."""
    if vectors is None:
        return torch.eye(said, dtype=torch.float64).repeat(batch, 1)
    draw = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, (batch * vectors, said), generator=draw)
    return 2.0 * signs.double() - 1.0


def batch_axes(module: Any, x: Tensor) -> list[int | None]:
    """The axis of the batch in each leaf of a state, found by reading one sequence and two.

    None of what is the same for all of them, and carries no gradient.
    """
    one, two = (leaves(module(x[:1, [0] * n], None)[1]) for n in (1, 2))
    axes: list[int | None] = []
    for a, b in zip(one, two, strict=True):
        if not isinstance(a, Tensor) or not a.is_floating_point():
            axes.append(None)
            continue
        differ = [k for k, (m, n) in enumerate(zip(a.shape, b.shape, strict=True)) if m != n]
        if [(a.shape[k], b.shape[k]) for k in differ] != [(1, 2)]:
            raise InputError(
                f"the state has a tensor of shape {tuple(b.shape)} for two sequences and "
                f"{tuple(a.shape)} for one",
                where="the recurrent part of the model",
                expected="states with one axis for the sequences of a batch",
            )
        axes.append(differ[0])
    return axes


def _moving(state: Any, axes: list[int | None]) -> list[Tensor]:
    """The tensors of a state that gradients go through."""
    pairs = zip(leaves(state), axes, strict=True)
    return [leaf for leaf, axis in pairs if axis is not None]


def leaves(state: Any) -> list[Any]:
    """What a state holds, in order: the parts of its tuples, lists and dicts."""
    if isinstance(state, tuple | list):
        return [leaf for part in state for leaf in leaves(part)]
    if isinstance(state, dict):
        return [leaf for part in state.values() for leaf in leaves(part)]
    return [state]


def _filled(state: Any, leaves: Iterator[Any]) -> Any:
    """A state of the same form with other leaves."""
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(_filled(part, leaves) for part in state))
    if isinstance(state, tuple | list):
        return type(state)(_filled(part, leaves) for part in state)
    if isinstance(state, dict):
        return {name: _filled(part, leaves) for name, part in state.items()}
    return next(leaves)
