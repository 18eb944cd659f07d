"""A comparison from beginning to end on sequences made here; and its folder."""

import json
import math
import os
import sys
import threading
from types import SimpleNamespace

import comparisons
import pytest

from clew import InputError
from clew.memory.compare import Plan, child, compare, running
from clew.memory.compare.contest import FIGURES
from clew.train.tally import NotFiniteError

TEXTS = ["warm and funny", "a joy to watch", "dull and long", "a waste of time"] * 8
TABLE = "text,label\n" + "".join(
    f"{text} {n},{'good' if n % 4 < 2 else 'bad'}\n" for n, text in enumerate(TEXTS)
)
SMALL = {"embedding_size": 4, "vocabulary_size": 30, "unit": "word"}


@pytest.fixture
def table(tmp_path):
    (tmp_path / "reviews.csv").write_text(TABLE)
    return str(tmp_path / "reviews.csv")


def plan(table, **more):
    told = {"settings": SMALL, "rivals": ("gru", "biwindow"), "budget": 600, "seeds": 2}
    return Plan("classify", (table,), **{**told, "epochs": 2, "window": 2, **more})


def test_every_rival_runs_with_every_seed_at_one_budget(table):
    said = []
    found = compare(plan(table), apart=False, tell=said.append)
    assert [row.entrant.name for row in found.rows] == ["gru", "biwindow"]
    for row in found.rows:
        assert row.parameters == pytest.approx(600, rel=0.04)
        assert [run["seed"] for run in row.runs] == [0, 1]
        assert {run["parameters"] for run in row.runs} == {row.parameters}
        assert all(0 <= score <= 1 for score in row.scores)
        assert row.peak is None
        assert set(row.costs) == {"8", "64", "512"}
        assert min(row.costs.values()) > 0
    assert found.rows[0].stream is not None
    assert found.rows[1].stream is None
    assert found.baseline.name.startswith("TF-IDF")
    assert found.element == ("word", "words")
    assert len(said) == 5
    json.dumps(found.data())


def test_what_is_finished_is_not_run_again_and_seeded_is_repeated(table, tmp_path, monkeypatch):
    first = compare(plan(table), out=tmp_path / "out", apart=False)
    again = compare(plan(table), apart=False)
    assert [row.scores for row in again.rows] == [row.scores for row in first.rows]
    (tmp_path / "out" / "gru-1.json").unlink()
    ran = []
    here = running._Runs._here
    monkeypatch.setattr(
        running._Runs, "_here", lambda self, job, at: (ran.append(at.name), here(self, job, at))
    )
    resumed = compare(plan(table), out=tmp_path / "out", apart=False)
    assert ran == ["gru-1.json"]
    assert [row.scores for row in resumed.rows] == [row.scores for row in first.rows]
    more = compare(plan(table, rivals=("gru",), seeds=3), out=tmp_path / "out", apart=False)
    assert ran[1:] == ["survey-gru.json", "gru-2.json"]
    assert more.rows[0].scores[:2] == first.rows[0].scores


def test_a_process_of_its_own_comes_to_the_same_and_says_its_peak_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    probe = Plan("probe", ("recall",), settings={"length": 2, "steps": 3, "judged": 8})
    job = {"kind": "run", "name": "gru", "size": [4, None], "seed": 1}
    answers = []
    for apart in (False, True):
        with running._begun(probe, tmp_path / str(apart), apart) as runs:
            answers.append(runs.job(job, "gru-1"))
    here, there = answers
    assert (here["score"], here["horizon"]) == (there["score"], there["horizon"])
    assert here["peak_mib"] is None
    assert 50 < there["peak_mib"] < 10_000


def test_folders_that_are_no_place_for_it(table, tmp_path):
    out = tmp_path / "out"
    compare(plan(table, rivals=("gru",), seeds=1, epochs=1), out=out, apart=False)
    with pytest.raises(InputError, match="holds another comparison"):
        compare(plan(table, rivals=("gru",), seeds=1, epochs=2), out=out, apart=False)
    (out / "gru-0.json").write_text('{"result": ')
    with pytest.raises(InputError, match="cannot be read"):
        compare(plan(table, rivals=("gru",), seeds=1, epochs=1), out=out, apart=False)
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        compare(plan(table), out=other, apart=False)
    with pytest.raises(InputError, match="not a folder"):
        compare(plan(table), out=other / "notes.txt", apart=False)


def test_a_first_try_from_which_nothing_was_learnt_spoils_no_folder(table, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="unti"):
        compare(plan(table, settings={"unti": 1}), out=out, apart=False)
    (out / "survey-gru.json").write_text('{"result": {"budget": 1}}')  # sizes of another network
    right = plan(table, rivals=("gru",), seeds=1, epochs=1)
    found = compare(right, out=out, apart=False)
    assert found.budget == 600
    assert json.loads((out / "plan.json").read_text())["mark"] == right.mark()
    with pytest.raises(InputError, match="holds another comparison"):
        compare(plan(table), out=out, apart=False)
    other = tmp_path / "other"
    other.mkdir()
    (other / "plan.json").write_text('{"of": "something else"}')
    with pytest.raises(InputError, match="holds another comparison"):
        compare(right, out=other, apart=False)
    assert (other / "plan.json").read_text() == '{"of": "something else"}'


@pytest.mark.parametrize("name", ["survey-gru", "gru-rate-0.01", "gru-0"])
@pytest.mark.parametrize("text", ['{"result": {}}', '{"result": 3}', '{"error": "x"}', "{}"])
def test_a_kept_file_that_does_not_hold_what_was_measured(table, tmp_path, monkeypatch, name, text):
    monkeypatch.setattr(child, "contest_of", lambda _: Rated())
    monkeypatch.setattr(child, "survey", lambda *_: {
        "budget": 9, "sizes": {"gru": [2, None, 9]}, "baseline": None,
    })  # fmt: skip
    monkeypatch.setattr(child, "run", lambda *_: comparisons.run(0.5))
    told = plan(table, rivals=("gru",), seeds=1, rates=(0.01, 0.1))
    compare(told, out=tmp_path / "out", apart=False)
    (tmp_path / "out" / f"{name}.json").write_text(text)
    with pytest.raises(InputError, match="this is not what a") as error:
        compare(told, out=tmp_path / "out", apart=False)
    assert error.value.where.endswith(f"{name}.json")
    assert error.value.hint == "remove this file"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"budget": 5}, "the smallest network"),
        ({"rivals": ("lstn",)}, "there is no rival 'lstn'"),
        ({"settings": {"unti": "char"}}, "no setting 'unti'"),
        ({"settings": {"unit": "letters"}}, "unit is 'letters'"),
        ({"columns": {"stars": "x"}}, "no column 'stars' to name"),
        ({"validation": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_what_is_refused_leaves_nothing_that_would_be_taken_for_done(table, tmp_path, more, said):
    with pytest.raises(InputError) as error:
        compare(plan(table, **more), out=tmp_path / "out", apart=False)
    assert said in str(error.value)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names <= {"plan.json"}


@pytest.mark.parametrize(
    ("does", "kind", "said"),
    [
        ("exit 1", RuntimeError, "survey: exit code 1"),
        ("kill -9 $$", InputError, "a run was ended by signal 9"),
        ("echo MemoryError >&2; exit 1", InputError, "a run had too little memory"),
    ],
)
def test_a_child_that_dies_is_told_of(table, tmp_path, monkeypatch, does, kind, said):
    program = tmp_path / "dies"
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{does}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(kind, match=said):
        compare(plan(table), out=tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"plan.json"}


def test_two_at_once_do_not_write_into_one_folder(table, tmp_path):
    from clew.train.lock import lock_folder

    def other():
        with pytest.raises(InputError, match="another fit is writing into this folder"):
            compare(plan(table), out=tmp_path / "out", apart=False)
        seen.append(True)

    seen = []
    with lock_folder(tmp_path / "out"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen


class Rated:
    """A contest whose score is known by learning rate; above 1 the training comes apart."""

    figures = (FIGURES["classify"][0],)
    both, cells_only = True, False

    def __init__(self):
        self.asked = []

    def learn(self, entrant, size, seed, rate=None):
        self.asked.append((entrant.name, seed, rate))
        if rate > 1:
            try:
                raise NotFiniteError("loss", float("nan"), 3)
            except NotFiniteError as error:
                raise InputError("the loss became nan") from error
        best = {"gru": 0.01, "lstm": 0.1}[entrant.name]
        score = 1 - abs(math.log10(rate / best)) / 10
        return SimpleNamespace(score=score, figure="accuracy")


def test_each_network_is_given_the_learning_rate_that_suits_it(table, tmp_path, monkeypatch):
    contest, ran = Rated(), {}

    def run(_, entrant, size, seed, rate):
        ran[entrant.name, seed] = rate
        return comparisons.run(0.5, seed=seed, rate=rate)

    monkeypatch.setattr(child, "contest_of", lambda _: contest)
    monkeypatch.setattr(child, "survey", lambda *_: {
        "budget": 9, "sizes": {"gru": [2, None, 9], "lstm": [2, None, 9]}, "baseline": None,
    })  # fmt: skip
    monkeypatch.setattr(child, "run", run)
    said = []
    found = compare(
        plan(table, rates=(0.001, 0.01, 0.1, 5.0)), out=tmp_path / "a", apart=False,
        tell=said.append,
    )  # fmt: skip
    assert ran == {("gru", 0): 0.01, ("gru", 1): 0.01, ("lstm", 0): 0.1, ("lstm", 1): 0.1}
    assert not {seed for _, seed, _ in contest.asked} & {0, 1}  # trials have a seed of their own
    gru, lstm = found.rows
    assert (gru.rate, lstm.rate) == (0.01, 0.1)
    assert gru.trials == {0.01: 1.0, 0.001: 0.9, 0.1: 0.9, 5.0: None}
    assert "gru, learning rate 5: it came apart" in said
    contest.asked.clear()
    compare(plan(table, rates=(0.001, 0.01, 0.1, 5.0)), out=tmp_path / "a", apart=False)
    assert contest.asked == []
    with pytest.raises(InputError, match="gru came apart with every learning rate"):
        compare(plan(table, rates=(5.0, 6.0)), out=tmp_path / "b", apart=False)


def test_of_a_figure_that_should_be_small_the_rate_with_the_smallest_is_taken(tmp_path):
    probe = Plan(
        "probe", ("adding",), rivals=("gru",), rates=(1e-9, 0.02), seeds=1, budget=300,
        settings={"length": 4, "steps": 40, "judged": 8},
    )  # fmt: skip
    found = compare(probe, apart=False)
    trials = found.rows[0].trials
    assert found.rows[0].rate == 0.02
    assert trials[0.02] < trials[1e-9]
    assert [table.columns for table in found.tables()][-1] == ["network", "1e-09", "0.02"]
