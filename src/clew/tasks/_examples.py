"""Sequences with a label: what they are, whether they are sound, and which are held out."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
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

    def pick(self, indices: Sequence[int]) -> Sequences:
        """The sequences at these places."""
        return Sequences(self.kind, [self.items[i] for i in indices], self.features)

    def key(self, index: int) -> Any:
        """Something hashable that two sequences share only when they are equal."""
        item = self.items[index]
        if self.kind == "text":
            return item
        return tuple(item) if self.kind == "tokens" else (item.shape, item.tobytes())


def check_sequences(X: Any, kind: Kind | None = None, features: int | None = None) -> Sequences:
    """What X holds: texts, token lists or arrays (T, D); all of one sort, all sound.

    `kind` and `features` (D) are those seen in training, where there was one. Empty texts, lists
    and arrays are allowed. Raises InputError naming the place of the first unsound sequence.
    """
    if isinstance(X, str | bytes):
        raise InputError(
            "one text was given", where="X", expected="a list of sequences", hint="[text]"
        )
    try:
        items = list(X)
    except TypeError:
        raise InputError(
            f"X is a {type(X).__name__}", where="X", expected="a list of sequences"
        ) from None
    if not items and kind is None:
        raise InputError("there are no sequences", where="X", expected="at least two")
    found = kind or _kind(items)
    if found == "text":
        return Sequences("text", [_text(item, f"X[{i}]") for i, item in enumerate(items)])
    if found == "tokens":
        return Sequences("tokens", [_tokens(item, i) for i, item in enumerate(items)])
    return _arrays(items, features)


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


def _text(item: Any, where: str) -> str:
    if not isinstance(item, str):
        raise InputError(f"this is a {type(item).__name__}", where=where, expected="a text (str)")
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
            f"this is a {type(item).__name__}", where=f"X[{index}]", expected="a list of tokens"
        )
    return [_text(token, f"X[{index}][{place}]") for place, token in enumerate(item)]


def _arrays(items: list[Any], features: int | None) -> Sequences:
    for index, item in enumerate(items):
        if isinstance(item, str | bytes):
            raise InputError("this is a text", where=f"X[{index}]", expected="an array (T, D)")
    if not items:
        return Sequences("arrays", [], features)
    width = check_arrays(items)
    if features is not None and width != features:
        raise InputError(
            f"the arrays have {width} features a step", where="X", expected=f"{features}, as in fit"
        )
    with np.errstate(over="ignore"):
        arrays = [np.ascontiguousarray(item, dtype=np.float32) for item in items]
    for index, array in enumerate(arrays):
        if not np.isfinite(array).all():
            raise InputError(
                "a number is too large for float32", where=f"X[{index}]", hint="scale the data"
            )
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
            f"y is a {type(y).__name__}", where="y", expected="a list of labels"
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
                f"the label is a {type(label).__name__}, and y[0] a {type(labels[0]).__name__}",
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
    classes: np.ndarray,
    share: float,
    seed: int,
    tell: Callable[[str], None],
    name: Callable[[int], Any] = lambda label: label,
) -> tuple[np.ndarray, np.ndarray]:
    """Places to train on and places held out: about `share` of every class, by chance.

    Equal sequences stay on one side, so that nothing held out has been trained on. A class with
    a single (distinct) sequence stays in training, and `tell` says so; `name` gives a class's
    label. classes: (N,) whole numbers.
    """
    groups: dict[Any, list[int]] = defaultdict(list)
    for index in range(len(sequences)):
        groups[sequences.key(index)].append(index)
    by_class: dict[int, list[list[int]]] = defaultdict(list)
    for group in groups.values():
        by_class[int(classes[group[0]])].append(group)
    random = np.random.default_rng(seed)
    held: list[int] = []
    for label in sorted(by_class):
        members = by_class[label]
        wanted = share * sum(map(len, members))
        taken: list[int] = []
        order = random.permutation(len(members)) if len(members) > 1 else []
        for place in order[: len(members) - 1]:
            if len(taken) + len(members[place]) <= max(1.0, wanted + 0.5):
                taken += members[place]
        held += taken
    held = _return_needed(classes, held)
    _tell_of_small(classes, held, tell, name)
    aside = np.zeros(len(sequences), dtype=bool)
    aside[held] = True
    return np.flatnonzero(~aside), np.flatnonzero(aside)


def _return_needed(classes: np.ndarray, held: list[int]) -> list[int]:
    # Where equal texts carry different labels, a class may have gone over with another's group.
    left = Counter(classes.tolist())
    left.subtract(classes[held].tolist())
    lost = {label for label, count in left.items() if count == 0}
    return held if not lost else []


def _tell_of_small(
    classes: np.ndarray, held: list[int], tell: Callable[[str], None], name: Callable[[int], Any]
) -> None:
    present = set(classes[held].tolist())
    for label, count in sorted(Counter(classes.tolist()).items()):
        if label not in present and held:
            few = "one example" if count == 1 else f"{count} examples, too few or all alike"
            tell(f"class {name(label)!r} has {few}: used for training, none held out")


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
