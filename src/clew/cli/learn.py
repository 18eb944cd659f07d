"""``clew learn``: the course, in the terminal and in files of the learner's own."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli import learn_author, say
from clew.cli.options import Grouped

COURSE = typer.Option(
    metavar="FOLDER", help="Lessons of your own. [those that come with Clew]", show_default=False,
    envvar="CLEW_COURSE", show_envvar=False,
)  # fmt: skip
FOLDER = typer.Option(
    metavar="FOLDER", help="Where your answers are. [where they were before, or clew-learn here]",
    show_default=False,
)  # fmt: skip
WHICH = typer.Argument(
    metavar="[WHICH]", help="A challenge, by number (3.2) or id. [the one you are at]",
    show_default=False,
)  # fmt: skip
Course = Annotated[Path | None, COURSE]
Folder = Annotated[Path | None, FOLDER]
Which = Annotated[str | None, WHICH]


def register(app: typer.Typer) -> None:
    """Add ``clew learn`` and what can be done in it to `app`."""
    group = typer.Typer(rich_markup_mode=None)
    group.callback(
        invoke_without_command=True,
        epilog="Example: clew learn next; clew learn check --watch",
    )(learn)
    for command, short in (
        (following, "Go on: the next lesson, or the next challenge."),
        (show, "Show a lesson, or the task of a challenge."),
        (start, "Write the starter of a challenge into your folder."),
        (check, "Say whether your answer is right."),
        (hint, "Give a hint: one more each time."),
        (solution, "Show the solution: after a pass, or asked for twice."),
        (reset, "Begin a challenge anew; your answer is kept."),
        (progress, "Say what has passed."),
    ):
        name = "next" if command is following else None
        group.command(name, cls=Grouped, short_help=short)(command)
    learn_author.register(group)
    app.add_typer(group, name="learn", help="The course: learn how a memory works by building one.")


def learn(context: typer.Context, course: Course = None, folder: Folder = None) -> None:
    """Learn how a memory works by building one.

    Without a command: the lessons, how far you are, and what comes next. `clew learn next` always
    leads on: it shows a lesson, then opens its challenges one by one.
    """
    context.obj = {**(context.obj or {}), "course": course, "folder": folder}
    if context.invoked_subcommand is None:
        _overview(_learner(context, None, None))


def _learner(context: typer.Context, course: Path | None, folder: Path | None) -> Any:
    """The learner in the course named here or before the command; what is wrong, in plain words."""
    from clew.course.course import OURS, read_course
    from clew.course.learning import Learner
    from clew.course.progress import Progress
    from clew.errors import InputError

    given = context.obj or {}
    course = course or given.get("course")
    folder = folder or given.get("folder")
    if course is None and not any(OURS.glob("*.md")):
        raise InputError(
            "no lessons are installed with this Clew yet", where=str(OURS),
            hint="clew learn --course FOLDER, with a folder of lessons",
        )  # fmt: skip
    called = "clew learn"
    if course is not None and os.environ.get("CLEW_COURSE") != str(course):
        called += f" --course {shlex.quote(str(course))}"
    return Learner(read_course(course or OURS), Progress(course), folder, called)


def _overview(learner: Any) -> None:
    from clew.cli.learn_show import styled, width

    say.result(styled(learner.course.title if _own(learner) else "The course", "bold") + "\n")
    room = width() - 26  # for the title
    for number, lesson in enumerate(learner.course.lessons, 1):
        passed = sum(bool(learner.done(own).passed) for own in lesson.challenges)
        all_of = len(lesson.challenges)
        whole = passed == all_of and (all_of or lesson.id in learner.record.read)
        mark = "x" if whole else "-" if passed or lesson.id in learner.record.read else " "
        time = f"{lesson.minutes} min" if lesson.minutes else ""
        title = _cut(lesson.title, room)
        line = f"{number:3d} [{mark}] {title:{room}} {passed}/{all_of}  {time:>7}".rstrip()
        say.result(styled(line, "green") if whole else line)
    say.result()
    _tell_next(learner)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 3)] + "..."


def _own(learner: Any) -> bool:
    from clew.course.course import OURS

    return bool(learner.course.folder != OURS)


def _tell_next(learner: Any) -> None:
    from clew.course.lesson import Lesson

    found = learner.following()
    if found is None:
        built = "" if _own(learner) else " You have built a network that remembers."
        say.result(f"Every challenge has passed.{built}")
    elif isinstance(found, Lesson):
        number = learner.course.lessons.index(found) + 1
        say.result(f"Next: lesson {number}, {found.title}\n  {learner.called} next")
    else:
        say.result(f"Next: challenge {learner.number(found)}, {found.name}")
        begun = learner.done(found).started
        say.result(f"  {learner.command('check', found) if begun else learner.called + ' next'}")


def following(context: typer.Context, course: Course = None, folder: Folder = None) -> None:
    """Go on: show the next lesson, or open the next challenge.

    Example: clew learn next
    """
    from clew.cli.learn_show import page
    from clew.course.lesson import Lesson

    learner = _learner(context, course, folder)
    found = learner.following()
    if isinstance(found, Lesson):
        page(_lesson(learner, found))
        learner.read(found)
        say.result()
        _tell_next(learner)
    elif found is not None:
        _open(learner, found)
    else:
        _tell_next(learner)


def show(
    context: typer.Context,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="[WHICH]",
            help="A lesson (3) or a challenge (3.2), by number or id.",
            show_default=False,
        ),
    ] = None,
    code: Annotated[
        bool, typer.Option("--code", help="Only the code of the lesson, to change and to run.")
    ] = False,
    course: Course = None,
    folder: Folder = None,
) -> None:
    """Show a lesson, or the task of a challenge.

    Examples:

      clew learn show 3

      clew learn show 3 --code > try.py
    """  # fmt: skip
    from clew.cli.learn_show import page
    from clew.course.lesson import Lesson

    learner = _learner(context, course, folder)
    found = learner.find(which) if which is not None else learner.challenge(None)
    if code:
        from clew.course._examples import program

        lesson = found if isinstance(found, Lesson) else learner.course.lesson(found.lesson)
        say.result(program(lesson).rstrip("\n"))
        return
    page(_lesson(learner, found) if isinstance(found, Lesson) else _task(learner, found))
    if isinstance(found, Lesson):
        learner.read(found)


def _lesson(learner: Any, lesson: Any) -> list[str]:
    from clew.cli.learn_show import blocks, styled, width

    number = learner.course.lessons.index(lesson) + 1
    head = f"Lesson {number}: {lesson.title}"
    facts = [f"about {lesson.minutes} minutes"] if lesson.minutes else []
    facts += [lesson.difficulty] if lesson.difficulty else []
    lines = [styled(head, "bold"), *([", ".join(facts)] if facts else []), ""]
    if lesson.objectives:
        lines += ["After it you can:", *(f"  - {text}" for text in lesson.objectives), ""]
    lines += [*blocks(lesson.blocks, width()), ""]
    names = [f"  {learner.number(own)}  {own.name}" for own in lesson.challenges]
    return [*lines, "Challenges:", *names] if names else lines


def _task(learner: Any, challenge: Any) -> list[str]:
    from clew.cli.learn_show import markdown, styled, width

    easy = f" ({challenge.difficulty})" if challenge.difficulty else ""
    lines = [styled(f"Challenge {learner.number(challenge)}: {challenge.name}", "bold") + easy, ""]
    if challenge.task.strip():
        lines += [*markdown(challenge.task.strip(), width()), ""]
    if challenge.expected.strip():
        wanted = challenge.expected.rstrip().split("\n")
        lines += ["It is to print:", *(f"    {line}" for line in wanted), ""]
    return lines


def _open(learner: Any, challenge: Any) -> None:
    """Write the starter, and say what to do and where."""
    from clew.cli.learn_show import link

    path, new = learner.start(challenge)
    say.result("\n".join(_task(learner, challenge)))
    kept = "" if new else " (it was there already, and is kept)"
    say.result(f"Your file{kept}:\n  {link(path)}\n")
    say.result("Change it in your editor, save, then:")
    say.result("\n".join(f"  {learner.command(word, challenge)}" for word in ("check", "hint")))


def start(
    context: typer.Context, which: Which = None, course: Course = None, folder: Folder = None
) -> None:
    """Write the starter of a challenge into your folder; a file that is there is kept.

    Example: clew learn start 3.2
    """
    learner = _learner(context, course, folder)
    _open(learner, learner.challenge(which))


def check(
    context: typer.Context,
    which: Which = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check again whenever you save, until it passes.")
    ] = False,
    course: Course = None,
    folder: Folder = None,
) -> None:
    """Run a copy of your answer and say whether it is right; exits with 1 if it is not.

    Examples:

      clew learn check

      clew learn check --watch
    """
    from clew.cli.learn_check import checked, watched

    learner = _learner(context, course, folder)
    challenge = learner.challenge(which, passed=which is None and learner.following() is None)
    passed = watched(learner, challenge) if watch else checked(learner, challenge)
    if not passed:
        raise typer.Exit(1)
    _tell_next(learner)


def hint(
    context: typer.Context, which: Which = None, course: Course = None, folder: Folder = None
) -> None:
    """Give a hint: one more each time.

    Example: clew learn hint
    """
    from clew.cli.learn_check import hinted

    learner = _learner(context, course, folder)
    hinted(learner, learner.challenge(which))


def solution(
    context: typer.Context, which: Which = None, course: Course = None, folder: Folder = None
) -> None:
    """Show the solution and its reason: after a pass, or when asked for twice.

    Example: clew learn solution
    """
    from clew.cli.learn_check import solved

    learner = _learner(context, course, folder)
    solved(learner, learner.challenge(which, passed=True))


def reset(
    context: typer.Context, which: Which = None, course: Course = None, folder: Folder = None
) -> None:
    """Begin a challenge anew; your answer is kept beside it under another name.

    Example: clew learn reset 3.2
    """
    from clew.cli.learn_show import link

    learner = _learner(context, course, folder)
    challenge = learner.challenge(which)
    kept = learner.reset(challenge)
    if kept is not None:
        say.result(f"Your answer is kept:\n  {link(kept)}")
    say.result(f"The starter is written anew:\n  {link(learner.file(challenge))}")


def progress(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    course: Course = None,
    folder: Folder = None,
) -> None:
    """Say what has passed, when, with how many checks and hints.

    Example: clew learn progress
    """
    from clew.cli.learn_show import styled, width

    learner = _learner(context, course, folder)
    every = list(learner.course.challenges())
    if json:
        rows = {own.key: asdict(learner.done(own)) for own in every}
        say.result(jsonlib.dumps(rows, ensure_ascii=False, indent=2))
        return
    passed = 0
    room = width() - 50  # for the name
    for own in every:
        done = learner.done(own)
        passed += bool(done.passed)
        word = f"passed {done.passed[:10]}" if done.passed else "begun" if done.started else ""
        counts = f"checks {done.checks}, hints {done.hints}" if done.started else ""
        mark = "x" if done.passed else "-" if done.started else " "
        name = _cut(own.name, room)
        line = f"{learner.number(own):>5} [{mark}] {name:{room}}  {word:17}  {counts}".rstrip()
        say.result(styled(line, "green") if done.passed else line)
    say.result(f"\n{passed} of {len(every)} have passed. Kept in {learner.progress.path}")
