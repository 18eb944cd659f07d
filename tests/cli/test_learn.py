import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clew.cli.learn_show import markdown
from clew.course.course import read_course

SAMPLES = Path(__file__).parents[1] / "course" / "samples" / "small"


@pytest.fixture
def learn(clew, tmp_path, monkeypatch):
    """`clew learn --course SAMPLES ...`, with progress and answers in an empty folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return lambda *words: clew("learn", "--course", SAMPLES, *words)


FIRST = Path("clew-learn/small/01-order/1-order-places.py")


def test_the_whole_course_by_its_commands_alone(learn):
    solutions = {own.name: own.solution for own in read_course(SAMPLES).challenges()}
    for _ in range(20):
        answer = learn("next")
        assert answer.code == 0
        if "Every challenge has passed" in answer.out:
            break
        lines = answer.out.splitlines()
        if "Your file:" in lines:
            path = Path(lines[lines.index("Your file:") + 1].strip())
            name = lines[0].partition(": ")[2].rpartition(" (")[0]
            assert learn("check").code == 1  # not started
            path.write_text(solutions[name])
            assert "Passed." in learn("check").out
    else:
        pytest.fail("the course has no end")
    assert "network" not in answer.out  # a course of another subject
    assert "3 of 3 have passed" in learn("progress").out
    assert max(map(len, learn("progress").out.split("\nKept")[0].splitlines()[:3])) <= 79
    assert "[x]" in learn().out
    assert "[ ]" not in learn().out


def test_without_lessons_it_says_so(clew, monkeypatch, tmp_path):
    monkeypatch.setattr("clew.course.course.OURS", tmp_path)
    answer = clew("learn")
    assert answer.code == 1
    assert answer.err.startswith("error: no lessons are installed with this Clew yet\n")


def test_what_is_printed_as_a_command_can_be_typed(learn, clew):
    said = learn().out.splitlines()[-1].split()
    assert said[:3] == ["clew", "learn", "--course"]
    assert "Lesson 1" in clew(*said[1:]).out
    assert "Lesson 1" in clew("learn", "show", "1", "--course", SAMPLES).out  # at the end, too


def test_the_course_may_be_named_once_for_all(clew, learn, monkeypatch):
    monkeypatch.setenv("CLEW_COURSE", str(SAMPLES))
    assert clew("learn").out.endswith("\n  clew learn next\n")


def test_the_code_of_a_lesson_is_a_program_that_prints_what_the_lesson_says(clew, tmp_path):
    from clew.course.course import OURS
    from clew.course.lesson import read_lesson

    (lesson,) = [read_lesson(path) for path in OURS.glob("01*.md")]
    code = clew("learn", "show", "1", "--code").out
    (tmp_path / "try.py").write_text(code)
    done = subprocess.run(
        [sys.executable, tmp_path / "try.py"], capture_output=True, text=True, check=True
    )
    said = [block.text for block, _ in lesson.every_block() if block.language == "output"]
    assert [line for line in done.stdout.splitlines() if line] == [
        line for text in said for line in text.splitlines() if line
    ]
    assert clew("learn", "show", "1.1", "--code").out == code  # the lesson of a challenge


def test_check_tells_wrong_from_passed_by_its_exit_code(learn):
    learn("start", "1.1")
    assert "Not started yet" in learn("check").out
    FIRST.write_text("print('0 dog')\nprint('1 cat')\n")
    wrong = learn("check", "1.1")
    assert wrong.code == 1
    assert ">    2  1 bites    1 cat" in wrong.out
    assert "hint" in wrong.out
    FIRST.write_text("print(undefined)")
    assert f"{FIRST}:1" in learn("check").out
    assert FIRST.read_text() == "print(undefined)"


def test_messages_name_the_challenge_that_check_and_hint_take(learn):
    learn("show", "1")
    assert "Next: challenge 1.1" in learn().out  # the lesson counts as read
    learn("start", "1.1")
    path = Path(learn("start", "1.2").out.splitlines()[-5].strip())
    assert learn("check").out.startswith("1.2 ")
    solution = next(own for own in read_course(SAMPLES).challenges() if own.id == "order-same-bag")
    path.write_text(solution.solution)
    said = learn("check").out
    assert "Next: lesson 2" in said
    assert "Next: lesson 2" in learn().out
    learn("show", "2")
    assert "Next: challenge 2.1" in learn().out
    assert learn("next").out.startswith("Challenge 2.1")
    assert learn("check").out.startswith("2.1 ")
    path.write_text("print('not any more')")
    assert " hint 1.2\n" in learn("check", "1.2").out


def test_hints_then_the_solution_when_asked_for_twice(learn):
    assert [learn("hint").out.splitlines()[0] for _ in range(2)] == ["Hint 1 of 3", "Hint 2 of 3"]
    first = learn("solution").out
    assert "is one hint" in first
    assert "enumerate" not in first
    assert "for place, word in enumerate(words):" in learn("solution").out


def test_reset_keeps_the_answer(learn):
    learn("start")
    FIRST.write_text("mine")
    answer = learn("reset")
    assert "before-1.py" in answer.out
    assert FIRST.with_suffix(".before-1.py").read_text() == "mine"


def test_progress_as_json(learn):
    import json

    learn("start", "1.1")
    table = json.loads(learn("progress", "--json").out)
    assert list(table)[:2] == ["order/order-places", "order/order-same-bag"]
    assert table["order/order-places"]["started"]


@pytest.mark.parametrize(
    "words",
    [["show", "7"], ["check", "nope"], ["start", "1.9"], ["hint", "1"], ["check"]],
)
def test_mistakes_are_told_in_plain_words(learn, words):
    answer = learn(*words)
    assert answer.code == 1
    assert answer.err.startswith("error: ")


COMMANDS = ["", "next", "show", "start", "check", "hint", "solution", "reset", "progress"]


@pytest.mark.parametrize("command", [*COMMANDS, "author check", "author new"])
def test_every_command_has_help_with_an_example(clew, command):
    answer = clew("learn", *command.split(), "--help")
    assert answer.code == 0
    assert f"clew learn {command}".strip() in answer.out.split("Example", 1)[1]


def test_it_answers_at_once_as_it_loads_nothing_heavy(environment, tmp_path):
    code = (
        "import sys; from clew.cli import main\n"
        "assert main(['learn']) == 0\n"
        "heavy = {'torch', 'numpy', 'polars', 'sklearn', 'rich', 'matplotlib', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    environment = {**environment, "XDG_DATA_HOME": str(tmp_path)}
    environment.pop("CLEW_COURSE", None)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True)


def test_author_check_tells_file_and_line_and_exits_with_1(clew, tmp_path):
    text = (SAMPLES / "01-order.md").read_text()
    assert "word)\n```\n\n`enum" in text
    (tmp_path / "01.md").write_text(text.replace("word)\n```\n\n`enum", "1)\n```\n\n`enum"))
    answer = clew("learn", "author", "check", tmp_path)
    assert answer.code == 1
    assert f"{tmp_path / '01.md'}:" in answer.out
    assert answer.err.endswith("1 lesson: 1 error\n")
    (tmp_path / "01.md").write_text(text)
    assert clew("learn", "author", "check", tmp_path).err.endswith("1 lesson: all proved\n")


def test_author_new_writes_a_lesson_that_proves(clew, tmp_path):
    path = Path(
        clew("learn", "author", "new", tmp_path / "mine", "--title", "The loop").out.strip()
    )
    assert path.exists()
    assert clew("learn", "author", "check", tmp_path / "mine").code == 0


def test_code_that_is_only_indented_stays_as_it_is():
    assert markdown("So:\n\n    x = 1\n      y = 2\n\n- one\n\n    more of it", 40) == [
        "So:", "", "    x = 1", "      y = 2", "", "- one", "", "more of it",
    ]  # fmt: skip


def test_lessons_are_wrapped_and_plain():
    text = (
        "# A *head*\nSome **bold words that go on** for long and `code **as is**` with "
        "[a link](http://x.org/a) and [one](other.md).\n\n- an item that is long enough to wrap\n"
        "  and goes on\n1. one\n\n```python\nx = 1  # long lines of code are never wrapped at all\n"
        "```\n| a | b |\n![A loop](loop.png)\n> **Teddy** bear\n## Of `x ** 2`\n"
        "Here, where a line ends, `0.9 ** k` and `f[0](x)` are kept, not **so\nthis**; "
        "`even code that is far too long for one line ** k is`\n"
    )
    assert markdown(text, 40) == [
        "A head",
        "",
        "Some bold words that go on for long and",
        "`code **as is**` with a link",
        "(http://x.org/a) and one.",
        "",
        "- an item that is long enough to wrap",
        "  and goes on",
        "1. one",
        "",
        "    x = 1  # long lines of code are never wrapped at all",
        "| a | b |",
        "[picture: A loop]",
        "> Teddy bear",
        "",
        "Of `x ** 2`",
        "",
        "Here, where a line ends, `0.9 ** k` and",
        "`f[0](x)` are kept, not so this; `even",
        "code that is far too long for one line",
        "** k is`",
        "",
    ]


def test_headings_emphasis_and_tables_are_read_without_colours():
    text = (
        "## An analogy\nA *cloakroom*: _each_ coat\n## The idea\n### Of `*x*`\n- *an* item of "
        "***both*** and **bold *and* more**\n\n"
        "But 2 * 3 * 4, snake_case, w_x*x + w_h*h, \\*a\\*, `_x_` stay, and "
        "[it](http://x.org/_a_)."
    )
    assert markdown(text, 79) == [
        "An analogy", "", "A cloakroom: each coat", "", "The idea", "", "Of `*x*`", "",
        "- an item of both and bold and more", "",
        "But 2 * 3 * 4, snake_case, w_x*x + w_h*h, *a*, `_x_` stay, and it",
        "(http://x.org/_a_).",
    ]  # fmt: skip
    table = "So:\n| col | *n* |\n|:---|--:|\n| **a** | 1 |\n| `b` \\| c | 12 |\nText."
    assert markdown(table, 79) == [
        "So:", "col       n", "-------  --", "a         1", "`b` | c  12", "Text.",
    ]  # fmt: skip


def test_a_table_that_is_too_wide_is_wrapped_in_its_columns():
    long = "a text that goes on and on for much longer than that"
    lines = markdown(f"| gate | what |\n|---|---|\n| f | {long} |\n| input | {long} |", 40)
    assert max(map(len, lines)) <= 40
    assert lines[2].startswith("f      a text")
    assert lines[3].startswith("       ")
    assert " ".join(" ".join(lines[2:]).split()).count("longer than that") == 2


class Terminal:
    """`clew learn check --watch` on a terminal of its own."""

    def __init__(self, folder, environment):
        self.said = ""
        words = ["learn", "--course", str(SAMPLES), "check", "1.1", "--watch"]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(sys.executable, [sys.executable, "-m", "clew", *words], environment)

    def until(self, text):
        end = time.monotonic() + 60
        while text not in self.said:
            assert time.monotonic() < end, self.said
            if select.select([self.fd], [], [], 0.1)[0]:
                self.said += os.read(self.fd, 65536).decode()
        said, self.said = self.said.partition(text)[0], self.said.partition(text)[2]
        return said + text

    def press(self, key):
        os.write(self.fd, key.encode())


def test_watching_checks_on_save_and_knows_keys(environment, tmp_path):
    environment = {**environment, "XDG_DATA_HOME": str(tmp_path), "NO_COLOR": "1", "TERM": "vt100"}
    terminal = Terminal(tmp_path, environment)
    try:
        assert "\x1b" not in terminal.until("Not started yet")
        terminal.until("\r\n\r\n")
        terminal.press("\x1b[A")  # an arrow: no key of ours, and no end
        terminal.until("q: quit")
        terminal.press("h")
        terminal.until("Hint 1 of 3")
        (tmp_path / FIRST).write_text("print(1)\n")
        terminal.until("Not yet: line 1")
        (tmp_path / FIRST).write_bytes(b"\xff")
        terminal.until("not text in UTF-8")
        beside = tmp_path / "beside.py"
        beside.write_text("for pair in enumerate('dog bites man'.split()): print(*pair)")
        beside.replace(tmp_path / FIRST)  # as editors save
        assert "\x1b" not in terminal.until("Passed.")
        terminal.until("next")
        assert os.waitpid(terminal.pid, 0)[1] == 0
    finally:
        os.close(terminal.fd)


def test_q_ends_an_endless_answer_too_and_a_file_that_goes_is_told(environment, tmp_path):
    environment = {**environment, "XDG_DATA_HOME": str(tmp_path), "NO_COLOR": "1", "TERM": "vt100"}
    terminal = Terminal(tmp_path, environment)
    try:
        terminal.until("Not started yet")
        (tmp_path / FIRST).unlink()
        terminal.until("The file is gone")
        (tmp_path / FIRST).write_text("open('here', 'w').write('x')\nwhile True: pass\n")
        for key in ("h", "q"):
            time.sleep(0.6)
            terminal.press(key)
        end = time.monotonic() + 5  # the answer itself may run for 10
        while (ended := os.waitpid(terminal.pid, os.WNOHANG))[0] == 0:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert os.waitstatus_to_exitcode(ended[1]) == 1
    finally:
        os.close(terminal.fd)
