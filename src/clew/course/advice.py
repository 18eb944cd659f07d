"""A helpful line for a wrong answer: what its difference, or its error, most often comes from."""

from __future__ import annotations

import re

from clew.course.differences import NUMBER, Difference, decimals, difference, differs, same_number
from clew.course.running import Problem

ERRORS = {
    "IndexError": "A list of n elements has the places 0 to n - 1 (and -1 for the last).",
    "KeyError": "The dictionary does not have this key: d.get(key, 0) gives 0 for what is missing.",
    "OverflowError": "A number grew past what a float can hold: is the state kept bounded?",
    "ZeroDivisionError": "Something is divided by 0: look at what it is in the very first step.",
    "RecursionError": "A function calls itself and never stops.",
    "UnboundLocalError": "A function that sets a name has it for its own: hand the value in as an "
    "argument, and return it.",
    "IndentationError": "Lines that belong together begin at the same column.",
    "TabError": "Use blanks only, or tabs only, at the beginning of lines.",
    "ModuleNotFoundError": "Is its name spelt right? Most lessons need nothing but Python itself.",
    "SystemExit": "The code ends itself: take the exit() away.",
    "BdbQuit": "Nobody is there to type while it is checked: take breakpoint() away.",
    "KeyboardInterrupt": "The code raised it itself: take that line away.",
}


def of_error(problem: Problem) -> str:
    """What an error most often comes from; nothing where its own words say enough."""
    said = problem.message
    if re.search(r"(?<!_)_{2,}+(?!\w)|(?<![\w.])\.\.\.(?!\w)", problem.text) and (
        problem.type == "SyntaxError" or "'__" in said or "ellipsis" in said
    ):
        return "A gap of the starter is still there: put your code in its place."
    if problem.type == "TypeError" and "__format__" in said and "NoneType" not in said:
        return "A format such as :.3f is for one number: here it is given something else."
    if problem.type == "OSError" and "File too large" in said:
        return "The answer needs no large files; does a loop write without an end?"
    if "NoneType" in said:
        return "None is what a function gives that has no return, and what print() gives."
    if problem.type == "NameError":
        return "A name must be given a value before it is used, and be spelt the same everywhere."
    if problem.type == "SyntaxError" and re.search(r"(?<![=!<>])=\s*(?:#.*)?$", problem.text):
        return "This line is not finished: what is to stand behind its = ?"
    if problem.type == "SyntaxError":
        return "Look at the place marked, and just before it: a colon, a bracket, a quote?"
    if problem.type == "TypeError" and "positional argument" in said:
        return "Compare what the function is called with to what stands after its def."
    if problem.type == "TypeError" and re.search(r"\bstr\b", said):
        return "A text is not a number: float(text) or int(text) makes one of it."
    if problem.type == "ValueError" and "math domain" in said:
        return "A logarithm or a root was asked of a number that has none."
    if problem.type == "ValueError" and "unpack" in said:
        return "The two sides of the = have different numbers of values."
    return ERRORS.get(problem.type, "")


def of_difference(found: Difference) -> str:
    """What two different outputs look like; nothing where they look like nothing known."""
    return _of_lines(found) or _of_line(found)


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return difference("\n".join(one), "\n".join(other)) is None


def _count(number: int, what: str = "line") -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _of_lines(found: Difference) -> str:
    """The kinds of difference that whole lines show."""
    expected, said = found.expected, found.said
    whole, wanted = "\n".join(said), "\n".join(expected)
    for pattern, advice in (
        (r"\bnan\b", "nan is 'not a number': it comes of inf - inf, of inf * 0 or of another nan."),
        (r"\binf\b", "inf is larger than any float: something grows at every step."),
        (r"\bNone\b", "None is what a function gives that has no return, and what print() gives."),
        (r"<(function|bound method|built-in)", "A function was printed, not what it gives: call "
         "it with its (...)."),
        (r"<(generator|map|zip|filter)", "Put list(...) around it to see what is in it."),
    ):  # fmt: skip
        if re.search(pattern, whole) and not re.search(pattern, wanted):
            return advice
    if not said:
        return "Nothing was printed: is there a print(...), and is it reached?"
    n, m = len(expected), len(said)
    if n != m and _same(tuple(wanted.split()), tuple(whole.split())):
        return (
            "All of it is there, but its lines end elsewhere: is a print(...) missing or too many?"
        )
    if found.line == n + 1:
        return (
            f"All expected lines are there; then {_count(m - n)} more: does a loop make too many "
            "steps, or is a print(...) left from trying out?"
        )
    if found.line == m + 1:
        return (
            f"Right so far, but {_count(n - m)} too few: does a loop end too early, or is a "
            "print(...) inside a function that is not called?"
        )
    if n > 1 < m and _same(expected[1:], said[: n - 1]):
        return "Yours are the expected lines, but they begin one step too late."
    if n > 1 < m and _same(expected[: m - 1], said[1:]):
        return "Yours are the expected lines, but they begin one step too early."
    if m > n and _within(expected, said):
        return "All expected lines are there, with others between them: take those prints away."
    if n > 1 and m > 1 and sorted(expected) == sorted(said):
        return "The right lines, in another order."
    if m > 1 and len(set(said)) == 1 and len(set(expected)) > 1:
        return "The same is printed every time: is the value updated inside the loop?"
    return ""


def _within(expected: tuple[str, ...], said: tuple[str, ...]) -> bool:
    rest = iter(said)
    return all(any(differs(line, other) is None for other in rest) for line in expected)


def _of_line(found: Difference) -> str:
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
        return "Only signs between the words differ, such as commas, quotes and brackets."
    # All numbers say more than those of one line, where the lines are alike but for them.
    every = list(zip(found.expected, found.said, strict=False))
    alike = len(found.expected) == len(found.said) and all(
        _words(mine) == _words(yours) for mine, yours in every
    )
    return (_of_numbers(every) if alike else "") or (
        _of_numbers([(one, other)]) if _words(one) == _words(other) else ""
    )


def _words(line: str) -> list[str]:
    """A line with a mark in place of each number."""
    return NUMBER.sub(" # ", line).split()


def _of_numbers(lines: list[tuple[str, str]]) -> str:
    """What the numbers have in common that differ in lines which are else the same."""
    pairs = [
        (one, other)
        for line, own in lines
        for one, other in zip(NUMBER.findall(line), NUMBER.findall(own), strict=True)
        if not same_number(one, other)
    ]
    if not pairs:
        return ""
    values = [(float(one), float(other)) for one, other in pairs]
    if all(float(one) != 0 and same_number(one, repr(-float(other))) for one, other in pairs):
        return "The right size, but the wrong sign: is something added that is to be taken away?"
    places = _count(decimals(pairs[0][0]), "decimal")
    if all(_rounds(other, one) for one, other in pairs):
        return f"Right as far as it goes: print it with {places}."
    if all(_rounds(one, other) for one, other in pairs):
        return f"Nearly: is it to be rounded to {places}?"
    if all(other == 0 for _, other in values):
        return "Yours is 0 still: is the value set before it is printed?"
    ratios = [other / one for one, other in values if one != 0]
    alike = len(ratios) == len(values) and max(ratios) - min(ratios) < 1e-3
    sizes = {round(abs(one), 9) for one, _ in values}
    if alike and (len(sizes) > 2 or (len(sizes) > 1 and _is_plain(ratios[0]))):
        return f"Yours are {ratios[0]:.3g} times the expected numbers: is a factor missing?"
    steps = {round(other - one, 9) for one, other in values}
    if steps in ({1.0}, {-1.0}):
        more = "more" if steps == {1.0} else "less"
        return f"One {more} than expected: does a range(...) begin or end one step off?"
    return ""


def _is_plain(ratio: float) -> bool:
    """Whether a ratio is a whole number, or one by a whole number; two numbers may have any."""
    both = (ratio, 1 / ratio) if ratio else ()
    return any(round(part) != 0 and abs(part - round(part)) < 1e-3 for part in both)


def _rounds(text: str, exact: str) -> bool:
    """Whether `exact` rounded to as many places as `text` shows is `text`."""
    places = decimals(text)
    return abs(places) < 300 and abs(float(text) - float(exact)) <= 0.5000001 * 10.0**-places
