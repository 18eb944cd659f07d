"""A fit under way: the folder it works in, what it measured before, how often it looks up."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from clew.errors import InputError
from clew.train import TrainSettings, checkpoint, is_main, on_main

WORK = ".work"  # in the folder of a fit: its encoded data, until it is finished
USED_TIME, LEAST_TIME = 0.97, 0.1  # shares of `time`: before the model is written, for learning
LOOK = 2500  # steps at most between two evaluations

Figures: TypeAlias = tuple[dict[str, Any], dict[str, Any]]  # of the baseline, of the window


@contextmanager
def workspace(out: Path | None) -> Iterator[Path]:
    """A folder for encoded data: in `out`, where an unfinished fit finds it again, or for now only.

    In `out` it is removed when the block ends well; elsewhere always.
    """
    if out is not None:
        yield out / WORK
        if is_main():
            shutil.rmtree(out / WORK, ignore_errors=True)
        return
    made = on_main(lambda: tempfile.mkdtemp(prefix="clew-"))
    try:
        yield Path(made)
    finally:
        if is_main():
            shutil.rmtree(made, ignore_errors=True)


@contextmanager
def undone(out: Path | None) -> Iterator[None]:
    """A folder that was not there before is not there after what failed within the block."""
    new = out is not None and is_main() and not out.exists()
    try:
        yield
    except InputError:
        if new and out is not None and not checkpoint.exists(out):
            shutil.rmtree(out, ignore_errors=True)
        raise


def evaluations(steps: int) -> int | None:
    """Steps between two looks at the held-out part in an epoch of so many steps.

    None looks once an epoch. In a long epoch that would be too seldom to see how a fit goes, or to
    keep the best weights: it is divided into equal stretches of at most LOOK.
    """
    return None if steps <= LOOK else -(-steps // -(-steps // LOOK))


@dataclass(frozen=True)
class Measured:
    """What was found before the network learns: figures without memory, and the time it took."""

    mark: str  # of the data and settings
    baseline: dict[str, Any]
    window: dict[str, Any]
    seconds: float


def measured(work: Path, mark: str, begun: float, measure: Callable[[], Figures]) -> Measured:
    """What `measure` finds, or found before the fit in `work` was interrupted.

    begun: when the fit began (time.monotonic). The seconds since then are kept too, so that a fit
    with a time limit goes on by the schedule it was begun with.
    """
    place = work / "measured.json"
    if (known := on_main(lambda: _read(place, mark))) is not None:
        return known
    baseline, window = measure()
    found = Measured(mark, baseline, window, time.monotonic() - begun)
    return on_main(lambda: _write(place, found))


def in_time(settings: TrainSettings, spent: Measured) -> TrainSettings:
    """The settings with what is left of the time, where there is a limit."""
    if settings.time is None:
        return settings
    rest = max(USED_TIME * settings.time - spent.seconds, LEAST_TIME * settings.time)
    return dataclasses.replace(settings, time=rest)


def _read(place: Path, mark: str) -> Measured | None:
    try:
        known = Measured(**json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # not there, or not whole: measured anew
        return None
    return known if known.mark == mark else None


def _write(place: Path, found: Measured) -> Measured:
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_suffix(".part")
    beside.write_text(json.dumps(dataclasses.asdict(found)), encoding="utf-8")
    beside.replace(place)
    return found
