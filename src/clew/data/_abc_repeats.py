"""The order in which the bars of a tune are played, and whether it holds its metre in that order.

The rule: played from start to end with its repeats, every plain bar line falls where a bar is full.
A bar that a repeat, a double line, an ending or a new part cuts goes on behind it. A tune may begin
with a pickup; its last bar is whole, or leaves room for the pickup of the tune or of a section.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from clew.data._abc_timing import Bar

_CLOSE = (":|", "::")
_OPEN = ("|:", "::")
_STRONG = (":|", "::", "|:", "||", "|]", "[|")
_MOST = 9  # turns of a section


def endings(text: str) -> set[int]:
    """The turns for which an ending is: "1", "1,3", "1-3"."""
    found: set[int] = set()
    for part in text.replace(".", ",").split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            until = int(last) if last.isdigit() else int(first)
            found.update(range(int(first), min(until, _MOST) + 1))
    return found


def played(bars: Sequence[Bar]) -> Iterator[int]:
    """The bars of a tune in the order in which they sound, by their index.

    A repeat goes back to the sign |: before it; without one, to the last repeat or double line, or
    to the start.
    """
    start, at, turn = 0, 0, 1
    while at < len(bars):
        bar = bars[at]
        if bar.begins in _OPEN and at > start:
            start, turn = at, 1
        if bar.ending and turn not in endings(bar.ending):
            at = _ending_of(bars, at, turn)
            continue
        yield at
        if bar.ends in _CLOSE or _missing(bars, start, at, turn):
            if turn < _turns(bars, start):
                at, turn = start, turn + 1
                continue
            at = start = _behind_endings(bars, at + 1)
            turn = 1
            continue
        elif bar.ends in _STRONG and (bars[start].begins not in _OPEN or _ended(bars, start, at)):
            start, turn = at + 1, 1
        at += 1


def _missing(bars: Sequence[Bar], start: int, at: int, turn: int) -> bool:
    """Whether a repeat is meant though it is not written: the next ending is for another turn."""
    following = bars[at + 1].ending if at + 1 < len(bars) else ""
    return (
        _ended(bars, start, at)
        and following != ""
        and turn not in endings(following)
        and turn + 1 in endings(following)
    )


def _ended(bars: Sequence[Bar], start: int, at: int) -> bool:
    """Whether an ending stands between `start` and `at`."""
    return any(bars[i].ending for i in range(start, at + 1))


def _section(bars: Sequence[Bar], start: int) -> range:
    """The bars from `start` to where the section that begins there ends."""
    for at in range(start, len(bars)):
        last = at + 1 == len(bars)
        if at > start and bars[at].begins in _OPEN:
            return range(start, at)
        if bars[at].ends in _CLOSE and (last or not bars[at + 1].ending):
            return range(start, at + 1)
    return range(start, len(bars))


def _turns(bars: Sequence[Bar], start: int) -> int:
    """How often the section that begins at `start` is played."""
    numbers = [max(endings(bars[i].ending), default=2) for i in _section(bars, start)]
    return min(max(numbers, default=2), _MOST)


def _behind_endings(bars: Sequence[Bar], at: int) -> int:
    """The first bar from `at` on that is not in an ending of the section before it."""
    while at < len(bars) and bars[at].ending:
        while at + 1 < len(bars) and bars[at].ends not in _STRONG:
            at += 1
        at += 1
    return at


def _ending_of(bars: Sequence[Bar], at: int, turn: int) -> int:
    """The first bar of the ending for `turn`, or of what follows the endings."""
    for i in range(at + 1, len(bars)):
        if bars[i].ending and turn in endings(bars[i].ending):
            return i
        if bars[i].begins in _OPEN:
            return i
    return len(bars)


def misfits(bars: Sequence[Bar]) -> list[str]:
    """What does not hold the metre, by the rule above; one line for each bar as it is written."""
    order = list(played(bars))
    first = bars[order[0]] if order else None
    if first is None or first.due is None or first.length >= first.due:
        return _misfits(bars, order, Fraction(0))
    pickup = _misfits(bars, order, first.due - first.length)
    if not pickup or first.ends == "|":
        return pickup
    begun = _misfits(bars, order, Fraction(0))  # a whole bar, cut by its bar line
    return begun if len(begun) < len(pickup) else _misfits(bars, order, first.due - first.length)


def _misfits(bars: Sequence[Bar], order: Sequence[int], phase: Fraction) -> list[str]:
    """The same where `phase` of the first bar is over when the tune begins; sets `Bar.start`."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    starts = {Fraction(0), phase}  # of the tune and its sections: what is missing to a pickup
    for at in order:
        bar = bars[at]
        due = bar.due
        if due is None:
            phase = Fraction(0)
            continue
        if phase >= due:
            phase = Fraction(0)
        if at not in seen:
            seen.add(at)
            bar.start = phase
        if bar.begins in _STRONG:
            starts.add(phase)
        over = phase + bar.length
        whole = over == due or (bar.length == 0 and phase == 0)
        cut = bar.ends in _STRONG or bar.ends[:1] == "[" or at + 1 == len(bars)
        if over > due or not (whole or cut):
            found.setdefault(at, _misfit(bar, phase))
            over = Fraction(0)
        phase = over if over < due else Fraction(0)
    if order and phase not in starts:
        found.setdefault(order[-1], _misfit(bars[order[-1]], bars[order[-1]].start))
    return [found[at] for at in sorted(found)]


def _misfit(bar: Bar, phase: Fraction) -> str:
    assert bar.due is not None
    before = f" after {phase} of it were over" if phase else ""
    return f"bar {bar.number} (line {bar.line}): {bar.length} in a bar of {bar.due}{before}"
