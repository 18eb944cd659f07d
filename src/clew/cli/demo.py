"""``clew demo``: the main job, on text that every Python carries."""

from __future__ import annotations

import json as jsonlib
import random
import re
import sys
import textwrap
import time as clock
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli import say
from clew.cli.options import Grouped
from clew.cli.progress import Live

PROMPT = "The "
LOOKS = (1, 10, 100)  # characters of context at which the score is taken
BITS = "bits_per_character"
READ = 600_000  # characters read at most for the score at one limit
GLANCE = 2000  # held-out characters that are scored when it writes
MOMENTS = (0.05, 0.3)  # shares of the time at which it writes while it learns
SETTINGS: dict[str, Any] = {
    "embedding_size": 64,
    "hidden_size": 256,
    "num_layers": 1,
    "batch_size": 16,
    "window": 64,
    "learning_rate": 5e-3,
    "dropout": 0.0,
    "epochs": 100,  # the time ends it
    "patience": None,
}


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
    show = Show(quiet=json)
    learn, held_out = documentation()
    show.say(
        _filled(
            f"Clew is going to learn Python's own documentation: {len(learn):,} characters, read "
            f"one by one, for about {time}. Nothing is known yet, not even what a word is."
        )
    )
    model = LanguageModel(**SETTINGS, time=time, seed=seed)
    try:
        watching = Watching(model, show, held_out[:GLANCE])
        model.fit(learn, validation=held_out, report=watching, out=out)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        show.close()
    show.writing(model, "At the end", model.metrics_["score"][BITS])
    found = scores(model, held_out)
    show.say("\n" + "\n".join(table(found)))
    if json:
        say.result(jsonlib.dumps({name: round(bits, 4) for name, bits, _ in found}))
    if out is not None:
        show.say(f"\nThe model is in {out}. Next:\n  clew generate {out} --prompt 'The '")
    else:
        show.say("\nNext, on a text of your own:\n  clew fit language book.txt --out book.model")


def documentation() -> tuple[str, str]:
    """The topics of `pydoc` in a mixed order: nine tenths to learn from, and the rest.

    Topics repeat one another; of every paragraph one is kept, or the held-out part would be known.
    """
    from pydoc_data.topics import topics

    names = sorted(topics)
    random.Random(0).shuffle(names)
    kept: dict[str, str] = {}
    for name in names:
        for paragraph in re.split(r"\n\s*\n", topics[name].strip()):
            kept.setdefault(" ".join(paragraph.split()), paragraph + "\n\n")
    text = "".join(kept.values())
    cut = text.index("\n\n", round(0.9 * len(text))) + 2
    return text[:cut], text[cut:]


class Show:
    """Where the demo appears: around the moving line on a terminal, as plain text in a pipe."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        together = sys.stdout.isatty() and sys.stderr.isatty()
        self.live = Live() if together and not quiet and say.is_main() else None

    def say(self, text: str) -> None:
        """Print, above the moving line if there is one."""
        if self.live is not None:
            self.live.message(text)
        elif not self._quiet:
            say.result(text, flush=True)

    def writing(self, model: Any, when: str, bits: float | None) -> None:
        """Some text by the model as it is now, and how well it does."""
        text = PROMPT + model.generate(PROMPT, length=220, temperature=0.6, seed=1)
        score = "" if bits is None else f" ({bits:.2f} bits a character)"
        self.say(f"\n{when}{score}, it writes:\n")
        lines = [
            textwrap.wrap(line, 72, drop_whitespace=False) or [""] for line in text.split("\n")
        ]
        self.say("\n".join(f"   | {part}".rstrip() for line in lines for part in line))

    def close(self) -> None:
        """Take the moving line away."""
        if self.live is not None:
            self.live.close()


class Watching:
    """A reporter that lets the model write at a few moments while it learns."""

    def __init__(self, model: Any, show: Show, glance: str) -> None:
        self._model, self._show, self._glance = model, show, glance
        self._moments = list(MOMENTS)
        self._began = 0.0

    def start(self, info: Any) -> None:
        """Write before anything is learned."""
        self._show.writing(self._model, "Before", None)
        self._show.say("")
        if self._show.live is not None:
            self._show.live.start(info)
        self._began = clock.monotonic()

    def step(self, info: Any) -> None:
        """Move the line, and write when the next moment has come."""
        if self._show.live is not None:
            self._show.live.step(info)
        elapsed = clock.monotonic() - self._began
        due = self._moments and elapsed > self._moments[0] * (elapsed + (info.seconds_left or 0))
        if due:
            self._moments.pop(0)
            bits = self._model.evaluate(self._glance).bits_per_character
            self._show.writing(self._model, f"After {elapsed:.0f} seconds", bits)

    def evaluated(self, row: dict[str, Any]) -> None:
        """Nothing: the score stands beside what it writes."""

    def message(self, text: str) -> None:
        """Nothing: the models without memory are shown at the end."""

    def done(self, history: Any) -> None:
        """Take the line away."""
        self._show.close()


def scores(model: Any, held_out: str) -> list[tuple[str, float, str]]:
    """(whose, bits a character, a group) of the model under limits, and of what has no memory."""
    found = []
    for count in LOOKS:
        seen = model.evaluate(held_out, context=count, positions=READ // count).bits_per_character
        found.append((f"the last {count}" if count > 1 else "the last one", seen, "look"))
    metrics = model.metrics_
    found.append(("everything", metrics["score"]["bits_per_character"], "look"))
    baseline, window = metrics["baseline"], metrics["window"]
    found.append(("single characters", baseline["unigram"][BITS], "other"))
    for other in (baseline, window):
        found.append((other["name"], other[BITS], "other"))
    return found


def table(found: list[tuple[str, float, str]]) -> list[str]:
    """The scores as lines with bars."""
    first = max(len(name) for name, _, _ in found) + 2
    longest = max(bits for _, bits, _ in found)
    heads = {
        "look": "Bits a character (fewer is better) when it may look back at:",
        "other": "Beside it, on the same text, without memory or with a fixed one:",
    }
    lines: list[str] = []
    for group, head in heads.items():
        lines += ["", head] if lines else [head]
        for name, bits, own in found:
            if own == group:
                bar = "\u2588" * round((68 - first) * bits / longest)
                lines.append(f"  {name:{first}}{bits:5.2f}  {bar}")
    reached = {name: value for name, value, _ in found}["everything"]
    best = min(value for _, value, group in found if group == "other")
    gain = best - reached
    lines.append("")
    if gain > 0.01:
        lines.append(f"Memory is worth {gain:.2f} bits a character here.")
    else:
        lines.append("Memory did not earn its keep: it had too little time. Try --time 3m.")
    return lines


def _filled(text: str) -> str:
    return textwrap.fill(text, 76)
