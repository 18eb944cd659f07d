"""A tagger as a subject, beside its own probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from asking import FAR, check, losses, slopes
from taggers import TINY, conll, places, sentences

from clew.errors import InputError
from clew.memory.opening import opened
from clew.tasks.tag import Tagger


@pytest.mark.parametrize(  # every two of the three settings in all their ways
    ("crf", "both", "letters"),
    [(True, True, 3), (True, False, 0), (False, True, 0), (False, False, 3)],
)
def test_says_with_the_whole_sentence_what_the_model_says(crf, both, letters):
    X, y, labels = places(16)
    settings = {**TINY, "epochs": 1, "character_size": letters, "bidirectional": both, "crf": crf}
    model = Tagger(**settings).fit(X, y, labels=labels)
    new = [*X[:6], ["unheard", "to", "Oslo", "unheard"]]
    tags = [*y[:6], ["O", "O", "B-place", "O"]]
    subject = opened(model, (new, tags))
    cases = subject.cases(FAR, FAR)
    assert len(cases) == sum(map(len, new))
    rows = model.predict_proba(new)
    places_of = [(k, n) for k, words in enumerate(new) for n in range(len(words))]
    whole = [subject.names(case) == new[case.source] for case in cases]
    assert all(whole) == subject.both_ways == (both or crf)
    for (k, n), case, loss in zip(places_of, cases, losses(subject, cases), strict=True):
        assert (case.source, case.at) == (k, n)
        chance = rows[k][n, model.tags_.tolist().index(tags[k][n])]
        # Rows of a CRF are made to sum to 1 exactly, and those of impossible tags are 0.
        assert loss == pytest.approx(-np.log(max(chance, 1e-38)), rel=1e-3, abs=1e-6)
    check(subject, reach=1)


def test_gradients_by_what_is_read():
    X, y, _ = places(16)
    for crf in (False, True):
        model = Tagger(**{**TINY, "epochs": 1}, bidirectional=False, crf=crf).fit(X, y)
        subject = opened(model, (X, y))
        slopes(subject, subject.cases(4, 3))


def test_before_it_learned_and_files(tmp_path):
    X, y = sentences(24)
    (tmp_path / "some.txt").write_text(conll(X, y))
    model = Tagger(**{**TINY, "learning_rate": 1e-30, "weight_decay": 0.0}).fit(X, y)
    model.save(tmp_path / "model")
    subject = opened(tmp_path / "model", tmp_path / "some.txt", columns={"word": 1, "tag": 2})
    assert len(subject.cases(FAR, FAR)) == sum(map(len, X))
    first = subject.untrained()
    for name, tensor in model.network_.state_dict().items():
        torch.testing.assert_close(first.network.state_dict()[name], tensor)
    assert opened(Tagger(**TINY, init="chrono").fit(X, y), (X, y)).untrained() is None


def test_refuses():
    X, y = sentences(24)
    model = Tagger(**TINY).fit(X, y)
    with pytest.raises(InputError, match="data of type list"):
        opened(model, X)
    with pytest.raises(InputError, match="a tag for each word"):
        opened(model, (X, [["N"]] * len(X)))
    with pytest.raises(InputError, match="a word with a tag that was there"):
        opened(model, ([["the"]], [["other"]])).cases(3, 3)
    with pytest.raises(InputError, match="of type ndarray"):
        opened(model, ([np.zeros((3, 2))], [["N"] * 3]))
