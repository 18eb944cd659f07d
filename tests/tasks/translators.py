"""Small translators, and pairs whose answer is known: other words, in the opposite order."""

import os
import signal

import numpy as np
import torch

from clew.train import Silent

WORDS = {"red": "rouge", "green": "vert", "blue": "bleu", "one": "un", "two": "deux", "Tom": "Tom"}
TINY = {"unit": "word", "embedding_size": 6, "hidden_size": 6, "epochs": 2, "batch_size": 8,
        "max_length": 12, "held_out": 0.1, "device": "cpu"}  # fmt: skip
QUICK = {"unit": "word", "embedding_size": 24, "hidden_size": 24, "epochs": 12, "batch_size": 8,
         "min_count": 3, "attention": "additive", "learning_rate": 0.02, "average": 0.9,
         "dropout": 0.0, "label_smoothing": 0.0, "held_out": 0.1, "patience": None,
         "device": "cpu"}  # fmt: skip


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


def pairs(count=64, seed=0, longest=4, names=False):
    """With `names`, some words are names that are rare and the same on both sides."""
    draw = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        words = draw.choice(list(WORDS), draw.integers(1, longest + 1)).tolist()
        if names and draw.random() < 0.3:
            words[draw.integers(len(words))] = f"N{draw.integers(10_000)}"
        X.append(" ".join(words) + ".")
        y.append(" ".join(WORDS.get(word, word) for word in words[::-1]) + " !")
    return X, y


def weights(model):
    return {name: tensor.clone() for name, tensor in model.network_.state_dict().items()}


def equal(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)
