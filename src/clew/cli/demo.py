"""``clew demo``: the main job, on text that every Python carries."""

from __future__ import annotations

import json as jsonlib
import random
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli import say
from clew.cli.options import Grouped

PROMPT = "The "
LOOKS = (1, 10, 100)  # characters of context at which the score is taken
MOMENTS = (0.1, 0.4)  # shares of the time at which it writes while it learns


def register(app: typer.Typer) -> None:
    """Add ``clew demo`` to `app`."""
    app.command(cls=Grouped, short_help="Learn Python's own documentation, and write some.")(demo)


def demo(
    time: Annotated[
        str, typer.Option(metavar="TIME", help="How long to learn. [1m]", show_default=False)
    ] = "1m",
    out: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Keep the model in this folder. [nowhere]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another run. [0]")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Learn the documentation that every Python carries, and write some.

    A small recurrent network reads it character by character. You see what it writes before, while
    and after it learns, how it does beside n-grams, which have no memory, and how much of its
    score it owes to memory: what is left when it may look back 1, 10 or 100 characters only.

    Nothing is downloaded, and nothing is left behind unless --out names a folder.

    Example: clew demo
    """
    from clew import LanguageModel
    from clew.tasks._estimator import open_out

    open_out(out, resume=False)
    text = documentation()
    tell = say.note if json else say.result
    tell(_filled(
        f"Learning Python's own documentation: {len(text):,} characters, read one by one, for "
        f"about {time}. Nothing is known yet, not even what a word is."
    ))  # fmt: skip
    model = LanguageModel(
        embedding_size=64, hidden_size=256, batch_size=32, window=100, learning_rate=4e-3,
        dropout=0.0, epochs=50, patience=None, time=time, seed=seed,
    )  # fmt: skip
    watching = Watching(model, tell)
    model.fit(text, report=watching, out=out)
    watching.show("After", seed=1)
    _scores(model, text, tell, json)
    if out is not None:
        tell(f"\nThe model is in {out}. Next: clew generate {out} --prompt 'The '")
    else:
        tell("\nNext: clew fit language YOUR.txt --out your.model")


def documentation() -> str:
    """The topics of `pydoc`, in an order that mixes them, so that the held-out end is like the rest."""
    from pydoc_data.topics import topics

    parts = [topics[name].strip() + "\n\n" for name in sorted(topics)]
    random.Random(0).shuffle(parts)
    return "".join(parts)


class Watching:
    """A reporter that lets the model write at a few moments, over the usual progress line."""

    def __init__(self, model: Any, tell: Any) -> None:
        self.model = model
        self.tell = tell
        self._moments = list(MOMENTS)
        self._line: Any = None
        self._live = False

    def start(self, info: Any) -> None:
        """Write before anything is learned."""
        self.show("Before")

    def step(self, info: Any) -> None:
        """Write when the next moment has come."""

    def evaluated(self, row: dict[str, Any]) -> None:
        """Say the score."""

    def message(self, text: str) -> None:
        """Nothing: the baselines are shown in the end."""

    def done(self, history: Any) -> None:
        """Nothing."""

    def show(self, when: str, *, seed: int = 0) -> None:
        """Some text by the model as it is now."""
        text = PROMPT + self.model.generate(PROMPT, length=200, temperature=0.7, seed=seed)
        self.tell(f"\n{when}:")
        self.tell(textwrap.indent(text, "  | ", lambda line: True))


def _filled(text: str) -> str:
    return textwrap.fill(text, min(80, shutil.get_terminal_size().columns))


def _scores(model: Any, text: str, tell: Any, json: bool) -> None:
    pass
