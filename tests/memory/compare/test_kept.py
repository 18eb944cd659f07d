"""Kept files: what a run writes is whole, and nothing that lacks a part of it."""

import pytest
from comparisons import run

from clew.memory.compare.kept import whole


def test_what_a_run_writes_is_whole_and_nothing_less():
    written = run(0.5, stream=3.0)
    assert whole("run", written)
    for name in set(written) - {
        "before_mib",
        "steps",
        "finished_by",
        "both_ways",
    }:  # of use to readers only
        assert not whole("run", {key: value for key, value in written.items() if key != name})


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": "0.5"}, {"score": None}, {"seconds": None}, {"rounds_us": {"64": [1.0]}},
        {"rounds_us": {"8": [1.0], "64": [], "512": [1.0]}}, {"stream_us": 3.0},
        {"element": ["word"]}, {"horizon": {"elements": 3}}, {"horizon": 3}, {"busy": None},
    ],
)  # fmt: skip
def test_parts_of_another_kind(wrong):
    assert not whole("run", {**run(0.5), **wrong})


def test_trials_and_surveys():
    assert whole("trial", {"rate": 0.1, "score": None, "figure": None})
    assert not whole("trial", {"rate": 0.1, "figure": None})
    assert whole("survey", {"budget": 9, "sizes": {"gru": [2, None, 9]}, "baseline": None})
    assert not whole("survey", {"budget": 9, "sizes": {"gru": [2]}, "baseline": None})
