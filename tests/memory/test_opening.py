"""What is opened, and what is not."""

from __future__ import annotations

import pytest
from torch import nn

from clew.errors import InputError
from clew.memory.opening import loaded, opened
from clew.memory.probes import Architecture, DelayedRecall, Learning, learn
from clew.tasks.classify import Classifier

TEXTS, LABELS = ["a fine day", "a poor day", "fine work", "poor work"], ["+", "-", "+", "-"]


def reviews(folder):
    rows = zip(TEXTS, LABELS, strict=True)
    path = folder / "reviews.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return path


class Mine(Classifier):
    """A user's own kind of classifier."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = Mine(embedding_size=4, hidden_size=4, epochs=1, baseline=False, device="cpu")
    model.fit(TEXTS, LABELS)
    assert opened(model, (TEXTS, LABELS)).task == "classify"
    folder = tmp_path_factory.mktemp("models") / "m"
    model.save(folder)
    return folder


def test_refuses_what_is_no_model(tmp_path):
    with pytest.raises(InputError, match="there is no model here"):
        opened(tmp_path / "nothing", "text")
    with pytest.raises(InputError, match="a model of type int"):
        opened(3, "text")
    with pytest.raises(InputError, match="a model of type Classifier"):
        opened(type("Classifier", (), {})(), "text")


def test_the_folder_of_a_model_and_names_of_files(saved, tmp_path):
    subject = opened(saved, str(reviews(tmp_path)))
    assert (subject.task, len(subject.cases(9, 9))) == ("classify", 4)
    with pytest.raises(InputError, match="no such file"):
        opened(str(saved), "reviews.csv")


def test_options_go_with_what_they_are_for():
    with pytest.raises(InputError, match="side does not go with a torch module"):
        opened(nn.LSTM(2, 2), side="source")
    with pytest.raises(InputError, match="loss does not go with an estimator"):
        opened(3, "text", loss=nn.MSELoss())


def test_a_probe_brings_its_own_data(saved, tmp_path):
    model = learn(DelayedRecall(), Learning(4, steps=1, judged=2), Architecture("gru", 3))
    model.save(tmp_path / "probe")
    subject, other = opened(tmp_path / "probe"), opened(model.at_length(1000))
    assert (subject.title, subject.task) == ("recall probe, GRU of 3 units", "probe")
    assert "to name the letter of a known time ago" in subject.note
    assert "with 4 steps from the letter to the question" in subject.note
    assert "1,000 steps" in other.note
    one, same = subject.cases(3, 9), model.cases(3, 9)
    assert [case.inputs.tolist() for case in one] == [case.inputs.tolist() for case in same]
    with pytest.raises(InputError, match="data does not go with a probe"):
        opened(tmp_path / "probe", "text")
    with pytest.raises(InputError, match="targets does not go with"):
        opened(model, targets=[1])
    assert type(loaded(saved)) is Classifier
