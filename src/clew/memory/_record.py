"""What is noted of gradients while a network learns: rows of as many steps each, and their file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from clew.errors import InputError

FORMAT = 1
MOST = 128  # rows; of longer runs two become one, and the next ones have twice as many steps
_HINT = "the file is written by a fit that watches its gradients (--watch)"
_LARGEST = 64 << 20  # bytes that are read


@dataclass(frozen=True)
class Row:
    """Some steps, the last of them `step`: sums over them, and the norms by lag at the last.

    norm: sum of the gradients' lengths before clipping; longest: of them. clipped: how many were;
    kept: sum of the factors by which these were multiplied; layers: sums of the lengths by layer.
    lags: None where none were measured.
    """

    step: int = 0
    steps: int = 0
    norm: float = 0.0
    longest: float = 0.0
    clipped: int = 0
    kept: float = 0.0
    layers: tuple[float, ...] = ()
    lags: tuple[float, ...] | None = None

    def __add__(self, later: Row) -> Row:
        """Both as one row; norms by lag are those of the later."""
        pairs = zip(self.layers, later.layers, strict=True) if self.layers else None
        return Row(
            later.step,
            self.steps + later.steps,
            self.norm + later.norm,
            max(self.longest, later.longest),
            self.clipped + later.clipped,
            self.kept + later.kept,
            later.layers if pairs is None else tuple(a + b for a, b in pairs),
            later.lags,
        )


@dataclass
class Record:
    """All of a run: a row for its first step, then one every `every` steps.

    since: what came after the last row. step: the last that was noted. unseen: steps that a
    resumed run made before anyone watched. measured: what the norms by lag are of, in words.
    """

    every: int
    clip: float | None = None
    unit: str = "steps"
    measured: str = ""
    way: str = ""
    layers: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    since: Row = field(default_factory=Row)
    step: int = 0
    unseen: int = 0

    def due(self, step: int) -> bool:
        """Whether a row ends with this step."""
        return step % self.every == 0 or not self.rows

    def close(self, lags: Sequence[float] | None) -> None:
        """End a row here. Of too many, two become one."""
        now = None if lags is None else tuple(lags)
        self.rows.append(replace(self.since, lags=now))
        self.since = Row()
        if len(self.rows) > MOST:
            self._thin()

    def _thin(self) -> None:
        """Half the rows; the first step stays alone, and what is left over is `since` again."""
        self.every *= 2
        kept, waiting = self.rows[:1], Row()
        for row in self.rows[1:]:
            waiting = waiting + row
            if row.step % self.every == 0:
                kept.append(waiting)
                waiting = Row()
        self.rows = kept
        if waiting.steps:
            self.since = replace(waiting, lags=None)

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all: written beside, flushed, renamed. Raises InputError."""
        plain = {
            "format": FORMAT,
            **vars(self),
            "rows": [vars(row) for row in self.rows],
            "since": vars(self.since),
        }
        text = json.dumps(_finite(plain), allow_nan=False)
        beside = path.with_name(f".{path.name}.part")
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise InputError(
                f"the gradients could not be written: {error.strerror}", where=str(path),
                hint="is there such a folder, and leave to write there?",
            ) from error  # fmt: skip


def read(path: Path) -> Record:
    """A record read back; InputError where there is none, or it is damaged."""
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError("the file is too large", where=str(path), hint=_HINT)
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"the gradients cannot be read: {error.strerror}", where=str(path), hint=_HINT
        ) from error
    except (ValueError, RecursionError):
        raise InputError("the file is not JSON", where=str(path), hint=_HINT) from None
    try:
        return _record(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"the file does not hold gradients of a run ({error})", where=str(path), hint=_HINT
        ) from error


def _record(plain: Any) -> Record:
    if plain.pop("format") != FORMAT:
        raise ValueError("of another format")
    if set(plain) != {each.name for each in fields(Record)}:
        raise ValueError("fields are missing, or too many")
    for name, least in (("every", 1), ("step", 0), ("unseen", 0)):
        _whole(plain[name], least)
    for name in ("unit", "measured", "way"):
        if not isinstance(plain[name], str):
            raise ValueError(f"{name} is no text")
    if plain["clip"] is not None:
        plain["clip"] = _number(plain["clip"])
    plain["layers"] = tuple(str(name) for name in plain["layers"])
    rows = [_row(row, len(plain["layers"])) for row in plain.pop("rows")]
    if any(b.step <= a.step for a, b in pairwise(rows)):
        raise ValueError("rows do not ascend")
    return Record(**{**plain, "rows": rows, "since": _row(plain["since"], len(plain["layers"]))})


def _row(plain: dict[str, Any], layers: int) -> Row:
    if set(plain) != {each.name for each in fields(Row)}:
        raise ValueError("a row has other fields")
    for name in ("step", "steps", "clipped"):
        _whole(plain[name], 0)
    sizes = tuple(_number(value) for value in plain["layers"])
    if len(sizes) != (layers if plain["steps"] else 0):
        raise ValueError("a row has other layers")
    lags = plain["lags"]
    return Row(
        plain["step"], plain["steps"], _number(plain["norm"]), _number(plain["longest"]),
        plain["clipped"], _number(plain["kept"]), sizes,
        None if lags is None else tuple(_number(value) for value in lags),
    )  # fmt: skip


def _whole(value: Any, least: int) -> None:
    if type(value) is not int or value < least:
        raise ValueError(f"{value!r} is no whole number from {least}")


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if type(value) not in (int, float):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
