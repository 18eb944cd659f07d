"""A torch module as what reads sequences: held against its contract before anything is measured."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from clew.errors import InputError

CONTRACT = "module(x, state) -> (y, state); x (T, B, D), y (T, B, H); None begins anew"
AXES = "batch_first=True, if it reads (B, T, D)"
AROUND = "a small module around it can take x and the state, and return the pair"
STEPS = "a cell reads one step: a small module around it can go through those of x, one by one"
IDS = "whole numbers as data, if what it looks up vectors for are ids"
_FIRST = 3  # of 7 steps, those of the first of two pieces


class TimeFirst(nn.Module):
    """A module that wants (B, T, D), given (T, B, D)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Outputs (T, B, H), and the state."""
        y, state = self.module(x.transpose(0, 1), state)
        return y.transpose(0, 1), state


@dataclass(frozen=True, eq=False)
class Reader:
    """A module that was seen to keep to the contract; `carries` unless its state does nothing."""

    module: nn.Module
    embed: nn.Module | None
    carries: bool


def checked(
    module: nn.Module,
    example: Tensor,
    most: int = 0,
    *,
    batch_first: bool,
    both_ways: bool,
    embed: nn.Module | None,
) -> Reader:
    """The module (a copy, in eval mode) as a reader of (T, B, D).

    example: (7, 3, D) numbers as it will read them, or (7, 3) ids, which `embed` makes vectors of,
    or else the only embedding that the module has; most: the largest of all ids. Raises InputError
    where the module cannot be called so, where it answers otherwise, or not always the same, where
    a batch changes what a sequence gets, and, unless it reads both ways, where two pieces of a
    sequence do not give what the whole gives.
    """
    both = nn.ModuleDict({"module": module} | ({} if embed is None else {"embed": embed}))
    try:
        both = copy.deepcopy(both).eval()  # what the user goes on to train is left as it is
    except Exception as error:
        raise InputError(
            f"the module cannot be copied: {type(error).__name__}: {first_line(error)}",
            where="module", expected="one that copy.deepcopy copies",
        ) from error  # fmt: skip
    module, embed = both["module"], both["embed"] if embed is not None else None
    reader = module
    if batch_first and isinstance(module, nn.RNNBase):
        module.batch_first = False
    elif batch_first:
        reader = TimeFirst(module)
    with torch.no_grad():
        if example.dim() == 2:
            x, embed = _embedded(reader, embed, example, most)
        else:
            x = example
        whole, _ = called(reader, x, None)
        _again(reader, x, whole)
        _alone(reader, x, whole)
        carries = True if both_ways else _split(reader, x, whole)
    return Reader(reader, embed, carries)


def called(module: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """What the module says; InputError where that is no pair, or no outputs for these steps."""
    try:
        found = module(x, state)
    except Exception as error:
        # Whatever a stranger's code raises means that it was not made to be called like this.
        raise InputError(
            f"the module fails on x of shape {tuple(x.shape)} "
            f"and {'no state' if state is None else 'its own state'}: "
            f"{type(error).__name__}: {first_line(error)}",
            where="module",
            expected=CONTRACT,
            hint=_to_try(module, x, error),
        ) from error
    if not isinstance(found, tuple) or len(found) != 2:
        raise InputError(
            f"the module answers with {_kind(found)}",
            where="module",
            expected=CONTRACT,
            hint=AROUND,
        )
    y, state = found
    if not isinstance(y, Tensor) or y.dim() != 3 or y.shape[:2] != x.shape[:2]:
        raise InputError(
            f"of x of shape {tuple(x.shape)} the module makes y, {_kind(y)}",
            where="module",
            expected=f"y of shape ({x.shape[0]}, {x.shape[1]}, H)",
            hint=AXES,
        )
    if not bool(torch.isfinite(y).all()):
        raise InputError("the module answers with NaN or infinity", where="module")
    return y, state


def _to_try(module: nn.Module, x: Tensor, error: Exception) -> str:
    """What the failure of a call is likeliest to come from."""
    if isinstance(module, nn.RNNCellBase):
        return STEPS
    if x.is_floating_point() and any(isinstance(part, nn.Embedding) for part in module.modules()):
        return IDS
    return AROUND if isinstance(error, TypeError) else AXES


def first_line(error: Exception) -> str:
    """What an error says, in one line of bounded length."""
    return (str(error).splitlines() or [""])[0][:200]


def _kind(found: Any) -> str:
    if isinstance(found, Tensor):
        return f"a tensor of shape {tuple(found.shape)}"
    if isinstance(found, tuple):
        return f"a tuple of {len(found)}"
    return f"an object of type {type(found).__name__}"


def _near(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    single = one.dtype in (torch.float32, torch.float64)
    slack = (1e-4 if single else 3e-2) * max(1.0, float(one.abs().max()))
    return bool((one - other).abs().max() <= slack)


def _again(reader: nn.Module, x: Tensor, whole: Tensor) -> None:
    again, _ = called(reader, x, None)
    if not _near(again, whole):
        raise InputError(
            "the module gives other answers to the same x when it is called again",
            where="module",
            expected="the same: nothing is drawn in eval mode, and the state None begins anew",
            hint="dropout that is never off, or a state that stays on the module?",
        )


def _alone(reader: nn.Module, x: Tensor, whole: Tensor) -> None:
    alone, _ = called(reader, x[:, -1:], None)
    if not _near(alone, whole[:, -1:]):
        raise InputError(
            "the module gives a sequence other answers alone than beside others",
            where="module",
            expected="each sequence of a batch read by itself",
            hint=AXES,
        )


def _split(reader: nn.Module, x: Tensor, whole: Tensor) -> bool:
    """Whether the state carries anything; InputError where two pieces are not the whole."""
    first, state = called(reader, x[:_FIRST], None)
    second, _ = called(reader, x[_FIRST:], state)
    if not _near(torch.cat([first, second]), whole):
        raise InputError(
            "the module gives other answers when it reads a sequence in two pieces, the state "
            "carried over, than when it reads it whole",
            where="module",
            expected="the same: all that it knows of earlier steps is in the state",
            hint=("return the state that it ends with, not None; " if state is None else "")
            + f"both_ways=True, if it also reads what follows; {AXES}",
        )
    again, _ = called(reader, x[_FIRST:], None)
    return not bool((again == second).all())


def _embedded(
    reader: nn.Module, embed: nn.Module | None, example: Tensor, most: int
) -> tuple[Tensor, nn.Module]:
    """Vectors of ids, and what makes them; the module's own embedding then lets vectors through."""
    if embed is not None:
        try:
            found = embed(example)
            embed(torch.full_like(example, most))
        except Exception as error:
            raise InputError(
                f"embed fails on ids up to {most}: {type(error).__name__}: {first_line(error)}",
                where="embed", expected="(T, B) -> (T, B, D)",
            ) from error  # fmt: skip
        if not isinstance(found, Tensor) or found.dim() != 3:
            raise InputError(
                f"embed makes {_kind(found)}", where="embed", expected="(T, B) -> (T, B, D)"
            )
        return found, embed
    own = [part for part in reader.modules() if isinstance(part, nn.Embedding)]
    if len(own) != 1:
        raise InputError(
            f"the data are ids, and the module has {len(own)} embeddings",
            where="data",
            expected="one torch.nn.Embedding in the module, or embed=, which makes vectors of ids",
        )
    if most >= own[0].num_embeddings:
        raise InputError(
            f"the data hold the id {most}",
            where="data", expected=f"0 to {own[0].num_embeddings - 1}",
        )  # fmt: skip
    truth, _ = called(reader, example, None)
    table = copy.deepcopy(own[0])
    own[0].forward = _through  # type: ignore[assignment,method-assign]
    found = table(example)
    y, _ = called(reader, found, None)
    if not _near(y, truth):
        raise InputError(
            "the module does more with ids than to look up their vectors",
            where="module",
            expected="a module that reads vectors, and embed=, which makes them of ids",
        )
    return found, table


def _through(x: Tensor) -> Tensor:
    return x
