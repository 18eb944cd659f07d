"""Wrong answers of the kinds that learners give: each gets the right outcome and a helpful line.

The task of all of them: run h = 0.5 * h + x over 1, 2, 3, printing h after each step with three
decimals, in a function step(h, x).
"""

from dataclasses import dataclass, replace

import pytest

from clew.course.judging import judge
from clew.course.running import Limits

STARTER = """def step(h, x):
    return h


h = 0.0
for x in [1, 2, 3]:
    # your code here
    print(f"{h:.3f}")
"""
LOOP = "h = 0.0\nfor x in [1, 2, 3]:\n    h = step(h, x)\n    print(f'{h:.3f}')\n"
STEP = "def step(h, x):\n    return 0.5 * h + x\n"
RIGHT = STEP + LOOP
SMALL = Limits(seconds=10.0, memory=256 << 20, output=5000, disk=1 << 20, address=300 << 20)
TIME = {  # these are stopped for the time that they take, of which a little is enough
    "endless loop", "endless loop that catches all", "sleeps", "huge number",
    "input in a loop that catches all", "threads without an end",
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    starter: str = STARTER
    expected: str = "1.000\n2.500\n4.250\n"
    tests: str | None = "assert step(2, 1) == 2, 'half of 2, and 1, is 2'\n"


WRONG = {
    # not started
    "untouched": (STARTER, "not started", "as it was given"),
    "blanks added": (STARTER.replace("\n", "  \n") + "\n\n", "not started", "as it was given"),
    "emptied": ("\n# nothing\n", "not started", "as it was given"),
    # wrong
    "range too short": (STEP + LOOP.replace("1, 2, 3", "1, 2"), "wrong", "1 line too few"),
    "range too long": (STEP + LOOP.replace("3]", "3, 4]"), "wrong", "1 line more"),
    "first skipped": (STEP + LOOP.replace("    print", "    if x > 1: print"), "wrong", "too late"),
    "printed before the step": (
        STEP + "h = 0.0\nfor x in [1, 2, 3]:\n    print(f'{h:.3f}')\n    h = step(h, x)\n",
        "wrong", "too early"),
    "wrong sign": (STEP.replace("0.5 * h + x", "-(0.5 * abs(h) + x)") + LOOP, "wrong", "sign"),
    "taken away": (STEP.replace("+ x", "- x") + LOOP, "wrong", "sign"),
    "missing update": (RIGHT.replace("h = step(h, x)", "step(h, x)"), "wrong", "updated inside"),
    "a factor missing": (
        RIGHT.replace("print(f'{h:.3f}", "print(f'{2 * h:.3f}"), "wrong", "2 times the expected"),
    "by chance the same ratio twice": (
        STEP + "print('0.953\\n2.382\\n4.250')", "wrong", "Work this line out by hand"),
    "one of them 0": (
        STEP + "print('1.000\\n0.000\\n4.250')", "wrong", "Work this line out by hand"),
    "one too many": (RIGHT.replace("{h:", "{h + 1:"), "wrong", "One more than expected"),
    "another order": (
        STEP + LOOP.replace("[1, 2, 3]", "[1]") + "print('4.250')\nprint('2.500')\n",
        "wrong", "another order"),
    "too few decimals": (RIGHT.replace(":.3f", ":.0f"), "wrong", "print it with 3 decimals"),
    "print left over": (
        RIGHT.replace("    h = step", "    print('x is', x)\n    h = step"),
        "wrong", "between them"),
    "printed once at the end": (RIGHT.replace("    print", "print"), "wrong", "line 1"),
    "all in one line": (
        RIGHT.replace("f}')", "f}', end=' ')"), "wrong", "its lines end elsewhere"),
    "a line left empty": (
        RIGHT.replace("h = 0.0", "h = 0.0\nprint()"), "wrong", "its lines end elsewhere"),
    "nothing printed": (STEP, "wrong", "Nothing was printed"),
    "None printed": (RIGHT.replace("return 0.5 * h + x", "print(f'{0.5 * h + x:.3f}'); return 0")
                     + "print(print())\n", "wrong", "no return"),
    "function printed": (STEP + "print(step)\n", "wrong", "A function was printed"),
    "generator printed": (STEP + "print(x for x in [1])\n", "wrong", "list(...)"),
    "words added": (RIGHT.replace("f'{h", "f'h = {h"), "wrong", "line 1"),
    "all in a list": (STEP + "print([1.0, 2.5, 4.25])\n", "wrong", "line 1"),
    "blanks within": (RIGHT.replace("{h:.3f}", "{h:.1f} {0:.0f}0"), "wrong", "line 1"),
    "nan": (STEP + LOOP.replace("h = 0.0", "h = float('nan')"), "wrong", "not a number"),
    "inf": (STEP + LOOP.replace("h = 0.0", "h = 1e308 * 10"), "wrong", "larger than any float"),
    "much printed": (STEP + "for i in range(200): print(i / 7)\n", "wrong", "line 1"),
    "answer copied, no function": ("print('1.000\\n2.500\\n4.250')", "wrong", "looks for step"),
    "a function that gives another value": (
        STEP.replace("+ x", "+ x + 1e-3") + "print('1.000\\n2.500\\n4.250')", "wrong", "half of 2"),
    "a function that takes too few": (
        "def step(h):\n    return h\nprint('1.000\\n2.500\\n4.250')", "wrong", "its def"),
    "escapes printed": (STEP + "print('\\x1b[2J\\x07gone')\n", "wrong", "\\x1b[2J"),
    # raised
    "syntax error": (RIGHT.replace("x):", "x)"), "raised", "line 1"),
    "indentation": (RIGHT.replace("    return", "return"), "raised", "begin at the same column"),
    "bracket left open": (STEP + "print((1\n", "raised", "never closed"),
    "line not finished": (LOOP.replace("step(h, x)", "# your code"), "raised", "behind its ="),
    "gap left": (RIGHT.replace("0.5 * h + x", "___ * h + x"), "raised", "gap of the starter"),
    "name misspelt": (RIGHT.replace("* h", "* H"), "raised", "'H' is not defined"),
    "no return": (RIGHT.replace("return 0.5", "0.5"), "raised", "has no return"),
    "past the end": (RIGHT + "print([1, 2][2])\n", "raised", "places 0 to n - 1"),
    "divided by zero": (RIGHT + "1 / 0\n", "raised", "which value is it"),
    "overflow": (STEP + "import math\nh = math.exp(1000)\n", "raised", "above 709.78"),
    "text and number": (STEP + "print('1' + 1)\n", "raised", "float(text)"),
    "global in a function": (
        "h = 0\ndef step(x):\n    h += x\n    return h\nstep(1)\n", "raised", "return it"),
    "endless recursion": ("def step(h, x):\n    return step(h, x)\nstep(0, 1)", "raised", "itself"),
    "no such module": ("import nunpy\n", "raised", "spelt right"),
    "exits in the check only": (
        "def step(h, x):\n    exit()\nprint('1.000\\n2.500\\n4.250')", "raised", "take the exit"),
    "two values in place of one": (RIGHT.replace("h + x", "h + x,"), "raised", "one number"),
    "debugger left over": (RIGHT + "breakpoint()\nh = 0\n", "raised", "take breakpoint() away"),
    "one endless file": ("open('f', 'wb').truncate(1 << 40)\n", "raised", "no large files"),
    "an endless line of code": ("x = 1\nif x:" + " " * 200 + "y = = 2", "raised", "y = = 2"),
    "an endless name": ("x" * 20_000 + "\n", "raised", "spelt the same"),
    "builtins deleted": (
        "import builtins\nfor name in list(vars(builtins)): delattr(builtins, name)\n",
        "raised", "ended Python itself"),
    "exit": ("import sys\nsys.exit('done')\n", "raised", "take the exit"),
    "hard exit": ("import os\nos._exit(0)\n", "raised", "ended Python itself"),
    "crash": ("import ctypes\nctypes.string_at(0)\n", "raised", "SIGSEGV"),
    "raises in the check only": (
        "def step(h, x):\n    return h / (x - 1)\nprint('1.000\\n2.500\\n4.250')",
        "raised", "check"),
    # stopped
    "endless loop": (STEP + "while True:\n    h = step(0, 1)\n", "stopped", "without an end"),
    "endless loop that catches all": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "stopped", "line 3"),
    "sleeps": ("import time\ntime.sleep(1000)\n", "stopped", "does it wait for something"),
    "flood": (STEP + "while True:\n    print('h')\n", "stopped", "5,000 characters"),
    "huge list": ("x = [0.0] * 10**9\n", "stopped", "line 1"),
    "huge number": ("x = 10 ** 10 ** 9\n", "stopped", "one step that takes too long"),
    "growing text": ("x = 'ab'\nwhile True:\n    x = x + x\n", "stopped", "line 3"),
    "input": (STEP + "h = float(input('h? '))\n", "stopped", "in place of input"),
    "standard input": (STEP + "import sys\nh = float(sys.stdin.readline())\n", "stopped", "input"),
    "input in a loop that catches all": (
        "while True:\n    try:\n        x = float(input('x? '))\n        break\n"
        "    except: pass\n", "stopped", "in place of input"),
    "threads without an end": (
        "import threading\ndef work():\n    while True: pass\n"
        "threading.Thread(target=work).start()\n" + RIGHT, "stopped", "line 3, in work()"),
    "at the end a flood": (
        "import atexit\n@atexit.register\ndef end():\n    while True: print('h')\n" + RIGHT,
        "stopped", "5,000 characters"),
    "fork bomb that catches all": (
        "import os\nfor _ in range(1000):\n    try: os.fork()\n    except BaseException: pass\n"
        "while True: print('h')\n",
        "stopped", "one program"),
    "another by multiprocessing": (
        "import multiprocessing\nmultiprocessing.Process(target=print).start()\n",
        "stopped", "one program"),
    "fork bomb": ("import os\nwhile True:\n    os.fork()\n", "stopped", "one program"),
    "fork bomb by C": (
        "import ctypes, time\nctypes.CDLL(None).fork()\nctypes.CDLL(None).fork()\ntime.sleep(60)",
        "stopped", "one program"),
    "another program": ("import os\nos.system('echo hello')\n", "stopped", "line 2"),
    "subprocess": ("import subprocess\nsubprocess.run(['ls'])\n", "stopped", "line 2"),
    "kills its parent": ("import os\nos.kill(os.getppid(), 9)\n", "stopped", "end other programs"),
    "fills the disk": (
        "i = 0\nwhile True:\n    open(f'f{i}', 'w').write('x' * 90000)\n    i += 1\n",
        "stopped", "writing"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_gets_its_outcome_and_a_helpful_line(name):
    code, kind, said = WRONG[name]
    limits = replace(SMALL, seconds=0.3) if name in TIME else SMALL
    verdict = judge(Task(), code, limits=limits, where="/my/answer.py")
    lines = "\n".join(verdict.lines())
    assert verdict.kind == kind, lines
    assert said in " ".join(lines.split()), lines
    for ours in ("_child.py", "running.py", "runpy", "Traceback", "clew-"):
        assert ours not in lines
    assert all(line.isprintable() for line in verdict.lines())
    assert max(map(len, verdict.lines())) <= 79


def test_there_are_at_least_forty_and_the_right_one_passes():
    assert len(WRONG) >= 40
    assert judge(Task(), RIGHT, limits=SMALL).kind == "passed"


@pytest.mark.parametrize(
    "code",
    [
        "import os\nfor name in os.listdir('.'): os.remove(name)\nprint(os.listdir('.'))",
        "import shutil, os\nshutil.rmtree(os.getcwd())\nprint([])",
        "import shutil, os\nshutil.rmtree(os.path.expanduser('~'))\nprint([])",
    ],
)
def test_deleting_all_in_its_folder_harms_nobody(code):
    verdict = judge(Task(expected="[]", tests=None), code, limits=SMALL)
    assert verdict.kind == "passed"
