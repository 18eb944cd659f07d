"""A transcriber as a subject: frames of sound, asked for the unit that they are part of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.features import Frames, log_mel
from clew.data.speech import Recordings, read_speech
from clew.errors import InputError
from clew.memory.subject import Case
from clew.memory.subjects import parts
from clew.tasks._transcribe.ctc import BLANK, Spoken, align, greedy
from clew.tasks._transcribe.heard import Heard, heard
from clew.tasks._transcribe.problem import log_probabilities
from clew.tasks._transcribe.units import writable
from clew.tasks.transcribe import Transcriber

RECORDINGS = 500  # that are heard, at most
NOTE = (
    "What is right at a step is its unit on the likeliest path that says the text, by the model "
    "itself having heard the whole recording; only steps that say a unit are asked."
)


def transcribe(model: Transcriber, data: Any, columns: dict[str, Any]) -> Transcribe:
    """A transcriber and recordings with what is said in them: a manifest, or a pair (X, y).

    columns: of a manifest "audio" and "text". Of a folder with parts the test is taken, else dev,
    else train. A list of recordings alone is taken at the model's word. Of very many, evenly chosen
    ones are heard. Raises InputError as `Transcriber.error_rates` does.
    """
    manifest = isinstance(data, str | Path)
    parts.refused(columns, ("audio", "text") if manifest else ())
    if manifest:
        split = parts.part_of(Path(data)) if Path(data).is_dir() else None
        data = read_speech(data, split=split, **columns)
    network = model.network_.eval()
    reader: Any = network.reader
    given = _given(data)
    front, mel = network.front(), model._mel()
    chosen = parts.evenly(len(given), RECORDINGS)
    frames = [front.steps(log_mel(given.read(k, mel.rate).samples, mel)) for k in chosen]
    paths = [
        _path(model, found, given.texts[k] if given.texts else None)
        for k, found in zip(chosen, log_probabilities(network, frames), strict=True)
    ]
    if not any(len(path) for path in paths):
        raise InputError("every recording is shorter than one frame", where="data")
    long = f"of {1000 * mel.seconds(front.together):g} ms"
    return Transcribe(
        title=f"transcriber, {parts.named(reader)}",
        task="transcribe",
        element=(f"step {long}", f"steps {long}"),
        both_ways=reader.bidirectional,
        network=network,
        reader=reader,
        loss_name="nats a step at which a unit is written",
        in_nats=True,
        answers=["none", *model.units_.tokenizer.vocabulary[1:]],
        note=NOTE,
        model=model,
        frames=frames,
        paths=paths,
    )


def _given(data: Any) -> Heard:
    if isinstance(data, Recordings):
        return heard(data)
    if isinstance(data, tuple) and len(data) == 2:
        return heard(*data)
    return heard(data, name="data", spoken=False)


def _path(model: Transcriber, chances: NDArray[np.float64], text: str | None) -> NDArray[np.int64]:
    """The unit of each step (T,), by the likeliest path that says the text, or says anything."""
    spoken: Spoken | None = None
    if text is not None:
        try:
            spoken = align(chances, model.units_.encode(text).tolist())
        except InputError:  # more units than steps: what is heard stands in their place
            spoken = None
    if spoken is None:
        spoken = greedy(writable(chances))
    path = np.full(len(chances), BLANK, dtype=np.int64)
    for unit, (first, stop) in zip(spoken.units, spoken.spans, strict=True):
        path[first:stop] = unit
    return path


@dataclass(frozen=True, eq=False)
class Transcribe(parts.Traits):
    """Asked at a step for the unit that it says on the best path under the whole recording.

    The path is the likeliest, by the model itself having heard everything, of those that say the
    text; where no text is known, or it does not go into the recording, the likeliest of all. Only
    steps that say a unit are asked: most others are easily told to say none.
    """

    model: Transcriber
    frames: list[Frames]  # (T, D), as the network reads them
    paths: list[NDArray[np.int64]]  # (T,)

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """Steps of recordings; see Subject."""
        steps = [np.flatnonzero(path != BLANK).tolist() for path in self.paths]
        if not any(steps):  # silence
            steps = [list(range(len(path))) for path in self.paths]
        found = []
        for k, at in parts.spots(steps, count, reach, seed):
            piece, place = parts.stretch(len(self.paths[k]), at, reach, self.both_ways)
            found.append(
                Case(np.array(self.frames[k][piece]), place, int(self.paths[k][at]), source=k)
            )
        return parts.some_cases(found, "a recording of one step")

    def vectors(self, inputs: Tensor) -> Tensor:
        """The frames themselves."""
        return inputs.to(self.like)

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """A score for each unit, and for none, the first."""
        y, _ = self.reader(x, lengths=lengths.to(x.device))
        found: Tensor = self.network.output(parts.asked(y, at))
        return found

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """-ln P of the unit."""
        return parts.nats(said, cases)

    def names(self, case: Case) -> list[str]:
        """Nothing: what is read is sound."""
        return [""] * len(case.inputs)

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """The mean of the frames."""
        found: NDArray[Any] = inputs.mean(0)
        return found

    def untrained(self) -> Transcribe | None:
        """Weights as first drawn; unknown after chrono, which asked how long recordings are."""
        if self.model.init == "chrono":
            return None
        network = parts.made_anew(lambda: self.model._build(1), self.model.seed, self.like)
        with torch.no_grad():
            network.mean.copy_(self.network.mean)
            network.scale.copy_(self.network.scale)
        return replace(self, network=network, reader=network.reader)
