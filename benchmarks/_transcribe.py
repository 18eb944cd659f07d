"""Strings of one to five spoken digits: word error rate of recordings that no training saw."""

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from clew.tasks.transcribe import Transcriber
from clew.train import Lines

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RATE = 8000  # of the recordings
TEST = 5  # recordings 0 to 4 of each digit and speaker
SILENCE = (0.05, 0.4)  # seconds before, between and after the digits
Digit = tuple[str, np.ndarray]
Strings = tuple[list[np.ndarray], list[str]]


def digits(archive: Path) -> tuple[list[Digit], list[Digit]]:
    """Name and samples of every recording: those to learn from, and those to test on."""
    import soundfile

    learn, test = [], []
    with zipfile.ZipFile(archive) as files:
        for name in sorted(files.namelist()):
            if not name.endswith(".wav"):
                continue
            digit, _, number = Path(name).stem.split("_")
            samples, rate = soundfile.read(io.BytesIO(files.read(name)), dtype="float32")
            assert rate == RATE
            (test if int(number) < TEST else learn).append((NAMES[int(digit)], samples))
    return learn, test


def strings(recordings: list[Digit], count: int, seed: int) -> Strings:
    """Samples and words of strings of one to five recordings, with silence of random length."""
    draw = np.random.default_rng(seed)
    sounds, texts = [], []
    for _ in range(count):
        chosen = draw.integers(len(recordings), size=draw.integers(1, 5, endpoint=True)).tolist()
        parts = [_silence(draw)]
        for place in chosen:
            parts += [recordings[place][1], _silence(draw)]
        sounds.append(np.concatenate(parts))
        texts.append(" ".join(recordings[place][0] for place in chosen))
    return sounds, texts


def _silence(draw: np.random.Generator) -> np.ndarray:
    return np.zeros(int(draw.uniform(*SILENCE) * RATE), dtype=np.float32)


def run(data: Path, *, count: int = 6000, quick: bool = False, **settings: Any) -> None:
    """Both ways, then forward only; for the latter, live against whole.

    data: the folder with speech/fsdd/recordings.zip, which holds recordings/*.wav of
    Jakobovski/free-spoken-digit-dataset.
    """
    learn, test = digits(data / "speech/fsdd/recordings.zip")
    # Strings held out are of recordings that are not in the strings learned from.
    order = np.random.default_rng(0).permutation(len(learn)).tolist()
    held, kept = order[: len(order) // 20], order[len(order) // 20 :]
    validation = strings([learn[place] for place in held], 300, seed=1)
    train = strings([learn[place] for place in kept], 500 if quick else count, seed=2)
    tested = strings(test, 100 if quick else 1000, seed=3)
    for both in (True, False):
        began = time.perf_counter()
        model = Transcriber(
            sample_rate=RATE, bidirectional=both, time=20 if quick else None, **settings
        )
        model.fit(*train, validation=validation, report=Lines())
        minutes = (time.perf_counter() - began) / 60
        rates = model.error_rates(*tested)
        print(
            f"{'both ways' if both else 'forward only'}: WER {100 * rates.wer:.2f} %, "
            f"CER {100 * rates.cer:.2f} % of {len(tested[0]):,} strings, {minutes:.1f} min"
        )
        window = model.metrics_["baseline"]
        print(f"  held out: WER {100 * model.metrics_['score']['wer']:.2f} %, "
              f"{window['name']}: {100 * window['wer']:.2f} %")  # fmt: skip
        if not both:
            print(f"  live equals whole in {_alike(model, tested[0]):,} of {len(tested[0]):,}")


def _alike(model: Transcriber, sounds: list[np.ndarray]) -> int:
    """How many transcripts are the same, to the letter, from chunks of 80 ms."""
    live, alike = model.stream(), 0
    for sound, whole in zip(sounds, model.predict(sounds), strict=True):
        for start in range(0, len(sound), RATE * 80 // 1000):
            live.push(sound[start : start + RATE * 80 // 1000])
        live.finish()
        alike += live.text == whole
    return alike
