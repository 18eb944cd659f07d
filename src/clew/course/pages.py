"""The lessons of a course as pages to read, made from the same files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from clew.course.course import Course
from clew.course.lesson import Block, Challenge, Lesson

__all__ = ["pages"]

_LINK = re.compile(r"(\]\()([^)\s]+)((?:\s+\"[^\"]*\")?\))")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)


def pages(
    course: Course, folder: str | Path, pictures: str | Path | None = None
) -> dict[Path, str]:
    """Every page of a course as it is to stand in ``folder``: one per lesson, and README.md.

    Pages are Markdown with hints and solutions folded away; pictures and other files that a lesson
    links to are linked to where they are. ``pictures`` is where ``pictures/`` of the lessons is, if
    it is not beside them.
    """
    folder = Path(folder)
    shown = None if pictures is None else Path(pictures)
    names = {lesson.id: page_name(number, lesson) for number, lesson in enumerate(course.lessons)}
    made = {folder / "README.md": _contents(course, names)}
    for number, lesson in enumerate(course.lessons):
        made[folder / names[lesson.id]] = _page(course, number, names, folder, shown)
    return made


def page_name(number: int, lesson: Lesson) -> str:
    """The name of the page of the lesson that comes after `number` others."""
    words = re.findall(r"[\w.+-]+", lesson.id.lower())
    return f"{number + 1:02}-{'-'.join(words)}.md"


def _contents(course: Course, names: dict[str, str]) -> str:
    lines = [f"# {course.title}", "", _made("the lessons"), ""]
    for number, lesson in enumerate(course.lessons, 1):
        minutes = f" ({lesson.minutes} minutes)" if lesson.minutes else ""
        lines.append(f"{number}. [{lesson.title}]({names[lesson.id]}){minutes}")
    return "\n".join(lines) + "\n"


def _made(source: str) -> str:
    return f"<!-- Made from {source}: change that, not this. -->"


def _page(
    course: Course, number: int, names: dict[str, str], folder: Path, pictures: Path | None
) -> str:
    lesson = course.lessons[number]
    parts = [
        f"# {number + 1}. {lesson.title}",
        _made(lesson.path.name),
        _facts(course, lesson, names),
    ]
    if lesson.objectives:
        parts.append("\n".join(["After this lesson you can:", "", *_items(lesson.objectives)]))
    blocks = list(lesson.blocks)
    if blocks and blocks[0].kind == "text":
        first, _, rest = blocks[0].text.partition("\n")
        text = rest.lstrip("\n") if first.lstrip("# ") == lesson.title else blocks[0].text
        blocks[0] = Block("text", blocks[0].line, text)
    links = _Links(course, lesson, names, folder, pictures)
    parts += [_block(block, links) for block in blocks]
    if lesson.challenges:
        parts.append("## Challenges")
        parts += [_challenge(challenge, links) for challenge in lesson.challenges]
    around = []
    if number:
        before = course.lessons[number - 1]
        around.append(f"Before: [{before.title}]({names[before.id]})")
    if number + 1 < len(course.lessons):
        after = course.lessons[number + 1]
        around.append(f"Next: [{after.title}]({names[after.id]})")
    around.append("[All lessons](README.md)")
    parts += ["---", " · ".join(around)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _items(texts: tuple[str, ...]) -> list[str]:
    return [f"- {text}" for text in texts]


def _facts(course: Course, lesson: Lesson, names: dict[str, str]) -> str:
    facts = [f"{lesson.minutes} minutes"] if lesson.minutes else []
    facts += [lesson.difficulty] if lesson.difficulty else []
    titles = {other.id: other.title for other in course.lessons}
    before = [f"[{titles[i]}]({names[i]})" for i in lesson.prerequisites if i in names]
    facts += [f"after {', '.join(before)}"] if before else []
    return f"*{' · '.join(facts)}*" if facts else ""


class _Links:
    """Where the links of a lesson lead when it stands in another folder."""

    def __init__(
        self, course: Course, lesson: Lesson, names: dict[str, str],
        folder: Path, pictures: Path | None,
    ) -> None:  # fmt: skip
        self.pictures = pictures
        self.home = lesson.path.resolve().parent
        self.folder = folder.resolve()
        self.pages = {other.path.resolve(): names[other.id] for other in course.lessons}

    def moved(self, text: str) -> str:
        """Markdown with its links moved; what stands in `code` stays."""
        moved, at = [], 0
        for span in _CODE_SPAN.finditer(text):
            moved += [_LINK.sub(self._target, text[at : span.start()]), span[0]]
            at = span.end()
        return "".join([*moved, _LINK.sub(self._target, text[at:])])

    def _target(self, match: re.Match[str]) -> str:
        path, mark, part = match[2].partition("#")
        if not path or path.startswith("/") or re.match(r"[a-zA-Z][\w+.-]*:", path):
            return match[0]
        there = (self.home / path).resolve()
        if self.pictures and path.startswith("pictures/") and not there.exists():
            there = (self.pictures / path.removeprefix("pictures/")).resolve()
        target = self.pages.get(there) or Path(os.path.relpath(there, self.folder)).as_posix()
        return f"{match[1]}{target}{mark}{part}{match[3]}"


def _block(block: Block, links: _Links) -> str:
    if block.kind == "text":
        return links.moved(block.text)
    if block.kind == "code":
        if block.language == "output":
            return "It prints:\n\n" + _fenced(block.text, "text")
        return block.source
    inner = Block(
        "container", block.line, name=block.name, title=block.title,
        blocks=tuple(Block("text", b.line, _block(b, links)) for b in block.blocks),
    )  # fmt: skip
    return inner.markdown()


def _fenced(code: str, language: str) -> str:
    """Code between fences that are longer than any in it."""
    longest = max((len(marks) for marks in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}{fence}"


def _challenge(challenge: Challenge, links: _Links) -> str:
    level = f" ({challenge.difficulty})" if challenge.difficulty else ""
    parts = [
        f"### {challenge.name}{level}",
        links.moved(challenge.task),
        _fenced(challenge.starter, "python"),
    ]
    if challenge.expected.strip():
        parts += ["It should print:", _fenced(challenge.expected, "text")]
    for number, hint in enumerate(challenge.hints, 1):
        parts.append(_folded(f"Hint {number}", links.moved(hint)))
    solution = [_fenced(challenge.solution, "python"), links.moved(challenge.reason)]
    parts.append(_folded("Solution", "\n\n".join(part for part in solution if part)))
    return "\n\n".join(part for part in parts if part)


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
