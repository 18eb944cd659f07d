"""Small transcribers: sound in which each letter is a tone, and what learns to write it."""

import numpy as np
import soundfile

from clew.tasks.transcribe import Transcriber

RATE = 8000
LETTERS = "abcd"
HERTZ = {"a": 300, "b": 700, "c": 1300, "d": 2300, " ": 3400}
TINY = {"sample_rate": RATE, "bins": 20, "stack": 2, "hidden_size": 8, "num_layers": 1,
        "epochs": 2, "batch_size": 8, "baseline": False, "device": "cpu"}  # fmt: skip
QUICK = {**TINY, "hidden_size": 24, "epochs": 12, "batch_size": 16, "learning_rate": 0.02,
         "dropout": 0.0, "average": 0.0, "time_masks": 0}  # fmt: skip


def tones(text, seed=0, rate=RATE):
    """Samples (N,): a tone for each letter and for a space, silence between, a little noise."""
    draw = np.random.default_rng(seed)
    parts = [np.zeros(rate // 20)]
    for letter in text:
        time = np.arange(int(rate * draw.uniform(0.06, 0.1))) / rate
        parts += [0.3 * np.sin(2 * np.pi * HERTZ[letter] * time), np.zeros(rate // 30)]
    samples = np.concatenate(parts)
    return (samples + draw.normal(0, 1e-3, len(samples))).astype(np.float32)


def spoken(count, seed=0):
    """Recordings and what is said in them: one or two words of one to three letters."""
    draw = np.random.default_rng(seed)
    texts = []
    for _ in range(count):
        words = ["".join(draw.choice(list(LETTERS), draw.integers(1, 4))) for _ in range(2)]
        texts.append(" ".join(words[: draw.integers(1, 3)]))
    return [tones(text, seed=seed * 10_000 + n) for n, text in enumerate(texts)], texts


def tiny(**changes):
    return Transcriber(**{**TINY, **changes})


def write_manifest(folder, count=12):
    """A manifest in `folder` of WAV files beside it."""
    X, y = spoken(count)
    lines = []
    for n, (samples, text) in enumerate(zip(X, y, strict=True)):
        soundfile.write(folder / f"{n}.wav", samples, RATE)
        lines.append(f'{{"audio": "{n}.wav", "text": "{text}"}}\n')
    (folder / "said.jsonl").write_text("".join(lines))
    return folder / "said.jsonl"
