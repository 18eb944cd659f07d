"""A composer as a subject: tunes of tokens asked for the next token, piano rolls for the notes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from clew.data.rolls import LOWEST
from clew.errors import InputError
from clew.memory.subject import Case
from clew.memory.subjects import parts
from clew.memory.subjects.next_token import NextToken
from clew.tasks._compose import fit as fitting
from clew.tasks._compose import roll_data, roll_fit
from clew.tasks._compose.prepare import only
from clew.tasks._compose.roll_notes import Independent
from clew.tasks._compose.sources import notation_of
from clew.tasks._compose.vocabulary import START, UNKNOWN
from clew.tasks.compose import Composer

TURNS = (
    "Notes of a step are chosen in turn, each given those above it: the loss is of all of them, "
    "and the answers looked at are the features that they are chosen by."
)
PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def compose(model: Composer, data: Any, columns: dict[str, Any]) -> Tunes | Rolls:
    """A composer and tunes, as `Composer.evaluate` takes them; raises InputError as it does.

    Tunes that cannot be read are left out, and the note says how many, unless none can be.
    """
    parts.refused(columns, ())
    network = model.network_.eval()
    _same_notation(model, data)
    if model.vocabulary_ is None:
        return _rolls(model, data)
    failed: list[InputError] = []
    with tempfile.TemporaryDirectory(prefix="clew-") as work:
        part = only(data, model.vocabulary_, bool(model.transpose), Path(work), failed)
        tunes = [np.array(part.tune(number)) for number in range(len(part))]
    return Tunes(
        title=f"composer of {fitting.TITLES[model.vocabulary_.notation]}, "
        + parts.named(network.stack)
        + parts.known([tune[:-1] for tune in tunes], UNKNOWN, ("token", "tokens")),
        task="compose",
        element=("token", "tokens"),
        both_ways=False,
        network=network,
        reader=network.stack,
        loss_name="nats a token",
        in_nats=True,
        answers=model.vocabulary_.tokens,
        note=_left_out(failed),
        model=model,
        tunes=tunes,
    )


def _same_notation(model: Composer, data: Any) -> None:
    known = "roll" if model.vocabulary_ is None else model.vocabulary_.notation
    given = notation_of(data, "auto", "data")
    if given != known:
        written, read = (fitting.TITLES.get(one, "piano rolls") for one in (known, given))
        raise InputError(
            f"the model writes {written}, and these are {read}",
            where=str(data) if isinstance(data, str | Path) else "data",
        )


def _left_out(failed: Sequence[InputError]) -> str:
    if not failed:
        return ""
    tunes = "1 tune cannot be read and is" if len(failed) == 1 else (
        f"{len(failed):,} tunes cannot be read and are"
    )  # fmt: skip
    first = "" if len(failed) == 1 else "the first: "
    return f"{tunes} left out: {first}{failed[0].what} ({failed[0].where})."


def _rolls(model: Composer, data: Any) -> Rolls:
    rolls = roll_data.Unpacked(roll_data.read(data, "test", "data"))
    network = model.network_.eval()
    alone = isinstance(network.output, Independent)
    return Rolls(
        title=f"composer of piano rolls, {parts.named(network.reader)}",
        task="compose",
        element=parts.STEP,
        both_ways=False,
        network=network,
        reader=network.reader,
        loss_name="nats a step",
        in_nats=True,
        answers=[pitch(number) for number in range(network.pitches)] if alone else None,
        note="" if alone else TURNS,
        likeliest=alone,
        model=model,
        rolls=[np.array(roll, dtype=np.float32) for roll in rolls],
    )


def pitch(number: int) -> str:
    """What a key of a piano is called, counted from the lowest: "C4"."""
    octave, name = divmod(number + LOWEST, 12)
    return f"{PITCHES[name]}{octave - 1}"


@dataclass(frozen=True, eq=False)
class Tunes(NextToken):
    """Asked after a token of a tune for the next; before the first stands one that says so."""

    model: Composer
    tunes: list[NDArray[np.int64]]  # tokens (t,), the end included

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """Places in the tunes; see Subject."""
        found = []
        for k, at in parts.spots([range(len(t)) for t in self.tunes], count, reach, seed):
            before = np.concatenate([[START], self.tunes[k][:-1]])
            piece, place = parts.stretch(len(before), at, reach, both=False)
            found.append(Case(before[piece], place, int(self.tunes[k][at]), source=k))
        return parts.some_cases(found, "a tune")

    def names(self, case: Case) -> list[str]:
        """The tokens."""
        assert self.model.vocabulary_ is not None
        return [self.model.vocabulary_.tokens[token] for token in case.inputs.tolist()]

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """An unknown token."""
        return np.array(UNKNOWN)

    def untrained(self) -> Tunes:
        """Weights as first drawn, and how frequent tokens are in the tunes it remembers."""
        size = len(self.network.bias)
        network = parts.made_anew(
            lambda: fitting.build(self.model, size, learning=True), self.model.seed, self.like
        )
        network.count([self.network.learned.cpu().numpy()])
        return replace(self, network=network, reader=network.stack)


@dataclass(frozen=True, eq=False)
class Rolls(parts.Traits):
    """Asked after a step of a piano roll for the notes of the next.

    Where notes are chosen in turn, each given those above it, no score of a note stands by itself:
    what is said are then the features that the notes are chosen by.
    """

    model: Composer
    rolls: list[NDArray[np.float32]]  # (T, P)

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """Places in the rolls, their first step included; see Subject."""
        found = []
        for k, at in parts.spots([range(len(r)) for r in self.rolls], count, reach, seed):
            roll = torch.from_numpy(self.rolls[k][:, None])
            before = torch.cat([torch.zeros_like(roll[:1]), roll[:-1]])
            read = self.network.inputs(before, True)[:, 0].numpy()
            piece, place = parts.stretch(len(read), at, reach, both=False)
            found.append(Case(read[piece], place, self.rolls[k][at], source=k))
        return parts.some_cases(found, "a roll with a step")

    def vectors(self, inputs: Tensor) -> Tensor:
        """Zeros and ones, a one a note that sounds, and the mark of the beginning."""
        return inputs.to(self.like)

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """A score for each note, or the features by which they are chosen in turn."""
        y = parts.asked(self.reader(x)[0], at)
        if not isinstance(self.network.output, Independent):
            return y
        found: Tensor = self.network.output.scores(y)
        return found

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """-ln P of all notes of the step."""
        notes = torch.from_numpy(np.stack([case.target for case in cases])).to(said)
        if not isinstance(self.network.output, Independent):
            found: Tensor = self.network.output.nats(said, notes)
            return found.double()
        each = F.binary_cross_entropy_with_logits(said.double(), notes.double(), reduction="none")
        return each.sum(1)

    def names(self, case: Case) -> list[str]:
        """The notes that sound."""
        return [
            " ".join(pitch(int(note)) for note in np.flatnonzero(row[:-1])) for row in case.inputs
        ]

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Silence."""
        return np.zeros_like(inputs[0])

    def untrained(self) -> Rolls:
        """Weights as first drawn, and how often notes sound in the rolls it remembers."""
        pitches = self.network.pitches
        network = parts.made_anew(
            lambda: roll_fit.make(self.model, pitches, learning=True), self.model.seed, self.like
        )
        bits = self.network.learned.cpu().numpy()
        network.count([np.unpackbits(bits, axis=1, count=pitches)])
        return replace(self, network=network, reader=network.reader)
