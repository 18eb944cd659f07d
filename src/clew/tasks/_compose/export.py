"""A piece that was composed, as text, MIDI, sound and pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clew.data.abc import Tune, sounding, write
from clew.data.notes import Notes
from clew.errors import InputError
from clew.tasks._compose.sound import write_wav

ENDINGS = (".abc", ".mid", ".midi", ".wav", ".png", ".svg", ".pdf")


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece: its notation where it has one, what sounds, and what of it was recalled."""

    tune: Tune | None
    notes: Notes
    recall: Any = None

    @classmethod
    def of(cls, tune: Tune, recall: Any = None) -> Piece:
        """The piece of a tune."""
        return cls(tune, sounding(tune), recall)

    @property
    def abc(self) -> str:
        """The tune in ABC; raises InputError for a piece without notation."""
        if self.tune is None:
            raise InputError(
                "this piece has no notation in ABC, only notes", expected="a piece made of tunes",
                hint="write .mid, .wav or .png",
            )  # fmt: skip
        return write(self.tune)

    def __str__(self) -> str:
        if self.tune is not None:
            return self.abc
        seconds = round(float(self.notes.seconds(self.notes.end)))
        notes = "1 note" if len(self.notes) == 1 else f"{len(self.notes)} notes"
        return f"{notes}, 1 second" if seconds == 1 else f"{notes}, {seconds} seconds"

    def midi(self, path: str | Path) -> None:
        """Writes a MIDI file, with repeats played."""
        from clew.data.midi import write_midi

        write_midi(self.notes, path)

    def wav(self, path: str | Path, *, rate: int = 44_100) -> str:
        """Writes a WAV file and says by what it was made; see `write_wav`."""
        return write_wav(self.notes, path, rate=rate)

    def picture(self, path: str | Path, kind: Literal["staff", "roll"] = "staff") -> None:
        """Draws it: as a staff (a piece without notation as a roll), or as a piano roll."""
        if kind not in ("staff", "roll"):
            raise InputError(f"kind={kind!r}", where="kind", expected='"staff" or "roll"')
        if kind == "staff" and self.tune is not None:
            from clew.tasks._compose.staff import staff_picture

            staff_picture(self.tune, path)
        else:
            from clew.tasks._compose.pictures import roll_picture

            roll_picture(self.notes, path)

    def save(self, path: str | Path) -> None:
        """Writes the form that the ending of the name asks for; raises InputError for others."""
        ending = Path(path).suffix.lower()
        if ending not in ENDINGS:
            raise InputError(
                f"what to write is not clear from the ending {ending!r}", where=str(path),
                expected="one of " + " ".join(ENDINGS),
            )  # fmt: skip
        if ending == ".abc":
            try:
                Path(path).write_text(self.abc, encoding="utf-8")
            except OSError as error:
                said = os.strerror(error.errno or 0)
                raise InputError(f"cannot write: {said}", where=str(path)) from error
        elif ending in (".mid", ".midi"):
            self.midi(path)
        elif ending == ".wav":
            self.wav(path)
        else:
            self.picture(path)
