"""A course: the lessons of a folder, in the order in which they are learnt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from clew.course.lesson import Challenge, Lesson, Problem, read
from clew.errors import InputError

__all__ = ["OURS", "Course", "in_order", "lesson_files", "problems_between", "read_course"]

OURS = Path(__file__).parent / "lessons"
_NOT_LESSONS = {"readme", "index", "license", "contributing", "changelog"}


@dataclass(frozen=True)
class Course:
    """The lessons of one folder, each after those that it builds upon."""

    lessons: tuple[Lesson, ...]
    folder: Path

    @property
    def title(self) -> str:
        """The name of the folder, as words."""
        return re.sub(r"[-_]+", " ", self.folder.resolve().name).strip().capitalize()

    def challenges(self) -> Iterator[Challenge]:
        """Every challenge, in the order of the lessons."""
        for lesson in self.lessons:
            yield from lesson.challenges

    def lesson(self, name: str) -> Lesson:
        """The lesson of this id, or of this number, counted from 1.

        Raises InputError where there is none.
        """
        for number, lesson in enumerate(self.lessons, 1):
            if name in (lesson.id, str(number)):
                return lesson
        raise _unknown("lesson", name, [lesson.id for lesson in self.lessons])

    def challenge(self, name: str) -> Challenge:
        """The challenge of this id, or LESSON/ID where several lessons have one of that id.

        Raises InputError where there is none, or more than one.
        """
        every = list(self.challenges())
        found = [challenge for challenge in every if challenge.key == name]
        found = found or [challenge for challenge in every if challenge.id == name]
        if len(found) > 1:
            keys = ", ".join(challenge.key for challenge in found)
            raise InputError(
                f"{len(found)} challenges have the id {name!r}", expected=f"one of {keys}"
            )
        if not found:
            raise _unknown("challenge", name, [challenge.id for challenge in every])
        return found[0]


def _unknown(what: str, name: str, known: Sequence[str]) -> InputError:
    close = get_close_matches(name, known, 1)
    return InputError(
        f"there is no {what} {name!r} in this course",
        hint=f"{close[0]}?" if close else "`clew learn` lists what there is",
    )


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Lesson 2 before lesson 10."""
    parts = re.findall(r"\d+|\D+", str(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def lesson_files(folder: str | Path) -> list[Path]:
    """The lessons of a folder and the folders in it, by their names; or the one file given.

    Every ``.md`` and ``.markdown`` is one, without those named readme, index, license, contributing
    or changelog and without those whose name begins with a dot or an underscore.
    Raises InputError where there are none.
    """
    folder = Path(folder)
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(
            "there is no such folder", where=str(folder), expected="a folder of lessons (.md)"
        )
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        hidden = any(part.startswith((".", "_")) for part in inside.parts)
        known = path.suffix.lower() in (".md", ".markdown")
        if known and not hidden and path.stem.lower() not in _NOT_LESSONS and path.is_file():
            found.append(path)
    if not found:
        raise InputError(
            "there are no lessons in this folder",
            where=str(folder),
            expected="files whose names end in .md",
            hint="`clew learn author new` writes one to begin with",
        )
    return sorted(found, key=lambda path: _natural(path.relative_to(folder)))


def _links(lessons: Sequence[Lesson]) -> list[list[tuple[str, int | None]]]:
    """Of each lesson its prerequisites: as they are written, and which lesson each one is."""
    numbers = {lesson.path.stem: number for number, lesson in enumerate(lessons)}
    for number in reversed(range(len(lessons))):
        numbers[lessons[number].id] = number
    return [[(name, numbers.get(name)) for name in lesson.prerequisites] for lesson in lessons]


def in_order(lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
    """Each lesson after its prerequisites, else as given; a circle is broken at its first lesson.

    A prerequisite is the id of a lesson or the name of its file without ``.md``.
    """
    links = [[before for _, before in link if before is not None] for link in _links(lessons)]
    waiting = list(range(len(lessons)))
    found: list[int] = []
    done: set[int] = set()
    while waiting:
        free = (n for n in waiting if all(b in done or b == n for b in links[n]))
        number = next(free, waiting[0])
        waiting.remove(number)
        done.add(number)
        found.append(number)
    return tuple(lessons[number] for number in found)


def _shared_ids(lessons: Sequence[Lesson]) -> list[Problem]:
    found = []
    first: dict[str, Lesson] = {}
    for lesson in lessons:
        other = first.setdefault(lesson.id, lesson)
        if other is not lesson and lesson.id:
            text = f"{lesson.id!r} is also the id of {other.path}"
            found.append(Problem(lesson.path, lesson.lines.get("id", 1), text))
    return found


def problems_between(lessons: Sequence[Lesson]) -> list[Problem]:
    """Ids that two lessons share, prerequisites that are nowhere, and circles of them.

    What a lesson that stands alone builds upon may be taught elsewhere: there it is a note.
    """
    found = _shared_ids(lessons)
    known = {lesson.id for lesson in lessons}
    links = _links(lessons)
    for lesson, link in zip(lessons, links, strict=True):
        line = lesson.lines.get("prerequisites", 1)
        for name, before in link:
            if before is None:
                close = get_close_matches(name, sorted(known - {lesson.id}), 1)
                found.append(
                    Problem(
                        lesson.path,
                        line,
                        f"the prerequisite {name!r} is no lesson of this course",
                        "note" if len(lessons) == 1 else "error",
                        hint=f"{close[0]}?" if close else None,
                    )
                )
    for circle in _circles([[b for _, b in link if b is not None] for link in links]):
        start = lessons[circle[0]]
        names = " -> ".join(lessons[number].id for number in [*circle, circle[0]])
        line = start.lines.get("prerequisites", 1)
        text = (
            f"{start.id} is its own prerequisite"
            if len(circle) == 1
            else f"prerequisites form a circle: {names}"
        )
        found.append(Problem(start.path, line, text))
    return found


def _circles(links: Sequence[Sequence[int]]) -> list[list[int]]:
    """One shortest circle through each lesson that is in one and in none told before."""
    told: set[int] = set()
    circles = []
    for start in range(len(links)):
        if start in told:
            continue
        came: dict[int, int] = {}
        queue = [start]
        for at in queue:
            for before in links[at]:
                if before not in came:
                    came[before] = at
                    queue.append(before)
        if start in came:
            back = [start]
            while came[back[-1]] != start:
                back.append(came[back[-1]])
            circle = [start, *reversed(back[1:])]
            told.update(circle)
            circles.append(circle)
    return circles


def read_course(folder: str | Path = OURS) -> Course:
    """The lessons of a folder (or of one file), each after its prerequisites.

    Raises InputError with file and line where one cannot be read or two share an id; prerequisites
    that are missing keep nobody from learning, and are left to ``author.check``.
    """
    folder = Path(folder)
    lessons = []
    for path in lesson_files(folder):
        lesson, problems = read(path)
        for problem in problems:
            if problem.kind == "error":
                raise problem.error()
        lessons.append(lesson)
    for problem in _shared_ids(lessons):
        raise problem.error()
    return Course(in_order(lessons), folder if folder.is_dir() else folder.parent)
