"""Runs of a composer: repeated, stopped, resumed, timed, listened to."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from composers import assert_same, parsed, tiny, write

from clew.errors import InputError, Interrupted
from clew.tasks._folder import read_model
from clew.tasks.compose import Composer
from clew.train import Silent


def test_seeded_is_repeated() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = tiny(epochs=1, recurrent_dropout=0.1, zoneout=0.1).fit(parsed(12))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert_same(tiny(epochs=1, recurrent_dropout=0.1, zoneout=0.1).fit(parsed(12)), one)
    other = tiny(epochs=1, seed=1).fit(parsed(12))
    assert not torch.equal(other.network_.weight, one.network_.weight)


class _StopAt(Silent):
    """Ctrl-C after so many steps."""

    def __init__(self, step: int) -> None:
        self._step = step

    def step(self, info: Any) -> None:
        if info.step == self._step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("step", [3, 9])  # within the first and the second epoch; in mid-tune
def test_stopped_is_resumed_bit_for_bit(tmp_path: Path, step: int) -> None:
    data, out = write(tmp_path / "tunes.abc", 14), tmp_path / "out"
    settings = {"window": 20, "average": 0.9}
    expected = tiny(**settings).fit(data)
    with pytest.raises(Interrupted) as caught:
        tiny(**settings).fit(data, out=out, report=_StopAt(step))
    assert caught.value.folder == out
    with pytest.raises(InputError, match="unfinished run"):
        tiny(**settings).fit(data, out=out)
    with pytest.raises(InputError, match="hidden_size"):
        tiny(**settings, hidden_size=17).fit(data, out=out, resume=True)
    resumed = tiny(**settings).fit(data, out=out, resume=True)
    assert_same(resumed, expected)
    assert_same(Composer._read(read_model(out)), expected)
    assert {p.name for p in out.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "metrics.json", "README.md",
        "learning-curve.png",
    }  # fmt: skip
    again = tiny(**settings).fit(data, out=out, resume=True)  # finished: taken as it is
    assert_same(again, expected)
    with pytest.raises(InputError, match="other data or settings"):
        tiny(**settings).fit(write(tmp_path / "b.abc", 15), out=out, resume=True)


def test_a_listener_may_let_it_write_while_it_learns() -> None:
    learning = tiny()
    written: list[str] = []

    class Curious(Silent):
        def evaluated(self, row: Any) -> None:
            written.extend(learning.writing("D", bars=2, seed=0))

    learning.fit(parsed(14), report=Curious())
    assert written
    assert_same(learning, tiny().fit(parsed(14)))


def test_time_is_kept() -> None:
    fitted = tiny(epochs=100_000, time=1, baseline=True, patience=100_000).fit(parsed(14))
    assert fitted.history_.finished_by == "time"
    assert fitted.history_.seconds < 1
