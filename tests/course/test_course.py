"""The order of lessons, and what is said of prerequisites."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.course.course import in_order, lesson_files, problems_between, read_course
from clew.course.lesson import Lesson, read_lesson
from clew.errors import InputError

SAMPLES = Path(__file__).parent / "samples"


def lesson(name: str, *before: str, path: str = "") -> Lesson:
    return Lesson(
        name, name.upper(), "", before, None, "", (), (), (), (), Path(path or f"{name}.md"), {}
    )


@pytest.fixture
def folder(tmp_path):
    def made(**files: str) -> Path:
        for name, before in files.items():
            front = f"---\nid: {name}\ntitle: {name}\nprerequisites: [{before}]\n---\n"
            (tmp_path / f"{name}.md").write_text(front)
        return tmp_path

    return made


def test_files_are_read_by_their_numbers(tmp_path):
    names = ["10-end.md", "2-loop.md", "1-order.MD", "part 2/1.md", "README.md", "_draft.md",
             ".hidden/1.md", "notes.txt", "index.md"]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = [str(path.relative_to(tmp_path)) for path in lesson_files(tmp_path)]
    assert found == ["1-order.MD", "2-loop.md", "10-end.md", "part 2/1.md"]


def test_no_lessons_are_an_error(tmp_path):
    with pytest.raises(InputError, match="no lessons"):
        read_course(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_course(tmp_path / "none")


def test_a_course_is_asked_for_its_lessons_and_challenges():
    course = read_course(SAMPLES / "small")
    assert [lesson.id for lesson in course.lessons] == ["order", "loop"]
    assert course.lesson("2") is course.lesson("loop")
    names = ["order-places", "order-same-bag", "loop-half"]
    assert [challenge.id for challenge in course.challenges()] == names
    assert course.challenge("order/order-places") is course.challenge("order-places")
    with pytest.raises(InputError) as caught:
        course.challenge("order-place")
    assert caught.value.hint == "order-places?"
    with pytest.raises(InputError, match="no lesson 'x'"):
        course.lesson("x")


def test_a_challenge_of_an_id_that_two_lessons_have_is_asked_for_by_both(tmp_path):
    text = (SAMPLES / "small" / "02-loop.md").read_text()
    (tmp_path / "a.md").write_text(text)
    (tmp_path / "b.md").write_text(text.replace("id: loop\n", "id: other\n"))
    course = read_course(tmp_path)
    assert course.challenge("other/loop-half").lesson == "other"
    with pytest.raises(InputError) as caught:
        course.challenge("loop-half")
    assert caught.value.expected == "one of loop/loop-half, other/loop-half"


def test_prerequisites_come_first_and_files_keep_their_order_else(folder):
    course = read_course(folder(a="c", b="", c="d", d="", e="a"))
    assert [lesson.id for lesson in course.lessons] == ["b", "d", "c", "a", "e"]


def test_two_lessons_of_one_id_are_an_error(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.md").write_text("---\nid: same\ntitle: T\n---\n")
    with pytest.raises(InputError, match="also the id") as caught:
        read_course(tmp_path)
    assert caught.value.where == f"{tmp_path / 'b.md'}:2"


def test_a_broken_lesson_is_told_by_its_line(folder):
    path = folder(a="", b="")
    (path / "b.md").write_text("---\nid: b\n---\n")
    with pytest.raises(InputError, match="no title"):
        read_course(path)


def test_prerequisites_that_are_nowhere(folder):
    path = folder(first="", second="frst, elsewhere")
    assert len(read_course(path).lessons) == 2  # they keep nobody from learning
    lessons = [read_lesson(file) for file in lesson_files(path)]
    found = problems_between(lessons)
    assert [(p.line, p.kind, p.hint) for p in found] == [
        (4, "error", "first?"), (4, "error", None),
    ]  # fmt: skip
    # A lesson alone may build upon one of another course.
    assert [p.kind for p in problems_between(lessons[1:])] == ["note", "note"]


def test_a_prerequisite_may_be_the_name_of_a_file():
    lessons = [lesson("b", "01-a"), lesson("a", path="01-a.md")]
    assert problems_between(lessons) == []
    assert [each.id for each in in_order(lessons)] == ["a", "b"]


def test_circles_are_told_once():
    lessons = [lesson("a", "b"), lesson("b", "c"), lesson("c", "a", "d"), lesson("d", "d")]
    said = [problem.text for problem in problems_between(lessons)]
    assert said == ["prerequisites form a circle: a -> b -> c -> a", "d is its own prerequisite"]
    assert sorted(each.id for each in in_order(lessons)) == ["a", "b", "c", "d"]


EDGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12, unique=True)


def reaches(edges: list[tuple[int, int]], start: int) -> set[int]:
    seen: set[int] = set()
    while more := {b for a, b in edges if a in seen | {start}} - seen:
        seen |= more
    return seen


@settings(max_examples=50)
@given(EDGES)
def test_a_circle_is_told_of_exactly_where_there_is_one(edges):
    lessons = [lesson(f"n{i}", *(f"n{b}" for a, b in edges if a == i)) for i in range(6)]
    circular = any(i in reaches(edges, i) for i in range(6))
    assert bool(problems_between(lessons)) == circular
    order = [int(each.id[1:]) for each in in_order(lessons)]
    assert sorted(order) == list(range(6))
    if not circular:
        assert all(order.index(b) < order.index(a) for a, b in edges)
