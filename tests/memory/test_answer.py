"""The answer for who reads nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from toys import between, delay, leaky, without_memory

from clew.memory import Settings, examine
from clew.memory._answer import answer


def said(toy, reach=12, **changes):
    report = examine(toy, settings=Settings(("horizon",), reach=reach, cases=24))
    return answer({"horizon": replace(report["horizon"], **changes)})


def test_it_says_how_many_elements_are_needed():
    found = said(delay(5))
    assert (found.short, found.sure) == ("5 symbols", "95 % interval: 5 to 5")
    assert found.plain == (
        "With the 5 symbols before the current one it does as well as with all, up to 12; with "
        "fewer it does worse."
    )
    assert not found.more
    assert said(delay(1)).short == "1 symbol"


def test_where_none_is_needed():
    found = said(without_memory())
    assert found.short == "0 symbols"
    assert found.plain == (
        "The current symbol alone is enough: the symbols before it make it no better here."
    )
    assert found.more


def test_where_all_that_was_given_is_needed_it_may_be_more():
    found = said(leaky(1.0), reach=7)
    assert found.short == "at least 7 symbols"
    assert found.more
    assert found.plain.startswith("It needs all 7 symbols before the current one that it was given")


def test_of_both_ways_it_counts_on_each_side():
    found = said(between(3))
    assert found.short == "3 symbols on each side"
    assert found.plain.startswith("With the 3 symbols on each side of the current symbol")


@pytest.mark.parametrize("findings", [{}, {"horizon": object()}])
def test_without_a_horizon_there_is_none(findings):
    assert answer(findings) is None


def test_data_that_are_all_alike_have_none():
    assert said(delay(2), alike=True) is None
