"""Probes: a network that can see the answer learns it, and how far back it looks is known."""

import pytest

from clew import InputError
from clew.memory.compare import Plan, compare, entrants
from clew.memory.compare.child import contest_of
from clew.memory.compare.contest import Size

EASY = {"letters": 3, "before": 2, "learning_rate": 0.02, "batch_size": 16, "judged": 64}


def test_a_window_that_sees_the_letter_recalls_it_and_a_shorter_one_cannot():
    told = {"settings": {**EASY, "length": 3}, "rivals": ("window",), "budget": 500, "seeds": 1}
    long, short = (
        compare(
            Plan("probe", ("recall",), epochs=1, window=window, lengths=(3, 5), **told), apart=False
        )
        for window in (5, 2)
    )
    assert long.rows[0].mean > 0.95
    assert long.rows[0].horizons == [3]
    assert long.rows[0].by_length["3"] > 0.95
    assert long.rows[0].by_length["5"] < 0.7
    assert short.rows[0].mean < 0.7
    assert (long.baseline.name, long.baseline.score) == ("chance", pytest.approx(1 / 3))
    assert long.words()[-1].startswith("Chance is")
    assert long.held_out == 500


def test_parameters_are_those_of_the_network_that_learns():
    contest = contest_of(Plan("probe", ("parity",), settings={"length": 4}, epochs=1))
    for one in entrants(None, both=False):
        size = Size(8, 12 if one.base == "transformer" else None)
        contest.learning = type(contest.learning)(4, steps=1, batch_size=2, judged=2)
        assert contest.parameters(one, size) == contest.learn(one, size, 0).parameters


def test_a_probe_of_numbers_is_judged_by_its_error():
    contest = contest_of(Plan("probe", ("adding",), settings={"length": 6, "steps": 2}))
    learned = contest.learn(entrants(["gru"], both=False)[0], Size(4), 0)
    assert learned.figure == "loss"
    assert contest.baseline().score == pytest.approx(1 / 6, rel=0.1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": ("recal",)}, "no probe 'recal'"),
        ({"data": ("recall", "copy")}, "2 probes"),
        ({"settings": {"lag": 3}}, "no setting 'lag'"),
        ({"settings": {"length": 0}}, "length is 0"),
        ({"columns": {"y": "z"}}, "columns of a probe"),
        ({"test": "a.csv"}, "test of a probe"),
        ({"settings": {"steps": 3}, "epochs": 2}, "steps and epochs"),
        ({"lengths": (0,)}, "length is 0"),
    ],
)
def test_what_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        contest_of(Plan(**{"task": "probe", "data": ("recall",), **given}))
