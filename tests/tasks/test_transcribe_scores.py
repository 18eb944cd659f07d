"""Error rates against an edit distance of our own."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.errors import InputError
from clew.tasks._transcribe.scores import error_rates

TEXTS = st.lists(st.text(alphabet="ab ", max_size=8), min_size=1, max_size=4)


def _distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest changes (Wagner & Fischer 1974)."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@given(pairs=st.lists(st.tuples(*[st.text("ab ", max_size=9)] * 2), min_size=1, max_size=4))
def test_errors_are_the_edit_distance(pairs: list[tuple[str, str]]) -> None:
    said, heard = [a for a, _ in pairs], [b for _, b in pairs]
    found = error_rates(said, heard)
    words = [(a.split(), b.split()) for a, b in pairs]
    assert found.words.count == sum(_distance(*pair) for pair in words)
    assert found.words.length == sum(len(a) for a, _ in words)
    tidy = [(" ".join(a), " ".join(b)) for a, b in words]
    assert found.characters.count == sum(_distance(*pair) for pair in tidy)
    assert found.characters.length == sum(len(a) for a, _ in tidy)
    assert (found.recordings, found.wrong) == (len(pairs), sum(a != b for a, b in words))
    assert found.wer == found.words.count / max(1, found.words.length)
    assert found.cer == found.characters.count / max(1, found.characters.length)


def test_kinds_of_errors() -> None:
    found = error_rates(["one two three", "four"], ["one  too", "four five"])
    assert (found.words.substitutions, found.words.deletions, found.words.insertions) == (1, 1, 1)
    assert found.wer == 3 / 4
    assert found.wrong == 2


@pytest.mark.parametrize(
    ("said", "heard", "wer", "cer"),
    [
        ([""], [""], 0, 0),
        ([""], ["one two"], 2, 7),
        (["one"], [""], 1, 1),
        (["", "one"], ["two", "one"], 1, 1),
        (["One"], ["one"], 1, 1 / 3),
        (["a"], ["b c d"], 3, 5),
    ],
)
def test_silence_and_case(said: list[str], heard: list[str], wer: float, cer: float) -> None:
    found = error_rates(said, heard)
    assert (found.wer, found.cer) == (wer, cer)


@pytest.mark.parametrize(("said", "heard"), [([], []), (["a"], []), (["a"], ["a", "b"])])
def test_numbers_of_texts_that_do_not_fit(said: list[str], heard: list[str]) -> None:
    with pytest.raises(InputError, match="texts that were said"):
        error_rates(said, heard)
