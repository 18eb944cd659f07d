"""Lessons as pages: all of them is there, and their links lead somewhere."""

import re
import shutil
from pathlib import Path

import pytest

from clew.course.course import read_course
from clew.course.pages import pages

SAMPLES = Path(__file__).parent / "samples"


@pytest.mark.parametrize("name", ["small", "odd"])
def test_all_of_a_course_is_in_its_pages(name, tmp_path):
    course = read_course(SAMPLES / name)
    made = pages(course, tmp_path)
    assert len(made) == len(course.lessons) + 1
    for path, text in made.items():
        path.write_text(text)
    for number, lesson in enumerate(course.lessons, 1):
        (path,) = tmp_path.glob(f"{number:02}-*.md")
        page = path.read_text()
        assert page.startswith(f"# {number}. {lesson.title}\n")
        flat = re.sub(r"(?m)^> ?", "", page)
        for block, _ in lesson.every_block():
            for line in block.text.split("\n"):
                assert line in flat or line == f"# {lesson.title}"
        for challenge in lesson.challenges:
            for part in (challenge.starter, challenge.expected, challenge.solution):
                assert part in page
            assert all(hint in page for hint in challenge.hints)
            assert page.index(challenge.hints[0]) > page.index("<details>")
    for path in made:
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
            assert (path.parent / target).exists(), target


def test_links_and_pictures_lead_where_they_led(tmp_path):
    lessons = tmp_path / "lessons"
    shutil.copytree(SAMPLES / "small", lessons)
    (lessons / "pictures").mkdir()
    (lessons / "pictures" / "bag.svg").write_text("<svg/>")
    one = lessons / "01-order.md"
    links = (
        '![A bag](pictures/bag.svg "a bag"), [on](02-loop.md#h), [out](https://x.org/a),\n'
        "[here](#order), `[code](pictures/bag.svg)`\n\n:::try-it\n"
        "![again](pictures/other.png)\n:::\n"
    )
    one.write_text(one.read_text().replace("## Summary\n", links + "\n## Summary\n"))
    # One picture is beside the lessons, the other among those of the docs.
    made = pages(read_course(lessons), tmp_path / "docs" / "course", tmp_path / "docs" / "pictures")
    page = made[tmp_path / "docs" / "course" / "01-order.md"]
    assert '![A bag](../../lessons/pictures/bag.svg "a bag")' in page
    assert "[on](02-loop.md#h)" in page
    assert "[out](https://x.org/a)" in page
    assert "[here](#order)" in page
    assert "`[code](pictures/bag.svg)`" in page
    assert "> ![again](../pictures/other.png)" in page


def test_code_with_fences_in_it_stays_whole(tmp_path):
    made = pages(read_course(SAMPLES / "odd"), tmp_path)
    page = "".join(made.values())
    assert '````python\ntext = """\n```\n#### Hints\n:::\n' in page


def test_the_pages_in_the_docs_are_current():
    """Where they have been made; and their pictures are there."""
    docs = Path(__file__).parents[2] / "docs"
    there = {path: path.read_text(encoding="utf-8") for path in (docs / "course").glob("*.md")}
    if not there:
        return
    made = pages(read_course(), docs / "course", docs / "pictures")
    assert there == made, "run: make docs"
    for path, text in made.items():
        outside = re.sub(r"(?ms)^(> )?(```+).*?^(> )?\2", "", text)
        for target in re.findall(r"\]\(([^)#\s]+)", outside):
            assert "://" in target or (path.parent / target).exists(), f"{path.name}: {target}"
