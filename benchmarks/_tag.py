"""Tagging of public data: words of UD English-EWT, slots and intents of Snips.

`run_upos(data)` reads en_ewt-ud-{train,dev,test}.conllu.gz (UniversalDependencies/UD_English-EWT)
from data/tagging/ud_ewt; `run_snips(data)` reads train_*_full.json.gz and validate_*.json.gz
(sonos/nlu-benchmark, 2017-06-custom-intent-engines) from data/tagging/snips.
"""

import gzip
import json
import random
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clew import Tagger
from clew.train import Lines

Sentences = tuple[list[list[str]], list[list[str]], list[str]]
WORD = re.compile(r"\w+(?:'\w+)?|[^\w\s]")
SNIPS: dict[str, Any] = {}


def upos(path: Path) -> tuple[list[list[str]], list[list[str]]]:
    """The words and UPOS tags of each sentence of a packed CoNLL-U file."""
    words: list[list[str]] = [[]]
    tags: list[list[str]] = [[]]
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 10 and fields[0].isdecimal():
                words[-1].append(fields[1])
                tags[-1].append(fields[3])
            elif not line.strip() and words[-1]:
                words.append([])
                tags.append([])
    return words[:-1], tags[:-1]


def run_upos(data: Path, seed: int = 0, quick: bool = False) -> float:
    """UPOS accuracy on the test sentences, learned from train, stopped by dev."""
    folder = data / "tagging/ud_ewt"
    parts = {
        name: upos(folder / f"en_ewt-ud-{name}.conllu.gz") for name in ("train", "dev", "test")
    }
    began = time.perf_counter()
    model = Tagger(seed=seed, time=30 if quick else None)
    model.fit(*parts["train"], validation=parts["dev"], report=Lines())
    minutes = (time.perf_counter() - began) / 60
    found = model.evaluate(*parts["test"])["accuracy"]
    for part in ("baseline", "window"):
        print(f"dev: {model.metrics_[part]['name']} {100 * model.metrics_[part]['accuracy']:.2f} %")
    print(f"test accuracy {100 * found:.2f} %  dev {_percent(model)}  {minutes:.1f} min")
    return found


def snips(paths: Iterable[Path]) -> Sentences:
    """The words, the slots as BIO, and the intent of each request."""
    words, tags, intents = [], [], []
    for path in paths:
        raw = gzip.decompress(path.read_bytes())
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:  # train_PlayMusic_full is Latin-1
            text = raw.decode("latin-1")
        for intent, requests in json.loads(text).items():
            for request in requests:
                found = list(_slots(request["data"]))
                words.append([word for word, _ in found])
                tags.append([tag for _, tag in found])
                intents.append(intent)
    return words, tags, intents


def _slots(pieces: list[dict[str, str]]) -> Iterable[tuple[str, str]]:
    for piece in pieces:
        entity = piece.get("entity")
        for place, word in enumerate(WORD.findall(piece["text"])):
            yield word, "O" if entity is None else ("I-" if place else "B-") + entity


def run_snips(data: Path, seed: int = 0, quick: bool = False) -> tuple[float, float]:
    """F1 of the slots and accuracy of the intents, learned together; 700 of train are held out."""
    folder = data / "tagging/snips"
    words, tags, intents = snips(sorted(folder.glob("train_*_full.json.gz")))
    test = snips(sorted(folder.glob("validate_*.json.gz")))
    order = list(range(len(words)))
    random.Random(0).shuffle(order)
    parts = [[[column[i] for i in some] for column in (words, tags, intents)]
             for some in (order[700:], order[:700])]  # fmt: skip
    began = time.perf_counter()
    model = Tagger(seed=seed, time=30 if quick else None, **SNIPS)
    X, y, labels = parts[0]
    model.fit(X, y, labels=labels, validation=tuple(parts[1]), report=Lines())
    minutes = (time.perf_counter() - began) / 60
    found = model.evaluate(test[0], test[1], labels=test[2])
    print(f"dev: {model.metrics_['baseline']['name']} F1 {model.metrics_['baseline']['f1']:.4f}")
    print(
        f"test slots F1 {100 * found['f1']:.2f}  intents {100 * found['label_accuracy']:.2f} %  "
        f"dev {_percent(model)}  {minutes:.1f} min"
    )
    return found["f1"], found["label_accuracy"]


def _percent(model: Tagger) -> str:
    score = model.metrics_["score"]
    return " ".join(
        f"{name} {100 * score[name]:.2f}"
        for name in ("accuracy", "f1", "label_accuracy") if name in score
    )  # fmt: skip
