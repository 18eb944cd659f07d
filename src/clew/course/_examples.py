"""The worked examples of a lesson: whether they run, and print what the lesson says."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from clew.course.differences import difference
from clew.course.lesson import Block, Lesson, Problem
from clew.course.running import Ran, run

__all__ = ["check_examples", "program"]

PYTHON = ("python", "py", "python3", "pycon")
_LEFT_OUT = re.compile(r"\bno-?run\b", re.IGNORECASE)
_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.) ?(.*)")


@dataclass(frozen=True)
class _Example:
    """Code that stands in the lesson from line ``first`` on; what it prints, if the lesson says.

    ``tried``: it stands in a try-it, where a learner may have to fill something in.
    """

    first: int
    code: str
    tried: bool
    output: Block | None

    @property
    def last(self) -> int:
        return self.first + self.code.count("\n")


def _typed(code: str) -> str:
    """What was typed in a session with ``>>>``; lines of output become empty ones."""
    lines = code.split("\n")
    if not lines[0].lstrip().startswith(">>>"):
        return code
    matches = [_PROMPT.fullmatch(line) for line in lines]
    return "\n".join(match[1] if match else "" for match in matches)


def _examples(lesson: Lesson, problems: list[Problem]) -> list[_Example]:
    blocks = [
        (block, around)
        for block, around in lesson.every_block()
        if "challenge" not in around  # it is the learner who makes these run
    ]
    found = []
    for number, (block, around) in enumerate(blocks):
        if block.kind != "code":
            continue
        before = blocks[number - 1][0] if number else None
        after = blocks[number + 1][0] if number + 1 < len(blocks) else None
        if block.language == "output" and not (before and before.language in PYTHON):
            problems.append(
                Problem(lesson.path, block.line, "no example stands before this output", "note")
            )
        if block.language in PYTHON and not _LEFT_OUT.search(block.source.split("\n", 1)[0]):
            output = after if after and after.language == "output" else None
            code = _typed(block.text)
            found.append(_Example(block.line + 1, code, "try-it" in around, output))
    return found


def program(lesson: Lesson) -> str:
    """The examples of a lesson as one program to change and to run; "" where there are none."""
    return "\n\n".join(example.code.strip("\n") + "\n" for example in _examples(lesson, []))


def _mark(example: _Example) -> str:
    return f"\x1e{example.first}\x1e\n"


def _program(examples: Sequence[_Example]) -> str:
    """All examples as one program, each line with the number that it has in the lesson.

    In the line above each, where the lesson has its fence, the example's mark is printed.
    """
    lines = [""] * max(example.last for example in examples)
    for example in examples:
        lines[example.first - 2] = f"__import__('sys').stdout.write({_mark(example)!r})"
        code = example.code.split("\n")[:-1]
        lines[example.first - 1 : example.first - 1 + len(code)] = code
    return "\n".join(lines) + "\n"


def _compiles(example: _Example, lesson: Lesson, problems: list[Problem]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(example.code, "example", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = (getattr(error, "lineno", None) or 1) + example.first - 1
        reason = getattr(error, "msg", None) or str(error)
        problems.append(_failure(lesson, example, line, f"{type(error).__name__}: {reason}"))
        return False
    return True


def _failure(lesson: Lesson, example: _Example, line: int, reason: str) -> Problem:
    if example.tried:
        return Problem(lesson.path, line, f"the code of this try-it does not run: {reason}", "note")
    hint = "code that is not meant to run begins with ```python no-run, or with ```text"
    return Problem(lesson.path, line, f"the example does not run: {reason}", hint=hint)


def check_examples(lesson: Lesson) -> list[Problem]:
    """What is wrong with the Python in a lesson's text, which runs from top to bottom as one.

    The examples share their names. What one prints is compared with a block ```` ```output ````
    right below it, if there is one. Code in ``:::challenge``, and ```` ```python no-run ````, is
    left out; an example in ``:::try-it`` that does not run is only noted.
    """
    problems: list[Problem] = []
    examples = [e for e in _examples(lesson, problems) if _compiles(e, lesson, problems)]
    while examples:
        ran = run(_program(examples))
        if ran.outcome == "ended" and _mark(examples[-1]) in ran.stdout:
            break
        line = ran.problem.line if ran.problem else None
        failed = _reached(examples, ran.stdout, line)
        where = line if line and failed.first <= line < failed.last else failed.first
        problems.append(_failure(lesson, failed, where, _reason(ran)))
        # What follows may run all the same: one slip is told once, and the next one too.
        examples.remove(failed)
    if examples:
        _compare(lesson, examples, ran.stdout, problems)
    return problems


def _reached(examples: Sequence[_Example], said: str, line: int | None) -> _Example:
    """The example in which the program came to its end: the last whose mark was printed."""
    reached = [example for example in examples if _mark(example) in said]
    if not reached and line:
        return min(examples, key=lambda example: abs(example.first - line))
    return reached[-1] if reached else examples[0]


def _reason(ran: Ran) -> str:
    if ran.stopped:
        return f"stopped because of {ran.stopped}"
    if ran.problem and ran.problem.message:
        return ran.problem.message
    return "it ends the program" if ran.outcome == "ended" else "Python itself came down"


def _compare(
    lesson: Lesson, examples: Sequence[_Example], stdout: str, problems: list[Problem]
) -> None:
    """Note where an example prints something other than the block of output below it."""
    for example in examples:
        if example.output is None:
            continue
        said = stdout.partition(_mark(example))[2].partition("\x1e")[0]
        first = difference(example.output.text, said)
        if first is None:
            continue
        at = first.line - 1
        line = example.output.line + 1 + min(at, len(first.expected))
        problems.append(
            Problem(
                lesson.path,
                line,
                f"the example in line {example.first} prints {_line(first.said, at)} here",
                expected=f"{_line(first.expected, at)}, as the lesson says",
            )
        )


def _line(lines: Sequence[str], at: int) -> str:
    return repr(lines[at]) if at < len(lines) else "nothing more"
