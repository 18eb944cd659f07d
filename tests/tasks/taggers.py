"""Small taggers: what they learn from, and settings that take no time."""

import numpy as np

TINY = {"embedding_size": 6, "character_size": 3, "hidden_size": 6, "num_layers": 1, "epochs": 2,
        "batch_size": 8, "baseline": False, "device": "cpu"}  # fmt: skip
QUICK = {"embedding_size": 12, "character_size": 8, "hidden_size": 12, "num_layers": 1,
         "epochs": 12, "batch_size": 8, "dropout": 0.0, "learning_rate": 0.03, "baseline": False,
         "device": "cpu"}  # fmt: skip


def sentences(count=48, seed=0):
    """Words and tags: "the" before a word makes it a thing, any other word makes it a doing."""
    draw = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        words, tags = [], []
        for _ in range(draw.integers(1, 4)):
            before = str(draw.choice(["the", "we"]))
            words += [before, f"w{draw.integers(0, 12)}"]
            tags += ["D" if before == "the" else "P", "N" if before == "the" else "V"]
        X.append(words)
        y.append(tags)
    return X, y


def places(count=48, seed=0):
    """Words with places as BIO, and the intent of each sentence."""
    draw = np.random.default_rng(seed)
    X, y, labels = [], [], []
    for n in range(count):
        verb = ("go", "fly")[n % 2]
        words, tags = [verb, "to"], ["O", "O"]
        if draw.integers(2):
            words += ["New", str(draw.choice(["York", "Delhi"]))]
            tags += ["B-place", "I-place"]
        else:
            words.append(str(draw.choice(["Paris", "Rome", "Oslo"])))
            tags.append("B-place")
        words += [f"w{k}" for k in draw.integers(0, 9, draw.integers(1, 4))]
        X.append(words)
        y.append(tags + ["O"] * (len(words) - len(tags)))
        labels.append(("walk", "flight")[n % 2])
    return X, y, labels


def conll(X, y):
    """The sentences as a file in columns."""
    rows = ("".join(f"{w}\t{t}\n" for w, t in zip(*pair, strict=True))
            for pair in zip(X, y, strict=True))  # fmt: skip
    return "\n".join(rows)
