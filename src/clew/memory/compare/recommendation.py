"""Which network to take and for what reason, how sure that is, and whether memory earns anything.

Scores differ by chance: from seed to seed and, where they are shares of held-out examples, by which
these are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clew.memory.compare.entrants import CELLS

if TYPE_CHECKING:
    from clew.memory.compare.comparison import Comparison, Row

USUAL = "64"  # steps before the one whose cost a recommendation goes by

UNEVEN = 0.03  # share of the budget that nobody needs to be told of


def chosen(found: Comparison) -> Row:
    """Of the rows whose mean lies within the seeds of the best, that whose step costs least.

    Of one seed, where nobody knows what lies within, the best.
    """
    best = found.ranked[0]
    if found.seeds == 1:
        return best
    within = [row for row in found.rows if _within(found, row)]
    return min(within, key=lambda row: (row.costs[USUAL], row.seconds))


def words(found: Comparison) -> list[str]:
    """The recommendation with its reason; then what can be told, and what memory earns."""
    lines = [_taken(found), *_told(found)]
    if found.baseline is not None:
        lines.append(_against(found, *found.baseline))
    return lines + _windowed(found) + _uneven(found)


def _within(found: Comparison, row: Row) -> bool:
    """Whether the mean is no worse than the worst seed of the best."""
    best = found.ranked[0]
    worst = max(best.scores) if found.figure.less else min(best.scores)
    return row is best or not found.figure.better(worst, row.mean)


def _taken(found: Comparison) -> str:
    row, best, shown = chosen(found), found.ranked[0], found.figure.shown
    several = found.seeds > 1
    ends = f"{shown(min(row.scores))} to {shown(max(row.scores))} over {found.seeds} seeds"
    text = f"Take the {row.title}: {found.figure.title} {shown(row.mean)}"
    text += f" ({ends})" if several else ""
    others = [one for one in found.rows if one is not row]
    if not others:
        return text + ", the only one that ran."
    if row is not best:
        return text + (
            f", within the spread of the best, the {best.title} ({shown(best.mean)}), and with "
            f"{row.costs[USUAL]:.0f} µs a step against {best.costs[USUAL]:.0f} the cheapest there."
        )
    if not several:
        return text + ", the best score of this one seed."
    if any(_within(found, one) for one in others):
        return text + (
            f", the best, and with {row.costs[USUAL]:.0f} µs a step the cheapest of those within "
            "its spread."
        )
    if any(_meet(row, one) for one in others):
        return text + ", the best; no other's mean lies within its spread."
    return text + ", better with every seed than any other with any."


def _told(found: Comparison) -> list[str]:
    best, rest = found.ranked[0], found.ranked[1:]
    if not rest:
        return []
    if found.seeds == 1:
        return [
            "One seed only: how far scores spread by chance is unknown, and so is whether the "
            f"{_gap(found, best.mean, rest[0].mean)} to the {rest[0].title} "
            "are more than that. --seeds 3 would tell."
        ]
    lines = []
    alike = [row.title for row in rest if _meet(best, row)]
    if len(alike) == len(rest):
        lines.append("All differences are within the spread of the seeds.")
    elif alike:
        lines.append(f"The seeds of the {best.title} and of {_listed(alike)} overlap.")
    margin = _margin(found)
    near = [row.title for row in rest if not _meet(best, row)
            and abs(row.mean - best.mean) <= margin]  # fmt: skip
    if near:
        lines.append(
            f"On {found.held_out:,} held-out examples {100 * margin:.2g} points may be chance, "
            f"too: by so much or less {_listed(near)} {'is' if len(near) == 1 else 'are'} behind."
        )
    return lines


def _against(found: Comparison, name: str, score: float) -> str:
    best, figure = found.ranked[0], found.figure
    gap, margin = abs(best.mean - score), _margin(found)
    better = figure.better(best.mean, score)
    surely = gap > margin and all(figure.better(one, score) for one in best.scores)
    if found.task == "probe":
        if better and surely:
            return f"Chance is {figure.shown(score)}."
        return f"None of them has learnt it: chance is {figure.shown(score)}."
    if better and surely:
        return (
            f"Memory earns its keep: {name} scores {figure.shown(score)}, "
            f"{_gap(found, best.mean, score)} behind the best network."
        )
    if better or gap <= margin:
        return (
            f"Whether memory earns anything cannot be told: {name} scores {figure.shown(score)}, "
            "too little apart from the best network."
        )
    return (
        f"No network earns its keep here: {name} scores {figure.shown(score)}, "
        f"{_gap(found, best.mean, score)} ahead of the best network. Take that."
    )


def _windowed(found: Comparison) -> list[str]:
    """Whether more than the window is of use."""
    ranked = found.ranked
    windows = [row for row in ranked if row.entrant.base == "window"]
    cells = [row for row in ranked if row.entrant.base in CELLS]
    if not windows or not cells or found.seeds == 1:
        return []
    row, cell = windows[0], cells[0]
    ahead = found.figure.better(row.mean, cell.mean)
    if not ahead and not _meet(row, cell) and abs(row.mean - cell.mean) > _margin(found):
        return []
    how = "does better than" if ahead else "cannot be told from"
    return [
        f"The {row.title} {how} the best cell, the {cell.title}: a state that is carried further "
        "than the window earns nothing that can be seen here."
    ]


def _uneven(found: Comparison) -> list[str]:
    """Whose size is not that of the others, as its sizes did not allow it."""
    away = [
        f"the {row.title} {row.parameters / found.budget - 1:+.0%}"
        for row in found.rows
        if abs(row.parameters / found.budget - 1) > UNEVEN
    ]
    return [f"Not quite of one size: {', '.join(away)} parameters."] if away else []


def _margin(found: Comparison) -> float:
    """What the difference of two shares of the held-out examples may be by chance; else 0."""
    if found.held_out is None or not found.figure.percent:
        return 0.0
    count = found.held_out
    # One example more that is right, and one that is wrong, keep a share near 0 or 1 from looking
    # certain.
    share = (found.ranked[0].mean * count + 1) / (count + 2)
    return math.sqrt(2 * share * (1 - share) / count)


def _meet(one: Row, other: Row) -> bool:
    """Whether the ranges of two rows' seeds have something in common."""
    first, second = one.scores, other.scores
    return min(first) <= max(second) and min(second) <= max(first)


def _gap(found: Comparison, one: float, other: float) -> str:
    gap = abs(one - other)
    return f"{100 * gap:.2g} points" if found.figure.percent else f"{gap:.2g} {found.figure.title}"


def _listed(names: Sequence[str]) -> str:
    the = [f"the {name}" for name in names]
    return " and ".join([", ".join(the[:-1]), the[-1]]) if len(the) > 1 else the[0]
