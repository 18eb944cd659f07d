"""Probes in English: agreement over any distance, and the order of words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError
from clew.memory.probes.batch import Batch, Score, at_the_end, check_draw, check_whole
from clew.memory.probes.english import (
    ASKED,
    COUNTRIES,
    HOME,
    LANGUAGES,
    LEADS,
    Vocabulary,
    fits,
    stretch,
    text,
)
from clew.memory.probes.shortcut import Shortcut, best, right_in, sequences
from clew.memory.probes.symbols import uniform


@cache
def vocabulary() -> Vocabulary:
    """The words of all English probes."""
    return Vocabulary()


class _English:
    """What all probes of English words have."""

    features = 0

    @property
    def neutral(self) -> int:
        """The full stop."""
        return vocabulary().ids["."]

    @property
    def words(self) -> tuple[str, ...]:
        """All words there are, and the full stop."""
        return vocabulary().words


@dataclass(frozen=True)
class Agreement(_English):
    """Where one grew up decides the language one speaks, `length` words later.

    "... I grew up in France . ... I speak fluent" asks for "French". The country stands `length`
    words before "fluent", where the answer is asked; between the two, and up to `before` words
    before them, stand sentences of everyday life. A share `distractors` of those names a country or
    language, any of them, be it the same, so that one has to have read "grew up in", just before
    the country. The share is less in short texts, for those sentences have five words or more, and
    are left out where they do not fit: with 0.2 it is 0.15 at 20 words, and none below 9.
    """

    distractors: float = 0.2
    before: int = 20

    name = "agreement"
    title = "name the language of the country one grew up in"
    span = "words from the country to the question"
    shortest = 4
    answers = LANGUAGES

    def __post_init__(self) -> None:
        share = self.distractors
        if isinstance(share, bool) or not isinstance(share, float | int) or not 0 <= share <= 1:
            raise InputError(
                f"distractors is {share!r}", where="distractors", expected="a number from 0 to 1"
            )
        check_whole("before", self.before, 0)

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """Inputs (T, B); asked at the last word, "fluent"."""
        rng = check_draw(self, count, length, seed)
        answers = rng.integers(len(COUNTRIES), size=count)
        texts = [self._text(int(answer), length, rng) for answer in answers]
        lengths = np.array([len(ids) for ids in texts])
        inputs = np.zeros((int(lengths.max()), count), np.int64)
        for b, ids in enumerate(texts):
            inputs[: len(ids), b] = ids
        return at_the_end(inputs, lengths, answers)

    def _text(self, answer: int, length: int, rng: np.random.Generator) -> NDArray[np.int64]:
        known = vocabulary()
        between = length - 1 - len(ASKED.split())  # the full stop after the country
        leads = [k for k in range(len(LEADS)) if between >= k and fits(known, between - k)]
        words = int(rng.choice(leads))
        lead = str(rng.choice(LEADS[words])) if words else ""
        before = int(rng.integers(self.before + 1))
        before *= fits(known, before)
        home, _ = known.pattern(HOME)
        home[-2] += answer
        return np.concatenate(
            [
                text(known, before, self.distractors, rng),
                home,
                text(known, between - words, self.distractors, rng),
                np.array(known.sentence(f"{lead} {ASKED}")),
            ]
        )

    def chance(self, length: int) -> Score:
        """Any of the languages."""
        return uniform(len(LANGUAGES))

    def shortcut(self, length: int) -> Shortcut:
        """Who never reads "grew up in": names one of the countries that are named; on draws."""
        return _named(self, length)

    def horizon(self, length: int) -> int | None:
        """Back to the country; to tell it from others, a network reads "up in" before it, too."""
        return length


@cache
def _named(probe: Agreement, length: int) -> Shortcut:
    batch = probe.draw(sequences(length), length)
    start, size = vocabulary().slots["COUNTRY"]
    right: dict[str, list[float]] = {"first": [], "last": [], "most often": []}
    for b, steps in enumerate(batch.lengths):
        ids = batch.inputs[:steps, b] - start
        named = ids[(ids >= 0) & (ids < size)]
        answer = batch.targets[batch.at[b], b]
        counts = np.bincount(named, minlength=size)
        most = counts == counts.max()
        right["first"].append(named[0] == answer)
        right["last"].append(named[-1] == answer)
        right["most often"].append(most[answer] / most.sum())
    return best([
        Shortcut(f"naming the country named {which}", right_in(float(np.mean(shares)), size))
        for which, shares in right.items()
    ])  # fmt: skip


@dataclass(frozen=True)
class OrderSensitivity(_English):
    """Say whether `length` words of a text are in order, or all but the last `kept` are shuffled.

    The text is cut anywhere, so that at every place each word is as likely in order as shuffled: no
    single word tells anything, and neither do the last `kept` together, nor counts of words.
    """

    kept: int = 2

    name = "order"
    title = "say whether the words are in order"
    span = "words"
    answers = ("in order", "shuffled")

    def __post_init__(self) -> None:
        check_whole("kept", self.kept, 0)

    @property
    def shortest(self) -> int:
        """Two words, to be shuffled, before those that are kept."""
        return self.kept + 2

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """Inputs (T, B) with T = length; asked at the last word."""
        rng = check_draw(self, count, length, seed)
        answers = rng.integers(2, size=count)
        inputs = np.empty((length, count), np.int64)
        for b, answer in enumerate(answers):
            inputs[:, b] = ids = stretch(vocabulary(), length, rng)
            loose = inputs[: length - self.kept, b]
            while answer and (inputs[:, b] == ids).all():
                loose[:] = rng.permutation(loose)
        return at_the_end(inputs, np.full(count, length, np.int64), answers)

    def chance(self, length: int) -> Score:
        """A coin."""
        return uniform(2)

    def shortcut(self, length: int) -> None:
        """None: words without their order tell nothing."""

    def horizon(self, length: int) -> int | None:
        """It varies: some shuffles show at once, where the words begin that are not kept."""
        return None
