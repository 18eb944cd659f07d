"""Timing in turns: who is called when, and what is made of the times. Nothing here is timed."""

import gc
import math

import pytest

from clew import InputError
from clew.kernels.turns import Times, geometric_mean, in_turns, load, repeated, settle


def test_contenders_take_turns_in_order_while_no_garbage_is_collected():
    called = []

    def contender(name, times):
        answers = iter(times)

        def turn(seconds):
            called.append((name, seconds, gc.isenabled()))
            return next(answers)

        return turn

    found = in_turns(
        {"a": contender("a", [4.0, 2.0, 30.0]), "b": contender("b", [2.0, 1.0, 5.0])},
        rounds=3,
        seconds=0.25,
    )
    assert called == [("a", 0.25, False), ("b", 0.25, False)] * 3
    assert gc.isenabled()
    assert (found.median("a"), found.median("b")) == (4.0, 2.0)
    assert found.ratio("b", "a") == 2.0  # of 2, 2 and 6
    assert found.ratio("a", "b") == 0.5


def test_no_round_begins_when_the_time_is_over():
    called = []

    def turn(seconds):
        called.append(seconds)
        return 1.0

    assert in_turns({"a": turn, "b": turn}, rounds=5, most=0.0).rounds == {"a": (1.0,), "b": (1.0,)}
    assert len(called) == 2  # a first round there is in any case


def test_garbage_is_collected_again_after_a_failure():
    def fails(seconds):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_turns({"a": fails})
    assert gc.isenabled()


def test_a_turn_is_at_least_one_call_after_one_that_does_not_count(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    durations = iter([100.0, 7.0])

    def slow():
        now[0] += next(durations)

    assert repeated(slow)(0.5) == 7.0


def test_short_calls_are_timed_in_blocks(monkeypatch):
    now, reads, calls = [0.0], [0], [0]

    def clock():
        reads[0] += 1
        return now[0]

    def short():
        calls[0] += 1
        now[0] += 1e-6

    monkeypatch.setattr("time.perf_counter", clock)
    assert repeated(short)(0.05) == pytest.approx(1e-6)
    assert calls[0] > 50_000
    assert reads[0] < 5_000  # the calls that warm up, and a few a block


@pytest.mark.parametrize(("spins", "waited"), [(0, 2), (3, 5), (10**9, 200)])
def test_the_next_turn_waits_for_spinning_threads_but_not_for_ever(monkeypatch, spins, waited):
    now, used, slept = [0.0], [0.0], [0]

    def sleep(seconds):
        now[0] += seconds
        used[0] += 2 * seconds if slept[0] < spins else 0.0  # two threads spin
        slept[0] += 1

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr("time.process_time", lambda: used[0])
    monkeypatch.setattr("time.sleep", sleep)
    settle()
    assert slept[0] == pytest.approx(waited, abs=1)


def test_means():
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)
    assert math.isnan(geometric_mean([]))
    assert Times({"a": (3.0, 1.0, 2.0)}).median("a") == 2.0


def test_mistakes_are_told():
    with pytest.raises(InputError, match="rounds is 0"):
        in_turns({}, rounds=0)


def test_a_busy_machine_is_told(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("os.getloadavg", lambda: (3.0, 0.0, 0.0))
    assert "load 3.0 on 4 cores" in load()
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 9.0, 9.0))
    assert load() == ""
