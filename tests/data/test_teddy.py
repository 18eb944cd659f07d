"""The sentences of Teddy: half and half in every respect, and decided only by what comes later."""

from collections import Counter, defaultdict

import pytest

from clew.data import teddy
from clew.errors import InputError


def tail(words):
    """What decides a sentence, by its own search of the text."""
    text = f" {' '.join(words)} "
    (found,) = [t for tails in teddy.TAILS.values() for t in tails if f" {t} " in text]
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_half_and_half_for_every_name_and_no_pair_twice(seed):
    learned, held_out = teddy.generate(seed=seed)
    assert (len(learned), len(held_out)) == (576, 192)
    pairs = []
    for part in (learned, held_out):
        counts = Counter(
            (words[0], tags[0]) for words, tags in zip(part.tokens, part.tags, strict=True)
        )
        assert set(counts) == {(n, t) for n in teddy.NAMES for t in (teddy.PERSON, teddy.THING)}
        assert len(set(counts.values())) == 1
        pairs.append({(words[0], tail(words)) for words in part.tokens})
        for words, tags in zip(part.tokens, part.tags, strict=True):
            assert tail(words) in teddy.TAILS[tags[0]]
            assert tags[1:] == [teddy.OTHER] * (len(words) - 1)
    assert pairs[0].isdisjoint(pairs[1])
    assert {t for _, t in pairs[1]} <= {t for _, t in pairs[0]}  # all that decides can be learned
    whole = [" ".join(words) for part in (learned, held_out) for words in part.tokens]
    assert len(set(whole)) == len(whole)


def test_what_stands_between_says_nothing():
    """Whatever comes before the deciding words goes on either way."""
    learned, held_out = teddy.generate()
    goes_on = defaultdict(set)
    for part in (learned, held_out):
        for words, tags in zip(part.tokens, part.tags, strict=True):
            before = " ".join(words).partition(tail(words))[0].split()[1:]
            goes_on[tuple(before)].add(tags[0])
    assert all(len(tags) == 2 for tags in goes_on.values())
    assert max(map(len, goes_on)) == 8  # words between


def test_the_same_seed_gives_the_same():
    assert teddy.generate(seed=3) == teddy.generate(seed=3)
    assert teddy.generate(seed=3) != teddy.generate(seed=4)
    with pytest.raises(InputError, match="seed"):
        teddy.generate(seed=0.5)


def test_accuracy_is_of_first_words():
    _, held_out = teddy.generate()
    always = [[teddy.PERSON] * len(words) for words in held_out.tokens]
    assert teddy.accuracy(held_out, always) == 0.5
    assert teddy.accuracy(held_out, held_out.tags) == 1.0
