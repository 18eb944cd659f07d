"""Transcribe sound, whole and live: letters that are tones, heard in chunks of 80 ms.

A transcriber that reads forward only writes while it is said, and what it has written in the end is
what it makes of the whole recording, to the letter.
"""

import numpy as np

from clew import Transcriber

RATE = 8000
HERTZ = {"a": 300, "b": 700, "c": 1300, "d": 2300, " ": 3400}


def tones(text: str, draw: np.random.Generator) -> np.ndarray:
    """Samples (N,) in which each letter is a tone of a tenth of a second or less, and noise."""
    parts = [np.zeros(400)]
    for letter in text:
        time = np.arange(int(RATE * draw.uniform(0.06, 0.1))) / RATE
        parts += [0.3 * np.sin(2 * np.pi * HERTZ[letter] * time), np.zeros(270)]
    samples = np.concatenate(parts)
    return (samples + draw.normal(0, 1e-3, len(samples))).astype(np.float32)


draw = np.random.default_rng(0)
words = ["".join(draw.choice(list("abcd"), draw.integers(1, 4))) for _ in range(400)]
texts = [" ".join(words[n : n + 2]) for n in range(0, 400, 2)]
sounds = [tones(text, draw) for text in texts]

model = Transcriber(
    sample_rate=RATE, bidirectional=False, hidden_size=32, num_layers=1, stack=2, epochs=12,
    learning_rate=0.02, dropout=0.0, baseline=False,
)  # fmt: skip
model.fit(sounds, texts)

new = tones("abc dab cad", draw)
live = model.stream()
for start in range(0, len(new), RATE * 80 // 1000):
    if heard := live.push(new[start : start + RATE * 80 // 1000]):
        print(f"{start / RATE:5.2f} s  + {heard!r}")
live.finish()
whole = model.transcribe(new)
print(f"said:  abc dab cad\nlive:  {live.text}\nwhole: {whole.text}")
for word in whole.words:
    print(f"{word.start:5.2f} to {word.end:5.2f} s  {word.text}")
