"""Lessons out of Markdown: what was written is what is read, and slips are told by their lines."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.course._pieces import Code, Problems, pieces
from clew.course.lesson import Lesson, Problem, read, read_lesson
from clew.errors import InputError

SAMPLES = Path(__file__).parent / "samples"
FRONT = "---\nid: a\ntitle: A\n---\n"
CHALLENGE = """---challenges---
### Challenge: One
- id: one
- language: python
- difficulty: easy
#### Starter Code
```python
print(0)
```
#### Expected Output
```
1
```
#### Hints
1. One more.
#### Solution
```python
print(1)
```
"""


@pytest.fixture
def lesson(tmp_path):
    def made(text: str | bytes) -> tuple[Lesson, list[Problem]]:
        path = tmp_path / "lesson.md"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read(path)

    return made


def test_a_lesson_as_it_is_written():
    path = SAMPLES / "small" / "01-order.md"
    lesson, problems = read(path)
    assert problems == []
    assert (lesson.id, lesson.title) == ("order", "Order: why it matters")
    assert (lesson.module, lesson.prerequisites, lesson.minutes) == ("foundations", (), 10)
    assert lesson.objectives[0] == "Say what a bag of words loses"
    assert lesson.keywords == ("order", "bag of words")
    kinds = [block.name or block.language or block.kind for block in lesson.blocks]
    assert kinds == [
        "text", "definition", "text", "python", "output", "text", "python", "output", "try-it",
        "challenge", "text",
    ]  # fmt: skip
    definition = lesson.blocks[1]
    assert definition.title == "Bag of words"
    assert "**Definition: Bag of words**" in definition.markdown()
    first, second = lesson.challenges
    assert first.key == "order/order-places"
    assert first.task == "Print each word with its place, counted from 0."
    assert first.expected == "0 dog\n1 bites\n2 man\n"
    assert len(first.hints) == 3
    assert first.hints[1].endswith("```python\nfor place, word in enumerate(words):\n    ...\n```")
    assert first.reason.startswith("`enumerate` counts")
    assert first.tests is None
    assert second.tests is not None
    assert second.tests.startswith('assert same_bag("", "") is True')


def test_lines_are_the_numbers_of_the_file():
    for path in SAMPLES.rglob("*.m*d*"):
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        lesson = read_lesson(path)
        for challenge in lesson.challenges:
            assert lines[challenge.line - 1].endswith(challenge.name)
            for part in ("starter", "expected", "solution", "tests"):
                text = getattr(challenge, part)
                if text:
                    at = challenge.lines[part]
                    said = lines[at - 1 : at - 1 + text.count("\n")]
                    assert "".join(f"{line}\n" for line in said) == text
        for block, _ in lesson.every_block():
            first = (block.source or block.text).split("\n")[0]
            assert lines[block.line - 1].strip() == first.strip()


def test_a_lesson_in_the_format_however_oddly_it_is_written():
    path = SAMPLES / "odd" / "Lesson B.markdown"
    data = path.read_bytes()
    assert b"\r\n" in data
    assert data.startswith(b"\xef\xbb\xbf")
    lesson, problems = read(path)
    assert problems == []
    assert lesson.id == "lesson-7b"
    assert (lesson.module, lesson.minutes, lesson.prerequisites) == ("3", 15, ())
    assert lesson.difficulty == "beginner/intermediate"
    assert lesson.objectives == ("Read a lesson as it comes", "Colons: in quotes")
    assert lesson.keywords == ("state", "memory")
    names = [(block.name, block.title) for block in lesson.blocks if block.kind == "container"]
    assert names == [("definition", ""), ("try-it", "Write one"), ("challenge", "")]
    assert [block.name for block in lesson.blocks[-2].blocks] == ["hint", ""]
    python = [block for block, _ in lesson.every_block() if block.language == "python"]
    assert len(python) == 1
    assert "\treturn h + x\n" in python[0].text
    assert ":::\n---challenges---\n" in python[0].text
    first, second = lesson.challenges
    assert (first.id, first.difficulty) == ("rnn-intro-ex1", "Beginner / Intermediate")
    assert first.starter == 'text = """\n```\n#### Hints\n:::\n"""\nprint(0)\n'
    assert first.hints == (
        "Count the lines\nof the text.\n\nThe first line is empty.",
        "```python\ntext.split()\n```",
    )
    assert (second.id, second.expected) == ("other-module-4", "")
    assert second.tests == "assert double(2) == 4\n"


def test_other_marks_of_markdown_say_the_same(lesson):
    text = FRONT + "# Text\n```python\nif 1:\n\tx = 1\n```\n" + CHALLENGE
    plain, _ = lesson(text)
    other, problems = lesson(text.replace("```", "~~~").replace("\n- ", "\n* "))
    assert problems == []
    assert other.challenges == plain.challenges
    assert [block.text for block in other.blocks] == [block.text for block in plain.blocks]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_matter(lesson, end):
    text = FRONT + "# Text\n```python\nx = 1\n```\n" + CHALLENGE
    plain, _ = lesson(text)
    other, problems = lesson(text.replace("\n", end))
    assert (plain, []) == (other, problems)


@pytest.mark.parametrize(
    ("front", "field", "value"),
    [
        ("prerequisites: [a-1, b]", "prerequisites", ("a-1", "b")),
        ("prerequisites: a-1", "prerequisites", ("a-1",)),
        ("prerequisites: none", "prerequisites", ()),
        ("prerequisites:\n  - a-1\n  # not yet\n  - 'b'", "prerequisites", ("a-1", "b")),
        ("keywords: one, two words", "keywords", ("one", "two words")),
        (
            "learningObjectives:\n- Know this: it is short",
            "objectives",
            ("Know this: it is short",),
        ),
        ("learningObjectives: Say a, b and c", "objectives", ("Say a, b and c",)),
        ("estimatedTimeMinutes: 15", "minutes", 15),
        ("estimatedTimeMinutes: 10-15 minutes", "minutes", 15),
        ("estimatedTimeMinutes:", "minutes", None),
        ("moduleId: 1.10", "module", "1.10"),  # not the number 1.1
        ("difficulty: no", "difficulty", "no"),  # not false
        ("difficulty: >\n  hard,\n  very", "difficulty", "hard, very"),
    ],
)
def test_the_front_matter(lesson, front, field, value):
    read, problems = lesson(f"---\nid: a\ntitle: A\n{front}\n---\n")
    assert problems == []
    assert getattr(read, field) == value


SLIPS = [
    ("", 1, "does not begin with front matter"),
    ("# A\n", 1, "does not begin with front matter"),
    ("---\nid: a\ntitle: A\n", 1, "front matter never ends"),
    ("---\nid: a\n---\n", 1, "has no title"),
    ("---\ntitle: A\nid:\n---\n", 3, "has no id"),
    ("---\ntitle: A\nid: ../a\n---\n", 3, "cannot be an id"),
    ("---\nid: a\ntitle: A: b\n---\n", 3, "no YAML"),
    ("---\nid: a\n\ttitle: A\n---\n", 3, "no YAML"),
    ("---\nid: a\ntitle: A\nid: b\n---\n", 4, "twice"),
    ("---\nid: a\ntitle: A\nkeywords: {a: {b: c}}\n---\n", 4, "no list of texts"),
    ("---\nid: a\ntitle: A\nestimatedTimeMinutes: soon\n---\n", 4, "no number of minutes"),
    ("---\n- a\n---\n", 2, "names no keys"),
    ("---\n" + "[" * 600 + "\n---\n", 2, "no YAML"),
    (FRONT + "\n```python\nx\n", 6, "never ends"),
    (FRONT + ":::definition\nx\n", 5, "never ends"),
    (FRONT + "x\n:::\n", 6, "closes nothing"),
    (FRONT + "---challenges---\n", 5, "no challenge follows"),
    (FRONT + "---challenges---\nText.\n", 6, "before the first challenge"),
    (FRONT + "---challenges---\n### Two\n", 6, "no challenge's heading"),
    (FRONT + CHALLENGE + "---challenges---\n", 24, "second ---challenges---"),
    (FRONT + CHALLENGE.replace("- id: one\n", ""), 6, "has no id"),
    (FRONT + CHALLENGE.replace("- id: one", "- id: a/b"), 7, "cannot be an id"),
    (FRONT + CHALLENGE.replace(": python", ": R"), 8, "in R cannot be run"),
    (FRONT + CHALLENGE.replace("Expected Output", "Output"), 6, "no section 'Expected Output'"),
    (FRONT + CHALLENGE.replace("```\n1\n```\n", "1\n"), 14, "'Expected Output' has no block"),
    (FRONT + CHALLENGE.replace("```\n1\n```\n", "```\n```\n"), 15, "'Expected Output' is empty"),
    (FRONT + CHALLENGE.replace("print(1)\n", ""), 21, "'Solution' is empty"),
    (FRONT + CHALLENGE.replace("#### Hints", "#### Solution"), 20, "a second 'Solution'"),
    (FRONT + CHALLENGE + CHALLENGE.partition("\n")[2], 25, "also the id"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said"), SLIPS)
def test_a_slip_is_told_by_its_line(lesson, text, line, said):
    _read, problems = lesson(text)
    errors = [problem for problem in problems if problem.kind == "error"]
    assert (errors[0].line, said in errors[0].text) == (line, True), errors
    with pytest.raises(InputError) as caught:
        read_lesson(errors[0].path)
    assert caught.value.where == f"{errors[0].path}:{line}"


def test_a_block_without_an_end_is_told_of_alone(lesson):
    _, problems = lesson(FRONT + CHALLENGE.replace("print(1)\n```\n", "print(1)\n"))
    assert [problem.line for problem in problems] == [21]


def test_where_there_are_tests_no_output_need_be_expected(lesson):
    cut = CHALLENGE.index("#### Expected"), CHALLENGE.index("#### Hints")
    text = FRONT + CHALLENGE[: cut[0]] + CHALLENGE[cut[1] :] + "#### Tests\n```\nassert 1\n```\n"
    found, problems = lesson(text)
    assert problems == []
    assert (found.challenges[0].expected, found.challenges[0].tests) == ("", "assert 1\n")


def test_what_another_block_has_swallowed_is_found(lesson):
    text = FRONT + CHALLENGE.replace("print(0)\n```\n", "print(0)\n")
    _, problems = lesson(text)
    missing = next(p for p in problems if "no section 'Expected Output'" in p.text)
    assert missing.hint is not None
    assert "begins in line 11" in missing.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("---\nid: a\ntitle: A\nkeyword: a\n---\n", "keywords?"),
        (FRONT + ":::definiton\nx\n:::\n", ":::definition?"),
        (FRONT + CHALLENGE.replace("- difficulty", "- dificulty"), "difficulty?"),
        (FRONT + CHALLENGE + "#### Test\n```python\npass\n```\n#### Solutoin\n", "Solution?"),
    ],
)
def test_what_looks_like_a_slip_is_noted_and_stops_nobody(lesson, text, hint):
    _, problems = lesson(text)
    assert [(problem.kind, problem.hint) for problem in problems] == [("note", hint)]


def test_a_file_that_is_no_text(lesson, tmp_path):
    with pytest.raises(InputError, match="no UTF-8") as caught:
        lesson(b"---\nid: a\ntitle: \xff\n---\n")
    assert caught.value.where is not None
    assert caught.value.where.endswith("lesson.md:3")
    with pytest.raises(InputError, match="zero byte"):
        lesson(b"---\nid: a\0\n---\n")
    with pytest.raises(InputError, match="cannot be read"):
        read_lesson(tmp_path / "none.md")
    with pytest.raises(InputError, match="cannot be read"):
        read_lesson(tmp_path)


def test_a_container_in_one_line_and_text_behind_its_end(lesson):
    text = ":::definition A state is kept. :::\n:::try-it\nx\n::: And on.\n"
    read, problems = lesson(FRONT + text)
    assert problems == []
    assert [(b.name, b.text) for b in read.blocks] == [
        ("definition", ""), ("try-it", ""), ("", "And on."),
    ]  # fmt: skip
    assert read.blocks[0].blocks[0].text == "A state is kept."


@pytest.mark.parametrize(
    ("line", "title"),
    [
        (":::definition", ""),
        (":::definition Hidden state", "Hidden state"),
        ("::: definition Hidden state", "Hidden state"),
        (":::definition[Hidden state]", "Hidden state"),
        (':::definition{title="Hidden state" id=a}', "Hidden state"),
        (':::definition{id="a-1"}', ""),
        (":::{.definition #a-1}", ""),
        ("::::definition id=a-1", ""),
    ],
)
def test_titles_of_containers(lesson, line, title):
    read, problems = lesson(FRONT + f"{line}\nx\n:::\ny\n")
    assert problems == []
    assert [(b.name, b.title) for b in read.blocks] == [("definition", title), ("", "")]


CODE = st.lists(st.sampled_from(
    ["x = 1", "\tx", "    y", "", ":::", ":::definition", "---challenges---", "### Challenge: x",
     "#### Hints", "``", "~~~", "1. one", "---", "> q", "    ```"]
), max_size=6)  # fmt: skip


@settings(max_examples=40)
@given(CODE, st.integers(0, 6).map(lambda n: " " * n), st.sampled_from(["```", "````", "~~~~"]))
def test_code_is_read_as_it_stands(code, indent, mark):
    """Whatever stands in it, at whatever indentation of its list."""
    if "    ```" in code and mark == "```":
        code = [line for line in code if line != "    ```"] + ["    ```"] * bool(not indent)
    lines = ["Text.", f"{indent}{mark}python", *(indent + line for line in code), indent + mark]
    problems = Problems(Path("x.md"))
    found = pieces([*lines, "More."], 1, problems)
    assert problems.found == []
    assert len(found) == 3
    assert isinstance(found[1], Code)
    assert found[1].code == "".join(f"{line}\n" for line in code)
    assert found[1].raw == lines[1:]


@settings(max_examples=40)
@given(st.text(st.sampled_from("-:#`~. \n\tabI1[]{}>*'\"|\x00\r\u2028é")))
def test_no_text_brings_the_reader_down(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.md"
    for whole in (text, FRONT + text, FRONT + CHALLENGE + text):
        path.write_text(whole, encoding="utf-8", newline="")
        try:
            _, problems = read(path)
        except InputError:
            continue
        lines = whole.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
        assert all(1 <= problem.line <= lines for problem in problems)


def test_a_block_without_an_end_that_swallows_a_challenge_is_named(lesson):
    second = CHALLENGE.split("\n", 1)[1].replace("id: one", "id: two")
    first = CHALLENGE + "#### Tests\n```python\nassert True\n"
    assert lesson(FRONT + first + "```\n" + second)[1] == []
    notes = [p for p in lesson(FRONT + first + second)[1] if p.kind == "note"]
    assert [note.line for note in notes] == [25]
    assert notes[0].text.endswith("the heading of line 27: '### Challenge: One'")
    inside = CHALLENGE.replace("print(1)", "# #### Hints\n#### Hints\nprint(1)")
    assert lesson(FRONT + ":::definition\n" + inside)[1][0].text == ":::definition never ends"
    assert len(lesson(FRONT + ":::definition\n" + inside)[1]) == 1  # it is meant so


def test_no_control_character_of_a_lesson_reaches_a_terminal(lesson):
    front = '---\nid: a\ntitle: "\\e[31mred"\nlearningObjectives: ["\\x1b[1mone"]\n---\n'
    text = "a \x1b[31mred\x1b[0m\tb\x9b\x7f\n\n```python\nx = '\x1b'\n\f\n```\n"
    found, problems = lesson(front + text + CHALLENGE.replace("One more", "\x07One"))
    assert found.title == "\\x1b[31mred"
    assert found.objectives == ("\\x1b[1mone",)
    assert found.blocks[0].text == "a \\x1b[31mred\\x1b[0m\tb\\x9b\\x7f"
    assert found.blocks[1].text == "x = '\\x1b'\n\n"
    assert found.challenges[0].hints == ("\\x07One.",)
    said = [(p.line, p.kind) for p in problems if "control character" in p.text]
    assert said == [(6, "note"), (9, "note"), (10, "note"), (26, "note")]
