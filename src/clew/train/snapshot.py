"""A whole run at rest: what the checkpoint holds, and whether it is this run's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clew.errors import InputError
from clew.train import carry, checkpoint
from clew.train.position import Position
from clew.train.problem import State
from clew.train.settings import TrainSettings

# Settings that may change between the parts of a run: they do not change the arithmetic.
_FREE = ("checkpoint_every", "device")
_PARTS = ("model", "optimizer", "best", "average")


@dataclass
class Snapshot:
    """A run at rest: its position, its tensors by name, every rank's carried state.

    about: what another part of the same run must have in common with it (see `about`).
    """

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
    """What tells runs apart (settings, fingerprint, processes), and what may change their bits."""
    told = {name: value for name, value in asdict(settings).items() if name not in _FREE}
    # A limit may be another when the run goes on (it depends on the clock anyway), but not gone.
    told["time"] = "without limit" if settings.time is None else "limited"
    prints = {"data": fingerprint} if isinstance(fingerprint, str) else dict(fingerprint)
    result: dict[str, Any] = json.loads(
        json.dumps(
            {
                "settings": told,
                "fingerprint": prints,
                "processes": {"processes": world},
                "device": device,
                "threads": torch.get_num_threads(),
            }
        )
    )
    return result


def check_same(ours: dict[str, Any], theirs: dict[str, Any], where: str) -> None:
    """InputError naming what the checkpoint and this run differ in, unless they are one run."""
    for part in ("settings", "fingerprint", "processes"):
        for name in {**ours[part], **theirs[part]}:
            mine, kept = ours[part].get(name), theirs[part].get(name)
            if mine != kept:
                raise InputError(
                    f"this checkpoint belongs to another run: {name} is {kept!r} there "
                    f"and {mine!r} here",
                    where=where,
                    expected=f"{name} {kept!r}, as the run was begun",
                    hint="resume with the settings and data it was begun with, "
                    "or choose another folder",
                )


def write(path: Path, snapshot: Snapshot) -> None:
    """Save a snapshot (see `checkpoint.save`)."""
    tensors: dict[str, Tensor] = {}
    for part in _PARTS:
        tensors.update({f"{part}/{name}": t for name, t in getattr(snapshot, part).items()})
    shapes = []
    for rank, state in enumerate(snapshot.carries):
        shape, pieces = carry.apart(state)
        shapes.append(shape)
        tensors.update({f"carry/{rank}/{i}": piece for i, piece in enumerate(pieces)})
    position = asdict(snapshot.position)
    checkpoint.save(
        path, tensors, {"position": position, "carries": shapes, "about": snapshot.about}
    )


def read(path: Path) -> Snapshot:
    """Load a snapshot; InputError where the file is not a run's."""
    tensors, meta = checkpoint.load(path)
    try:
        parts: dict[str, dict[str, Tensor]] = {part: {} for part in (*_PARTS, "carry")}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        carries = []
        for rank, shape in enumerate(meta["carries"]):
            count = sum(name.startswith(f"{rank}/") for name in parts["carry"])
            carries.append(
                carry.together(shape, [parts["carry"][f"{rank}/{i}"] for i in range(count)])
            )
        return Snapshot(
            position=_position(meta["position"]),
            model=parts["model"],
            optimizer=parts["optimizer"],
            best=parts["best"],
            average=parts["average"],
            carries=carries,
            about={
                name: _typed(name, meta["about"][name], kind)
                for name, kind in {
                    "settings": dict,
                    "fingerprint": dict,
                    "processes": dict,
                    "device": str,
                    "threads": int,
                }.items()
            },
        )
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"this checkpoint lacks a part, or has a wrong one ({error})",
            where=str(path),
            expected="a checkpoint as a run writes it",
            hint="delete it and train again",
        ) from error


def _position(values: dict[str, Any]) -> Position:
    default = Position()
    for name in {f.name for f in fields(Position)} ^ set(values):
        raise KeyError(name)
    for name, value in values.items():
        if name == "best" and value is None:
            continue
        kind = float if name == "best" else type(getattr(default, name))
        _typed(name, value, (float, int) if kind is float else kind)
        if kind is int and value < 0:
            raise TypeError(f"{name} {value}")
    return Position(**values)


def _typed(name: str, value: Any, kind: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} {value!r}")
    return value


def check_tensors(
    expected: Mapping[str, Tensor], got: Mapping[str, Tensor], what: str, where: str
) -> None:
    """InputError naming the tensor of the checkpoint that is not as this network's."""
    for name in {**expected, **got}:
        ours, theirs = _describe(expected.get(name)), _describe(got.get(name))
        if ours != theirs:
            raise InputError(
                f"the checkpoint's {what} {name!r} is {theirs}",
                where=where,
                expected=ours,
                hint="resume with the network it was begun with, or choose another folder",
            )


def _describe(tensor: Tensor | None) -> str:
    if tensor is None:
        return "missing"
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
