"""Where a run stands, and the checkpoint that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from clew.errors import InputError
from clew.train import carry, checkpoint
from clew.train.problem import State
from clew.train.settings import TrainSettings

# Settings that may change between the parts of a run: they do not touch the weights.
_FREE = ("checkpoint_every", "device")


@dataclass
class Position:
    """Everything a run knows of itself besides tensors; JSON values only.

    step: steps done; epoch, item: the next batch; evaluated_at: the step of the last evaluation;
    stale: evaluations since the best; loss_sum, loss_count: training loss since the last
    evaluation; seconds: time taken by the parts before this one; look_seconds: the last
    evaluation's length.
    """

    step: int = 0
    epoch: int = 0
    item: int = 0
    evaluated_at: int = 0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    clipped: int = 0
    seconds: float = 0.0
    look_seconds: float = 0.0
    finished_by: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Snapshot:
    """A run at rest: its position and its tensors (on the CPU)."""

    position: Position
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    best: dict[str, Tensor]
    average: dict[str, Tensor]
    carries: list[State]
    about: dict[str, Any]


def about(
    settings: TrainSettings, fingerprint: str | Mapping[str, Any], device: str, world: int
) -> dict[str, Any]:
    """What a run must have in common with the checkpoint it goes on from."""
    prints = {"data": fingerprint} if isinstance(fingerprint, str) else dict(fingerprint)
    return {
        "settings": {k: v for k, v in asdict(settings).items() if k not in _FREE},
        "fingerprint": prints,
        "processes": world,
        "device": device,
        "threads": torch.get_num_threads(),
    }


def check_same(expected: dict[str, Any], got: dict[str, Any], where: str) -> None:
    """InputError naming what the checkpoint (`got`) and this run (`expected`) differ in."""
    for part in ("settings", "fingerprint"):
        ours, theirs = expected[part], got.get(part, {})
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            if _json(ours.get(name)) != theirs.get(name):
                raise _other(name, ours.get(name), theirs.get(name), where)
    if expected["processes"] != got.get("processes"):
        raise _other("processes", expected["processes"], got.get("processes"), where)


def _other(name: str, ours: Any, theirs: Any, where: str) -> InputError:
    return InputError(
        f"this checkpoint belongs to another run: {name} is {theirs!r} there",
        where=where,
        expected=f"{name} {ours!r}",
        hint="resume with the settings and the data it was begun with, or choose another folder",
    )


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def write(path: Any, snapshot: Snapshot) -> None:
    """Save a snapshot (see `checkpoint.save`)."""
    tensors: dict[str, Tensor] = {}
    for part in ("model", "optimizer", "best", "average"):
        tensors.update({f"{part}/{k}": v for k, v in getattr(snapshot, part).items()})
    shapes = []
    for rank, state in enumerate(snapshot.carries):
        shape, parts = carry.apart(state)
        shapes.append(shape)
        tensors.update({f"carry/{rank}/{i}": part for i, part in enumerate(parts)})
    meta = {"position": asdict(snapshot.position), "carries": shapes, "about": snapshot.about}
    checkpoint.save(path, tensors, meta)


def read(path: Any) -> Snapshot:
    """Load a snapshot; InputError where the file is not a run's."""
    tensors, meta = checkpoint.load(path)
    try:
        known = {f.name for f in fields(Position)}
        if set(meta["position"]) != known:
            raise KeyError("position")
        parts: dict[str, dict[str, Tensor]] = {
            part: {} for part in ("model", "optimizer", "best", "average", "carry")
        }
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        carries = []
        for rank, shape in enumerate(meta["carries"]):
            mine = [k for k in parts["carry"] if k.startswith(f"{rank}/")]
            in_order = [parts["carry"][f"{rank}/{i}"] for i in range(len(mine))]
            carries.append(carry.together(shape, in_order))
        return Snapshot(
            position=Position(**meta["position"]),
            model=parts["model"],
            optimizer=parts["optimizer"],
            best=parts["best"],
            average=parts["average"],
            carries=carries,
            about=meta["about"],
        )
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"this checkpoint lacks a part or has one too many ({error})",
            where=str(path),
            expected="a checkpoint as a run writes it",
            hint="delete it and train again",
        ) from error


def fill(target: Mapping[str, Tensor], saved: Mapping[str, Tensor], where: str, what: str) -> None:
    """Copy saved tensors over their namesakes; InputError where name, shape or type differ."""
    for name in [*target, *(name for name in saved if name not in target)]:
        mine, theirs = target.get(name), saved.get(name)
        ours = "no such tensor" if mine is None else _describe(mine)
        got = "no such tensor" if theirs is None else _describe(theirs)
        if ours != got:
            raise InputError(
                f"the checkpoint's {what} {name!r} has {got}",
                where=where,
                expected=ours,
                hint="resume with the network it was begun with, or choose another folder",
            )
    with torch.no_grad():
        for name, tensor in target.items():
            tensor.copy_(saved[name])


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
