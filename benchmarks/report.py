"""How long a whole report takes: a language model of 2 x 512 units, 100,000 characters.

The network is as first drawn, and the text is made by a chain of letters: what a report costs
depends on neither, but for the integral of saliency, which needs more points where it is curved.
Prints seconds by instrument, and those of drawing the page.
Run: python benchmarks/report.py [--hidden-size N] [--characters N] [--threads N] [--json FILE]
[--quick]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from clew import LanguageModel
from clew.memory import examine

LIMIT = 60.0  # seconds, on four cores


def text(characters: int, seed: int = 0) -> str:
    """Letters that hang together: each is followed by one of four, some of them a blank."""
    random = np.random.default_rng(seed)
    letters = "abcdefghijklmnopqrstuvwxyz .,\n"
    follow = random.integers(0, len(letters), (len(letters), 4))
    drawn = random.integers(0, 4, characters)
    at, found = 0, []
    for number in drawn:
        at = int(follow[at, number])
        found.append(letters[at])
    return "".join(found)


def main() -> None:
    """Build the model, examine it, print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hidden-size", type=int, default=512)
    arguments.add_argument("--characters", type=int, default=100_000)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--quick", action="store_true", help="24 units: does it run?")
    wanted = arguments.parse_args()
    if wanted.quick:
        wanted.hidden_size, wanted.characters = 24, 4000
    torch.set_num_threads(wanted.threads)
    whole = text(wanted.characters)
    model = LanguageModel(
        hidden_size=wanted.hidden_size, num_layers=2, epochs=1, batch_size=8, window=32,
        baseline=False, device="cpu",
    ).fit(whole[:3000])  # fmt: skip
    begin, used = time.perf_counter(), time.process_time()
    report = examine(model, whole)
    measured = time.perf_counter() - begin
    page = report.html()
    total, used = time.perf_counter() - begin, time.process_time() - used
    print(f"{report.title}; {wanted.characters:,} characters; {wanted.threads} threads\n")
    for name, seconds in report.seconds.items():
        print(f"{name:24}{seconds:8.1f} s")
    print(f"{'page (' + f'{len(page) / 1e6:.1f} MB)':24}{total - measured:8.1f} s")
    print(f"{'all':24}{total:8.1f} s, {used:.1f} s of processors; the limit is {LIMIT:.0f} s")
    for name, why in report.missing.items():
        print(f"not measured: {name}: {why}")
    if wanted.json is not None:
        rows = {**report.seconds, "page": total - measured, "all": total, "processors": used}
        wanted.json.write_text(json.dumps(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
