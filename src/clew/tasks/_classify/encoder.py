"""From checked sequences and labels to numbers, and what of that must be stored with a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from clew.data.labelled_series import LongColumns
from clew.data.text import Tokenizer, Unit
from clew.errors import InputError
from clew.tasks._classify.scaling import Scaled, Scaling
from clew.tasks._examples import Kind, Sequences, check_labels, check_sequences
from clew.tasks._folder import CONFIG, LIMITS, TOKENIZER, Contents
from clew.tasks._header import check_tokenizer
from clew.tasks._pieces import Pieces


def check_classes(labels: np.ndarray) -> np.ndarray:
    """The distinct labels, in order (C,); raises InputError for fewer than two, or far too many."""
    classes: np.ndarray = np.unique(labels)
    if len(classes) < 2:
        raise InputError(
            f"every label is {classes.tolist()[0]!r}", where="y", expected="two classes or more"
        )
    if len(json.dumps(classes.tolist(), ensure_ascii=False).encode("utf-8")) > LIMITS[CONFIG] // 2:
        raise InputError(
            f"there are {len(classes)} labels, too many or too long to be classes",
            where="y",
            hint="were text and label exchanged?",
        )
    return classes


def places(classes: np.ndarray, labels: np.ndarray, where: str) -> np.ndarray:
    """The place in `classes` of each label (N,); raises InputError for one that is not there."""
    known = {label: place for place, label in enumerate(classes.tolist())}
    sort = type(classes.tolist()[0])
    for index, label in enumerate(labels.tolist()):
        if label not in known or type(label) is not sort:  # True is not 1 here
            some = ", ".join(repr(name) for name in list(known)[:10])
            raise InputError(
                f"the label {label!r} was not there in training",
                where=f"{where}[{index}]",
                expected=some + (", ..." if len(known) > 10 else ""),
            )
    return np.array([known[label] for label in labels.tolist()], dtype=np.int64)


@dataclass(frozen=True)
class Encoder:
    """How input becomes numbers: the sort of sequence, the vocabulary or D, and the classes."""

    kind: Kind
    tokenizer: Tokenizer | Pieces | None  # None for arrays
    features: int | None  # D of arrays, else None
    classes: np.ndarray  # (C,), in order
    max_length: int | None = None  # longer sequences keep their end
    scaling: Scaling | None = None  # of arrays; None reads them as they are
    columns: LongColumns | None = None  # of the table that arrays were read from, where it was one

    @classmethod
    def learn(
        cls,
        sequences: Sequences,
        classes: np.ndarray,
        *,
        unit: Unit,
        size: int,
        min_count: int,
        lowercase: bool,
        max_length: int | None,
        standard: bool = True,
        gaps: bool = False,
        columns: LongColumns | None = None,
    ) -> Encoder:
        """The encoder of these sequences: their vocabulary, or the scaling of their features."""
        if columns is not None and len(columns.values or ()) != sequences.features:
            raise InputError(
                f"columns names {len(columns.values or ())} channels",
                where="columns",
                expected=f"{sequences.features}, as the arrays have"
                if sequences.features
                else "none, where there are no arrays",
            )
        scaling = None
        if sequences.features is not None and (standard or gaps):
            scaling = Scaling.learn(
                sequences.items, sequences.features, standard=standard, gaps=gaps
            )
        tokenizer: Tokenizer | Pieces | None = None
        if sequences.kind == "tokens":
            tokenizer = Pieces.train(sequences.items, size=size, min_count=min_count)
        elif sequences.kind == "text":
            tokenizer = Tokenizer.train(
                sequences.items,
                unit,
                size=size,
                min_count=min_count,
                lowercase=lowercase,
                keep_spaces=False,
            )
        if tokenizer is not None:  # rather now than when it is to be stored, after training
            check_tokenizer(tokenizer.to_json().encode("utf-8"), len(tokenizer), "X")
        return cls(
            sequences.kind, tokenizer, sequences.features, classes, max_length, scaling, columns
        )

    @property
    def vocabulary(self) -> int | None:
        """How many pieces are known; None for arrays."""
        return None if self.tokenizer is None else len(self.tokenizer)

    @property
    def width(self) -> int | None:
        """How many numbers the network reads at a step of an array; None for text."""
        return self.features if self.scaling is None else self.scaling.width

    @property
    def gaps(self) -> bool:
        """Whether values of an array may be missing."""
        return self.scaling is not None and self.scaling.gaps

    def check(self, X: Any) -> Sequences:
        """X as sequences of the sort learned from; raises InputError (see check_sequences)."""
        return check_sequences(X, self.kind, self.features, gaps=self.gaps)

    def encode(self, sequences: Sequences) -> Sequence[np.ndarray]:
        """Ids (T,) of every sequence, or its features (T, width), scaled."""
        if self.scaling is not None:
            return Scaled(sequences.items, self.scaling, self.max_length)
        encoded = sequences.items
        if self.tokenizer is not None:
            batch = self.tokenizer.encode_batch(sequences.items)
            encoded = [np.array(ids, dtype=np.int32) for ids in batch]
        return encoded if self.max_length is None else [e[-self.max_length :] for e in encoded]

    def sizes(self) -> dict[str, Any]:
        """What config.json keeps of it."""
        return {
            "kind": self.kind,
            "vocabulary": self.vocabulary,
            "features": self.features,
            "classes": self.classes.tolist(),
            "labels": "str" if self.classes.dtype.kind == "U" else str(self.classes.dtype),
            "scaling": None if self.scaling is None else self.scaling.facts(),
            "columns": None if self.columns is None else asdict(self.columns),
        }

    @classmethod
    def read(cls, contents: Contents, max_length: int | None) -> Encoder:
        """The encoder that a model folder keeps; raises InputError where its parts do not agree."""
        sizes = {"scaling": None, "columns": None, **contents.network}  # those of before had none
        known = ("kind", "vocabulary", "features", "classes", "labels", "scaling", "columns")
        if set(sizes) != set(known):
            raise contents.bad("'network' does not describe a classifier")
        features = sizes["features"]
        kinds: tuple[Kind, ...] = ("text", "tokens", "arrays")
        kind = next((known for known in kinds if known == sizes["kind"]), None)
        if kind is None:
            raise contents.bad("'kind' of 'network' is none that Clew knows")
        if kind == "arrays" and (type(features) is not int or features < 1):
            raise contents.bad("'features' of 'network' is not a size")
        if kind != "arrays" and features is not None:
            raise contents.bad("'features' of 'network' does not go with text")
        if (contents.tokenizer is None) != (kind == "arrays"):
            raise contents.bad(f"{TOKENIZER} does not go with input of kind {kind!r}")
        tokenizer: Tokenizer | Pieces | None = None
        if contents.tokenizer is not None:
            reader: type[Tokenizer] | type[Pieces] = Tokenizer if kind == "text" else Pieces
            try:
                tokenizer = reader.from_json(contents.tokenizer)
            except InputError as error:
                raise contents.bad(error.what, name=TOKENIZER, expected=error.expected) from error
        size = sizes["vocabulary"]
        if isinstance(size, bool) or size != (None if tokenizer is None else len(tokenizer)):
            raise contents.bad("'vocabulary' of 'network' is not the size of the tokenizer")
        scaling = None
        if sizes["scaling"] is not None:
            scaling = None if features is None else Scaling.read(sizes["scaling"], features)
            if scaling is None:
                raise contents.bad("'scaling' of 'network' does not go with its features")
        columns = _columns(contents, sizes["columns"], features)
        return cls(kind, tokenizer, features, _classes(contents), max_length, scaling, columns)


def _columns(contents: Contents, facts: Any, features: int | None) -> LongColumns | None:
    if facts is None:
        return None
    if not isinstance(facts, dict) or set(facts) != {"unique_id", "ds", "label", "values"}:
        raise contents.bad("'columns' of 'network' does not name the columns of a table")
    values, names = facts["values"], [facts["unique_id"], facts["ds"]]
    names += [] if facts["label"] is None else [facts["label"]]
    if not isinstance(values, list) or len(values) != features:
        raise contents.bad("'columns' of 'network' does not go with its features")
    if not all(isinstance(name, str) for name in [*names, *values]):
        raise contents.bad("'columns' of 'network' are not all names")
    return LongColumns(facts["unique_id"], facts["ds"], facts["label"], tuple(values))


def _classes(contents: Contents) -> np.ndarray:
    labels, kind = contents.network["classes"], contents.network["labels"]
    if not isinstance(labels, list) or len(labels) < 2:
        raise contents.bad("'classes' of 'network' is not a list of two labels or more")
    try:
        classes = check_labels(labels, len(labels))
        if classes.dtype.kind == "i" and np.dtype(str(kind)).kind in "iu":
            classes = classes.astype(str(kind))
    except (ValueError, TypeError) as error:
        raise contents.bad(f"'classes' of 'network' cannot be used: {error}") from error
    named = "str" if classes.dtype.kind == "U" else str(classes.dtype)
    if classes.tolist() != labels or named != kind or bool((classes[:-1] >= classes[1:]).any()):
        raise contents.bad("'classes' of 'network' are not distinct, in order, of their type")
    return classes
