"""Spans and tags: against seqeval's reading, against spans drawn at random, against the rules."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from clew.tasks._tag import bio as bio

IOBES = st.lists(
    st.sampled_from(["O", *(f"{p}-{k}" for p in "BIES" for k in ("a", "b-c"))]), max_size=8
)
BIO = st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"]), max_size=8)


@given(tags=IOBES)
def test_spans_are_read_as_seqeval_reads_them(tags):
    found = [(kind, begin, last + 1) for kind, begin, last in get_entities(tags)]
    assert bio.spans(tags) == found


@st.composite
def drawn(draw):
    """Spans that do not overlap, and the length of their sentence."""
    length = draw(st.integers(0, 8))
    cuts = sorted(draw(st.sets(st.integers(0, length))))
    some = [
        (draw(st.sampled_from(["", "a", "b-c"])), begin, end)
        for begin, end in itertools.pairwise(cuts)
        if draw(st.booleans())
    ]
    return some, length


def in_scheme(spans, length, scheme):
    """Tags of well-formed spans, each scheme by its definition."""
    tags = ["O"] * length
    for at, (kind, begin, end) in enumerate(spans):
        last = {"IOBES": "E", "BILOU": "L"}.get(scheme, "I")
        alone = {"IOBES": "S", "BILOU": "U"}.get(scheme, "B")
        letters = ["B", *"I" * (end - begin - 2), last] if end - begin > 1 else [alone]
        if scheme == "IOB1":
            before = spans[at - 1] if at else ("", -1, -1)
            touches = before[2] == begin and before[0] == kind
            letters = ["B" if touches else "I", *"I" * (end - begin - 1)]
        name = f"-{kind}" if kind else ""
        tags[begin:end] = [letter + name for letter in letters]
    return tags


@pytest.mark.parametrize("scheme", ["IOB2", "IOB1", "IOBES", "BILOU"])
@given(case=drawn())
def test_every_scheme_says_the_same_spans(scheme, case):
    spans, length = case
    tags = in_scheme(spans, length, scheme)
    assert bio.spans(tags) == spans
    assert bio.repair(tags) == in_scheme(spans, length, "IOB2")
    if scheme != "IOB1":
        assert bio.faults(tags) == []


@given(tags=BIO)
def test_what_is_repaired_is_well_formed_and_says_the_same(tags):
    mended = bio.repair(tags)
    assert bio.spans(mended) == bio.spans(tags)
    assert bio.faults(mended) == []
    assert bio.repair(mended) == mended
    places = [place for place, (a, b) in enumerate(zip(tags, mended, strict=True)) if a != b]
    assert places == bio.faults(tags)
    assert all(tags[p][0] == "I" and mended[p][0] == "B" for p in places)


@given(tags=BIO)
def test_what_may_follow_is_what_is_no_fault(tags):
    assume(tags)
    steps = zip(["O", *tags], tags, strict=False)
    assert all(bio.follows(a, b) for a, b in steps) == (bio.faults(tags) == [])


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("O B-x I-x", True),
        ("I-x O", True),
        ("B-x", True),
        ("O B I", True),
        ("B-x I-x E-x S-x", True),
        ("O B-x I-x L-x U-x", True),
        ("O B-x L-x S-x", False),  # of two schemes
        ("B I", False),
        ("O", False),
        ("NOUN VERB", False),
        ("O B- I-", False),
        ("O B-x I", False),
        ("O B-x NOUN", False),
        ("O E-x S-x", False),
        ("", False),
    ],
)
def test_which_tags_mark_spans(tags, spans):
    assert bio.is_bio(tags.split()) is spans


def test_all_tags_there_may_be():
    assert bio.complete(["I-b", "O", "E-a", "S-a"]) == ["O", "B-a", "I-a", "B-b", "I-b"]
    assert bio.complete(["B"]) == ["O", "B", "I"]
