"""A classifier as a subject, beside its own probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from asking import FAR, check, losses, slopes
from classifiers import TINY, texts

from clew.errors import InputError
from clew.memory.opening import opened
from clew.tasks.classify import Classifier

X, Y = texts(24)


def series(count=16):
    draw = np.random.default_rng(0)
    made = [draw.standard_normal((n, 2)) + n % 2 for n in draw.integers(3, 12, count)]
    return made, [len(x) % 2 for x in made]


@pytest.mark.parametrize("pool", ["max", "last", "mean", "attention"])
@pytest.mark.parametrize("both", [True, False])
def test_says_of_whole_texts_what_the_model_says(pool, both):
    model = Classifier(**{**TINY, "epochs": 1}, pool=pool, bidirectional=both).fit(X, Y)
    subject = opened(model, (X, Y))
    cases = subject.cases(FAR, FAR)
    assert [case.source for case in cases] == list(range(len(X)))
    assert [" ".join(subject.names(case)) for case in cases] == X
    rows = model.predict_proba(X)
    truth = [model.classes_.tolist().index(label) for label in Y]
    np.testing.assert_allclose(
        losses(subject, cases), -np.log(rows[np.arange(len(X)), truth]), rtol=1e-4
    )
    check(subject, reach=2)
    assert subject.both_ways == both
    assert subject.answers == ["neg", "pos"]


def test_series_are_read_as_the_network_reads_them():
    x, y = series()
    model = Classifier(**TINY, bidirectional=False, missing="mask").fit(x, y)
    x[0][1] = np.nan
    subject = opened(model, (x, y))
    cases = subject.cases(FAR, FAR)
    rows = model.predict_proba(x)
    np.testing.assert_allclose(
        losses(subject, cases), -np.log(rows[np.arange(len(x)), y]), rtol=1e-4
    )
    assert cases[0].inputs[1].tolist() == [0, 0, 1, 1]
    assert subject.element == ("step", "steps")
    check(subject, reach=4)
    slopes(subject, cases[:3])


def test_asked_earlier_it_says_what_it_would_say_of_that_much():
    model = Classifier(**TINY, bidirectional=False).fit(X, Y)
    subject = opened(model, (X, Y))
    long = max(subject.cases(FAR, FAR), key=lambda case: case.at)
    x = subject.vectors(torch.from_numpy(long.inputs)[:, None])
    said = [subject.said(x, torch.tensor([len(x)]), torch.tensor([t]), [long]) for t in range(2)]
    rows = model.predict_proba([subject.names(long)[0], " ".join(subject.names(long)[:2])])
    np.testing.assert_allclose(torch.cat(said).softmax(1).detach().numpy(), rows, rtol=1e-4)


def test_before_it_learned(tmp_path):
    begun = Classifier(**{**TINY, "learning_rate": 1e-30, "weight_decay": 0.0}).fit(X, Y)
    begun.save(tmp_path / "model")
    first = opened(tmp_path / "model", (X, Y)).untrained()
    for name, tensor in begun.network_.state_dict().items():
        torch.testing.assert_close(first.network.state_dict()[name], tensor)
    assert opened(Classifier(**TINY, init="chrono").fit(X, Y), (X, Y)).untrained() is None


def test_files(tmp_path):
    model = Classifier(**TINY).fit(X, Y)
    rows = "".join(f"{label},{text}\n" for text, label in zip(X, Y, strict=True))
    (tmp_path / "few.csv").write_text("stars,review\n" + rows)
    subject = opened(model, tmp_path / "few.csv", columns={"text": "review", "label": "stars"})
    assert len(subject.cases(FAR, FAR)) == len(X)
    with pytest.raises(InputError, match="columns name 'star'"):
        opened(model, tmp_path / "few.csv", columns={"star": "x"})


def test_refuses():
    model = Classifier(**TINY).fit(X, Y)
    with pytest.raises(InputError, match="was not there in training"):
        opened(model, (X, ["other"] * len(X)))
    with pytest.raises(InputError, match="data of type list"):
        opened(model, X)
    with pytest.raises(InputError, match="type ndarray"):
        opened(model, series())
    with pytest.raises(InputError, match="no step that could be asked"):
        opened(model, ([""], ["pos"])).cases(3, 3)
    with pytest.raises(InputError, match="no labels"):
        opened(model, (X, None))
