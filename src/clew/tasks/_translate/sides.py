"""Both sides of a translator: what sources are cut into, what answers are put together of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data.text import UNKNOWN, Tokenizer, Unit
from clew.errors import InputError
from clew.tasks._examples import Kind, check_sequences
from clew.tasks._folder import TOKENIZER, Contents
from clew.tasks._header import check_tokenizer
from clew.tasks._pieces import Pieces

END = "<end>"  # how the piece after the last one is shown


@dataclass(frozen=True)
class Side:
    """Texts or token lists of one side, and the pieces they are cut into.

    A text is read as if a space stood before it, so that its first word is the word it would be
    in its middle; what is written begins without one.
    """

    kind: Kind
    tokenizer: Tokenizer | Pieces

    @classmethod
    def learn(
        cls, kind: Kind, items: Sequence[Any], *, unit: Unit, size: int, min_count: int,
        lowercase: bool,
    ) -> Side:  # fmt: skip
        """The side whose vocabulary is that of `items`."""
        tokenizer: Tokenizer | Pieces
        if kind == "tokens":
            tokenizer = Pieces.train(items, size=size, min_count=min_count)
        else:
            space = "" if unit == "char" else " "
            tokenizer = Tokenizer.train(
                (space + item for item in items), unit, size=size, min_count=min_count,
                lowercase=lowercase, keep_spaces=True,
            )  # fmt: skip
        return cls(kind, tokenizer)

    @property
    def end(self) -> int:
        """The piece after the last one, which no text spells."""
        return len(self.tokenizer)

    @property
    def size(self) -> int:
        """How many pieces there are, the last one `end`."""
        return len(self.tokenizer) + 1

    def check(self, X: Any, name: str) -> list[Any]:
        """X as a list of what this side is made of; raises InputError naming the place."""
        return checked(X, name, self.kind)

    def encode(self, items: Sequence[Any]) -> list[NDArray[np.int32]]:
        """The pieces (T,) of every item, without `end`."""
        if isinstance(self.tokenizer, Pieces):
            found = self.tokenizer.encode_batch(items)
        else:
            found = self.tokenizer.encode_batch([self._spaced(item) for item in items])
        return [np.array(ids, dtype=np.int32) for ids in found]

    def shown(self, item: Any) -> list[str]:
        """The pieces of an item as they stand in it, one for each that `encode` gives."""
        if isinstance(self.tokenizer, Pieces):
            return list(item)
        return self.tokenizer.tokens(self._spaced(item))

    def closed(self, item: Any) -> tuple[str, ...]:
        """The pieces of an item as they stand in it, and the end, as a word of its own."""
        return (*self.shown(item), f" {END}" if self.kind == "text" else END)

    def write(self, pieces: Sequence[int], copies: Sequence[str | None]) -> Any:
        """The text or token list of these pieces.

        copies: what stands for each piece that is unknown, None where nothing does.
        """
        if isinstance(self.tokenizer, Pieces):
            words = [self.tokenizer.vocabulary[piece] for piece in pieces]
            return [w if c is None else c.strip() for w, c in zip(words, copies, strict=True)]
        text, start = "", 0
        for place, copy in enumerate(copies):
            if copy is not None:
                # A word that nobody knows stands apart from the one before it, as others do.
                apart = " " if copy == UNKNOWN and self.tokenizer.unit == "word" else ""
                text += self.tokenizer.decode(list(pieces[start:place])) + apart + copy
                start = place + 1
        return (text + self.tokenizer.decode(list(pieces[start:]))).strip()

    def _spaced(self, text: str) -> str:
        assert isinstance(self.tokenizer, Tokenizer)
        return text if self.tokenizer.unit == "char" else " " + text


def checked(X: Any, name: str, kind: Kind | None = None) -> list[Any]:
    """X as a list of texts or of token lists; raises InputError naming the place in `name`."""
    try:
        found = check_sequences(X, kind)
        if found.kind == "arrays":
            raise InputError(
                "these are arrays", where="X", expected="texts, or lists of tokens (str)"
            )
    except InputError as error:
        where = None if error.where is None else name + error.where.removeprefix("X")
        what = error.what.replace("X is", f"{name} is")
        raise InputError(what, where=where, expected=error.expected, hint=error.hint) from None
    return found.items


def kind_of(items: Sequence[Any]) -> Kind:
    """What checked items are."""
    return "text" if items and isinstance(items[0], str) else "tokens"


@dataclass(frozen=True)
class Sides:
    """The source side and the target side; with a shared vocabulary one and the same."""

    source: Side
    target: Side

    @property
    def shared(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self.source.tokenizer is self.target.tokenizer

    @classmethod
    def learn(
        cls, sources: Sequence[Any], targets: Sequence[Any], *, unit: Unit, size: int,
        min_count: int, lowercase: bool, shared: bool,
    ) -> Sides:  # fmt: skip
        """Learn both vocabularies, or one of both; raises InputError where one is too long."""
        kinds = kind_of(sources), kind_of(targets)
        given = {"unit": unit, "size": size, "min_count": min_count}
        if shared and kinds[0] != kinds[1]:
            raise InputError(
                "sources and targets are of two sorts, texts and lists of tokens",
                where="shared",
                expected="shared=False",
            )
        if shared:
            side = Side.learn(kinds[0], [*sources, *targets], lowercase=False, **given)  # type: ignore[arg-type]
            found = cls(side, side)
        else:
            found = cls(
                Side.learn(kinds[0], sources, lowercase=lowercase, **given),  # type: ignore[arg-type]
                Side.learn(kinds[1], targets, lowercase=False, **given),  # type: ignore[arg-type]
            )
        raw = found.to_json().encode("utf-8")
        check_tokenizer(raw, max(found.source.size, found.target.size), "X")
        return found

    def sizes(self) -> dict[str, Any]:
        """What config.json keeps of them."""
        return {
            "source": self.source.kind,
            "target": self.target.kind,
            "source_size": self.source.size,
            "target_size": self.target.size,
        }

    def to_json(self) -> str:
        """One tokenizer's JSON where it is shared, else {"source": ..., "target": ...} of both."""
        if self.shared:
            return self.source.tokenizer.to_json()
        both = {"source": _compact(self.source), "target": _compact(self.target)}
        return json.dumps(both, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, contents: Contents, shared: bool) -> Sides:
        """Both sides as a model folder keeps them; InputError where its parts do not agree."""
        sizes = contents.network
        if set(sizes) != {"source", "target", "source_size", "target_size"}:
            raise contents.bad("'network' does not describe a translator")
        if contents.tokenizer is None:
            raise contents.bad(f"there is no {TOKENIZER}", expected="one, for a translator")
        kinds: list[Kind] = []
        for name in ("source", "target"):
            if sizes[name] not in ("text", "tokens"):
                raise contents.bad(f"{name!r} of 'network' is none that Clew knows")
            kinds.append(sizes[name])
        if shared:
            if kinds[0] != kinds[1]:
                raise contents.bad("one vocabulary cannot be that of texts and of token lists")
            side = _side(contents, kinds[0], contents.tokenizer)
            found = cls(side, side)
        else:
            try:
                both = json.loads(contents.tokenizer)
            except (ValueError, RecursionError):
                both = None
            if not isinstance(both, dict) or set(both) != {"source", "target"}:
                raise contents.bad("these are not the tokenizers of two sides", name=TOKENIZER)
            texts = (json.dumps(both[name]) for name in ("source", "target"))
            sides = [_side(contents, kind, text) for kind, text in zip(kinds, texts, strict=True)]
            found = cls(*sides)
        if sizes != found.sizes():
            raise contents.bad("the sizes of 'network' are not those of the tokenizer")
        return found


def _compact(side: Side) -> Any:
    """The JSON of a side's tokenizer, with merges as texts, which take the fewest marks."""
    whole = json.loads(side.tokenizer.to_json())
    if "merges" in whole["model"]:
        whole["model"]["merges"] = [" ".join(pair) for pair in whole["model"]["merges"]]
    return whole


def _side(contents: Contents, kind: Kind, text: str) -> Side:
    reader: type[Tokenizer] | type[Pieces] = Tokenizer if kind == "text" else Pieces
    try:
        return Side(kind, reader.from_json(text))
    except InputError as error:
        raise contents.bad(error.what, name=TOKENIZER, expected=error.expected) from error


def copied(shown: Sequence[str], pieces: Sequence[int], looks: Sequence[int]) -> list[str | None]:
    """For each unknown piece the source piece that it looks at; None for all others."""
    return [
        shown[look] if piece == 1 and look < len(shown) else UNKNOWN if piece == 1 else None
        for piece, look in zip(pieces, looks, strict=True)
    ]
