"""Probes: a network that can see the answer learns it, and how far back it looks is known."""

import numpy as np
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


def test_all_may_have_layers():
    contest = contest_of(Plan("probe", ("recall",), settings={**EASY, "num_layers": 3, "steps": 1}))
    for one in entrants(["transformer", "window", "gru"], both=False):
        size = Size(8, 12 if one.base == "transformer" else None)
        learned = contest.learn(one, size, 0)
        assert len(learned.subject.reader.layers) == 3
        assert contest.parameters(one, size) == learned.parameters


def test_the_yardstick_is_the_better_of_chance_and_a_shortcut():
    found = contest_of(Plan("probe", ("associative",), settings={"length": 6})).baseline()
    # Of 8 values 6 are drawn: brute force of the most frequent one.
    drawn = np.random.default_rng(7).integers(8, size=(4000, 6))
    often = np.mean([np.bincount(row).max() / 6 for row in drawn])
    assert found.score == pytest.approx(often, abs=0.01)
    assert found.chance == 1 / 8
    assert (found.name, found.how) == ("shortcut", "naming the value that came most often")
    recall = contest_of(Plan("probe", ("recall",), settings={"length": 6})).baseline()
    assert (recall.name, recall.score, recall.chance) == ("chance", 1 / 8, None)


def test_a_budget_that_is_too_small_is_helped_by_what_the_probe_has():
    for probe, said in (("recall", "letters"), ("parity", None)):
        with pytest.raises(InputError, match="the smallest network") as error:
            compare(Plan("probe", (probe,), budget=1, rivals=("gru",)), apart=False)
        more = f", or fewer {said}: --set {said}=4" if said else ""
        assert error.value.hint == f"a larger --budget{more}"


def test_a_probe_of_numbers_is_judged_by_its_error():
    contest = contest_of(Plan("probe", ("adding",), settings={"length": 6, "steps": 2}))
    learned = contest.learn(entrants(["gru"], both=False)[0], Size(4), 0)
    assert learned.figure == "loss"
    x = np.random.default_rng(3).random((20_000, 6))
    error = float(np.mean((x[:, 0] + x[:, 1] - 2 * x.mean(1)) ** 2))  # of who sees no marks
    assert contest.baseline().score == pytest.approx(error, rel=0.05)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": ("recal",)}, "no probe 'recal'"),
        ({"data": ("recall", "copy")}, "2 probes"),
        ({"settings": {"answers": 3}}, "no setting 'answers'"),
        ({"settings": {"num_layers": 0}}, "num_layers is 0"),
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
