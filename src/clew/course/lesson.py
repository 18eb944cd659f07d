"""A lesson: front matter, text and challenges in one Markdown file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clew.course._body import Block, read_blocks
from clew.course._challenges import Challenge, read_challenges
from clew.course._front import read_front
from clew.course._pieces import Code, Line, Piece, Problem, Problems, pieces, read_lines, visible

__all__ = ["Block", "Challenge", "Lesson", "Problem", "read", "read_lesson"]

_HEADING = re.compile(
    r"^[ ]{0,3}#{3,4}\s*(?:challenge\b.*:.*|starter code|expected output|hints|solution|tests)",
    re.IGNORECASE | re.MULTILINE,
)
_CHALLENGES = re.compile(r"\s{0,3}-{3,}\s*challenges\s*-{3,}\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Lesson:
    """What one file teaches: its front matter, its text as blocks, and its challenges.

    ``lines`` has the number of the line of each key of the front matter, ``minutes`` is None where
    the file does not say how long it takes.
    """

    id: str
    title: str
    module: str
    prerequisites: tuple[str, ...]
    minutes: int | None
    difficulty: str
    objectives: tuple[str, ...]
    keywords: tuple[str, ...]
    blocks: tuple[Block, ...]
    challenges: tuple[Challenge, ...]
    path: Path
    lines: Mapping[str, int]

    def text(self) -> str:
        """The lesson's text as plain Markdown, containers as quotations, without challenges."""
        return "\n\n".join(block.markdown() for block in self.blocks)

    def every_block(self) -> Iterator[tuple[Block, tuple[str, ...]]]:
        """Each text and each code, with the names of the containers around it, outermost first."""

        def visit(
            blocks: tuple[Block, ...], around: tuple[str, ...]
        ) -> Iterator[tuple[Block, tuple[str, ...]]]:
            for block in blocks:
                if block.kind == "container":
                    yield from visit(block.blocks, (*around, block.name))
                else:
                    yield block, around

        yield from visit(self.blocks, ())


def read(path: str | Path) -> tuple[Lesson, list[Problem]]:
    """A lesson as far as it can be read, and all that is wrong with its file, by its lines.

    Raises InputError where the file is not there or is no text in UTF-8.
    """
    path = Path(path)
    problems = Problems(path)
    lines = [_shown(number, line, problems) for number, line in enumerate(read_lines(path), 1)]
    front = read_front(lines, problems)
    found = pieces(lines[front.body :], front.body + 1, problems)
    # All that follows a block without an end is inside it: what is missing there says nothing new.
    ends = all(piece.closed for piece in found if isinstance(piece, Code))
    rest = problems if ends else Problems(path)
    cuts = [i for i, p in enumerate(found) if isinstance(p, Line) and _CHALLENGES.fullmatch(p.text)]
    cut = cuts[0] if cuts else len(found)
    for again in cuts[1:]:
        piece = found[again]
        assert isinstance(piece, Line)
        rest.error(piece.number, "a second ---challenges---", expected="one such line in a lesson")
    after = [piece for i, piece in enumerate(found) if i > cut and i not in cuts]
    lesson = Lesson(
        id=front.id,
        title=front.title,
        module=front.module,
        prerequisites=front.prerequisites,
        minutes=front.minutes,
        difficulty=front.difficulty,
        objectives=front.objectives,
        keywords=front.keywords,
        blocks=read_blocks(found[:cut], rest),
        challenges=read_challenges(after, front.id, path, rest),
        path=path,
        lines=front.lines,
    )
    if cuts and not lesson.challenges and not rest.errors():
        rest.error(found[cut].number, "no challenge follows", expected="### Challenge: NAME")
    if rest.errors():
        _swallowed(after, rest)
    return lesson, sorted(problems.found, key=lambda problem: problem.line)


def _shown(number: int, line: str, problems: Problems) -> str:
    text = visible(line)
    if text != line:
        problems.note(number, "a control character stands here: it is shown, and read, as text")
    return text


def _swallowed(found: list[Piece], problems: Problems) -> None:
    """Note the first block with a heading in it that errors follow: its end may be missing."""
    errors = problems.errors()
    for piece in found:
        heading = _HEADING.search(piece.code) if isinstance(piece, Code) else None
        if not heading or not isinstance(piece, Code) or errors[-1].line <= piece.number:
            continue
        line = piece.number + 1 + piece.code[: heading.start()].count("\n")
        problems.note(
            piece.number,
            f"the block of code that begins here holds the heading of line {line}: "
            f"{heading[0].strip()!r}",
            hint=f"if it is one, a line {piece.raw[0].strip()[:3]} is missing before it",
        )
        return


def read_lesson(path: str | Path) -> Lesson:
    """The lesson in a file of Markdown with front matter (docs/teaching.md says how it is written).

    Raises InputError with file and line where it cannot be read, is not in that format, or lacks
    an id, a title or a part of a challenge.
    """
    lesson, problems = read(path)
    for problem in problems:
        if problem.kind == "error":
            raise problem.error()
    return lesson
