"""How many spans were found: precision, recall and F1 as conlleval and seqeval count them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from clew.tasks._tag.bio import Span

Sentences = Iterable[Collection[Span]]  # the spans of each sentence


def of_spans(truth: Sentences, found: Sentences) -> dict[str, float]:
    """precision, recall and f1 of all spans; one is right if kind, first and last word are.

    0 where nothing was found, or there was nothing to find.
    """
    return _figures(*(counts.total() for counts in _count(truth, found)))


def by_kind(truth: Sentences, found: Sentences) -> dict[str, dict[str, float]]:
    """The same for each kind of span, in alphabetical order, with `spans`, how many there are."""
    there, ours, right = _count(truth, found)
    return {
        kind: {**_figures(there[kind], ours[kind], right[kind]), "spans": float(there[kind])}
        for kind in sorted(there | ours)
    }


def _count(truth: Sentences, found: Sentences) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Of each kind the spans there are, those found, and those that are both."""
    there: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for true, one in zip(truth, found, strict=True):
        there.update(kind for kind, _, _ in true)
        ours.update(kind for kind, _, _ in one)
        right.update(kind for kind, _, _ in set(true) & set(one))
    return there, ours, right


def _figures(there: int, ours: int, right: int) -> dict[str, float]:
    return {
        "precision": right / ours if ours else 0.0,
        "recall": right / there if there else 0.0,
        "f1": 2 * right / (there + ours) if there + ours else 0.0,
    }
