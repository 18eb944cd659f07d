"""A helpful line for a wrong answer: what its difference, or its error, most often comes from."""

from __future__ import annotations

import re

from clew.course._numbers import of_numbers, words
from clew.course._written import Written
from clew.course.differences import NUMBER, Difference, difference, differs
from clew.course.running import Problem

ERRORS = {
    "IndexError": "A list of n elements has the places 0 to n - 1 (and -1 for the last).",
    "KeyError": "The dictionary does not have this key: d.get(key, 0) gives 0 for what is missing.",
    "OverflowError": "A number grew past what a float can hold, about 1.8e308.",
    "ZeroDivisionError": "Something is divided by 0: which value is it, and at which step?",
    "RecursionError": "A function calls itself again and again: in which case does it not?",
    "UnboundLocalError": "A function that sets a name has it for its own: set it before this line, "
    "or hand the value in as an argument, and return it.",
    "IndentationError": "Lines that belong together begin at the same column.",
    "TabError": "Use blanks only, or tabs only, at the beginning of lines.",
    "ModuleNotFoundError": "Is its name spelt right? Most lessons need nothing but Python itself.",
    "SystemExit": "The code ends itself: take the exit() away.",
    "BdbQuit": "Nobody is there to type while it is checked: take breakpoint() away.",
    "KeyboardInterrupt": "The code raised it itself: take that line away.",
}
GAP = re.compile(r"(?<!_)_{2,}+(?!\w)|(?<![\w.])\.\.\.(?!\w)")
UNFINISHED = re.compile(r"(?<![=!<>])=\s*(?:#.*)?$")


def of_error(problem: Problem, code: str = "") -> str:
    """What an error most often comes from; nothing where its own words say enough."""
    said, text = problem.message, problem.text
    if GAP.search(text) and (problem.type == "SyntaxError" or "'__" in said or "ellipsis" in said):
        return "A gap of the starter is still there: put your code in its place."
    if problem.type == "OSError" and "File too large" in said:
        loop = Written(code).loops_at(problem.line)
        return "The answer needs no large files" + (
            "; does a loop write without an end?" if loop else "."
        )
    if problem.type == "TypeError" and "__format__" in said and "NoneType" not in said:
        return "A format such as :.3f is for one number: here it is given something else."
    if "NoneType" in said:
        return "None is what a function gives that has no return, and what print() gives."
    if problem.type == "NameError":
        return "A name must be given a value before it is used, and be spelt the same everywhere."
    if problem.type == "SyntaxError" and UNFINISHED.search(text):
        return "This line is not finished: what is to stand behind its = ?"
    if problem.type == "SyntaxError":
        return "Look at the place marked, and just before it: a colon, a bracket, a quote?"
    if problem.type == "TypeError" and "positional argument" in said:
        return "Compare what the function is called with to what stands after its def."
    if (
        problem.type == "TypeError"
        and re.search(r"\bstr\b", said)
        and not re.search("not callable|indices|item assignment|attribute", said)
    ):
        return "A text is not a number: float(text) or int(text) makes one of it."
    if problem.type == "IndexError" and "empty" in said:
        return "There is nothing left in it: it is empty."
    if problem.type == "ValueError" and "math domain" in said:
        return "A function of math was asked for a number that has no such value."
    if problem.type == "ValueError" and "unpack" in said:
        return "There are more or fewer names than there are values to be put into them."
    if problem.type == "OverflowError" and re.search(r"\bexp\(", text):
        return (
            "exp(x) is more than a float can hold where x is above 709.78: print what it is given. "
            "Is that number meant to be so large, and its sign right?"
        )
    if problem.type == "OverflowError" and "infinity" in said:
        return "inf has no whole number: where does it come from?"
    return ERRORS.get(problem.type, "")


def of_stop(limit: str, code: str, line: int | None) -> str:
    """What a code most often did that was stopped at a limit: of time, output, memory or disk."""
    written = Written(code)
    if limit == "output":
        return (
            "A loop without an end, with a print(...) in it?"
            if written.prints_in_a_loop()
            else "What is printed is far longer than any answer."
        )
    loop = written.loops_at(line)
    if limit == "time" and not loop and written.calls_itself_at(line):
        return "The function calls itself too often: how many calls does one call lead to?"
    return {
        "time": (
            "No loop is at work here: it is one step that takes too long. Is a number too large "
            "in it, or does it wait for something?",
            "A loop without an end? Look at what should make it end, and whether that changes.",
        ),
        "memory": (
            "Something in it is very large: is a size or a number too large?",
            "Something grows without an end: a list in a loop, or a number too large for a size?",
        ),
        "disk": (
            "The answer needs no files.",
            "The answer needs no files; does a loop write without an end?",
        ),
    }[limit][loop]  # fmt: skip


def of_difference(found: Difference, code: str = "") -> str:
    """What two different outputs look like; nothing where they look like nothing known.

    code: what printed the one; loops and ranges are spoken of only where it has them.
    """
    written = Written(code)
    return _of_lines(found, written) or _of_line(found, written)


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return difference("\n".join(one), "\n".join(other)) is None


def _count(number: int, what: str = "line") -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _of_lines(found: Difference, written: Written) -> str:
    """The kinds of difference that whole lines show."""
    expected, said = found.expected, found.said
    whole, wanted = "\n".join(said), "\n".join(expected)
    for pattern, advice in (
        (r"\bnan\b", "nan is 'not a number': it comes of inf - inf, of inf * 0 or of another nan."),
        (r"\binf\b", "inf is larger than any float: something grew past what one can hold."),
        (r"\bNone\b", "None is what a function gives that has no return, and what print() gives."),
        (r"<(function|bound method|built-in)", "A function was printed, not what it gives: call "
         "it with its (...)."),
        (r"<(generator|map|zip|filter)", "Put list(...) around it to see what is in it."),
    ):  # fmt: skip
        if re.search(pattern, whole) and not re.search(pattern, wanted):
            return advice
    if not said:
        there = written.calls("print")
        return "Nothing was printed: is there a print(...)" + (
            ", and is it reached?" * there or "?"
        )
    n, m = len(expected), len(said)
    if n != m and _same(tuple(wanted.split()), tuple(whole.split())):
        return (
            "All of it is there, but its lines end elsewhere: is a print(...) missing or too many?"
        )
    if found.line == n + 1:
        loop = "does a loop make too many steps, or " * written.prints_in_a_loop()
        return (
            f"All expected lines are there; then {_count(m - n)} more: {loop}is a print(...) left "
            "from trying out?"
        )
    if found.line == m + 1:
        loop = "does a loop end too early, or " * written.prints_in_a_loop()
        inside = written.prints_in_a_function()
        left = "inside a function that is not called" if inside else "missing"
        return f"Right so far, but {_count(n - m)} too few: {loop}is a print(...) {left}?"
    if n > 1 and n == m and sorted(expected) == sorted(said):
        return "The right lines, in another order."
    if n > 2 and m > 1 and _same(expected[1:], said[: n - 1]):
        return "Yours are the expected lines, but they begin one line too late."
    if n > 2 and m > 1 and _same(expected[: m - 1], said[1:]):
        return "Yours are the expected lines, but they begin one line too early."
    if m > n and _within(expected, said):
        return "All expected lines are there, with others between them: take those prints away."
    if m > 1 and len(set(said)) == 1 and len(set(expected)) > 1:
        loop = ": is the value updated inside the loop?" if written.prints_in_a_loop() else "."
        return "The same is printed every time" + loop
    return ""


def _within(expected: tuple[str, ...], said: tuple[str, ...]) -> bool:
    rest = iter(said)
    return all(any(differs(line, other) is None for other in rest) for line in expected)


def _of_line(found: Difference, written: Written) -> str:
    """The kinds of difference that show in the first line that differs, and in its numbers."""
    if found.line > min(len(found.expected), len(found.said)):
        return ""
    one, other = found.expected[found.line - 1], found.said[found.line - 1]
    if "".join(one.split()) == "".join(other.split()):
        return "Only blanks differ."
    if one.casefold() == other.casefold():
        return "Only capital and small letters differ."
    ours, theirs = NUMBER.findall(one), NUMBER.findall(other)
    if ours == theirs and re.findall(r"\w+", one) == re.findall(r"\w+", other):
        return "Only signs between the words differ, such as commas, quotes, + and -."
    # All numbers say more than those of one line, where the lines are alike but for them.
    every = list(zip(found.expected, found.said, strict=False))
    alike = len(found.expected) == len(found.said) and all(
        words(mine) == words(yours) for mine, yours in every
    )
    if not alike and words(one) != words(other):
        return ""
    return of_numbers(every if alike else [(one, other)], ranges=written.calls("range"))
