"""Small forecasters, and series whose ways are known."""

import os
import signal

import numpy as np
import pytest

from clew.data.panel import Panel
from clew.tasks._forecast import problem
from clew.train import Silent

TINY = {"horizon": 4, "hidden_size": 6, "epochs": 1, "window": 16, "batch_size": 4,
        "baseline": False, "season_length": 5, "device": "cpu"}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def short_epochs():
    """Epochs of little data are not read several times: tests want few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "LEAST", 6)
        yield


class Told(Silent):
    """Keeps messages, and may do something at a step."""

    def __init__(self, at=None, do=None):
        self.messages, self.at, self.do = [], at, do

    def message(self, text):
        self.messages.append(text)

    def step(self, info):
        if info.step == self.at:
            self.do()


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def waves(count=3, steps=60, season=5, seed=0, gaps=True):
    """Series about other levels and of other lengths, of one shape; some values missing."""
    draw = np.random.default_rng(seed)
    found = {}
    for k in range(count):
        t = np.arange(steps - 7 * k)
        size = 10.0 ** (k - 1)
        y = size * (3 + np.sin(2 * np.pi * t / season) + 0.1 * draw.standard_normal(len(t)))
        if gaps:
            y[draw.integers(10, len(y) - 10, 3)] = np.nan
        found[f"s{k}"] = y
    return found


def panel(freq="day", **changes):
    return Panel.of(waves(**changes), freq=freq)


def values(table):
    """All but the names and dates of a table of forecasts."""
    return table.drop("unique_id", "ds").to_numpy()


def weights(model):
    return {name: tensor.clone() for name, tensor in model.network_.state_dict().items()}


def equal(ours, theirs):
    return ours.keys() == theirs.keys() and all((ours[k] == theirs[k]).all() for k in ours)
