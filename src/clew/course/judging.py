"""A learner's answer judged: not started yet, wrong, raised, stopped, or passed; and why."""

from __future__ import annotations

import signal
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from clew.course._written import without_message
from clew.course.advice import of_error, of_stop
from clew.course.differences import Difference, begins, cut, difference, shown
from clew.course.running import Limits, Problem, Ran, run

WIDEST = 72  # columns of a line of code that are shown
Kind = Literal["not started", "wrong", "raised", "stopped", "passed"]


class Question(Protocol):
    """What is read of a challenge."""

    @property
    def starter(self) -> str:
        """The code that the learner begins with."""

    @property
    def expected(self) -> str:
        """What a right answer prints."""

    @property
    def tests(self) -> str | None:
        """Checks that run after the learner's code, with its names."""


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer: `summary`, then `shown` as it is, then `advice`."""

    kind: Kind
    summary: str
    shown: tuple[str, ...] = ()
    advice: str = ""
    difference: Difference | None = None
    ran: Ran | None = None

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.kind == "passed"

    @property
    def error(self) -> str:
        """The class of the error that the learner's code raised, or nothing."""
        return self.ran.error if self.ran and self.kind == "raised" else ""

    @property
    def line(self) -> int | None:
        """The line of the learner's code at which it raised or was stopped."""
        return self.ran.line if self.ran else None

    @property
    def message(self) -> str:
        """All of it in one line."""
        return " ".join([self.summary, *(line.strip() for line in self.shown)])

    def lines(self, width: int = 79) -> list[str]:
        """What a terminal of this width shows."""
        found = textwrap.wrap(self.summary, width, break_long_words=False, break_on_hyphens=False)
        for line in self.shown:
            found += (
                textwrap.wrap(
                    line,
                    width,
                    initial_indent="    ",
                    subsequent_indent="      ",
                )
                if len(line) > width - 4
                else [f"    {line}"]
            )
        if self.difference is not None:
            found += ["", *self.difference.lines(width)]
        if self.advice:
            found += ["", *textwrap.wrap(self.advice, width, break_long_words=False)]
        return found


def judge(
    challenge: Question, code: str, *,
    limits: Limits | None = None, where: str = "", unstarted: bool = True,
    look: Callable[[], None] | None = None,
) -> Verdict:  # fmt: skip
    """Run `code` as an answer to `challenge` and say what it is.

    where: the learner's file, as errors are to name it. unstarted: whether "not started"
    is an answer; else a starter is run as any other code. look: as of `run`.
    """
    if unstarted and not started(challenge, code):
        return Verdict("not started", "Not started yet: the file is still as it was given to you.")
    limits = limits or Limits.for_code(code + "\n" + (challenge.tests or ""))
    ran = run(code, tests=challenge.tests, limits=limits, look=look)
    place = Place(where, ran.problem or Problem(), code.split("\n"))
    if ran.outcome == "stopped":
        return _stopped(ran, place, limits)
    if ran.outcome == "died":
        return _died(ran)
    problem = ran.problem
    if problem is not None and not (problem.in_tests and problem.last != "code"):
        return _raised(ran, problem, place)
    found = difference(challenge.expected, ran.stdout)
    if challenge.tests is not None and not challenge.expected.strip():
        found = None  # what it prints is its own affair
    if found is not None:
        return Verdict(
            "wrong", f"Not yet: line {found.line} of the output is not the expected one.",
            advice=found.advice(code) or "Work this line out by hand, step by step, and compare.",
            difference=found, ran=ran,
        )  # fmt: skip
    if problem is not None:
        return _refuted(ran, problem)
    return Verdict("passed", "Passed.", ran=ran)


def started(challenge: Question, code: str) -> bool:
    """Whether `code` is more than the starter, and more than comments.

    Blanks within and behind a line are no change, those that it begins with are.
    """
    own = _words(code.split("\n"))
    bare = [line for line in code.split("\n") if not line.lstrip().startswith("#")]
    return bool(_words(bare)) and own != _words(challenge.starter.split("\n"))


def _words(lines: Sequence[str]) -> list[tuple[int, list[str]]]:
    whole = [line.expandtabs(4) for line in lines if line.strip()]
    return [(len(line) - len(line.lstrip()), line.split()) for line in whole]


@dataclass(frozen=True)
class Place:
    """Where in the learner's file something went wrong."""

    path: str
    problem: Problem
    code: Sequence[str]

    def words(self) -> str:
        """ "in line 3 of file.py:3, in step()", or nothing where it is not known."""
        line, function = self.problem.line, self.problem.function
        if line is None:
            return ""
        inside = f", in {function}()" if function and function[0] != "<" else ""
        path = f" ({self.path}:{line})" if self.path else ""
        return f" in line {line}{inside}{path}"

    def text(self) -> tuple[str, ...]:
        """The line itself, and a mark below where a syntax error has a column."""
        line = self.problem.line
        if line is None or not 1 <= line <= len(self.code):
            return ()
        text = self.code[line - 1]
        left = len(text) - len(text.lstrip())
        if not (self.problem.column and 0 <= self.problem.column - 1 - left <= len(text)):
            return (cut(shown(text.strip()), WIDEST),)
        whole = shown(text.strip())
        at = len(shown(text.strip()[: self.problem.column - 1 - left]))
        begin = begins(at, WIDEST)
        return cut(whole, WIDEST, begin), " " * (at - begin) + "^"


def _raised(ran: Ran, problem: Problem, place: Place) -> Verdict:
    called: tuple[str, ...] = ()
    if problem.in_tests and problem.test_text:
        called = (f"(called by the check: {shown(problem.test_text)})",)
    said = problem.message.split("\n")
    return Verdict(
        "raised", f"Your code raised an error{place.words()}:",
        (*place.text(), *called, *(shown(line) for line in said[:8])),
        of_error(problem, "\n".join(place.code)), ran=ran,
    )  # fmt: skip


def _refuted(ran: Ran, problem: Problem) -> Verdict:
    """A check that does not hold, or that cannot be made."""
    check = (shown(without_message(problem.test_text)),) if problem.test_text else ()
    said = problem.message.removeprefix("AssertionError").removeprefix(": ")
    if problem.type == "AssertionError":
        advice = said or "Work it out by hand for these values, and compare."
        return Verdict("wrong", "Not yet: a check of your code does not hold:", check, advice,
                       ran=ran)  # fmt: skip
    if problem.type == "NameError" and "'" in problem.message:
        name = problem.message.split("'")[1]
        return Verdict(
            "wrong", f"Not yet: the check looks for {name}, and your code does not define it.",
            check, "Is it spelt as the task says?", ran=ran,
        )  # fmt: skip
    return Verdict(
        "wrong", "Not yet: a check of your code cannot be made:",
        (*check, *(shown(line) for line in problem.message.split("\n")[:8])),
        of_error(problem) or "Is what your code gives of the kind that the task asks for?", ran=ran,
    )  # fmt: skip


def _stopped(ran: Ran, place: Place, limits: Limits) -> Verdict:
    at = place.words()
    lines = "\n".join(place.code)
    what, advice = {
        "time": (f"after {limits.seconds:g} s{at}", ""),
        "output": (f"after printing {limits.output:,} characters", ""),
        "memory": (f"at {limits.memory / 2**30:.3g} GiB of memory{at}", ""),
        "disk": (f"after writing {limits.disk / 2**20:.3g} MB of files{at}", ""),
        "processes": (f"{at.strip() or 'at once'}: it was about to start other processes",
                      "The answer needs none: everything happens in one program."),
        "input": (f"{at.strip() or 'at once'}: it asks for input",
                  "Nobody is there to type while it is checked: write the value into the code "
                  "in place of input(...)."),
        "signals": (f"{at.strip() or 'at once'}: it was about to end other programs",
                    "The answer needs none: everything happens in one program."),
        "outside": (f"{at.strip() or 'at once'}: it was about to change files outside its folder",
                    "An answer may change only files in the folder in which it runs."),
    }[ran.stopped]  # fmt: skip
    advice = advice or of_stop(ran.stopped, lines, place.problem.line)
    said: tuple[str, ...] = ()
    if ran.stopped == "outside" and place.problem.type not in ("", "StoppedError"):
        said = (shown(place.problem.message.split("\n")[0]),)  # a library's words, not ours
    return Verdict(
        "stopped", f"Your code was stopped {what}.", (*place.text(), *said), advice, ran=ran
    )


def _died(ran: Ran) -> Verdict:
    name = ""
    if -ran.code in {number.value for number in signal.Signals}:
        name = signal.Signals(-ran.code).name
    how = f"by {name or f'signal {-ran.code}'}" if ran.code < 0 else f"with exit code {ran.code}"
    advice = {
        "SIGSEGV": "Something written in C was used as it cannot be: ctypes, or calls nested too "
        "deep?",
        "SIGKILL": "The system ended it: there may be too little memory left for it.",
    }.get(name, "Take out what ends the program: os._exit(), os.abort(), os.kill().")
    return Verdict(
        "raised", f"Your code ended Python itself {how}, before it came to its end.",
        advice=advice, ran=ran,
    )  # fmt: skip
