"""Recordings made ready: their frames, their texts as units, and which of them are held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.data.features import Frames, Mel
from clew.errors import InputError
from clew.tasks._transcribe.ctc import frames_needed
from clew.tasks._transcribe.frame_store import FrameStore, frame_store
from clew.tasks._transcribe.heard import Heard
from clew.tasks._transcribe.units import Units


@dataclass(frozen=True, eq=False)
class Said:
    """Recordings with their frames and what is said in each, as text and as units (n,)."""

    store: FrameStore
    places: NDArray[np.int64]  # in the store
    texts: list[str]
    units: list[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.places)

    def frames(self, index: int) -> Frames:
        """The frames (T, M) of one recording."""
        return self.store[int(self.places[index])]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each recording."""
        found: NDArray[np.int64] = self.store.lengths[self.places]
        return found


def said(
    heard: Heard, store: FrameStore, places: NDArray[np.int64], units: Units, together: int
) -> Said:
    """The recordings at `places`, those too short for one step left out.

    Raises InputError naming the first one that is too short for what is said in it: each unit takes
    a step, and between two equal ones there must be another.
    """
    kept, texts, encoded = [], [], []
    for place in places.tolist():
        text = heard.texts[place]
        found = units.encode(text)
        frames = int(store.lengths[place])
        needed, steps = frames_needed(found.tolist()), -(-frames // together)
        if needed > steps:
            raise InputError(
                f"{len(found)} {units.name} in {steps} steps: the text does not go into its "
                f"recording ({text[:60]!r})",
                where=heard.where[place],
                expected=f"at least {needed} steps of {together} frames",
                hint="is it the text of this recording? if so: a smaller stack, or larger units",
            )
        if steps:
            kept.append(place)
            texts.append(text)
            encoded.append(found)
    return Said(store, np.array(kept, dtype=np.int64), texts, encoded)


def sides(
    parts: list[Heard],
    mel: Mel,
    work: Path,
    share: float,
    *,
    seed: int,
    together: int,
    learn: Callable[[list[str]], Units],
    tell: Callable[[str], None],
) -> tuple[Said, Said, Units]:
    """What is learned from, what is held out, and the units of the former.

    parts: the recordings, and where they were given those to hold out; otherwise a `share`, drawn
    by chance. Frames are kept in the folder `work`; `tell` hears what a person should know of the
    data. Raises InputError as `said` and reading the sounds do.
    """
    stores = [
        frame_store(part, mel, work / name, tell)
        for part, name in zip(parts, ("learned", "held-out"), strict=False)
    ]
    order = np.random.default_rng(seed).permutation(len(parts[0])).astype(np.int64)
    count = 0 if len(parts) > 1 else min(max(1, round(share * len(order))), len(order) - 1)
    inside, aside = np.sort(order[count:]), np.sort(order[:count])
    units = learn([parts[0].texts[place] for place in inside.tolist()])
    learned = said(parts[0], stores[0], inside, units, together)
    if len(parts) > 1:
        aside = np.arange(len(parts[1]), dtype=np.int64)
    apart = said(parts[-1], stores[-1], aside, units, together)
    if len(learned) == 0:
        raise InputError("every recording is shorter than one frame", where="X")
    if len(apart) == 0:
        tell("nothing can be held out: scores are of the training recordings")
        apart = learned
    if unknown := units.unknown(apart.texts):
        some = ", ".join(map(repr, unknown[:10])) + (", ..." if len(unknown) > 10 else "")
        tell(f"{units.name} held out that were not there in training are errors: {some}")
    return learned, apart, units
