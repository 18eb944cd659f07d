"""What ``clew learn check``, ``hint`` and ``solution`` print, and the keys of ``check --watch``."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from clew.cli import say
from clew.cli.learn_show import link, markdown, styled, width
from clew.errors import InputError

QUIT = ("q", "\x04", "\x1b")
KEYS = "c: check again   h: hint   s: solution   q: quit"


def checked(learner: Any, challenge: Any, look: Callable[[], None] | None = None) -> bool:
    """Check once, and print the verdict; whether it passed. What `look` raises ends the check."""
    verdict = learner.check(challenge, look=look)
    say.result(styled(f"{learner.number(challenge)} {challenge.name}", "bold"))
    for line in verdict.lines(width()):
        if line.startswith(">"):
            line = styled(line, "red")
        elif line == verdict.summary and verdict.passed:
            line = styled(line, "green")
        say.result(line)
    if verdict.kind == "not started":
        say.result(f"Change it in your editor, and save:\n  {link(learner.file(challenge))}")
    elif not verdict.passed and challenge.hints and not learner.done(challenge).hints:
        say.result(f"\nStuck? {learner.command('hint', challenge)}")
    elif verdict.passed and challenge.reason.strip():
        say.result(f"Another way, and why it works:\n  {learner.command('solution', challenge)}")
    say.result("", flush=True)
    return bool(verdict.passed)


def hinted(learner: Any, challenge: Any) -> None:
    """Print the next hint; all of them when all were given."""
    most = len(challenge.hints)
    if not most:
        say.result("This challenge has no hints.")
        return
    number = learner.hint(challenge)
    for place in range(1, most + 1) if number > most else [number]:
        say.result(styled(f"Hint {place} of {most}", "bold"))
        say.result("\n".join(markdown(challenge.hints[place - 1], width())) + "\n")
    if number > most:
        say.result(f"These are all. The solution:\n  {learner.command('solution', challenge)}")


def solved(learner: Any, challenge: Any) -> None:
    """Print the solution and its reason, if they may be seen already."""
    name = f"{learner.number(challenge)} {challenge.name}"
    if not learner.may_see(challenge):
        left = len(challenge.hints) - learner.done(challenge).hints
        hints = "is one hint" if left == 1 else f"are {left} hints"
        say.result(f"{name} has not passed yet.")
        if left:
            command = learner.command("hint", challenge)
            say.result(f"There {hints} that you have not seen:\n  {command}")
        say.result("Ask once more to see its solution.")
        return
    say.result(styled(f"A solution of {name}", "bold") + "\n")
    code = challenge.solution.rstrip().split("\n")
    say.result("\n".join(f"    {line}".rstrip() for line in code) + "\n")
    if challenge.reason.strip():
        say.result("\n".join(markdown(challenge.reason.strip(), width())))


def watched(learner: Any, challenge: Any) -> bool:
    """Check now and after every save; until it passes, or q is pressed."""
    from clew.course.watching import content, wait_for_save

    path = learner.file(challenge)
    if not path.exists():
        learner.start(challenge)
    with _keys() as pressed:
        say.result(f"Watching {link(path)}\n" + (KEYS if pressed else "Ctrl-C ends it") + "\n")
        early: list[str] = []  # keys pressed during a check

        def look() -> None:
            if pressed and (word := pressed(0.0)):
                if word in QUIT:
                    raise _QuitError
                early.append(word)

        def between(seconds: float) -> str:
            return early.pop(0) if early else pressed(seconds) if pressed else ""

        while True:
            before = content(path)
            try:
                if checked(learner, challenge, look):
                    return True
            except InputError as problem:  # a file that cannot be read may be saved anew
                say.result(f"{problem}\n")
            except _QuitError:
                return False
            waiting = between if pressed else None
            while (word := wait_for_save(path, before, between=waiting)) not in ("saved", "c"):
                if word in QUIT:
                    return False
                if word == "gone":
                    before = None
                    say.result(f"The file is gone. It is waited for: save it again, or\n  "
                               f"{learner.called} start {learner.number(challenge)}\n")  # fmt: skip
                elif word == "h":
                    hinted(learner, challenge)
                elif word == "s":
                    solved(learner, challenge)
                else:
                    say.result(KEYS)


class _QuitError(Exception):
    """The key that ends it was pressed while an answer ran."""


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], str] | None]:
    """Waits some seconds for a single key; None where no keyboard is there."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield None
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def pressed(seconds: float) -> str:
        if select.select([terminal], [], [], seconds)[0]:
            typed = os.read(terminal, 16).decode("ascii", "ignore").lower()
            if not typed:  # the terminal has gone
                time.sleep(seconds)
            # An arrow is not the escape key that its signs begin with.
            return "?" if typed.startswith("\x1b") and len(typed) > 1 else typed[:1]
        return ""

    try:
        tty.setcbreak(terminal)
        yield pressed
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
