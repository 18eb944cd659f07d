"""Read hundreds of malformed model folders in one process that may take only 100 MB more.

Run by test_folder_lies.py, with a folder to write into. Prints one line of JSON; a folder that is
neither refused with an InputError nor equal in meaning ends it with an error.
"""

import json
import random
import resource
import shutil
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import torch

from clew.data.panel import Panel
from clew.errors import InputError
from clew.tasks import load
from clew.tasks._files import checksum
from clew.tasks._folder import digest
from clew.tasks.classify import Classifier
from clew.tasks.forecast import Forecaster
from clew.tasks.language import LanguageModel
from clew.tasks.tag import Tagger
from clew.tasks.transcribe import Transcriber
from clew.tasks.translate import Translator

ALLOWED = 100 << 20  # bytes
SMALL = {"hidden_size": 3, "num_layers": 1, "epochs": 1, "baseline": False, "device": "cpu"}
NAMES = ("config.json", "model.safetensors", "tokenizer.json", "metrics.json")
STRANGE = (None, True, -1, 0, 1, 2**31, 2**63, 2**70, 10**9, 1.5, 1e308, "", "x", "../../x", [], {},
           [[]], {"a": 1}, "\u0000", "\ud800", [2**62, 2**62], "F64")  # fmt: skip


def models(root):
    """A model of every sort, and a question that it answers with numbers."""
    words = [f"{word} {n}" for n in range(6) for word in ("good film", "bad plot")]
    arrays = [np.full((2 + n % 3, 2), n, dtype=np.float32) for n in range(12)]
    sorts = {"text": words, "tokens": [text.split() for text in words], "arrays": arrays}
    for (sort, X), cell in zip(sorts.items(), ("lstm", "gru", "rnn"), strict=True):
        model = Classifier(
            embedding_size=3, hidden_size=3, cell=cell, epochs=1, baseline=False, device="cpu"
        ).fit(X, [0, 1] * 6)
        yield saved(model, root / sort), lambda model, X=X: model.predict_proba(X)
    written = LanguageModel(embedding_size=3, **SMALL).fit("a good film, a bad plot. " * 40)
    yield (
        saved(written, root / "language"),
        lambda model: np.array([bits for _, bits in model.surprise("a film")]),
    )
    tags = [["B-x", "O" if n % 2 else "I-x"] for n in range(12)]
    tagger = Tagger(embedding_size=3, character_size=2, **SMALL)
    tagger.fit([text.split()[:2] for text in words], tags, labels=["a", "b"] * 6)
    yield saved(tagger, root / "tag"), lambda model: np.concatenate(model.predict_proba(words))
    translator = Translator(embedding_size=3, unit="word", **SMALL).fit(words, words[::-1])
    yield saved(translator, root / "translate"), scores
    draw = np.random.default_rng(0)
    sounds = [draw.normal(0, 0.1, 3000).astype(np.float32) for _ in range(6)]
    transcriber = Transcriber(sample_rate=8000, bins=4, stack=2, **SMALL)
    transcriber.fit(sounds, ["ab", "b"] * 3)
    yield (
        saved(transcriber, root / "transcribe"),
        lambda model: np.array([model.transcribe(sounds[0]).score]),
    )
    weeks = {name: np.sin(np.arange(30.0)) + n for n, name in enumerate("ab")}
    forecaster = Forecaster(horizon=3, season_length=4, quantiles=(0.2, 0.8), base="ar", **SMALL)
    forecaster.fit(Panel.of(weeks, freq="day"))
    yield (
        saved(forecaster, root / "forecast"),
        lambda model: model.predict()[:, 2:].to_numpy().astype(float),
    )


def saved(model, folder):
    model.save(folder)
    return folder


def scores(model):
    found = model.candidates(["good film 0", ""], n_best=2)
    return np.array([candidate.score for some in found for candidate in some])


def flip(draw, folder):
    path = folder / draw.choice([n for n in NAMES if (folder / n).exists()])
    raw = bytearray(path.read_bytes())
    for _ in range(draw.choice([1, 1, 1, 4, 32])):
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
    path.write_bytes(raw)


def truncate(draw, folder):
    path = folder / draw.choice([n for n in NAMES if (folder / n).exists()])
    raw = path.read_bytes()
    path.write_bytes(raw[: draw.randrange(len(raw))])


def places(value, path=()):
    """The path of every value inside a JSON value."""
    yield path
    items = {}
    if isinstance(value, dict):
        items = value
    elif isinstance(value, list):
        items = dict(enumerate(value))
    for name, part in items.items():
        yield from places(part, (*path, name))


def change(draw, value):
    """Drop, double or replace one value of a JSON object, in place."""
    path = draw.choice([place for place in places(value) if place])
    part = value
    for name in path[:-1]:
        part = part[name]
    how = draw.randrange(4)
    if how == 0:
        del part[path[-1]]
    elif how == 1 and isinstance(part, dict):
        part[draw.choice(["x", "../../x", "format", "classes"])] = part[path[-1]]
    else:
        part[path[-1]] = draw.choice(STRANGE)


def edit_json(draw, folder):
    path = folder / draw.choice([n for n in NAMES if n.endswith("json") and (folder / n).exists()])
    value = json.loads(path.read_text())
    change(draw, value)
    path.write_text(json.dumps(value))


def edit_sealed(draw, folder):
    """Change a file, then make every checksum right again."""
    sort = draw.randrange(4)
    config = json.loads((folder / "config.json").read_text())
    if sort == 0:
        change(draw, config["parameters"])
    elif sort == 1:
        change(draw, config["network"])
    elif sort == 2 and (folder / "tokenizer.json").exists():
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        change(draw, tokenizer)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    else:
        raw = (folder / "model.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + length])
        change(draw, header)
        text = json.dumps(header).encode()
        size = struct.pack("<Q", draw.choice([len(text), len(text), 2**63, 2**40, 0]))
        (folder / "model.safetensors").write_bytes(size + text + raw[8 + length :])
    for name in config["files"]:
        config["files"][name] = checksum(folder / name)
    config["checksum"] = digest(config)
    (folder / "config.json").write_text(json.dumps(config))


def same_meaning(good, folder):
    """Whether two folders differ only in what no answer depends on (see `harmless`)."""
    ours, theirs = (json.loads((f / "config.json").read_text()) for f in (good, folder))
    free = {"epochs", "batch_size", "learning_rate", "weight_decay", "clip", "warmup", "patience",
            "held_out", "baseline", "seed", "device", "time", "dropout", "word_dropout", "init",
            "vocabulary_size", "min_count", "lowercase", "unit", "recurrent_dropout", "zoneout",
            "embedding_size", "max_length", "average", "label_smoothing", "teacher_forcing",
            "metric", "crf", "speed", "volume", "time_masks", "time_span", "frequency_masks",
            "frequency_span", "season_length", "calendar", "base", "log", "window"}  # fmt: skip
    return all(
        ours["parameters"][name] == theirs["parameters"].get(name, ours["parameters"][name])
        for name in ours["parameters"]
        if name not in free
    )


def main(root):
    torch.set_num_threads(1)
    draw = random.Random(20)
    kept = list(models(root))
    # What is imported late is imported now.
    answers = [ask(load(folder)) for folder, ask in kept]
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ALLOWED
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    tracemalloc.start()
    counts = {"folders": 0, "refused": 0, "same": 0, "peak": 0}
    for number in range(320):
        sort, turn = number % len(kept), number // len(kept)
        (good, ask), answer = kept[sort], answers[sort]
        work = root / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(good, work)
        harm = (flip, truncate, edit_json, edit_sealed, edit_sealed)[turn % 5]
        harm(draw, work)
        tracemalloc.reset_peak()
        counts["folders"] += 1
        try:
            model = load(work)
        except InputError as error:
            if str(work) not in str(error):
                raise AssertionError(f"no folder named: {error}") from error
            counts["refused"] += 1
        else:
            assert same_meaning(good, work), f"{number}: {harm.__name__} was not noticed"
            assert np.isfinite(ask(model)).all()
            if harm is not edit_sealed:
                assert np.array_equal(ask(model), answer), f"{number}: other answers"
            counts["same"] += 1
        counts["peak"] = max(counts["peak"], tracemalloc.get_traced_memory()[1])
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
