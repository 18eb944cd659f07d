"""How a fit shows itself: a live line on a terminal, plain lines in a pipe, nothing when quiet."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

from clew.cli import say


def reporter(*, quiet: bool = False, headline: str = "", watch: Path | None = None) -> Any:
    """The reporter for where standard error goes. All of them satisfy `clew.train.Reporter`.

    watch: the folder into which it is to write what it sees of gradients.
    """
    from clew.train import Lines, Silent

    if not say.is_main():
        return Silent()
    if headline and not quiet:
        say.note(headline)
    shown = Silent() if quiet else Live() if sys.stderr.isatty() else Lines()
    if watch is None:
        return shown
    from clew.memory.watch import WatchGradients

    return WatchGradients(shown, folder=watch)


def duration(seconds: float) -> str:
    """Seconds as people write them: 0:07, 3:20, 1:02:03."""
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{rest // 60}:{rest % 60:02d}"


def short(number: float) -> str:
    """A count in at most five characters: 950, 12.3k, 4.1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.0f}{letter}" if scaled >= 100 else f"{scaled:.1f}{letter}"
    return f"{number:.0f}"


class Live:
    """One line that moves, and one that stays for every held-out score."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress: Any = None
        self._task: Any = None
        self._drawn = 0.0
        self._headed = False
        self._timed = False

    def start(self, info: Any) -> None:
        """Say what begins, and draw the line."""
        from rich.progress import BarColumn, Progress, TextColumn

        self._timed = info.time is not None
        where = info.device if info.world == 1 else f"{info.world} x {info.device}"
        begun = f", going on from step {info.step:,}" if info.step else ""
        self.message(f"{info.parameters:,} parameters on {where}{begun}\n")
        self._progress = Progress(
            TextColumn("{task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rest]}"),
            console=self._console,
            transient=True,
            expand=True,
            refresh_per_second=8,
        )
        self._progress.start()
        self._task = self._progress.add_task(
            "", total=1.0, completed=info.step / info.steps, epoch="first steps", rest=""
        )

    def step(self, info: Any) -> None:
        """Move the line: epoch, loss, speed, time left."""
        now = time.monotonic()
        if self._progress is None or now - self._drawn < 0.1:
            return
        self._drawn = now
        parts = [] if info.loss is None else [f"loss {info.loss:.3f}"]
        parts.append(f"{short(info.items_per_second)} {info.unit}/s")
        if info.seconds_left is not None:
            parts.append(f"{duration(info.seconds_left)} left")
        self._progress.update(
            self._task,
            completed=info.share,
            epoch=f"epoch {info.epoch}" + ("" if self._timed else f"/{info.epochs}"),
            rest="  ".join(parts),
        )

    def evaluated(self, row: dict[str, Any]) -> None:
        """Leave a line: how far, the losses, the held-out figures, whether it is the best yet."""
        from clew.train.history import History

        figures = {k: v for k, v in row.items() if k not in History.COLUMNS}
        names = list(figures)[:3]
        if not self._headed:
            titles = "".join(f"  {_title(name):>{_width(name)}}" for name in names)
            self._console.print(f"[dim]  epoch      step    time    loss{titles}[/dim]")
            self._headed = True
        loss = "" if row["train_loss"] is None else f"{row['train_loss']:.4f}"
        line = f"{row['epoch']:7.4g} {row['step']:9,} {duration(row['seconds']):>7} {loss:>7}"
        line += "".join(f"  {figures[name]:{_width(name)}.4f}" for name in names)
        self._console.print(line + ("  [green]best[/green]" if row["best"] else ""))

    def message(self, text: str) -> None:
        """Say something that stays."""
        self._console.print(text, markup=False)

    def done(self, history: Any) -> None:
        """Take the line away."""
        self.close()

    def close(self) -> None:
        """Give the terminal back; also needed where a fit ends in an error."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _title(name: str) -> str:
    return name.replace("_per_", "/").replace("character", "char").replace("_", " ")


def _width(name: str) -> int:
    return max(8, len(_title(name)))
