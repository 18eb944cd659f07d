"""English sentences made from patterns, and texts of them with an exact number of words."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

COUNTRIES = ("France", "Spain", "Italy", "Germany", "Poland", "Greece", "Japan", "Turkey",
             "Sweden", "Russia", "Portugal", "Norway")  # fmt: skip
LANGUAGES = ("French", "Spanish", "Italian", "German", "Polish", "Greek", "Japanese", "Turkish",
             "Swedish", "Russian", "Portuguese", "Norwegian")  # fmt: skip

# What a capital word in a pattern stands for.
SLOTS = {
    "COUNTRY": COUNTRIES,
    "LANGUAGE": LANGUAGES,
    "PERSON": ("father", "mother", "sister", "brother", "uncle", "aunt", "neighbour", "teacher",
               "cousin", "grandmother", "doctor", "baker"),
    "NAME": ("Anna", "Peter", "Clara", "David", "Emma", "Oscar", "Ruth", "Simon"),
    "ANIMAL": ("dog", "cat", "horse", "goat", "hen", "donkey", "parrot", "rabbit"),
    "PLACE": ("kitchen", "garden", "station", "market", "library", "harbour", "school", "village",
              "bridge", "museum", "bakery", "river"),
    "THING": ("bicycle", "letter", "lamp", "piano", "suitcase", "clock", "book", "ladder",
              "picture", "basket", "coat", "radio"),
    "FOOD": ("soup", "bread", "cheese", "apples", "fish", "rice", "honey", "cake"),
    "ADJECTIVE": ("red", "small", "heavy", "bright", "quiet", "broken", "green", "strange",
                  "narrow", "lovely"),
    "FEELING": ("happy", "tired", "proud", "hungry", "worried", "calm", "late", "cold"),
    "DAY": ("Monday", "Tuesday", "Thursday", "Friday", "Sunday"),
    "SEASON": ("spring", "summer", "autumn", "winter"),
    "NUMBER": ("two", "three", "four", "five", "six", "ten"),
    "SAW": ("saw", "found", "bought", "painted", "repaired", "carried", "lost", "remembered"),
    "WENT": ("walked", "ran", "hurried", "drove", "returned", "wandered"),
}  # fmt: skip

PLAIN = (
    "it rained .",
    "we waited there .",
    "the ANIMAL was FEELING .",
    "my PERSON SAW a THING .",
    "on DAY we ate FOOD .",
    "the PLACE was ADJECTIVE and cold .",
    "NAME WENT to the PLACE alone .",
    "every SEASON the PERSON baked us FOOD .",
    "my PERSON told me about a ADJECTIVE THING .",
    "we kept NUMBER THING boxes behind the ADJECTIVE PLACE .",
    "the PERSON SAW a ADJECTIVE THING near the PLACE .",
    "in SEASON my PERSON and I WENT to the PLACE .",
    "when NAME came home the ANIMAL was asleep in the PLACE .",
    "nobody knew why the PERSON SAW the ADJECTIVE THING that SEASON .",
    "I was FEELING because the PERSON had left the THING at the PLACE .",
    "for NUMBER years we lived in a ADJECTIVE house beside the ADJECTIVE PLACE .",
)

# They name a country or a language, and none of them says where anybody grew up.
DISTRACTING = (
    "I visited COUNTRY once .",
    "we once flew to COUNTRY .",
    "my PERSON came back from COUNTRY .",
    "on DAY NAME wrote me from COUNTRY .",
    "the menu at the PLACE was in LANGUAGE .",
    "the PERSON spent NUMBER weeks in COUNTRY every SEASON .",
    "NAME read a ADJECTIVE LANGUAGE book in the PLACE .",
    "my PERSON still dreams of one SEASON in COUNTRY .",
)

HOME = "I grew up in COUNTRY ."
# How the last sentence begins, by how many words it takes before "I speak fluent".
LEADS = ((), ("today", "now", "so"), ("of course", "these days"), ("as you hear", "to this day"))
ASKED = "I speak fluent"


class Vocabulary:
    """Every word of the patterns; the words of a slot stand side by side."""

    def __init__(self) -> None:
        self.slots: dict[str, tuple[int, int]] = {}
        words: list[str] = []
        for name, members in SLOTS.items():
            self.slots[name] = (len(words), len(members))
            words += members
        leads = [lead for group in LEADS for lead in group]
        for text in (*PLAIN, *DISTRACTING, HOME, *leads, ASKED):
            words += [w for w in dict.fromkeys(text.split()) if w not in SLOTS and w not in words]
        self.words = tuple(words)
        self.ids = {word: k for k, word in enumerate(words)}

    def pattern(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first word that may stand at each place, and how many may."""
        pairs = [self.slots.get(w) or (self.ids[w], 1) for w in text.split()]
        starts, sizes = zip(*pairs, strict=True)
        return np.array(starts), np.array(sizes)

    def sentence(self, text: str) -> list[int]:
        """The ids of words without slots."""
        return [self.ids[word] for word in text.split()]

    @cached_property
    def plain(self) -> Patterns:
        """Sentences that say nothing of countries."""
        return Patterns(self, PLAIN)

    @cached_property
    def distracting(self) -> Patterns:
        """Sentences that name a country or a language."""
        return Patterns(self, DISTRACTING)


class Patterns:
    """Sentences to choose from, by their lengths."""

    def __init__(self, vocabulary: Vocabulary, texts: tuple[str, ...]) -> None:
        self.all = [vocabulary.pattern(text) for text in texts]
        self.lengths = [len(starts) for starts, _ in self.all]
        least = min(len(text.split()) for text in PLAIN)
        self.shortest = least
        # By how many words are left: the sentences after which the rest can still be filled.
        self._good = [
            [k for k, n in enumerate(self.lengths) if n == rest or n + least <= rest]
            for rest in range(max(self.lengths) + least + 1)
        ]

    def good(self, rest: int) -> list[int]:
        """Those sentences after which the rest can still be filled."""
        return self._good[min(rest, len(self._good) - 1)]


def text(
    vocabulary: Vocabulary, words: int, distractors: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Whole sentences of so many words together, where that `fits`.

    distractors: the share of sentences that name a country or a language.
    """
    rest = words
    starts, sizes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    while rest:
        kind = vocabulary.distracting if rng.random() < distractors else vocabulary.plain
        if not (good := kind.good(rest)):
            kind = vocabulary.plain
            good = kind.good(rest)
        start, size = kind.all[good[int(rng.random() * len(good))]]
        starts.append(start)
        sizes.append(size)
        rest -= len(start)
    chosen = (rng.random(words) * np.concatenate(sizes)).astype(np.int64)
    return np.concatenate(starts) + chosen


def stretch(vocabulary: Vocabulary, words: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """So many words cut out of an endless text of plain sentences, at any of its places."""
    kind = vocabulary.plain
    lengths = np.array(kind.lengths)
    # The place of a cut lies in a long sentence more often than in a short one.
    drawn = [int(rng.choice(len(lengths), p=lengths / lengths.sum()))]
    skipped = int(rng.integers(lengths[drawn[0]]))
    there = int(lengths[drawn[0]]) - skipped
    while there < words:
        drawn.append(int(rng.random() * len(lengths)))
        there += int(lengths[drawn[-1]])
    starts, sizes = (
        np.concatenate([kind.all[k][part] for k in drawn])[skipped : skipped + words]
        for part in (0, 1)
    )
    found: NDArray[np.int64] = starts + (rng.random(words) * sizes).astype(np.int64)
    return found


def fits(vocabulary: Vocabulary, words: int) -> bool:
    """Whether whole sentences of so many words together can be made."""
    return words == 0 or words >= vocabulary.plain.shortest
