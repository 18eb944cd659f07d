"""What proves a course, and what it says of one that does not hold."""

from pathlib import Path

import pytest

from clew.course.author import check, new
from clew.course.lesson import read_lesson
from clew.errors import InputError

SAMPLES = Path(__file__).parent / "samples"
HEAD = """---
id: a
title: A
moduleId: m
prerequisites: []
estimatedTimeMinutes: 5
difficulty: easy
learningObjectives: [x]
keywords: [x]
---
"""


def challenge(
    starter: str = "print(0)", solution: str = "print(1)", hints: str = "1. One.", tests: str = ""
) -> str:
    more = f"#### Tests\n```python\n{tests}\n```\n" if tests else ""
    return (
        "---challenges---\n### Challenge: One\n- id: one\n"
        f"#### Starter Code\n```python\n{starter}\n```\n"
        "#### Expected Output\n```\n1\n```\n"
        f"#### Hints\n{hints}\n"
        f"#### Solution\n```python\n{solution}\n```\n{more}"
    )


@pytest.fixture
def said(tmp_path):
    """What `check` says of one lesson, each as (line in the text below the head, kind, text)."""

    def of(text: str) -> list[tuple[int, str, str]]:
        path = tmp_path / "a.md"
        path.write_text(HEAD + text)
        head = HEAD.count("\n")
        found = [(problem.line - head, problem.kind, problem.text) for problem in check(path)]
        return [each for each in found if not each[2].endswith("has no challenges")]

    return of


def only_one(found: list[tuple[int, str, str]], line: int, kind: str, part: str) -> None:
    assert [(at, sort) for at, sort, _ in found] == [(line, kind)], found
    assert part in found[0][2]


@pytest.mark.parametrize("folder", ["small", "odd"])
def test_lessons_that_hold(folder):
    told: list[str] = []
    assert check(SAMPLES / folder, told.append) == []
    assert told == {"small": ["Order: why it matters", "A loop that remembers"]}.get(
        folder, ["Odd, but in the format"]
    )


def test_a_starter_that_passes_already(said):
    only_one(said("x\n" + challenge(starter="print(1)")), 7, "error", "passes already")


@pytest.mark.parametrize("starter", ["", "x =", "print(undefined)", "raise ValueError", "print(9)"])
def test_a_starter_is_as_unfinished_as_a_learners_code_may_be(said, starter):
    assert said("x\n" + challenge(starter=starter)) == []


def test_a_starter_comes_to_an_end_and_finds_its_modules(said):
    only_one(said("x\n" + challenge("x = 1\ninput()")), 7, "error", "stopped because of input")
    only_one(said("x\n" + challenge("x = 1\nimport no_such")), 8, "error", "No module named")


@pytest.mark.parametrize(
    ("solution", "line"), [("print(2)", 17), ("x = 1\nraise ValueError", 18), ("print('1", 17)]
)
def test_a_solution_that_does_not_pass(said, solution, line):
    only_one(said("x\n" + challenge(solution=solution)), line, "error", "solution of one")


def test_a_solution_passes_its_tests_too(said):
    assert said("x\n" + challenge(solution="x = 3\nprint(1)", tests="assert x == 3")) == []
    text = "x\n" + challenge(solution="x = 2\nprint(1)", tests="assert x == 3")
    only_one(said(text), 17, "error", "assert x == 3")


def test_every_challenge_has_hints(said):
    only_one(said("x\n" + challenge(hints="")), 13, "error", "has no hints")
    text = challenge().replace("#### Hints\n1. One.\n", "")
    only_one(said("x\n" + text), 3, "error", "has no hints")


def example(code: str, output: str = "", kind: str = "python") -> str:
    more = f"\n```output\n{output}\n```\n" if output else ""
    return f"```{kind}\n{code}\n```\n{more}"


def test_examples_run_as_one_from_top_to_bottom(said):
    text = example("x = 1\ndef f():\n    return x") + example("x = 2\nprint(f())", "2")
    assert said(text) == []
    text = example("print(later)") + example("later = 1")
    only_one(said(text), 2, "error", "NameError: name 'later' is not defined")


def test_an_example_prints_what_the_lesson_says(said):
    text = example("print('a')\nprint('b')", "a\nc") + example("print(1)", "1")
    only_one(said(text), 8, "error", "the example in line 12 prints 'b' here")
    only_one(said(example("print('a')", "a\nb")), 7, "error", "prints nothing more")
    only_one(said(example("print('a\\nb')", "a")), 7, "error", "prints 'b'")
    only_one(said("x\n\n```output\n1\n```\n"), 3, "note", "no example stands before")


def test_each_example_that_does_not_run_is_told_and_the_rest_runs_all_the_same(said):
    text = (
        example("for")
        + example("print(undefined)")
        + example("import sys\nsys.exit()")
        + example("print(1)", "2")
    )
    found = said(text)
    assert [line for line, _, _ in found] == [2, 5, 8, 16]
    assert ["SyntaxError" in found[0][2], "NameError" in found[1][2]] == [True, True]
    assert "ends the program" in found[2][2]


def test_an_example_that_asks_for_input(said):
    only_one(said(example("x = 1\ny = input()")), 3, "error", "because of input")


@pytest.mark.parametrize(
    "text",
    [
        example("not python", kind="text"),
        example("not python", kind="python no-run"),
        ":::challenge\n" + example("x = ?") + ":::\n",
        example(">>> x = 1\n>>> x + 1\n2\n>>> def f():\n...     return 1") + example("f() + x"),
        "1. A list:\n   " + example("x = 1").replace("\n", "\n   ") + "\n" + example("print(x)"),
    ],
)
def test_code_that_is_not_run_as_it_stands(said, text):
    assert said(text) == []


def test_what_a_learner_tries_may_have_holes(said):
    text = ":::try-it\n" + example("h = ___") + ":::\n" + example("print(1)", "1")
    only_one(said(text), 3, "note", "this try-it")


def test_what_is_left_out_is_noted(tmp_path):
    path = tmp_path / "b.md"
    path.write_text("---\nid: b\ntitle: B\n---\n")
    notes = check(path)
    assert {problem.kind for problem in notes} == {"note"}
    said = [problem.text.split(" has no ")[1] for problem in notes]
    assert said == [
        "moduleId", "prerequisites", "estimatedTimeMinutes", "difficulty", "learningObjectives",
        "keywords", "challenges", "text",
    ]  # fmt: skip


def test_all_files_are_looked_at_however_broken_one_is(tmp_path):
    (tmp_path / "1.md").write_bytes(b"\xff")
    (tmp_path / "2.md").write_text("")
    (tmp_path / "3.md").write_text(HEAD.replace("[]", "[b]") + "x\n" + challenge())
    (tmp_path / "4.md").write_text(
        HEAD.replace("id: a", "id: b").replace("[]", "[a]") + "x\n" + challenge()
    )
    found = [str(problem).split("\n")[0] for problem in check(tmp_path)]
    assert found == [
        f"{tmp_path / '1.md'}:1: error: byte 0xff is no UTF-8",
        f"{tmp_path / '2.md'}:1: error: the lesson does not begin with front matter",
        f"{tmp_path / '3.md'}:5: error: prerequisites form a circle: a -> b -> a",
    ]


def test_a_new_lesson_holds_and_none_is_overwritten(tmp_path):
    first = new(tmp_path / "course")
    assert first.name == "01-new-lesson.md"
    second = new(tmp_path / "course", 'The "belt": C:\\new')
    assert second.name == "02-the-belt-c-new.md"
    assert read_lesson(second).title == 'The "belt": C:\\new'
    third = new(tmp_path / "course" / "deep.md")
    assert read_lesson(third).id == "deep"
    assert check(tmp_path / "course") == []
    with pytest.raises(InputError, match="there is a file"):
        new(third)
    with pytest.raises(InputError, match="cannot be written"):
        new(third / "more")


def test_the_lesson_in_the_teachers_page_holds(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "teaching.md"
    text = page.read_text(encoding="utf-8").split("````markdown\n")[1].split("\n````\n")[0]
    (tmp_path / "mean.md").write_text(text, encoding="utf-8")
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    ("starter", "line"), [("def (:", 7), ("x = 1\nprint((x", 8), ("  x = 1\n", 7)]
)
def test_a_starter_with_a_slip_is_noted(said, starter, line):
    only_one(said("x\n" + challenge(starter=starter)), line, "note", "the starter of one is no Pyt")


@pytest.mark.parametrize("gap", ["h =", "h = # yours", "h = ___ +", "def f():\n    # yours"])
def test_a_gap_in_a_starter_is_no_slip(said, gap):
    assert said("x\n" + challenge(starter=gap)) == []


def test_a_second_lesson_of_one_title_gets_an_id_of_its_own(tmp_path):
    paths = [new(tmp_path, "The loop") for _ in range(3)]
    assert [path.name for path in paths] == [f"0{n}-the-loop.md" for n in (1, 2, 3)]
    lessons = [read_lesson(path) for path in paths]
    assert [lesson.id for lesson in lessons] == ["the-loop", "the-loop-2", "the-loop-3"]
    assert {lesson.title for lesson in lessons} == {"The loop"}
    assert check(tmp_path) == []
