"""Runs of a language model: repeated, stopped, killed, resumed, shared, listened to, timed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from language_models import TEXT, TINY, assert_same, fit_as_rank, fit_slowly, tiny, weights
from processes import free_port, process

import clew
from clew.errors import InputError, Interrupted
from clew.tasks.language import LanguageModel
from clew.train import Silent


def test_seeded_is_repeated() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = tiny(epochs=1, recurrent_dropout=0.1, zoneout=0.1).fit(TEXT)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert_same(tiny(epochs=1, recurrent_dropout=0.1, zoneout=0.1).fit(TEXT), one)
    other = tiny(epochs=1, seed=1).fit(TEXT)
    assert not torch.equal(weights(other)["bias"], weights(one)["bias"])


class _StopAt(Silent):
    """Ctrl-C after so many steps."""

    def __init__(self, step: int) -> None:
        self._step = step

    def step(self, info: Any) -> None:
        if info.step == self._step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("step", [3, 75])  # in the middle of the first and of the second epoch
def test_stopped_is_resumed_bit_for_bit(tmp_path: Path, step: int) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    expected = tiny().fit(tmp_path / "text.txt")
    out = tmp_path / "out"
    with pytest.raises(Interrupted) as caught:
        tiny().fit(tmp_path / "text.txt", out=out, report=_StopAt(step))
    assert caught.value.folder == out
    assert (out / ".work").is_dir()  # the encoded text is found again
    with pytest.raises(InputError, match="unfinished run"):
        tiny().fit(tmp_path / "text.txt", out=out)
    with pytest.raises(InputError, match="hidden_size"):
        tiny(hidden_size=17).fit(tmp_path / "text.txt", out=out, resume=True)
    resumed = tiny().fit(tmp_path / "text.txt", out=out, resume=True)
    assert_same(resumed, expected)
    assert_same(clew.load(out), expected)  # type: ignore[arg-type]
    assert {p.name for p in out.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "metrics.json", "README.md",
        "learning-curve.png",
    }  # fmt: skip
    again = tiny().fit(tmp_path / "text.txt", out=out, resume=True)  # finished: taken as it is
    assert_same(again, expected)


def test_other_data_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        tiny().fit(TEXT, out=tmp_path / "out", report=_StopAt(3))
    with pytest.raises(InputError, match="another run"):
        tiny().fit(TEXT.replace("cat", "cow"), out=tmp_path / "out", resume=True)


def test_killed_is_resumed_bit_for_bit(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    victim = process(fit_slowly, tmp_path / "text.txt", tmp_path / "out", tmp_path / "reached")
    victim.start()
    while not (tmp_path / "reached").exists():
        assert victim.is_alive()
        time.sleep(0.001)
    victim.kill()
    victim.join()
    assert victim.exitcode == -signal.SIGKILL
    assert (tmp_path / "out" / ".work").is_dir()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the killed process
    try:
        expected = tiny().fit(tmp_path / "text.txt")
        steps = _Steps()
        resumed = tiny().fit(tmp_path / "text.txt", out=tmp_path / "out", resume=True, report=steps)
    finally:
        torch.set_num_threads(threads)
    assert 1 < steps.first <= 91
    assert_same(resumed, expected)


class _Steps(Silent):
    """Remembers where a run began."""

    first = 0

    def step(self, info: Any) -> None:
        self.first = self.first or info.step


def test_two_processes_are_one_with_twice_the_streams(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    settings = {**TINY, "dropout": 0.0, "epochs": 1}
    alone = LanguageModel(**settings).fit(tmp_path / "text.txt")
    port, half = free_port(), {**settings, "batch_size": 2}
    both = [
        process(fit_as_rank, rank, port, tmp_path / "text.txt", tmp_path / "out", half)
        for rank in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join(100)
    assert [one.exitcode for one in both] == [0, 0]
    together = clew.load(tmp_path / "out")
    for name, tensor in weights(alone).items():
        torch.testing.assert_close(weights(together)[name], tensor, rtol=2e-3, atol=2e-4)  # type: ignore[arg-type]


def test_a_listener_may_let_it_write_while_it_learns() -> None:
    learning = tiny()
    written: list[str] = []

    class Curious(Silent):
        def evaluated(self, row: Any) -> None:
            written.append(learning.generate("the ", length=10, seed=0))

    learning.fit(TEXT, report=Curious())
    assert len(written) == 2
    assert_same(learning, tiny().fit(TEXT))


def test_time_is_kept() -> None:
    began = time.monotonic()
    fitted = tiny(epochs=100_000, time=3, baseline=True, patience=None).fit(TEXT)
    assert fitted.history_.finished_by == "time"
    assert fitted.history_.seconds < 3
    assert time.monotonic() - began < 6  # on a busy machine; 3 where it has a core to itself
