"""One learner in one course: what comes next, the files of the answers, hints and solutions."""

from __future__ import annotations

import contextlib
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from clew.course.course import OURS, Course
from clew.course.lesson import Challenge, Lesson
from clew.course.progress import Done, Progress, Record, now
from clew.course.watching import content
from clew.errors import InputError

if TYPE_CHECKING:
    from clew.course.judging import Verdict
    from clew.course.running import Limits

MOST = 1_000_000  # bytes of an answer that are read


class Learner:
    """What a learner does in `course`, kept in `progress`; answers are files in one folder.

    folder: None for the one used before, or at first ``clew-learn`` where the learner stands.
    called: how a command of this course begins, as it is to be typed.
    """

    def __init__(
        self, course: Course, progress: Progress, folder: Path | None = None,
        called: str = "clew learn",
    ) -> None:  # fmt: skip
        self.called = called
        self.course = course
        self.progress = progress
        self.record = progress.read()
        self._folder = folder.absolute() if folder is not None else None

    @property
    def folder(self) -> Path:
        """Where the answers are."""
        if self._folder is not None:
            return self._folder
        return Path(self.record.folder) if self.record.folder else Path.cwd() / "clew-learn"

    def number(self, challenge: Challenge) -> str:
        """What a challenge is called on the screen: 3.2 is the second of lesson 3."""
        for number, lesson in enumerate(self.course.lessons, 1):
            for place, own in enumerate(lesson.challenges, 1):
                if own.key == challenge.key:
                    return f"{number}.{place}"
        raise AssertionError(f"{challenge.key} is not of this course")

    def done(self, challenge: Challenge) -> Done:
        """What was done about a challenge."""
        return self.record.of(challenge.key)

    def find(self, which: str) -> Lesson | Challenge:
        """A lesson by number or id, a challenge by its number (3.2) or id; else InputError."""
        match = re.fullmatch(r"(\d+)\.(\d+)", which)
        if match:
            lesson = self.course.lesson(match[1])
            if 1 <= int(match[2]) <= len(lesson.challenges):
                return lesson.challenges[int(match[2]) - 1]
            raise InputError(
                f"lesson {match[1]} has no challenge {match[2]}",
                expected=f"1 to {len(lesson.challenges)}",
            )
        try:
            return self.course.lesson(which)
        except InputError:
            if which.isdecimal():
                raise
            return self.course.challenge(which)

    def challenge(self, which: str | None, *, passed: bool = False) -> Challenge:
        """The challenge called `which`; without a name the one worked on last, if it is still open.

        Else the first open one after it, and in the end the first of all. passed: whether the one
        worked on last counts even where it has passed.
        """
        if which is not None:
            found = self.find(which)
            if isinstance(found, Challenge):
                return found
            if len(found.challenges) == 1:
                return found.challenges[0]
            raise InputError(
                f"{which!r} is a lesson", expected=f"one of its challenges, as {which}.1"
            )
        last = self._last()
        if passed and last is not None:
            return last
        still = next((own for _, own in self._ahead() if own is not None), None)
        if still is None:
            raise InputError("every challenge has passed", hint="name one, as 3.2, to do it again")
        return still

    def following(self) -> Lesson | Challenge | None:
        """What comes next: the open challenge one is at, or its lesson where that is not read yet.

        None at the end.
        """
        for lesson, still in self._ahead():
            if lesson.id not in self.record.read and (still is not None or not lesson.challenges):
                return lesson
            if still is not None:
                return still
        return None

    def command(self, word: str, challenge: Challenge) -> str:
        """How "check", "hint" or "solution" of a challenge is typed: with its number if need be."""
        ended = self.following() is None
        try:
            meant = self.challenge(None, passed=word == "solution" or (word == "check" and ended))
        except InputError:  # every challenge has passed
            meant = None
        named = "" if challenge == meant else f" {self.number(challenge)}"
        return f"{self.called} {word}{named}"

    def _last(self) -> Challenge | None:
        """The challenge worked on last."""
        every = list(self.course.challenges())
        named = next((own for own in every if own.key == self.record.last), None)
        begun = [own for own in every if self.done(own).started]
        # A record of an earlier Clew names none; of several in one second it is the last of them.
        return named or max(
            reversed(begun), key=lambda own: self.done(own).passed or self.done(own).started,
            default=None,
        )  # fmt: skip

    def _ahead(self) -> Iterator[tuple[Lesson, Challenge | None]]:
        """Each lesson with its first open challenge, from the challenge worked on last round."""
        lessons, last = self.course.lessons, self._last()
        here = next((n for n, own in enumerate(lessons) if last in own.challenges), 0)
        first = lessons[here].challenges
        begin = first.index(last) if last in first else 0
        for lesson, own in (
            (lessons[here], first[begin:]),
            *(
                (lesson, lesson.challenges)
                for lesson in (*lessons[here + 1 :], *lessons[: here + 1])
            ),
        ):
            yield lesson, next((each for each in own if not self.done(each).passed), None)

    def _change(self, challenge: Challenge, change: Callable[[Done], Done]) -> Done:
        """Change what was done about a challenge, whatever another terminal did meanwhile."""
        with self.progress.changing() as record:
            record.challenges[challenge.key] = change(record.of(challenge.key))
            record.last = challenge.key
            self._place(record)
        self.record = record
        return record.challenges[challenge.key]

    def _place(self, record: Record) -> None:
        if self._folder is not None or not record.folder:
            record.folder = str(self.folder)

    def read(self, lesson: Lesson) -> None:
        """Note that a lesson was shown."""
        if lesson.id not in self.record.read:
            with self.progress.changing() as record:
                record.read = [*record.read, lesson.id] if lesson.id not in record.read else (
                    record.read
                )  # fmt: skip
            self.record = record

    def file(self, challenge: Challenge) -> Path:
        """The file of the learner's answer."""
        return self.folder / self._inside(challenge)

    def _inside(self, challenge: Challenge) -> str:
        """The place of that file in the learner's folder, the same from its first day on.

        Courses that are not ours have folders of their own in it.
        """
        kept = self.done(challenge).file
        if kept:
            return kept
        lesson, place = self.number(challenge).split(".")
        name = f"{int(lesson):02d}-{_slug(challenge.lesson)}/{place}-{_slug(challenge.id)}.py"
        home = self.course.folder.resolve()
        inside = name if home == OURS.resolve() else f"{_slug(home.name)}/{name}"
        # Another course may be in a folder of the same name.
        taken = (self.folder / inside).exists() and self._is_of_another(inside)
        return f"{self.progress.path.stem}/{name}" if taken else inside

    def _is_of_another(self, inside: str) -> bool:
        """Whether a file of the learner's folder is the answer to another course."""
        other = Progress()
        for path in self.progress.path.parent.glob("*.json"):
            if path == self.progress.path:
                continue
            other.path = path
            with contextlib.suppress(InputError):  # a record that is damaged is told in its course
                record = other.read()
                files = {done.file for done in record.challenges.values()}
                if record.folder == str(self.folder) and inside in files:
                    return True
        return False

    def start(self, challenge: Challenge) -> tuple[Path, bool]:
        """Write the starter into the learner's folder; whether it is new: a file there is kept."""
        path = self.file(challenge)
        new = not path.exists()
        if new:
            _write(path, challenge.starter)
        inside = self._inside(challenge)
        self._change(
            challenge, lambda done: replace(done, file=inside, started=done.started or now())
        )
        return path, new

    def reset(self, challenge: Challenge) -> Path | None:
        """Write the starter anew and count hints anew; where the old answer is kept, if any."""
        path = self.file(challenge)
        kept: Path | None = None
        if path.exists() and (content(path) or b"").strip() != challenge.starter.encode().strip():
            names = (path.with_suffix(f".before-{number}.py") for number in count(1))
            kept = next(name for name in names if not name.exists())
            path.rename(kept)
        _write(path, challenge.starter)
        inside = self._inside(challenge)
        self._change(challenge, lambda done: Done(file=inside, started=now()))
        return kept

    def check(
        self, challenge: Challenge, limits: Limits | None = None,
        look: Callable[[], None] | None = None,
    ) -> Verdict:  # fmt: skip
        """Judge the learner's file, a copy of which is run; what `look` raises ends the run."""
        from clew.course.judging import judge  # the list of lessons is there before it would be

        path = self.file(challenge)
        code = answer(path, f"{self.called} start {self.number(challenge)}")
        verdict = judge(challenge, code, where=str(path), limits=limits, look=look)
        self._change(
            challenge,
            lambda done: replace(
                done, started=done.started or now(), checks=done.checks + 1,
                passed=done.passed or (now() if verdict.passed else ""),
            ),
        )  # fmt: skip
        return verdict

    def hint(self, challenge: Challenge) -> int:
        """The number of the next hint, from 1; one more than there are when all were given."""
        most = len(challenge.hints)
        given = self.done(challenge).hints
        self._change(challenge, lambda done: replace(done, hints=min(most, done.hints + 1)))
        return given + 1

    def may_see(self, challenge: Challenge) -> bool:
        """Whether the solution is shown: after a pass, or when asked for a second time."""
        if self.done(challenge).passed:
            return True
        return self._change(challenge, lambda done: replace(done, asked=done.asked + 1)).asked > 1


def answer(path: Path, begin: str = "clew learn start") -> str:
    """The learner's code; raises InputError where it cannot be read.

    begin: the command that writes the file.
    """
    try:
        size = path.stat().st_size
        if not (path.is_file() or path.is_dir()):  # a pipe would be waited for
            raise InputError("this is no file: nothing can be saved in it", where=str(path))
        if size > MOST:
            raise InputError(
                "the file is too large for an answer", where=str(path),
                expected=f"at most {MOST:,} bytes",
            )  # fmt: skip
        given = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            "not started yet: there is no such file", where=str(path),
            hint=f"`{begin}` writes it",
        ) from error  # fmt: skip
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    try:
        # As Python reads it: in UTF-8, or as a comment in its first two lines says.
        coding, _ = tokenize.detect_encoding(io.BytesIO(given).readline)
        return io.TextIOWrapper(io.BytesIO(given), coding).read()
    except (SyntaxError, LookupError, UnicodeDecodeError) as error:
        raise InputError(
            "the file is not text in UTF-8", where=str(path),
            hint="save it as UTF-8; or name its coding in its first line: # coding: latin-1",
        ) from error  # fmt: skip


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"the file cannot be written: {error.strerror}", where=str(path),
            hint="choose another folder for your answers with --folder",
        ) from error  # fmt: skip


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "answer"
