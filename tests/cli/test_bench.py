"""The words of `clew bench`; what it measures is tested in tests/nn/test_bench.py."""

import json
import re

import pytest

from clew.cli import bench as command
from clew.kernels.turns import Times
from clew.nn import bench
from clew.nn.bench import Report, Row, Shape


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(bench, "SHORT", bench.TINY)


def test_it_measures_and_says_it_in_one_object(clew):
    answer = clew("bench", "--quick", "--threads", "1", "--json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert found["threads"] == 1
    assert found["peak_gflops"] > 0
    assert {row["what"] for row in found["rows"]} == {"inference", "forward+backward", "step"}
    assert set(found["means"]) == {"inference", "forward+backward", "step"}


def test_wrong_threads_are_told(clew):
    answer = clew("bench", "--threads", "0")
    assert answer.code == 1
    assert "threads is 0" in answer.err


def made(**ratio):
    """A report in which Clew is so many times as fast as torch, which takes a second."""
    rows = []
    for what, times in ratio.items():
        names = ("torch cell", "clew stream") if what == "step" else ("torch", "clew")
        pair = {names[0]: (1.0,), names[1]: (1.0 / times,)}
        rows.append(Row("GRU", Shape(1, 2, 3, 4), what, Times(pair), 10**9))
    return Report(tuple(rows), 4, "avx2", 100.0, {"clew": "1", "torch": "2"})


def test_the_report_names_the_machine_the_ratios_and_what_they_come_to():
    lines = command.report(made(**{"inference": 2.0, "forward+backward": 3.0, "step": 8.0}))
    assert lines[0] == "Clew 1 beside torch 2: 4 threads, avx2, peak 100 GFLOP/s"
    text = "\n".join(lines)
    assert re.search(r"1, 2, 3, 4 +0.500 s +2.00x", text)
    assert "2.0x in reading, 3.0x in learning" in text
    assert "8.0x in a step, which takes 0.125 s" in text
    assert "3 % of the peak" in text  # 1 GFLOP in a third of a second, of 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.311e-6, "2.31 µs"), (8.71e-4, "0.871 ms"), (0.0123, "12.3 ms"), (1.2, "1.20 s"),
     (123.4, "123 s"), (2e-8, "0.020 µs")],
)  # fmt: skip
def test_durations_have_three_figures(seconds, text):
    assert command.duration(seconds) == text


def test_a_busy_machines_ratios_are_shown_and_nothing_is_claimed_of_them():
    lines = command.report(
        made(**{"inference": 2.0, "forward+backward": 3.0, "step": 8.0}), busy=True
    )
    assert "2.00x" in "\n".join(lines)
    assert "in reading" not in "\n".join(lines)
    assert "idle" in lines[-1]
