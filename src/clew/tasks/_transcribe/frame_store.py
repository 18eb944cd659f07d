"""Frames of many recordings, made once, in a file that is mapped into memory: as many as there are.

- `frames.f32`: log-mel frames, (N, M) float32, one recording after the other
- `frames.json`: {"mark": what they were made of, "ends": [N of the first n recordings, ...],
  "notes": [[index, what is odd about that recording], ...]}; written last, so it is whole or absent
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data.features import Frames, Mel, log_mel
from clew.errors import InputError
from clew.tasks._transcribe.heard import Heard
from clew.train import sync

SMALL = 1 << 28  # bytes of frames that are read into memory rather than mapped
RELEASE = 1 << 16  # frames read between two times that mapped pages are given back


@dataclass(eq=False)
class FrameStore:
    """Frames (T, M) by recording, and what is odd about some recordings."""

    flat: NDArray[np.float32]  # (N, M), perhaps a memory map
    ends: NDArray[np.int64]  # (n + 1,): recording i is flat[ends[i]:ends[i + 1]]
    notes: list[tuple[int, str]]
    _read: int = 0

    def __len__(self) -> int:
        return len(self.ends) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each recording, (n,)."""
        return np.diff(self.ends)

    def __getitem__(self, index: int) -> Frames:
        """The frames (T, M) of one recording."""
        first, last = int(self.ends[index]), int(self.ends[index + 1])
        self._read += last - first
        if self._read > RELEASE:
            self._read = 0
            self._release()
        return self.flat[first:last]

    def spread(self, places: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean and deviation (M,) of the frames of these recordings."""
        total = np.zeros((2, self.flat.shape[1]))
        count = 0
        for place in places.tolist():
            frames = self[place].astype(np.float64)
            total += np.stack([frames.sum(0), (frames**2).sum(0)])
            count += len(frames)
        mean, square = total / max(1, count)
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        return mean.astype(np.float32), deviation.astype(np.float32)

    def _release(self) -> None:
        """Give mapped pages back to the system, which has them again when they are needed."""
        base: Any = self.flat
        while base is not None and not isinstance(base, mmap.mmap):
            base = getattr(base, "base", None)
        if base is not None and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)


def frame_store(
    heard: Heard, mel: Mel, work: Path, tell: Callable[[str], None] = lambda text: None
) -> FrameStore:
    """The frames of all recordings, made in the folder `work`, or found there whole.

    `tell` hears what is odd about the recordings. Raises InputError as reading a sound does, and
    where the disk refuses.
    """
    mark = f"{heard.fingerprint} {mel}"
    if not sync.on_main(lambda: _facts(work, mark) is not None):
        sync.on_main(lambda: _make(heard, mel, work, mark))
    facts = _facts(work, mark)
    assert facts is not None
    ends = np.array([0, *facts["ends"]], dtype=np.int64)
    path, shape = work / "frames.f32", (int(ends[-1]), mel.bins)
    if shape[0] * mel.bins * 4 <= SMALL:
        flat = np.fromfile(path, dtype=np.float32).reshape(shape)
    else:
        flat = np.memmap(path, dtype=np.float32, mode="r", shape=shape)
    found = FrameStore(flat, ends, [(int(index), str(note)) for index, note in facts["notes"]])
    for line in _told(heard, found.notes):
        tell(line)
    return found


def _facts(work: Path, mark: str) -> dict[str, Any] | None:
    """What is written beside frames that were made of the same, where there are such."""
    try:
        facts = json.loads((work / "frames.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("mark") == mark else None


def _make(heard: Heard, mel: Mel, work: Path, mark: str) -> None:
    ends: list[int] = []
    notes: list[list[Any]] = []
    count = 0
    try:
        work.mkdir(parents=True, exist_ok=True)
        with (work / "frames.f32").open("wb") as file:
            for index in range(len(heard)):
                sound = heard.read(index, mel.rate)
                notes += [[index, note] for note in sound.warnings]
                frames = log_mel(sound.samples, mel)
                file.write(np.ascontiguousarray(frames, dtype=np.float32).data)
                count += len(frames)
                ends.append(count)
        beside = work / "frames.part"
        beside.write_text(json.dumps({"mark": mark, "ends": ends, "notes": notes}))
        beside.replace(work / "frames.json")
    except OSError as error:
        raise InputError(
            f"the frames of the recordings cannot be written: {error.strerror}",
            where=str(work),
            hint="is there room on the disk, and leave to write there?",
        ) from error


def _told(heard: Heard, notes: list[tuple[int, str]]) -> list[str]:
    """A line for each sort of oddity: the first recording that has it, and how many more."""
    sorts: dict[str, list[tuple[int, str]]] = {}
    for index, note in notes:
        sorts.setdefault(note.split(":")[0], []).append((index, note))
    lines = []
    for found in sorts.values():
        index, note = found[0]
        more = f" (and {len(found) - 1} more recordings)" if len(found) > 1 else ""
        lines.append(f"{heard.where[index]}: {note}{more}")
    return lines
