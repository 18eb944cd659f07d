"""The challenges of a lesson: what follows ``---challenges---`` in its file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from clew.course._front import is_an_id
from clew.course._pieces import Code, Line, Piece, Problems

__all__ = ["Challenge", "read_challenges"]

SECTIONS = ("Starter Code", "Expected Output", "Hints", "Solution", "Tests")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s*(.*?)\s*#*\s*")
_NAME = re.compile(r"challenge\b\s*[\w.-]*?\s*[:.–—-]\s*(.*)", re.IGNORECASE)
_ITEM = re.compile(r"\s*[-*+]\s+\W{0,2}([A-Za-z][A-Za-z ]*?)\W{0,2}\s*:\W{0,2}(?:\s+(.*))?")
_HINT = re.compile(r"(\s{0,3}(?:\d{1,3}[.)]|[-*+])\s+)(\S.*)")
_RULE = re.compile(r"\s{0,3}([-*_])(?:\s*\1){2,}\s*")


@dataclass(frozen=True)
class Challenge:
    """A task: code to begin with, and the output that the right answer prints.

    ``id`` is its own within its lesson, whose id is ``lesson``; ``task``, ``hints`` and ``reason``
    (why the solution is one) are Markdown. ``starter``, ``expected``, ``solution`` and ``tests``
    end in a newline where they are not empty; ``tests``, code that runs after the learner's, is
    None where there are none. ``lines`` has the number of the first line of each of these parts.
    """

    id: str
    name: str
    lesson: str
    language: str
    difficulty: str
    task: str
    starter: str
    expected: str
    hints: tuple[str, ...]
    solution: str
    reason: str
    tests: str | None
    path: Path
    line: int
    lines: Mapping[str, int]

    @property
    def key(self) -> str:
        """What names it in the whole course: LESSON/ID."""
        return f"{self.lesson}/{self.id}"


@dataclass
class _Part:
    """The pieces of one section, and the number of its heading."""

    line: int
    pieces: list[Piece] = field(default_factory=list)

    def code(self) -> Code | None:
        return next((piece for piece in self.pieces if isinstance(piece, Code)), None)

    def prose(self) -> str:
        first = self.code()
        lines = [line for piece in self.pieces if piece is not first for line in piece.raw]
        return _trimmed(lines)


@dataclass
class _Draft:
    """A challenge while its lines are read."""

    line: int
    name: str
    items: dict[str, tuple[int, str]] = field(default_factory=dict)
    parts: dict[str, _Part] = field(default_factory=dict)
    task: list[str] = field(default_factory=list)
    part: _Part | None = None


def _trimmed(lines: list[str]) -> str:
    """Lines as one text, without blank lines and rules at either end."""
    idle = [not line.strip() or _RULE.fullmatch(line) is not None for line in lines]
    kept = [i for i, out in enumerate(idle) if not out]
    return "\n".join(line.rstrip() for line in lines[kept[0] : kept[-1] + 1]) if kept else ""


def read_challenges(
    pieces: Sequence[Piece], lesson: str, path: Path, problems: Problems
) -> tuple[Challenge, ...]:
    """The challenges in the pieces after ``---challenges---``."""
    drafts: list[_Draft] = []
    for piece in pieces:
        draft = drafts[-1] if drafts else None
        heading = _HEADING.fullmatch(piece.text) if isinstance(piece, Line) else None
        level = len(heading[1]) if heading else 0
        if heading and level == 3:
            named = _NAME.fullmatch(heading[2])
            drafts.append(_Draft(piece.number, named[1] if named else ""))
            if not drafts[-1].name:
                problems.error(
                    piece.number,
                    f"{heading[2]!r} is no challenge's heading",
                    expected="### Challenge: NAME",
                )
        elif draft is None:
            rule = isinstance(piece, Line) and _RULE.fullmatch(piece.text) is not None
            if "".join(piece.raw).strip() and not rule and not 0 < level < 3:
                problems.error(
                    piece.number,
                    "this stands before the first challenge",
                    expected="### Challenge: NAME",
                    hint="the text of the lesson goes above ---challenges---",
                )
                break
        elif heading and level == 4 and _section(draft, piece.number, heading[2], problems):
            continue
        elif draft.part:
            draft.part.pieces.append(piece)
        else:
            _head(draft, piece, problems)
    found = tuple(_challenge(draft, lesson, path, problems) for draft in drafts if draft.name)
    first: dict[str, Challenge] = {}
    for challenge in found:
        other = first.setdefault(challenge.id, challenge)
        if other is not challenge and challenge.id:
            problems.error(
                challenge.lines["id"],
                f"{challenge.id!r} is also the id of the challenge in line {other.line}",
                expected="an id of its own for each challenge of a lesson",
            )
    return found


def _section(draft: _Draft, line: int, title: str, problems: Problems) -> bool:
    """Begin a section; False where the heading belongs to the text of the one before."""
    plain = re.sub(r"\W+", " ", title).strip().title()
    plain = {"Hint": "Hints", "Test": "Tests", "Starter": "Starter Code"}.get(plain, plain)
    if plain not in SECTIONS:
        close = get_close_matches(plain, SECTIONS, 1, 0.75)
        known = f"known are {', '.join(SECTIONS)}"
        problems.note(
            line,
            f"the section {title!r} has no meaning: it is read as text",
            hint=f"{close[0]}?" if close else known,
        )
        return False
    if plain in draft.parts:
        problems.error(line, f"a second {plain!r}; the first is in line {draft.parts[plain].line}")
        return True
    draft.part = draft.parts[plain] = _Part(line)
    return True


def _head(draft: _Draft, piece: Piece, problems: Problems) -> None:
    """A line before the first section: an item of the list, or the task's text."""
    match = _ITEM.fullmatch(piece.text) if isinstance(piece, Line) else None
    key = match[1].lower() if match else ""
    if match and key in ("id", "language", "difficulty"):
        value = (match[2] or "").strip().strip("`\"'").strip()
        if key in draft.items:
            problems.error(
                piece.number, f"a second {key}; the first is in line {draft.items[key][0]}"
            )
        draft.items.setdefault(key, (piece.number, value))
        return
    close = get_close_matches(key, ("language", "difficulty"), 1, 0.7) if match else []
    if close:
        problems.note(piece.number, f"{key} is read as text", hint=f"{close[0]}?")
    draft.task.extend(piece.raw)


def _challenge(draft: _Draft, lesson: str, path: Path, problems: Problems) -> Challenge:
    line, id_ = draft.items.get("id", (draft.line, ""))
    if not id_:
        problems.error(line, f"the challenge {draft.name!r} has no id", expected="- id: NAME")
    elif not is_an_id(id_):
        problems.error(line, f"{id_!r} cannot be an id", expected="letters, digits, - _")
    at, language = draft.items.get("language", (draft.line, "python"))
    if language.lower() not in ("python", "python3", "py", ""):
        problems.error(
            at, f"a challenge in {language} cannot be run", expected="- language: python"
        )
    lines = {"id": line}
    starter = _code(draft, "Starter Code", lines, problems)
    expected = _code(draft, "Expected Output", lines, problems)
    solution = _code(draft, "Solution", lines, problems)
    tests = _code(draft, "Tests", lines, problems) if "Tests" in draft.parts else None
    hints: tuple[str, ...] = ()
    if "Hints" in draft.parts:
        lines["hints"] = draft.parts["Hints"].line
        hints = _hints(draft.parts["Hints"])
    told = [_trimmed(draft.task)]
    told += [draft.parts[s].prose() for s in SECTIONS[:2] if s in draft.parts]
    reason = draft.parts["Solution"].prose() if "Solution" in draft.parts else ""
    return Challenge(
        id=id_,
        name=draft.name,
        lesson=lesson,
        language="python",
        difficulty=draft.items.get("difficulty", (0, ""))[1],
        task="\n\n".join(text for text in told if text),
        starter=starter,
        expected=expected,
        hints=hints,
        solution=solution,
        reason=reason,
        tests=tests,
        path=path,
        line=draft.line,
        lines=lines,
    )


def _code(draft: _Draft, section: str, lines: dict[str, int], problems: Problems) -> str:
    """The code of a section; ``lines`` gets the number of its first line."""
    part = draft.parts.get(section)
    code = part.code() if part else None
    name = {"Starter Code": "starter", "Expected Output": "expected"}.get(section, section.lower())
    lines[name] = code.number + 1 if code else part.line if part else draft.line
    if code:
        may_be_empty = name == "starter" or (name == "expected" and "Tests" in draft.parts)
        if not code.code.strip() and not may_be_empty:
            text = f"the block of {section!r} is empty"
            why = "without #### Tests, all code would pass" if name == "expected" else None
            problems.error(code.number, text, hint=why)
        return code.code
    swallowed = re.compile(rf"^\s{{0,3}}####\s*{section}\s*$", re.IGNORECASE | re.MULTILINE)
    blocks = [p for other in draft.parts.values() for p in other.pieces if isinstance(p, Code)]
    inside = next((block for block in blocks if swallowed.search(block.code)), None)
    if not part and not inside and name == "expected" and "Tests" in draft.parts:
        return ""
    problems.error(
        part.line if part else draft.line,
        f"{section!r} has no block of code" if part else f"no section {section!r}",
        expected=f"#### {section}, and then a block between two lines of ```",
        hint=f"it stands inside the block that begins in line {inside.number}: close that one first"
        if inside
        else None,
    )
    return ""


def _hints(part: _Part) -> tuple[str, ...]:
    """Each numbered hint with the lines that belong to it; text without numbers is one hint."""
    hints: list[list[str]] = []
    before: list[str] = []
    width, edge = 0, 0
    for piece in part.pieces:
        match = _HINT.fullmatch(piece.raw[0])
        indent = len(piece.raw[0]) - len(piece.raw[0].lstrip())
        if match and (not hints or indent <= edge):
            edge, width = indent, len(match[1])
            rest = [match[2], *piece.raw[1:]]
            hints.append([rest[0], *(_outdented(line, width) for line in rest[1:])])
        else:
            target = hints[-1] if hints else before
            target.extend(_outdented(line, width) for line in piece.raw)
    if hints:
        hints[0] = before + hints[0] if _trimmed(before) else hints[0]
    texts = [_trimmed(lines) for lines in hints or [before]]
    return tuple(text for text in texts if text)


def _outdented(line: str, width: int) -> str:
    blank = len(line) - len(line.lstrip())
    return line[min(blank, width) :]
