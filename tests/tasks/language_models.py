"""Small language models: what they learn from, when they are equal, and fits in processes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clew.tasks.language import LanguageModel
from clew.train import Silent

TINY = {
    "embedding_size": 8, "hidden_size": 16, "window": 16, "batch_size": 4, "epochs": 2,
    "learning_rate": 0.01, "dropout": 0.1, "baseline": False, "device": "cpu",
}  # fmt: skip


def verses(count: int, seed: int = 0) -> str:
    """Sentences with something to learn: who did what, and a number that is its own length."""
    draw = np.random.default_rng(seed)
    who, did = ("the cat", "a dog", "old Ann"), ("sat down", "ran away", "sang")
    lines = [f"{who[draw.integers(3)]} {did[draw.integers(3)]}.\n" for _ in range(count)]
    return "".join(lines)


TEXT = verses(250)


def tiny(**changes: Any) -> LanguageModel:
    return LanguageModel(**{**TINY, **changes})


def weights(model: LanguageModel) -> dict[str, torch.Tensor]:
    return model.network_.state_dict()


def assert_same(one: LanguageModel, other: LanguageModel) -> None:
    assert weights(one).keys() == weights(other).keys()
    for name, tensor in weights(one).items():
        assert torch.equal(tensor, weights(other)[name]), name


class _Slow(Silent):
    """Says when the first epoch's score, and its checkpoint, lie behind; soon takes its time."""

    def __init__(self, reached: Path) -> None:
        self._reached = reached

    def step(self, info: Any) -> None:
        if info.step >= 90:
            self._reached.touch()
        if info.step >= 100:  # whoever is to kill it may have to wait for a core
            time.sleep(0.05)


def fit_slowly(text: Path, out: Path, reached: Path) -> None:
    """In a process that is to be killed: it leaves the file `reached` when that time has come."""
    torch.set_num_threads(1)
    tiny().fit(text, out=out, report=_Slow(reached))


def fit_as_rank(rank: int, port: int, text: Path, out: Path, settings: dict[str, Any]) -> None:
    """In one process of two."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    LanguageModel(**settings).fit(text, out=out)
    # As at the end of an ordinary process; a forked one skips it.
    torch.distributed.destroy_process_group()
