"""Sequences with a label: what they are, whether they are sound, and which are held out."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.data.batches import check_arrays
from clew.errors import InputError

Kind = Literal["text", "tokens", "arrays"]


@dataclass(frozen=True)
class Sequences:
    """Checked input: texts, token lists, or float32 arrays (T, D)."""

    kind: Kind
    items: list[Any]
    features: int | None = None  # D, of arrays

    def __len__(self) -> int:
        return len(self.items)

    def pick(self, indices: np.ndarray) -> Sequences:
        """The sequences at these places."""
        return Sequences(self.kind, [self.items[i] for i in indices.tolist()], self.features)

    def key(self, index: int) -> Any:
        """Something hashable that two sequences share only when they are equal."""
        item = self.items[index]
        if self.kind == "text":
            return item
        if self.kind == "tokens":
            return tuple(item)
        return item.shape, hashlib.blake2b(item, digest_size=16).digest()


def check_sequences(
    X: Any, kind: Kind | None = None, features: int | None = None, *, gaps: bool = False
) -> Sequences:
    """What X holds: texts, token lists or arrays (T, D); all of one sort, all sound.

    `kind` and `features` (D) are those seen in training, where there was one. Empty texts, lists
    and arrays are allowed; NaN, for what is missing, with `gaps` alone. Raises InputError naming
    the place of the first unsound sequence.
    """
    if isinstance(X, str | bytes):
        raise InputError(
            "one text was given", where="X", expected="a list of sequences", hint="[text]"
        )
    if hasattr(X, "columns") or isinstance(X, dict):  # a frame, or all that read_series gives
        raise InputError(
            f"X is of type {type(X).__name__}",
            where="X",
            expected="a list of sequences",
            hint="of a long table: data = read_series(table), then data.sequences and data.labels",
        )
    try:
        items = list(X)
    except TypeError:
        raise InputError(
            f"X is of type {type(X).__name__}", where="X", expected="a list of sequences"
        ) from None
    if not items and kind is None:
        raise InputError("there are no sequences", where="X", expected="at least two")
    found = kind or _kind(items)
    if found == "text":
        return Sequences("text", [check_text(item, f"X[{i}]") for i, item in enumerate(items)])
    if found == "tokens":
        return Sequences("tokens", [_tokens(item, i) for i, item in enumerate(items)])
    return _arrays(items, features, gaps)


def _kind(items: list[Any]) -> Kind:
    for item in items:
        if isinstance(item, str):
            return "text"
        if isinstance(item, list | tuple) and len(item) and isinstance(item[0], str):
            return "tokens"
        if isinstance(item, np.ndarray) and item.dtype.kind in "UO" and item.ndim == 1:
            return "tokens"
        if not isinstance(item, list | tuple) or len(item):
            return "arrays"
    return "tokens"  # nothing but empty lists


def check_text(item: Any, where: str) -> str:
    """The item, a text; raises InputError for anything else, and for half a surrogate pair."""
    if not isinstance(item, str):
        raise InputError(
            f"this is of type {type(item).__name__}", where=where, expected="a text (str)"
        )
    try:
        item.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"character {error.start} is half of a surrogate pair, which no text can hold",
            where=where,
            hint="read the file as UTF-8",
        ) from None
    return str(item)


def _tokens(item: Any, index: int) -> list[str]:
    if isinstance(item, str) or not isinstance(item, list | tuple | np.ndarray):
        raise InputError(
            f"this is of type {type(item).__name__}",
            where=f"X[{index}]",
            expected="a list of tokens",
        )
    return [check_text(token, f"X[{index}][{place}]") for place, token in enumerate(item)]


def _arrays(items: list[Any], features: int | None, gaps: bool) -> Sequences:
    for index, item in enumerate(items):
        if isinstance(item, str | bytes):
            raise InputError("this is a text", where=f"X[{index}]", expected="an array (T, D)")
    if not items:
        return Sequences("arrays", [], features)
    width = check_arrays(items, gaps=gaps)
    if features is not None and width != features:
        raise InputError(
            f"the arrays have {width} features a step", where="X", expected=f"{features}, as in fit"
        )
    with np.errstate(over="ignore"):
        arrays = [np.ascontiguousarray(item, dtype=np.float32) for item in items]
    return Sequences("arrays", arrays, width)


def check_labels(y: Any, count: int) -> np.ndarray:
    """The labels as an array (N,): text, whole numbers or booleans, all of one sort.

    Raises InputError naming the place of the first unsound label.
    """
    if isinstance(y, str | bytes):
        raise InputError("y is one text", where="y", expected="a list of labels")
    try:
        labels = [item.item() if isinstance(item, np.generic) else item for item in y]
    except TypeError:
        raise InputError(
            f"y is of type {type(y).__name__}", where="y", expected="a list of labels"
        ) from None
    if len(labels) != count:
        raise InputError(f"{count} sequences and {len(labels)} labels", where="y")
    for index, label in enumerate(labels):
        whole = isinstance(label, float) and label.is_integer()
        if not isinstance(label, str | int) and not whole:
            raise InputError(
                f"the label is {str(label)[:80]!r} ({type(label).__name__})",
                where=f"y[{index}]",
                expected="a text or a whole number",
            )
        if type(label) is not type(labels[0]):
            raise InputError(
                f"the label is of type {type(label).__name__}, y[0] of {type(labels[0]).__name__}",
                where=f"y[{index}]",
                expected="labels of one sort",
            )
    given = getattr(y, "dtype", None)
    keep = isinstance(given, np.dtype) and given.kind in "iub"
    array = np.asarray(labels, dtype=given if keep else None)
    if array.tolist() != labels or array.dtype.kind not in "Uifub":
        raise InputError("a label cannot be stored as it is", where="y", expected="shorter labels")
    return array


def hold_out(
    sequences: Sequences,
    labels: np.ndarray,
    share: float,
    *,
    seed: int,
    tell: Callable[[str], None],
) -> tuple[np.ndarray, np.ndarray]:
    """Places to train on and places held out: about `share` of every class, by chance.

    Equal sequences stay on one side, so that nothing held out has been trained on. A class of a
    single (distinct) sequence stays in training, and `tell` says so. labels: (N,).
    """
    groups: dict[Any, list[int]] = defaultdict(list)
    for index in range(len(sequences)):
        groups[sequences.key(index)].append(index)
    by_class: dict[Any, list[list[int]]] = defaultdict(list)
    names = labels.tolist()
    for group in groups.values():
        by_class[names[group[0]]].append(group)
    random = np.random.default_rng(seed)
    aside = np.zeros(len(sequences), dtype=bool)
    for label in sorted(by_class):
        _hold_out_class(by_class[label], share, random, aside)
    left = set(labels[~aside].tolist())
    for group in groups.values():
        # Where equal sequences carry different labels, a class may have gone over with another.
        if aside[group[0]] and not {names[place] for place in group} <= left:
            aside[group] = False
    held = set(labels[aside].tolist())
    for label, count in sorted(Counter(names).items()):
        if label not in held and held:
            few = "one example" if count == 1 else f"{count} examples, too few or all alike"
            tell(f"class {label!r} has {few}: used for training, none held out")
    return np.flatnonzero(~aside), np.flatnonzero(aside)


def sides(
    parts: list[tuple[Sequences, np.ndarray]],
    share: float,
    *,
    seed: int,
    tell: Callable[[str], None],
) -> list[tuple[Sequences, np.ndarray]]:
    """What is trained on and what is held out, each with its labels: two parts, or one in two."""
    if len(parts) > 1:
        return parts
    sequences, labels = parts[0]
    inside, aside = hold_out(sequences, labels, share, seed=seed, tell=tell)
    if len(aside) == 0:
        tell("nothing can be held out: scores are of the training examples")
        aside = inside
    return [(sequences.pick(side), labels[side]) for side in (inside, aside)]


def _hold_out_class(
    groups: list[list[int]], share: float, random: np.random.Generator, aside: np.ndarray
) -> None:
    """Mark about `share` of the examples in `groups`, at least one, never all."""
    wanted = max(1, round(share * sum(map(len, groups))))
    taken = 0
    order = random.permutation(len(groups)).tolist()
    for place in order[1:]:  # the first one drawn stays in training
        if taken + len(groups[place]) <= wanted:
            aside[groups[place]] = True
            taken += len(groups[place])


def fingerprint(*parts: tuple[Sequences, np.ndarray]) -> str:
    """A SHA-256 of sequences and labels, the same on every machine."""
    total = hashlib.sha256()
    for sequences, labels in parts:
        total.update(f"{sequences.kind} {len(sequences)}\n".encode())
        for index, label in enumerate(labels.tolist()):
            item = sequences.items[index]
            raw = (
                f"{item.shape}".encode() + item.tobytes()
                if sequences.kind == "arrays"
                else repr(item).encode("utf-8")
            )
            total.update(f"{len(raw)} {label!r} ".encode("utf-8", "surrogatepass") + raw)
    return total.hexdigest()
