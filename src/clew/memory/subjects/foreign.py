"""Any torch module that maps (x, state) -> (y, state) as a subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory.subject import Case
from clew.memory.subjects import parts, sequences
from clew.memory.subjects.reading import Reader, checked, first_line
from clew.nn import Stack

Array: TypeAlias = NDArray[Any]
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]

STILL = (
    "It was given no targets: the loss is how far its answer moves when less is seen, as a share "
    "of the answer with all."
)
MOVED = "how far the answer moves, |y - y with all|^2 / |y with all|^2"


@dataclass(frozen=True)
class Module:
    """How a torch module is to be taken; see clew.memory.opened."""

    batch_first: bool | None = None
    both_ways: bool | None = None
    embed: nn.Module | None = None
    readout: nn.Module | None = None
    targets: Any = None
    loss: Loss | None = None
    untrained: nn.Module | None = None


def foreign(module: nn.Module, data: Any, how: Module) -> Foreign:
    """A module and what it reads: arrays (T, D), or ids (T,), or None for noise.

    Raises InputError for a module that does not keep to the contract (see `checked`), and for data
    or targets that do not fit it or each other.
    """
    flag = how.batch_first
    batch_first = bool(getattr(module, "batch_first", False)) if flag is None else flag
    told = how.both_ways
    both_ways = bool(getattr(module, "bidirectional", False)) if told is None else told
    width = getattr(module, "input_size", None)
    if data is None:
        if not isinstance(width, int):
            raise InputError(
                "there are no data, and the module has no input_size to draw noise for",
                where="data",
                expected="a list of arrays (T, D)",
            )
        read = sequences.noise(width)
    else:
        read = sequences.arrays(data, batch_first, None if width is None else int(width))
    truth = None if how.targets is None else sequences.truths(how.targets, read)
    read, truth = sequences.filled(read, truth)
    if how.loss is not None and truth is None:
        raise InputError("a loss needs targets", where="targets", expected="what it compares with")
    weight = next(module.parameters(), torch.zeros(()))
    example = sequences.example(read, weight)
    most = max(int(x.max()) for x in read) if read[0].ndim == 1 else 0
    reader = checked(
        module, example, most, batch_first=batch_first, both_ways=both_ways, embed=how.embed
    )
    in_nats = truth is not None and how.loss is None and truth[0].dtype.kind in "iu"
    subject = Foreign(
        title=_title(module, both_ways, reader.carries, data is None),
        task="module",
        element=parts.STEP,
        both_ways=both_ways,
        network=_network(reader, how.readout),
        reader=reader.module,
        loss_name=_loss_name(truth, how.loss, in_nats),
        in_nats=in_nats,
        answers=None,
        note="" if truth is not None else STILL,
        relative=truth is None,
        how=how,
        module=module,
        read=read,
        truth=truth,
    )
    subject.cases(1, max(len(x) for x in read), 0)  # what is wrong shows now
    return subject


def _network(reader: Reader, readout: nn.Module | None) -> nn.ModuleDict:
    named = {"reader": reader.module}
    named |= {} if reader.embed is None else {"embed": reader.embed}
    return nn.ModuleDict(named | ({} if readout is None else {"readout": readout})).eval()


def _title(module: nn.Module, both_ways: bool, carries: bool, noise: bool) -> str:
    home = type(module).__module__.partition(".")[0]
    name = f"{home if home in ('clew', 'torch') else 'module'} {type(module).__name__}"
    size = getattr(module, "hidden_size", None)
    if isinstance(module, Stack):
        name = f"Stack, {parts.named(module)}"
    elif isinstance(size, int):
        name += f" of {getattr(module, 'num_layers', 1)} x {size}{', both ways' * both_ways}"
    name += ", on noise" if noise else ""
    return name if carries else f"{name}, which carries nothing from step to step"


def _loss_name(truth: list[Array] | None, loss: Loss | None, in_nats: bool) -> str:
    if truth is None:
        return MOVED
    if loss is not None:
        return str(getattr(loss, "__name__", type(loss).__name__)).replace("_", " ")
    return "nats a step" if in_nats else "mean squared error"


def _tried(name: str, part: Callable[..., Any], *given: Tensor) -> Any:
    try:
        return part(*given)
    except Exception as error:
        # A stranger's code, too.
        shapes = " and ".join(str(tuple(each.shape)) for each in given)
        raise InputError(
            f"the {name} fails on {shapes}: {type(error).__name__}: {first_line(error)}", where=name
        ) from error


@dataclass(frozen=True, eq=False)
class Foreign(parts.Traits):
    """Asked at any step, or where there is one target a sequence at the last.

    Without targets the loss is how far an answer moves: 0 where everything is seen.
    """

    how: Module
    module: nn.Module  # as it was given
    read: list[Array]  # (T, D) or ids (T,)
    truth: list[Array] | None  # of each sequence (T, ...), or one of the whole

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """Steps of the sequences; see Subject. Without targets what the module says with all."""
        last = self.truth is not None and not sequences.by_step(self.truth, self.read)
        found = []
        steps = [range(len(x) - 1 if last else 0, len(x)) for x in self.read]
        for k, at in parts.spots(steps, count, reach, seed):
            piece, place = parts.stretch(len(self.read[k]), at, reach, self.both_ways)
            target = None if self.truth is None else self.truth[k] if last else self.truth[k][at]
            found.append(Case(self.read[k][piece], place, target, source=k))
        parts.some_cases(found, "a sequence of one step or more")
        if self.truth is None:
            return [replace(case, target=self._answer(case)) for case in found]
        self.losses(self._said(found[0]), found[:1])
        return found

    def _said(self, case: Case) -> Tensor:
        with torch.no_grad():
            x = self.vectors(torch.from_numpy(case.inputs)[:, None])
            return self.said(x, torch.tensor([len(x)]), torch.tensor([case.at]), [case])

    def _answer(self, case: Case) -> Array:
        found: Array = self._said(case)[0].double().cpu().numpy()
        return found

    def vectors(self, inputs: Tensor) -> Tensor:
        """The features themselves, or the vectors of ids."""
        if inputs.dim() == 3:
            return inputs.to(self._weight)
        found: Tensor = self.network["embed"](inputs.to(self._weight.device).long())
        return found

    @property
    def _weight(self) -> Tensor:
        found: Tensor = next(self.network.parameters(), torch.zeros(()))
        return found

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """The output at the steps asked, or what the readout makes of it."""
        y = parts.asked(self._outputs(x, lengths), at)
        if "readout" not in self.network:
            return y
        found = _tried("readout", self.network["readout"], y)
        if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != len(y):
            raise InputError(
                f"the readout makes other than (B, C) of outputs {tuple(y.shape)}", where="readout"
            )
        return found

    def _outputs(self, x: Tensor, lengths: Tensor) -> Tensor:
        if not self.both_ways:
            y: Tensor = self.reader(x, None)[0]
            return y
        # One that reads both ways must not read padding, and knows of no lengths.
        found: Tensor | None = None
        for steps in sorted(set(lengths.tolist())):
            rows = (lengths == steps).nonzero()[:, 0].to(x.device)
            y = self.reader(x[:steps, rows], None)[0]
            if found is None:
                found = y.new_zeros(len(x), x.shape[1], y.shape[2])
            found = found.index_put((torch.arange(steps, device=x.device)[:, None], rows), y)
        assert found is not None
        return found

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """What the loss makes of answers and targets; without targets how far an answer moved."""
        truth = torch.as_tensor(np.stack([case.target for case in cases]), device=said.device)
        if self.truth is None:
            size = truth.square().sum(1)
            return (said.double() - truth).square().sum(1) / torch.where(size > 0, size, 1.0)
        if self.how.loss is not None:
            truth = truth.to(said.dtype) if truth.is_floating_point() else truth
            found = _tried("loss", self.how.loss, said, truth)
            if not isinstance(found, Tensor) or found.shape != said.shape[:1]:
                raise InputError(
                    "the loss makes other than one number a case",
                    where="loss", expected=f"shape ({len(said)},), as with reduction='none'",
                )  # fmt: skip
            return found
        if self.in_nats:
            if truth.dim() != 1 or bool((truth < 0).any() | (truth >= said.shape[1]).any()):
                raise InputError(
                    f"targets {tuple(truth.shape[1:])} up to {int(truth.max())} for "
                    f"{said.shape[1]} scores",
                    where="targets", expected="a whole number below that, at each step asked",
                    hint="decimal numbers are compared by their squared error",
                )  # fmt: skip
            return F.cross_entropy(said.double(), truth.long(), reduction="none")
        wide = truth.reshape(len(cases), -1)
        if wide.shape != said.shape:
            raise InputError(
                f"{wide.shape[1]} targets for {said.shape[1]} answers",
                where="targets", expected="as many", hint="readout= makes answers of outputs",
            )  # fmt: skip
        return (said.double() - wide).square().mean(1)

    def names(self, case: Case) -> list[str]:
        """Ids as numbers; nothing for features."""
        return [str(i) if case.inputs.ndim == 1 else "" for i in case.inputs.tolist()]

    def neutral(self, inputs: Array) -> Array:
        """The mean of the features; of ids, none of which says nothing, 0."""
        return np.array(0) if inputs.ndim == 1 else inputs.mean(0)

    def untrained(self) -> Foreign | None:
        """The module that was said to be as this one was before it learned."""
        if self.how.untrained is None:
            return None
        how = replace(self.how, untrained=None, targets=self.truth)
        return foreign(self.how.untrained, self.read, how)
