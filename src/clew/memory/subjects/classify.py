"""A classifier as a subject: texts or series, asked for the label when they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from clew.data.text import Tokenizer
from clew.errors import InputError
from clew.memory.subject import Case
from clew.memory.subjects import parts
from clew.tasks._classify.encoder import places
from clew.tasks._classify.scaling import lengths as lengths_of
from clew.tasks._examples import check_labels
from clew.tasks.classify import Classifier

EXPECTED = "a pair (X, y), or a file of labelled texts or series"


def classify(model: Classifier, data: Any, columns: dict[str, Any]) -> Classify:
    """A classifier and sequences with their labels: (X, y), or a Path as `clew fit classify` reads.

    columns: of a file of texts "text" and "label", of series "unique_id", "ds", "label", "values".
    Of data in parts the test is taken, else dev, else train. Raises InputError as `score` does.
    """
    X, y = _read(model, data, columns)
    sequences = model._encoder.check(X)
    truth = places(model.classes_, check_labels(y, len(sequences)), "y")
    network = model.network_.eval()
    series = model._encoder.kind == "arrays"
    unit = getattr(model.tokenizer_, "unit", "word")
    element = parts.STEP if series else parts.UNITS[unit]
    encoded = model._encoder.encode(sequences)
    odd = "" if series else parts.known(encoded, 1, element)
    return Classify(
        title=f"classifier of {'series' if series else 'texts'}, {parts.named(network.stack)}{odd}",
        task="classify",
        element=element,
        both_ways=network.stack.bidirectional,
        network=network,
        reader=network.stack,
        loss_name="nats an example",
        in_nats=True,
        answers=[str(label) for label in model.classes_.tolist()],
        model=model,
        sequences=encoded,
        truth=truth,
    )


def _read(model: Classifier, data: Any, columns: dict[str, Any]) -> tuple[Any, Any]:
    if isinstance(data, Path):
        data = _file(model, data, columns)
    elif columns:
        parts.refused(columns, ())
    if hasattr(data, "sequences") and hasattr(data, "labels"):
        data = (data.sequences, data.labels)
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise InputError(f"data of type {type(data).__name__}", where="data", expected=EXPECTED)
    if data[1] is None:
        raise InputError("the sequences have no labels", where="data", expected=EXPECTED)
    return data[0], data[1]


def _file(model: Classifier, path: Path, columns: dict[str, Any]) -> Any:
    from clew.data.labelled_series import read_series
    from clew.data.tables import read_labelled

    split = parts.part_of(path)
    if model._encoder.kind == "arrays":
        parts.refused(columns, ("unique_id", "ds", "label", "values"))
        return read_series(path, split=split, **columns)
    parts.refused(columns, ("text", "label"))
    return read_labelled(path, split=split, **columns)


@dataclass(frozen=True, eq=False)
class Classify(parts.Traits):
    """Asked at the last step; earlier, what it would say of the sequence if it ended there.

    One that reads both ways has no earlier answer: it always says what the whole sequence is.
    """

    model: Classifier
    sequences: Sequence[NDArray[Any]]  # ids (T,) or features (T, D), scaled
    truth: NDArray[np.int64]  # (N,)

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """One case a sequence, its end; see Subject."""
        lengths = lengths_of(self.sequences).tolist()
        ends = [range(max(0, length - 1), length) for length in lengths]
        found = []
        for k, at in parts.spots(ends, count, reach, seed):
            piece, place = parts.stretch(lengths[k], at, reach, both=False)
            read = self.sequences[k][piece]
            read = parts.ids(read) if read.ndim == 1 else np.array(read)
            found.append(Case(read, place, int(self.truth[k]), source=k))
        return parts.some_cases(found, "a sequence of one step or more")

    def vectors(self, inputs: Tensor) -> Tensor:
        """The embeddings of ids, or the features themselves."""
        if self.network.embedding is None:
            return inputs.to(self.like)
        found: Tensor = self.network.embedding(inputs.to(self.like.device).long())
        return found

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """A score for each class."""
        steps = (lengths if self.both_ways else at + 1).to(x.device)
        y, state = self.reader(x, lengths=steps)
        found: Tensor = self.network.output(self.network._read(y, state, steps))
        return found

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """-ln P of the label."""
        return parts.nats(said, cases)

    def names(self, case: Case) -> list[str]:
        """The text of each token; nothing for a step of a series."""
        tokenizer = self.model.tokenizer_
        if tokenizer is None:
            return [""] * len(case.inputs)
        if isinstance(tokenizer, Tokenizer):
            return [tokenizer.decode([token]) for token in case.inputs.tolist()]
        return [tokenizer.vocabulary[token] for token in case.inputs.tolist()]

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """<unk>; of a series the mean of its steps."""
        return np.array(1) if inputs.ndim == 1 else inputs.mean(0)

    def untrained(self) -> Classify | None:
        """Weights as first drawn; unknown after chrono, which asked how long sequences are."""
        if self.model.init == "chrono":
            return None
        network = parts.made_anew(lambda: self.model._build(1), self.model.seed, self.like)
        return replace(self, network=network, reader=network.stack)
