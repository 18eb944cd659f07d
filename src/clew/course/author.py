"""For those who write a course: prove that all of it works, and begin a new lesson."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

from clew.course._examples import check_examples
from clew.course._front import KEYS
from clew.course.advice import GAP, UNFINISHED
from clew.course.course import in_order, lesson_files, problems_between
from clew.course.judging import Verdict, judge
from clew.course.lesson import Challenge, Lesson, Problem, read
from clew.errors import InputError

__all__ = ["check", "new"]


def check(path: str | Path, tell: Callable[[str], None] | None = None) -> list[Problem]:
    """All that is wrong with a course in a folder, or with one lesson, by files and lines.

    Every file is in the format; every example in the text runs and prints what the text says; no
    starter passes already, and each ends by itself; every solution passes; every challenge has
    hints; prerequisites are there and form no circle. An empty list is a course that is proved;
    "note" marks what may be meant so. ``tell`` is called with the name of each lesson before it is
    run. Raises InputError where there are no lessons at all.
    """
    problems: list[Problem] = []
    lessons: list[Lesson] = []
    files = lesson_files(path)
    for file in files:
        try:
            lesson, found = read(file)
        except InputError as error:
            problems.append(_unreadable(file, error))
            continue
        problems.extend(found)
        lessons.append(lesson)
    problems.extend(problems_between(lessons))
    for lesson in in_order(lessons):
        if tell:
            tell(lesson.title or lesson.path.name)
        problems.extend(_missing(lesson))
        # A part that could not be read has been told of: what runs is run all the same.
        problems.extend(check_examples(lesson))
        for challenge in lesson.challenges:
            problems.extend(_check_challenge(challenge))
    return sorted(problems, key=lambda problem: (files.index(problem.path), problem.line))


def _unreadable(file: Path, error: InputError) -> Problem:
    line = re.fullmatch(r".*:(\d+)", error.where or "")
    number = int(line[1]) if line else 1
    return Problem(file, number, error.what, "error", error.expected, error.hint)


def _missing(lesson: Lesson) -> list[Problem]:
    """What the format asks for and a learner can do without."""
    if not lesson.lines:
        return []  # there is no front matter, and this was told
    found = [
        Problem(lesson.path, 1, f"the front matter has no {key}", "note")
        for key in KEYS
        if key not in lesson.lines and key not in ("id", "title")
    ]
    if not lesson.challenges:
        found.append(Problem(lesson.path, 1, "the lesson has no challenges", "note"))
    if not lesson.blocks:
        found.append(Problem(lesson.path, 1, "the lesson has no text", "note"))
    return found


def _check_challenge(challenge: Challenge) -> list[Problem]:
    name = challenge.id or challenge.name
    found: list[Problem] = []

    def error(line: int, text: str, hint: str | None = None) -> None:
        found.append(Problem(challenge.path, line, text, "error", None, hint))

    if not challenge.hints:
        line = challenge.lines.get("hints", challenge.line)
        error(line, f"{name} has no hints", "a section #### Hints with lines 1. and 2.")
    if not challenge.solution.strip() or not (challenge.expected.strip() or challenge.tests):
        return found  # it was not read, and this was told
    found.extend(_check_starter(challenge, name))
    verdict = judge(challenge, challenge.solution, unstarted=False)
    if not verdict.passed:
        line = challenge.lines["solution"]
        problem = verdict.ran.problem if verdict.ran else None
        if problem and problem.line and not problem.in_tests:
            line += problem.line - 1
        said = "\n".join(f"      {text}".rstrip() for text in verdict.lines())
        error(line, f"the solution of {name} does not pass:\n{said}")
    return found


def _check_starter(challenge: Challenge, name: str) -> list[Problem]:
    """A starter is a learner's unfinished code: it is wrong or raises, and comes to an end."""
    line = challenge.lines["starter"]
    verdict = judge(challenge, challenge.starter, unstarted=False)
    problem = verdict.ran.problem if verdict.ran else None
    at = line + (problem.line or 1) - 1 if problem else line
    path = challenge.path
    if verdict.passed:
        hint = "leave out what is to be learnt"
        return [Problem(path, line, f"the starter of {name} passes already", hint=hint)]
    if verdict.kind == "stopped":
        reason = verdict.ran.stopped if verdict.ran else ""
        return [Problem(path, line, f"the starter of {name} is stopped because of {reason}")]
    if problem and problem.type == "ModuleNotFoundError":
        return [Problem(path, at, f"the starter of {name}: {problem.message}")]
    if problem and not problem.in_tests and not _is_a_gap(problem.type, problem.text, verdict):
        text = f"the starter of {name} is no Python: {problem.message}"
        hint = "mend it, if it is not what the learner is to mend"
        return [Problem(path, at, text, "note", hint=hint)]
    return []


def _is_a_gap(kind: str, line: str, verdict: Verdict) -> bool:
    """Whether what is raised says that something is still to be filled in, and is no slip."""
    if kind not in ("SyntaxError", "IndentationError", "TabError"):
        return True
    return bool(
        UNFINISHED.search(line) or GAP.search(line) or "expected an indented" in verdict.message
    )


_TEMPLATE = """\
---
id: {id}
title: "{title}"
moduleId: my-course
prerequisites: []
estimatedTimeMinutes: 15
difficulty: beginner
learningObjectives:
  - Say what a learner can do after this lesson
keywords: [memory]
---

# {title}

Begin with an analogy that everybody knows: a memory is a line on a slip of paper, which is
rewritten at each step.

:::definition
A **state** is what is kept from one step to the next.
:::

An example runs, and what it prints is compared with the output below it:

```python
state = 0
for x in [1, 2, 3]:
    state = state + x
print(state)
```

```output
6
```

:::try-it
Change one of the numbers. What is the state now?
:::

:::challenge
Now keep something else: the largest number so far.
:::

## Summary

A loop with a variable in front of it remembers.

---challenges---

### Challenge: The largest so far

- id: {id}-largest
- language: python
- difficulty: easy

Print the largest number that was read so far, after each step.

#### Starter Code

```python
largest = 0
for x in [1, 3, 2]:
    # your code here
    print(largest)
```

#### Expected Output

```
1
3
3
```

#### Hints

1. When does a new number have to be kept, and when not?
2. `max(a, b)` is the larger of two numbers.

#### Solution

```python
largest = 0
for x in [1, 3, 2]:
    largest = max(largest, x)
    print(largest)
```

The state is rewritten at each step, from the old state and from what is read.
"""


def new(path: str | Path, title: str | None = None) -> Path:
    """Write a lesson to begin with, which `check` finds nothing wrong with, and return its path.

    ``path`` is a file (.md), or a folder, in which the lesson gets the next number; folders are
    made. Its id is made of its name, with a number where another lesson beside it has that id.
    Raises InputError where the file is there already or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".md", ".markdown"):
        there = list(path.glob("*.md")) if path.is_dir() else []
        numbers = [int(match[0]) for p in there if (match := re.match(r"\d+", p.stem))]
        path = path / f"{max(numbers, default=0) + 1:02}-{_slug(title or 'new-lesson')}.md"
    name = _slug(re.sub(r"^\d+[-_. ]*", "", path.stem) or path.stem)
    words = name.replace("-", " ").capitalize()
    taken = _ids(path.parent)
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    name = next(own for own in names if own not in taken)
    title = " ".join((title or words).split())
    # In YAML's double quotes a backslash and a quote are written with a backslash.
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    text = _TEMPLATE.replace('title: "{title}"', f'title: "{quoted}"')
    text = text.replace("{title}", title).replace("{id}", name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise InputError(
            "there is a file of this name already: it stays as it is", where=str(path)
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"the lesson cannot be written: {reason}", where=str(path)) from error
    return path


def _ids(folder: Path) -> set[str]:
    """The ids of the lessons in a folder, as far as they can be read."""
    found = set()
    with contextlib.suppress(InputError):  # there is no lesson yet
        for file in lesson_files(folder):
            with contextlib.suppress(InputError):
                found.add(read(file)[0].id)
    return found


def _slug(text: str) -> str:
    words = re.findall(r"\w+", text.lower())
    return "-".join(words)[:60].strip("-_") or "lesson"
