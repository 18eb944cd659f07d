"""What a learner has done: a readable file in the user's data folder, one for each course.

It is written beside, flushed and renamed, under a lock, so that neither an interrupted write nor a
second terminal loses anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from clew.errors import InputError

FORMAT = 1
ELSEWHERE = "set XDG_DATA_HOME to a folder that can be written to"


@dataclass(frozen=True)
class Done:
    """What was done about one challenge; times as 2026-05-01T18:30:00, empty if not yet.

    file: the learner's, within the folder of the record.
    """

    file: str = ""
    started: str = ""
    checks: int = 0
    hints: int = 0
    asked: int = 0  # how often the solution was asked for before it passed
    passed: str = ""


@dataclass
class Record:
    """All of it for one course: the folder of the learner's files, and each challenge by its key.

    read: the ids of the lessons that were shown. last: the key of the challenge worked on last.
    """

    folder: str = ""
    last: str = ""
    read: list[str] = field(default_factory=list)
    challenges: dict[str, Done] = field(default_factory=dict)

    def of(self, key: str) -> Done:
        """What was done about the challenge `key`."""
        return self.challenges.get(key, Done())


class Progress:
    """The file of one course, whose lessons are in `course` (None: those that come with Clew)."""

    def __init__(self, course: Path | None = None) -> None:
        name = "clew"
        if course is not None:
            whole = str(course.resolve())
            short = re.sub(r"[^a-z0-9]+", "-", course.resolve().name.lower()).strip("-")[:40]
            name = f"{short or 'course'}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
        self.path = data_folder() / "learn" / f"{name}.json"

    def read(self) -> Record:
        """The record; an empty one where there is none yet. Raises InputError if it is damaged."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Record()
        except OSError as error:
            raise InputError(
                f"the file of your progress cannot be read: {error.strerror}",
                where=str(self.path), hint=ELSEWHERE,
            ) from error  # fmt: skip
        except UnicodeDecodeError as error:
            raise self._damaged(None, "it is not text in UTF-8") from error
        try:
            return _record(json.loads(text))
        except json.JSONDecodeError as error:
            raise self._damaged(error.lineno, error.msg) from error
        except (TypeError, ValueError, RecursionError) as error:
            raise self._damaged(None, str(error)) from error

    def _damaged(self, line: int | None, why: str) -> InputError:
        return InputError(
            f"the file of your progress cannot be understood: {why}",
            where=f"{self.path}:{line}" if line else str(self.path),
            hint="mend it, or move it away to begin anew; your answers are files of their own",
        )

    @contextlib.contextmanager
    def changing(self) -> Iterator[Record]:
        """The record to change; it is written when the block ends without an error."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path.with_suffix(".lock")):
                record = self.read()
                yield record
                self._write(record)
        except OSError as error:
            raise InputError(
                f"your progress cannot be written: {error.strerror}", where=str(self.path),
                hint=ELSEWHERE,
            ) from error  # fmt: skip

    def _write(self, record: Record) -> None:
        content = {"format": FORMAT, **asdict(record)}
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        handle, beside = tempfile.mkstemp(dir=self.path.parent, prefix=".", suffix=".json")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(self.path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise


def _record(content: Any) -> Record:
    """The record in what was read; ValueError or TypeError tell what is wrong with it."""
    if not isinstance(content, dict):
        raise ValueError("it holds no record")
    if content.get("format") != FORMAT:
        raise ValueError(f"its format is {content.get('format')!r}, this Clew knows {FORMAT}")
    known = {"format", *(item.name for item in fields(Record))}
    if more := sorted(set(content) - known):
        raise ValueError(f"unknown key {more[0]!r}")
    texts = {name: content.get(name, "") for name in ("folder", "last")}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f"{name!r} is no text")
    read = content.get("read", [])
    if not (isinstance(read, list) and all(isinstance(name, str) for name in read)):
        raise ValueError("'read' is no list of ids")
    challenges = content.get("challenges", {})
    if not isinstance(challenges, dict):
        raise ValueError("'challenges' is no table")
    done = {key: _done(key, value) for key, value in challenges.items()}
    return Record(**texts, read=read, challenges=done)


def _done(key: str, value: Any) -> Done:
    if not isinstance(value, dict):
        raise ValueError(f"{key!r} is no table")
    kinds = {item.name: type(item.default) for item in fields(Done)}
    for name, own in value.items():
        if name not in kinds:
            raise ValueError(f"unknown key {name!r} of {key!r}")
        if type(own) is not kinds[name] or (isinstance(own, int) and own < 0):
            raise ValueError(f"{name!r} of {key!r} cannot be {own!r}")
    return Done(**value)


def data_folder() -> Path:
    """Where Clew keeps what is a user's: XDG_DATA_HOME if set, else as the system has it."""
    chosen = os.environ.get("XDG_DATA_HOME", "")
    if chosen and Path(chosen).is_absolute():
        return Path(chosen) / "clew"
    try:
        home = Path.home()
    except RuntimeError as error:  # a user without a name, as in some containers
        raise InputError(
            "there is no home folder to keep your progress in", hint=ELSEWHERE
        ) from error
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "clew"
    return home / ".local" / "share" / "clew"


def now() -> str:
    """This moment, to the second, in local time."""
    return datetime.now().isoformat(timespec="seconds")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process at a time; the others wait."""
    try:
        import fcntl
    except ImportError:  # not on Windows: there two terminals at once may lose a hint's count
        yield
        return
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
