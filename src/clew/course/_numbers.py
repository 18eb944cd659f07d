"""What the numbers of two outputs have in common that are else the same."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import starmap

from clew.course.differences import NUMBER, decimals, same_number

EXACT = 14  # decimals from which on a number is printed as it is, and not rounded
NARROW = 0.05  # a ratio is known where what rounding allows is this narrow
SURE = 0.01  # and a ratio that is no plain number where it is this narrow


def words(line: str) -> tuple[str, ...]:
    """A line with a mark in place of each number."""
    return tuple(NUMBER.sub(" # ", line).split())


def of_numbers(lines: Sequence[tuple[str, str]], *, ranges: bool) -> str:
    """What the numbers have in common that differ in lines (expected, said) of the same words.

    ranges: whether the code has a range(...).
    """
    columns: dict[object, list[tuple[str, str]]] = defaultdict(list)
    for line, own in lines:
        both = zip(NUMBER.findall(line), NUMBER.findall(own), strict=True)
        for place, pair in enumerate(both):
            columns[words(line), place].append(pair)
    every = [pair for column in columns.values() for pair in column]
    pairs = [pair for pair in every if not same_number(*pair)]
    if not pairs:
        return ""
    if all(float(one) != 0 and same_number(one, repr(-float(other))) for one, other in pairs):
        return "The right size, but the wrong sign: is something added that is to be taken away?"
    places = decimals(pairs[0][0])
    counted = f"{places} decimal" + "s" * (places != 1)
    if all(_rounds(other, one) and float(other) for one, other in pairs):
        return f"Right as far as it goes: print it with {counted}."
    if all(decimals(one) == 1 and _rounds(one, other) for one, other in pairs):
        return f"Nearly: is it to be rounded to {counted}?"
    # A number that never differs in its place of the line counts the lines, or names them.
    found = (column for column in columns.values() if not all(starmap(same_number, column)))
    moved = [pair for column in found for pair in column]
    if not any(float(other) for _, other in moved):
        return "Yours is 0: is the value set before it is printed, or multiplied by 0?"
    factor = _factor(moved)
    if factor:
        return (
            f"Yours are {factor} times the expected numbers: is a factor missing, or one too many?"
        )
    steps = {round(float(other) - float(one), 9) for one, other in moved}
    if steps in ({1.0}, {-1.0}):
        more = "more" if steps == {1.0} else "less"
        if ranges and all(text.lstrip("+-").isdecimal() for pair in pairs for text in pair):
            return f"One {more} than expected: does a range(...) begin or end one step off?"
        # A single number is off by 1 by chance.
        return f"One {more} than expected." if len(pairs) > 1 else ""
    return ""


def _factor(pairs: Sequence[tuple[str, str]]) -> str:
    """The one factor by which all numbers differ, as far as their rounding lets it be known."""
    low, high = -math.inf, math.inf
    sizes = set()
    for one, other in pairs:
        if float(one) == 0 or float(other) == 0:
            if not same_number(one, other):
                return ""
            continue
        least, most = _ratio(one, other)
        low, high = max(low, least), min(high, most)
        if most - least <= NARROW * abs(most):
            sizes.add(abs(float(one)))
    if len(sizes) < 2 or low > high or low <= 1 <= high or low <= 0 <= high:
        return ""
    middle = (low + high) / 2
    if f"{middle:.3g}" == "1":
        return ""
    for plain in (round(middle), 1 / round(1 / middle) if round(1 / middle) else 0):
        if plain and low <= plain <= high:
            return f"{plain:.3g}"
    # Two numbers have any ratio by chance.
    return f"{middle:.3g}" if len(sizes) > 2 and high - low <= SURE * abs(middle) else ""


def _ratio(one: str, other: str) -> tuple[float, float]:
    """The least and the largest ratio of two numbers that may be printed so."""
    expected, said = float(one), float(other)
    a, b = _half(one), _half(other)
    if a >= abs(expected):
        return -math.inf, math.inf
    ends = [(said + y) / (expected + x) for x in (-a, a) for y in (-b, b)]
    return min(ends), max(ends)


def _half(text: str) -> float:
    """By how much a number may be off that is printed so."""
    places = decimals(text)
    exact = 1e-9 * abs(float(text))  # what sums of rounded numbers may differ by
    return max(exact, 0.5 * 10.0**-places if 2 <= places <= EXACT else 0.0)


def _rounds(text: str, exact: str) -> bool:
    """Whether `exact` rounded to as many places as `text` shows is `text`."""
    places = decimals(text)
    return abs(places) < 300 and abs(float(text) - float(exact)) <= 0.5000001 * 10.0**-places
