"""A task as a contest: parameters are those of the network that learns, scores the estimator's."""

import pytest
import torch

from clew import InputError
from clew.memory.compare import Plan, entrants
from clew.memory.compare.contest import FIGURES, Size, TaskContest
from clew.nn import Stack
from clew.nn.rivals import Window

ROWS = "text,label\n" + "".join(
    f"{'warm' if n % 2 else 'dull'} film {n},{n % 2}\n" for n in range(40)
)


@pytest.fixture
def contest(tmp_path):
    (tmp_path / "a.csv").write_text(ROWS)
    return TaskContest(
        Plan("classify", (str(tmp_path / "a.csv"),), epochs=1, settings={"embedding_size": 4})
    )


def test_parameters_are_counted_without_a_step_of_training(contest, monkeypatch):
    (window,) = entrants(["biwindow"], both=True, window=3)
    counted = contest.parameters(window, Size(6))
    learned = contest.learn(window, Size(6), seed=1)
    assert learned.parameters == counted
    assert counted == sum(p.numel() for p in learned.subject.network.parameters())
    assert isinstance(learned.subject.reader.layers[0], Window)
    assert learned.held_out == 4
    assert (learned.figure, learned.finished_by) == ("accuracy", "epochs")
    monkeypatch.setattr(torch.Tensor, "backward", None)
    assert contest.parameters(window, Size(6)) == counted
    assert contest.parameters(None, None) > counted


def test_no_layer_but_cells_stays_behind(contest):
    (window,) = entrants(["window"], both=True)
    contest.parameters(window, Size(4))
    assert not isinstance(Stack(3, 4).layers[0], Window)


def test_the_score_is_that_of_the_model_on_what_is_held_out(contest):
    (gru,) = entrants(["gru"], both=True)
    learned = contest.learn(gru, Size(6), seed=2)
    assert learned.score == learned.subject.model.score(*contest.material.held)
    assert learned.subject.model.cell == "gru"
    assert not learned.subject.both_ways


def test_the_baseline_is_the_tasks_own(contest):
    found = contest.baseline()
    assert "TF-IDF" in found.name
    assert found.score == 1.0  # one word tells
    assert found.test is None


def test_figures_know_which_way_is_better():
    accuracy, bits = FIGURES["classify"][0], FIGURES["language"][0]
    assert accuracy.better(0.8, 0.7)
    assert bits.better(1.1, 1.2)
    assert accuracy.shown(0.8125) == "81.2 %"
    assert bits.shown(1.23456) == "1.235"


def test_forecasters_of_several_layers_keep_states_that_only_cells_have(tmp_path):
    (tmp_path / "a.csv").write_text("ds,y\n" + "".join(f"{n},{n}\n" for n in range(40)))
    data = (str(tmp_path / "a.csv"),)
    assert not TaskContest(Plan("forecast", data)).cells_only
    assert TaskContest(Plan("forecast", data, settings={"num_layers": 2})).cells_only
    with pytest.raises(InputError, match="hidden_size is not for you"):
        TaskContest(Plan("forecast", data, settings={"hidden_size": 2}))


def test_what_is_measured_by_networks_has_no_baseline_here(tmp_path):
    (tmp_path / "a.tsv").write_text("".join(f"source {n}\ttarget {n}\n" for n in range(20)))
    assert TaskContest(Plan("translate", (str(tmp_path / "a.tsv"),))).baseline() is None
