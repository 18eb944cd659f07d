"""Sentences whose first word can be tagged only by what comes after it, made to show just that.

"Teddy Roosevelt was a president" is about a person, "Teddy bear is a soft toy" about a thing. The
words that decide come at once, or after several that say nothing.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

from clew.errors import InputError

PERSON, THING, OTHER = "PERSON", "THING", "OTHER"

NAMES = ("Teddy", "Rose", "Bill", "Amber", "Jack", "Penny", "Frank", "Daisy", "Mark", "Ruby",
         "Robin", "Pearl")  # fmt: skip
# What decides: the first three come right after the name, the others may wait.
TAILS = {
    PERSON: (
        "Roosevelt was a president",
        "Miller sang a song",
        "Jones told us a story",
        "wrote a long letter",
        "laughed at the joke",
        "married a farmer",
        "won the election",
        "speaks three languages",
    ),
    THING: (
        "bear is a soft toy",
        "box costs two coins",
        "paper was torn",
        "melted in the sun",
        "fell off the shelf",
        "belongs in the drawer",
        "needs to be washed",
        "is made of wood",
    ),
}
AT_ONCE = 3
BETWEEN = ("", "over there", "in the old picture", "that we saw yesterday",
           "from the house on the hill", "which my little sister likes so very much")  # fmt: skip
AFTER = ("", "of course", "as everybody knows", "and nobody minded", "if I remember well")
HELD_OUT = 2  # of the eight tails of each sort, for each name: never learned with this name
EACH = 4  # sentences with one name and one tail


@dataclass(frozen=True)
class Sentences:
    """Words and their tags; all but the first of a sentence are OTHER."""

    tokens: list[list[str]]
    tags: list[list[str]]

    def __len__(self) -> int:
        return len(self.tokens)


def generate(*, seed: int = 0) -> tuple[Sentences, Sentences]:
    """576 sentences to learn from, and 192 held out; the same seed gives the same.

    Of both, and for every name alone, half are about persons: what reads only the first word is
    right half the time, whatever it has learned. No name is held out with what it was learned with.
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputError(f"seed={seed!r}", where="seed", expected="a whole number")
    draw = random.Random(seed)
    parts: tuple[list[tuple[str, str]], ...] = ([], [])
    for name in NAMES:
        for tag, tails in TAILS.items():
            order = draw.sample(range(len(tails)), len(tails))
            for place, tail in enumerate(order):
                between = BETWEEN[:1] if tail < AT_ONCE else BETWEEN
                frames = draw.sample(list(itertools.product(between, AFTER)), EACH)
                made = [(f"{name} {first} {tails[tail]} {last}", tag) for first, last in frames]
                parts[place < HELD_OUT].extend(made)
    for part in parts:
        draw.shuffle(part)
    learned, held_out = (_sentences(part) for part in parts)
    return learned, held_out


def accuracy(sentences: Sentences, found: list[list[str]]) -> float:
    """The share of sentences whose first word was given its tag."""
    pairs = zip(sentences.tags, found, strict=True)
    return sum(true[0] == one[0] for true, one in pairs) / len(sentences)


def _sentences(made: list[tuple[str, str]]) -> Sentences:
    tokens = [text.split() for text, _ in made]
    tags = [
        [tag] + [OTHER] * (len(words) - 1) for words, (_, tag) in zip(tokens, made, strict=True)
    ]
    return Sentences(tokens, tags)
