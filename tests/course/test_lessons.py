"""Clew's own course holds: each lesson by itself, and all of them together."""

import pytest

from clew.course.author import check
from clew.course.course import OURS, lesson_files, problems_between
from clew.course.lesson import read_lesson

FILES = lesson_files(OURS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_lesson_is_proved(path):
    elsewhere = "is no lesson of this course"  # looked for below
    assert [str(found) for found in check(path) if elsewhere not in found.text] == []


def test_lessons_build_upon_each_other():
    lessons = [read_lesson(path) for path in FILES]
    assert problems_between(lessons) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_lesson_has_all_its_parts(path):
    lesson = read_lesson(path)
    assert lesson.path.stem.split("-", 1)[1] == lesson.id
    assert 10 <= (lesson.minutes or 0) <= 20
    assert 2 <= len(lesson.challenges) <= 4
    names = {block.name for block in lesson.blocks}
    assert {"definition", "try-it"} <= names
    languages = {block.language for block, _ in lesson.every_block()}
    assert {"python", "output"} <= languages
    assert all(challenge.reason or "#" in challenge.solution for challenge in lesson.challenges)
    assert "## Summary" in lesson.text()
    assert "](pictures/" in lesson.text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_code_that_is_shown_fits_a_terminal_of_80_columns(path):
    lesson = read_lesson(path)
    shown = [
        (4 + 2 * len(around), block.text)  # a bar beside what stands in a container
        for block, around in lesson.every_block()
        if block.kind == "code"
    ]
    for own in lesson.challenges:
        shown += [(4, own.starter), (4, own.expected), (4, own.solution)]
    lines = [" " * margin + line for margin, text in shown for line in text.splitlines()]
    assert [line for line in lines if len(line) > 80] == []
