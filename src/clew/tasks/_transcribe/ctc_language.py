"""A language model of ours as the one that prefix beam search asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError
from clew.tasks._transcribe.ctc import BLANK
from clew.tasks._transcribe.ctc_beam import STAYS, Floats, Ids

_UNKNOWN = 1
_LINE = "\n"


class Tokens(Protocol):
    """How the language model numbers text."""

    @property
    def unit(self) -> str:
        """What text is cut into: "char", "word" or "bpe"."""
        ...

    def encode(self, text: str) -> list[int]:
        """The ids of a text; 1 stands for what is not known."""
        ...


class Stream(Protocol):
    """What reads tokens of several sequences and says ln P of the next ones."""

    state: Any

    def push(self, x_t: Any, moves: Any = None) -> NDArray[Any]:
        """Reads a token of each sequence that `moves` (B,), and gives (B, V)."""
        ...

    def reset(self) -> None:
        """Forgets everything."""
        ...


class Model(Protocol):
    """What is needed of a language model."""

    tokenizer_: Any

    def stream(self, batch_size: int = 1) -> Any:
        """A reader of as many sequences."""
        ...


@dataclass(frozen=True)
class _Read:
    """What the model has read of K prefixes: its state, ln P (K, V) of what comes next."""

    layers: Any  # arrays (layers, B, H), B the beam
    next: Floats
    begins: NDArray[np.bool_]  # (K,), prefixes of nothing


class Speller:
    """Ln P of the units of a transcript by a language model of characters, or of words.

    A transcript is to it a line of text: the newline before it is read, and the newline after it
    is its end (where the model knows none, nothing is said of the first unit and of the end).
    Units are found in its vocabulary as they are written, else in lower, else in upper case; else
    they are `<unk>`. Words other than the first are read with the space before them.
    """

    def __init__(
        self, model: Model, units: Sequence[str], unit: Literal["char", "word"], beam: int
    ) -> None:
        """`units` in the order of the network's outputs, the first of them the blank."""
        tokens = getattr(model, "tokenizer_", None)
        if tokens is None or not hasattr(model, "stream"):
            raise InputError(
                f"this is of type {type(model).__name__}, not a language model that has learned",
                where="language_model",
                expected="a LanguageModel after fit, or as loaded",
            )
        if tokens.unit != unit:
            raise InputError(
                f"the language model reads {_NAMES[tokens.unit]}, the transcriber writes "
                + _NAMES[unit],
                where="language_model",
                expected=f"LanguageModel(unit={unit!r})",
            )
        first = [_UNKNOWN if i == BLANK else _token(tokens, u) for i, u in enumerate(units)]
        later = first
        if unit == "word":
            later = [_UNKNOWN if i == BLANK else _inside(tokens, u) for i, u in enumerate(units)]
        self._tokens = np.array([later, first])  # (2, V of the transcriber)
        line = tokens.encode(_LINE)
        self._line = line[0] if line != [_UNKNOWN] and len(line) == 1 else None
        self._stream: Stream = model.stream(batch_size=beam)
        self._beam = beam

    def start(self) -> _Read:
        """One prefix, the empty one."""
        self._stream.reset()
        begins = np.ones(1, dtype=bool)
        if self._line is None:
            size = self._stream.push(np.zeros(self._beam, dtype=np.int64)).shape[1]
            self._stream.reset()
            even = np.full((1, size), -math.log(size))
            return _Read(self._stream.state, even, begins)
        after = self._stream.push(np.full(self._beam, self._line))
        return _Read(self._stream.state, np.asarray(after[:1], dtype=np.float64), begins)

    def next(self, state: _Read) -> Floats:
        """Ln P of every unit (K, V)."""
        tokens = self._tokens[state.begins.astype(np.int64)]  # (K, V)
        return np.take_along_axis(state.next, tokens, axis=1)

    def extend(self, state: _Read, parents: Ids, units: Ids) -> _Read:
        """The prefixes `parents` (K',), each with the unit (K',) beside it."""
        begins, rows = state.begins[parents], state.next[parents]
        moves = units != STAYS
        count = len(parents)
        if not moves.any() and np.array_equal(parents, np.arange(len(state.begins))):
            return state
        every = np.zeros(self._beam, dtype=np.int64)
        every[:count] = parents
        layers = _picked(state.layers, every)
        if moves.any():
            tokens, reads = np.zeros(self._beam, dtype=np.int64), np.zeros(self._beam, dtype=bool)
            tokens[:count][moves] = self._tokens[begins.astype(np.int64), units][moves]
            reads[:count] = moves
            self._stream.state = layers
            after = self._stream.push(tokens, reads)
            rows = np.where(moves[:, np.newaxis], after[:count], rows)
            layers = self._stream.state
        return _Read(layers, np.asarray(rows, dtype=np.float64), begins & ~moves)

    def end(self, state: _Read) -> Floats:
        """Ln P of the newline (K,)."""
        if self._line is None:
            return np.zeros(len(state.begins))
        return state.next[:, self._line]


_NAMES = {"char": "characters", "word": "words", "bpe": "byte pairs"}

Layers: TypeAlias = Any


def _picked(layers: Layers, rows: Ids) -> Layers:
    """The state of those sequences: arrays (layers, B, H) in any nesting."""
    if isinstance(layers, tuple):
        return tuple(_picked(part, rows) for part in layers)
    return layers[:, rows]


def _inside(tokens: Tokens, word: str) -> int:
    """The token of a word or mark that is not the first of its line."""
    spaced = [_token(tokens, " " + word), _token(tokens, word)]
    first, second = spaced if word[:1].isalnum() else spaced[::-1]
    return second if first == _UNKNOWN else first


def _token(tokens: Tokens, unit: str) -> int:
    for written in (unit, unit.lower(), unit.upper()):
        found = tokens.encode(written)
        if len(found) == 1 and found[0] != _UNKNOWN:
            return found[0]
    return _UNKNOWN
