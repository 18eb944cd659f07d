"""What a composer wrote, and how much of it is in the tunes that it learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clew.data.abc import Tune


@dataclass(frozen=True)
class Recall:
    """The longest run of notes of a tune that is, note by note, in one of those learned from.

    longest: how many notes it has; at: the first of them, from 0; notes: how many the tune has;
    tune: which of the tunes that the model remembers has them, from 0, None where none has any;
    of: "notes", or the "steps" of a piano roll, which are counted instead.
    """

    longest: int
    at: int
    notes: int
    tune: int | None
    of: Literal["notes", "steps"] = "notes"

    @property
    def copied(self) -> bool:
        """Whether all of it is in one tune."""
        return self.notes > 0 and self.longest == self.notes

    def __str__(self) -> str:
        if self.copied:
            whole = f"{self.notes} {self.of} stand"
            if self.notes == 1:
                whole = f"1 {self.of[:-1]} stands"
            return f"all of its {whole} so in a tune learned from: a copy"
        share = self.longest / max(1, self.notes)
        return (
            f"longest run of {self.of} that stands so in a tune learned from: {self.longest} of "
            f"{self.notes} ({share:.0%})"
        )


@dataclass(frozen=True, eq=False)
class Composition:
    """A piece that was composed: `tune` in notation where it has one, `notes` as they sound."""

    tune: Tune | None
    sound: Any
    recall: Recall

    @property
    def notes(self) -> Any:
        """What sounds, as clew.data.notes.Notes."""
        if self.tune is not None and self.sound is None:
            from clew.data.abc import sounding

            return sounding(self.tune)
        return self.sound

    @property
    def abc(self) -> str:
        """The text of the tune; raises InputError for a piece without notation."""
        return str(self._piece().abc)

    def __str__(self) -> str:
        return str(self.tune) if self.tune is not None else str(self._piece())

    def midi(self, path: str | Path) -> None:
        """Write a MIDI file."""
        self._piece().midi(path)

    def wav(self, path: str | Path) -> None:
        """Write what it sounds like, 44,100 samples a second."""
        self._piece().wav(path)

    def picture(self, path: str | Path, kind: Literal["staff", "roll"] = "staff") -> None:
        """Draw it, as a staff or a piano roll; PNG or SVG."""
        self._piece().picture(path, kind=kind)

    def save(self, path: str | Path) -> None:
        """Write it by the ending of the name: .abc .mid .wav .png .svg."""
        self._piece().save(path)

    def recalled(self) -> str:
        """What of it is in the tunes learned from, in words."""
        return str(self.recall)

    def summary(self) -> dict[str, Any]:
        """What the command line prints as JSON.

        sound, of a piece without notation: start, duration (in ticks, so many a quarter), pitch,
        velocity, program and track of each note.
        """
        recall, found = self.recall, dict[str, Any]()
        if self.tune is not None:
            found["abc"] = str(self.tune)
        else:
            found |= {"ticks": self.sound.ticks, "sound": self.sound.rows()}
        return {**found, recall.of: recall.notes, "longest_run": recall.longest,
                "copied": recall.copied}  # fmt: skip

    def _piece(self) -> Any:
        from clew.tasks._compose.export import Piece

        return Piece(self.tune, self.notes, None)
