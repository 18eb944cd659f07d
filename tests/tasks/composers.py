"""Small composers: what they learn from, and when they are equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.data.abc import Tune, parse
from clew.tasks.compose import Composer

TINY = {
    "embedding_size": 8, "hidden_size": 16, "num_layers": 1, "window": 40, "batch_size": 4,
    "epochs": 2, "learning_rate": 0.02, "dropout": 0.1, "average": 0.0, "baseline": False,
    "device": "cpu",
}  # fmt: skip
KEYS = ("D", "G", "A", "Em")
_HOME = {"D": "DEFGABcd", "G": "GABcdefg", "A": "ABcdefga", "Em": "EFGABcde"}


def tune(number: int, draw: Any) -> str:
    """Two strains of four bars; each ends on the tonic, and has a chord on every bar."""
    key, jig = KEYS[int(draw.integers(4))], bool(draw.integers(2))
    scale, root = _HOME[key], key
    shapes = (
        ["{}{}{} {}{}{}", "{}2{} {}2{}", "{}3 {}{}{}"] if jig else ["{}2{}{} {}{}{}2", "{}4 {}2{}2"]
    )

    def bar() -> str:
        shape = shapes[int(draw.integers(len(shapes)))]
        return shape.format(*(scale[int(n)] for n in draw.integers(8, size=shape.count("{}"))))

    last = scale[0] + ("6" if jig else "8")
    strain = "|".join([*(f'"{root}"{bar()}' for _ in range(3)), last])
    again = "|".join([*(bar() for _ in range(3)), last])
    head = f"X:{number}\nT:Tune {number}\nM:{'6/8' if jig else '4/4'}\nL:1/8\nK:{key}\n"
    return f"{head}|:{strain}:|\n|:{again}:|\n"


def tunes(count: int, seed: int = 0) -> list[str]:
    draw = np.random.default_rng(seed)
    return [tune(number, draw) for number in range(1, count + 1)]


def parsed(count: int, seed: int = 0) -> list[Tune]:
    return [parse(text) for text in tunes(count, seed)]


def write(path: Any, count: int, seed: int = 0) -> Any:
    path.write_text("\n".join(tunes(count, seed)))
    return path


def tiny(**changes: Any) -> Composer:
    return Composer(**{**TINY, **changes})


def assert_same(one: Composer, other: Composer) -> None:
    ours, theirs = one.network_.state_dict(), other.network_.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.equal(theirs[name]), name
