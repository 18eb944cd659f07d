"""clew fit --watch: what is noted of gradients lies beside the model."""

import json

import pytest

import clew as library
from clew.memory.watch import read_gradients

SMALL = ["--epochs", "1", "--hidden-size", "4", "--no-baseline"]


@pytest.fixture
def data(here):
    """A file for each task that is tried."""
    days = [f"a,2024-{1 + k // 28:02d}-{1 + k % 28:02d},{k % 7}\n" for k in range(80)]
    (here / "sales.csv").write_text("unique_id,ds,y\n" + "".join(days))
    return here


@pytest.mark.parametrize(
    ("task", "file", "more"),
    [
        ("language", "book.txt", ["--window", "20", "--batch-size", "4"]),
        ("classify", "reviews.csv", ["--pool", "last"]),
        ("forecast", "sales.csv", ["--horizon", "2"]),
    ],
)
def test_it_is_written_beside_the_model_and_told(task, file, more, clew, data, monkeypatch):
    if task != "classify":  # pictures take a second
        monkeypatch.setattr("clew.memory.watch.picture", lambda found, path: path.touch())
    answer = clew("fit", task, file, "--out", "m", "--watch", *SMALL, *more)
    assert answer.code == 0, answer.err
    found = read_gradients(data / "m")
    assert found.steps[0] == 1
    assert found.by_lag.shape[1] > 1
    for line in found.words():
        assert line in answer.err
    assert "m/gradients.json" in answer.err
    drawn = (data / "m" / "gradients.png").read_bytes()
    assert drawn.startswith(b"\x89PNG" if task == "classify" else b"")
    assert library.load(data / "m").network_ is not None


def test_the_model_is_that_of_a_fit_without_it_and_quiet_is_quiet(clew, data, monkeypatch):
    monkeypatch.setattr("clew.memory.watch.picture", lambda found, path: path.touch())
    fit = ["fit", "classify", "reviews.csv", *SMALL, "--quiet"]
    assert clew(*fit, "--out", "watched", "--watch").err == ""
    assert clew(*fit, "--out", "alone").code == 0
    one, other = (
        json.loads((data / name / "config.json").read_text())["files"]["model.safetensors"]
        for name in ("watched", "alone")
    )
    assert one == other
    assert (data / "watched" / "gradients.json").exists()
    assert not (data / "alone" / "gradients.json").exists()
