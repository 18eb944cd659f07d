"""Strings of one to five spoken digits: word error rate of recordings that no training saw.

Run by itself it draws the picture of docs/transcribe.md: python benchmarks/_transcribe.py DATA PNG
"""

import io
import sys
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


def picture(model: Transcriber, samples: np.ndarray, path: Path) -> None:
    """A picture (PNG) of log-mel frames, and below them the probability of each letter."""
    from matplotlib.figure import Figure

    from clew.data.features import log_mel
    from clew.tasks._transcribe.problem import log_probabilities

    mel, front = model._mel(), model.network_.front()
    frames = log_mel(samples, mel)
    (found,) = log_probabilities(model.network_, [front.steps(frames)])  # (T, V)
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    end = mel.seconds(len(frames))
    above.imshow(frames.T, origin="lower", aspect="auto", extent=(0, end, 0, mel.bins))
    above.set(ylabel="mel band", title=model.transcribe(samples).text)
    time = (np.arange(len(found)) + 0.5) * mel.seconds(front.together)
    shares = np.exp(found)
    below.plot(time, shares[:, 0], color="0.8", label="nothing")
    for unit, name in enumerate(model.units_.tokenizer.vocabulary):
        if unit < 2 or shares[:, unit].max() < 0.2:
            continue
        (curve,) = below.plot(time, shares[:, unit])
        best = found.argmax(1) == unit
        for t in np.flatnonzero(best & ~np.roll(best, 1)).tolist():
            below.annotate(
                "␣" if name == " " else name, (time[t], shares[t, unit]), ha="center",
                va="bottom", color=curve.get_color(),
            )  # fmt: skip
    below.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.15), xlim=(0, end))
    below.legend(loc="upper right")
    figure.savefig(path, dpi=100)


def main() -> None:
    """Train for two minutes on strings of digits and draw how one that is new is heard."""
    data, path = map(Path, sys.argv[1:])
    learn, test = digits(data / "speech/fsdd/recordings.zip")
    model = Transcriber(sample_rate=RATE, bidirectional=False, baseline=False, time="2m")
    model.fit(*strings(learn, 4000, seed=2), report=Lines())
    sounds, texts = strings(test, 40, seed=9)
    chosen = next(n for n, text in enumerate(texts) if len(text.split()) == 3)
    print(f"said: {texts[chosen]}")
    picture(model, sounds[chosen], path)


if __name__ == "__main__":
    main()
