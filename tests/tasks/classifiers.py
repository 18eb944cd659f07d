"""Small classifiers: what they learn from, how they are watched, one that is killed ten times."""

import os
import random
import signal
import time

import numpy as np
import torch

from clew.tasks import load
from clew.tasks.classify import Classifier
from clew.train import Silent

TINY = {"embedding_size": 6, "hidden_size": 6, "epochs": 2, "batch_size": 8, "baseline": False,
        "device": "cpu"}  # fmt: skip
QUICK = {"embedding_size": 12, "hidden_size": 12, "epochs": 12, "batch_size": 8, "dropout": 0.0,
         "learning_rate": 0.03, "baseline": False, "device": "cpu"}  # fmt: skip


def texts(count=64, seed=0):
    """Texts whose label is decided by one word among words that say nothing."""
    draw = np.random.default_rng(seed)
    X, y = [], []
    for n in range(count):
        words = [f"w{k}" for k in draw.integers(0, 12, draw.integers(1, 6))]
        words.insert(draw.integers(0, len(words) + 1), ("fine", "poor")[n % 2])
        X.append(" ".join(words))
        y.append(("pos", "neg")[n % 2])
    return X, y


class Told(Silent):
    """Keeps messages, and may do something at a step."""

    def __init__(self, at=None, do=None):
        self.messages, self.at, self.do = [], at, do

    def message(self, text):
        self.messages.append(text)

    def step(self, info):
        if info.step == self.at:
            self.do()


def weights(model):
    return {name: tensor.clone() for name, tensor in model.network_.state_dict().items()}


def equal(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def killed_ten_times(folder):
    """Fit into a folder, killed in ten places, and compare with a fit that nobody touched."""
    torch.set_num_threads(1)
    X, y = texts(24)
    settings = {**TINY, "epochs": 12, "patience": None, "learning_rate": 0.01}
    Classifier(**{**settings, "epochs": 1}).fit(X, y, out=folder.parent / "warm")  # late imports
    began = time.monotonic()
    whole = Classifier(**settings).fit(X, y, out=folder.parent / "whole")
    lasts = time.monotonic() - began
    draw = random.Random(0)
    went_on = 0
    for kill in range(11):
        went_on += (folder / "checkpoint.safetensors").exists()
        child = os.fork()
        if child == 0:
            Classifier(**settings).fit(X, y, out=folder, resume=True)
            os._exit(0)
        if kill < 10:
            time.sleep(draw.random() * lasts / 2)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert status == 0, status
    assert went_on >= 1
    assert equal(weights(load(folder)), weights(whole))
