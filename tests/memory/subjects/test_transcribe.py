"""A transcriber as a subject, beside the path that it takes itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from asking import FAR, check, losses, slopes
from transcribers import RATE, spoken, tiny, write_manifest

from clew.data.features import log_mel
from clew.errors import InputError
from clew.memory.opening import opened
from clew.tasks._transcribe.ctc import align
from clew.tasks._transcribe.problem import log_probabilities

X, Y = spoken(12)


def own(model):
    """Log-probabilities (T, V) of each recording."""
    front = model.network_.front()
    return list(
        log_probabilities(model.network_, [front.steps(log_mel(x, model._mel())) for x in X])
    )


@pytest.mark.parametrize("both", [True, False])
def test_says_with_the_whole_recording_what_the_model_says(both):
    model = tiny(epochs=1, bidirectional=both).fit(X, Y)
    subject = opened(model, (X, Y))
    cases = subject.cases(FAR, FAR)
    found = own(model)
    for case, loss in zip(cases, losses(subject, cases), strict=True):
        assert loss == pytest.approx(-found[case.source][case.at, case.target], rel=1e-3)
    # Every step of a unit on the best path that says the text, and no other.
    for k, chances in enumerate(found):
        spans = align(chances, model.units_.encode(Y[k]).tolist())
        steps = [t for first, stop in spans.spans for t in range(first, stop)]
        assert [case.at for case in cases if case.source == k] == steps
        said = [case.target for case in cases if case.source == k]
        times = [b - a for a, b in spans.spans]
        assert said == np.repeat(spans.units, times).tolist()
    check(subject)
    assert subject.element == ("step of 20 ms", "steps of 20 ms")
    if not both:
        slopes(subject, subject.cases(2, 6))


def test_before_it_learned():
    model = tiny(learning_rate=1e-30, weight_decay=0.0).fit(X, Y)
    first = opened(model, (X, Y)).untrained()
    for name, tensor in model.network_.state_dict().items():
        torch.testing.assert_close(first.network.state_dict()[name], tensor)


def test_manifests_and_sounds_without_text(tmp_path):
    model = tiny(epochs=1).fit(X, Y)
    path = write_manifest(tmp_path)
    assert len(opened(model, path).cases(9, 5)) == 9
    path.write_text(path.read_text().replace('"audio"', '"clip"').replace('"text"', '"said"'))
    subject = opened(model, path, columns={"audio": "clip", "text": "said"})
    assert len(subject.cases(9, 5)) == 9
    few = "".join(path.read_text().splitlines(keepends=True)[:3]).replace("clip", "audio")
    (tmp_path / "test.jsonl").write_text(few.replace("said", "text"))
    path.rename(tmp_path / "train.jsonl")
    assert {case.source for case in opened(model, tmp_path).cases(99, 5)} == {0, 1, 2}
    path = tmp_path / "train.jsonl"
    with pytest.raises(InputError, match="columns name 'sound'"):
        opened(model, path, columns={"sound": "clip"})
    with pytest.raises(InputError, match="columns name 'audio'"):
        opened(model, (X, Y), columns={"audio": "clip"})
    assert opened(model, [*X, np.zeros(RATE)]).cases(3, 5)
    assert opened(model, (X, ["abcd " * 40] * len(X))).cases(3, 5)  # goes into none


def test_refuses():
    model = tiny(epochs=1).fit(X, Y)
    with pytest.raises(InputError, match="shorter than one frame"):
        opened(model, ([np.zeros(3)], [""]))
    with pytest.raises(InputError, match="12 recordings and 1 texts"):
        opened(model, (X, ["a"]))
    with pytest.raises(InputError):
        opened(model, "some text")
