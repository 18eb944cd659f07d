"""Which network to take and for what reason, how sure that is, and whether memory earns anything.

Scores differ by chance: from seed to seed and, where they are shares of held-out examples, by which
these are. What is recommended goes by what was held out; what it is worth, by the test where there
is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from clew.memory.compare.entrants import CELLS

if TYPE_CHECKING:
    from clew.memory.compare.comparison import Comparison, Row

CHEAPER = 1.25  # times as much a step costs clearly more

AHEAD = 0.1  # of the squared error of who cannot know: less by so much is no chance

UNEVEN = 0.03  # share of the budget that nobody needs to be told of


def chosen(found: Comparison) -> Row:
    """Of the rows whose mean lies within the seeds of the best, the best of the cheapest.

    A cost is of a step as it would be served: of a stream where there is one. Costs that are nearly
    the same choose nothing. Of one seed, where nobody knows what lies within, only what scores the
    same does.
    """
    within = [row for row in found.ranked if _within(found, row)]
    least = min(row.served for row in within)
    return next(row for row in within if row.served <= CHEAPER * least)


def words(found: Comparison) -> list[str]:
    """The recommendation with its reason; then what can be told, and what memory earns."""
    lines = [_taken(found), *_tested(found), *_told(found)]
    score = yardstick(found)
    if found.task == "probe":
        lines += _known(found)
    elif found.baseline is not None and score is not None:
        lines.append(_against(found, found.baseline.name, score))
    return lines + _idle(found) + _windowed(found) + _rates(found) + _uneven(found) + _busy(found)


def learnt(found: Comparison) -> bool:
    """Of a probe whether the best is clearly ahead of who cannot know; of all else True."""
    return found.task != "probe" or _ahead(found, found.ranked[0].mean)


def _ahead(found: Comparison, score: float) -> bool:
    """Whether a score on a probe is ahead of the yardstick by more than chance would have it."""
    known = yardstick(found)
    if known is None:
        return True
    clear = 2 * _margin(found) if found.figure.percent else AHEAD * known
    return found.figure.better(score, known) and abs(score - known) > clear


def _known(found: Comparison) -> list[str]:
    """What who cannot know scores at a probe, and whether every seed comes further."""
    base = found.baseline
    if base is None:
        return []
    shown = found.figure.shown
    text = f"Chance is {shown(base.score)}."
    if base.chance is not None:
        text = f"The shortcut scores {shown(base.score)}: {base.how}; chance is "
        text += f"{shown(base.chance)}."
    row = chosen(found)
    away = sum(not _ahead(found, one) for one in row.scores)
    if learnt(found) and away:
        text += f" {away} of the {found.seeds} seeds of the {row.title} came no further."
    return [text]


def _within(found: Comparison, row: Row) -> bool:
    """Whether the mean is no worse than the worst seed of the best; what learnt nothing is not."""
    best = found.ranked[0]
    if found.task == "probe" and not _ahead(found, row.mean):
        return row is best
    worst = max(best.scores) if found.figure.less else min(best.scores)
    return row is best or not found.figure.better(worst, row.mean)


def _taken(found: Comparison) -> str:
    best, shown = found.ranked[0], found.figure.shown
    several = found.seeds > 1
    row = chosen(found) if learnt(found) else best
    ends = f"{shown(min(row.scores))} to {shown(max(row.scores))} over {found.seeds} seeds"
    scored = f"{found.figure.title} {shown(row.mean)}" + f" ({ends})" * several
    if not learnt(found):
        return f"Take none: none has learnt it. The {row.title} comes furthest, {scored}."
    score = yardstick(found)
    beaten = score is not None and found.task != "probe" and _earned(found, score) is False
    text = ("Of the networks take" if beaten else "Take") + f" the {row.title}: {scored}"
    others = [one for one in found.rows if one is not row]
    if not others:
        return text + ", the only one that ran."
    alike = any(_within(found, one) for one in others)
    if not several:
        cheap = f"; no other that reaches it is clearly cheaper to run ({_cost(row)})"
        return f"{text}, the best score of this one seed{cheap * alike}."
    if row is not best:
        text += f", within the spread of the best, the {best.title} ({shown(best.mean)}), and "
        text += f"cheaper to run step by step: {_cost(row)} against {_cost(best)}"
        alone = row.stream is not None and best.stream is None
        return text + ", which has no stream." * alone + "." * (not alone)
    if alike:
        return f"{text}, the best; no other within its spread is clearly cheaper to run " + (
            f"({_cost(row)})."
        )
    if any(_meet(row, one) for one in others):
        return text + ", the best; no other's mean lies within its spread."
    return text + ", better with every seed than any other with any."


def _cost(row: Row) -> str:
    number = f"{row.served:.3g}" if row.served < 100 else f"{row.served:,.0f}"
    return f"{number} µs a step" + " in a stream" * (row.stream is not None)


def _told(found: Comparison) -> list[str]:
    best, rest = found.ranked[0], found.ranked[1:]
    if not rest:
        return []
    if found.seeds == 1:
        gap = _gap(found, best.mean, rest[0].mean)
        more = f", and so is whether {gap} to the {rest[0].title} mean more than that"
        return [
            "One seed only: how far scores spread by chance is unknown"
            f"{more * (best.mean != rest[0].mean)}. --seeds 3 would tell."
        ]
    lines = []
    alike = [row.title for row in rest if _meet(best, row)]
    if len({score for row in found.rows for score in row.scores}) == 1:
        lines.append("All score the same, with every seed.")
    elif len(alike) == len(rest) > 1:
        lines.append(
            f"The seeds of the {best.title} overlap with those of every other: more seeds may "
            "change the order."
        )
    elif alike:
        lines.append(f"The seeds of the {best.title} and of {_listed(alike)} overlap.")
    margin = _margin(found)
    near = [row.title for row in rest if not _meet(best, row)
            and abs(row.mean - best.mean) <= margin]  # fmt: skip
    if near:
        lines.append(
            f"On {found.held_out:,} held-out examples {_gap(found, margin, 0)} may be chance, "
            f"too: by so much or less {_listed(near)} {'is' if len(near) == 1 else 'are'} behind."
        )
    return lines


def _tested(found: Comparison) -> list[str]:
    """What the chosen one scores on the test, and whether another is ahead there."""
    if not found.tested:
        return []
    row, shown = chosen(found), found.figure.shown
    text = f"On the test, which chose nothing, the {row.title} scores {shown(fmean(row.tests))}"
    if found.seeds > 1:
        text += f" ({shown(min(row.tests))} to {shown(max(row.tests))})"
    others = [one for one in found.rows if one is not row]
    if not others:
        return [text + "."]
    best = (min if found.figure.less else max)(others, key=lambda one: fmean(one.tests))
    other, own = fmean(best.tests), fmean(row.tests)
    if not found.figure.better(other, own):
        return [text + ", and no other scores better."]
    text += f"; the best there is the {best.title} with {shown(other)}"
    chance = ", which may be chance" if abs(other - own) <= _margin(found, True) else ""
    return [f"{text}{chance}."]


def _by_test(found: Comparison) -> bool:
    """Whether networks and baseline are set against each other on the test."""
    return found.tested and found.baseline is not None and found.baseline.test is not None


def _earned(found: Comparison, score: float) -> bool | None:
    """Whether the best network does better than that score; None where chance may decide."""
    best, better = found.ranked[0], found.figure.better
    scores = best.tests if _by_test(found) else best.scores
    if best.idle:
        return False
    if abs(fmean(scores) - score) <= _margin(found, _by_test(found)):
        return None
    if all(better(score, one) for one in scores):
        return False
    return True if all(better(one, score) for one in scores) else None


def yardstick(found: Comparison) -> float | None:
    """What the baseline scores: on the test where it was scored there; None without one."""
    if found.baseline is None:
        return None
    return found.baseline.test if _by_test(found) else found.baseline.score


def _against(found: Comparison, name: str, score: float) -> str:
    best, figure = found.ranked[0], found.figure
    earned = _earned(found, score)
    scores = f"{name} scores {figure.shown(score)}" + " on the test" * _by_test(found)
    if best.idle:
        return f"No network earns its keep here: {scores}."
    memory = "memory" if best.entrant.base in CELLS else "a network"
    if earned is None:
        return (
            f"Whether {memory} earns anything cannot be told: {scores}, "
            "too little apart from the best network."
        )
    gap = _gap(found, fmean(best.tests if _by_test(found) else best.scores), score)
    text = (
        f"{memory} earns its keep: {scores}, {gap} behind the best network." if earned else
        f"no network earns its keep here: {scores}, {gap} ahead of the best network."
    )  # fmt: skip
    if found.seeds == 1:
        return f"By this one seed {text}"
    return text[0].upper() + text[1:] + " Take that." * (not earned)


def _idle(found: Comparison) -> list[str]:
    """Of which networks there is nothing in the forecasts."""
    names = [row.title for row in found.rows if row.idle]
    return [
        f"Nothing of {_listed(names)} is in the forecasts: on what is held out the naive forecast "
        "alone did better, and that is what is scored."
    ] if names else []  # fmt: skip


def _windowed(found: Comparison) -> list[str]:
    """Whether more than the window is of use."""
    ranked = found.ranked
    windows = [row for row in ranked if row.entrant.base == "window"]
    cells = [row for row in ranked if row.entrant.base in CELLS]
    if not windows or not cells or found.seeds == 1 or windows[0].idle or not learnt(found):
        return []
    row, cell = windows[0], cells[0]
    alike = _meet(row, cell) or abs(row.mean - cell.mean) <= _margin(found)
    if not alike and found.figure.better(cell.mean, row.mean):
        return []
    how = "cannot be told from" if alike else "does better than"
    return [
        f"The {row.title} {how} the best cell, the {cell.title}: a state that is carried further "
        "than the window earns nothing that can be seen here."
    ]


def _rates(found: Comparison) -> list[str]:
    """What is to be known of the learning rates: another may suit a network better."""
    if found.tried:
        ends = (min(found.rows[0].trials), max(found.rows[0].trials))
        perfect = 1.0 if found.figure.percent and not found.figure.less else 0.0
        far = [row.title for row in found.rows
               if row.rate in ends and row.trials[row.rate] != perfect]  # fmt: skip
        if not far:
            return []
        return [
            "Of the learning rates tried an outermost did best for "
            f"{'each' if len(far) == len(found.rows) > 1 else _listed(far)}: one further out may "
            "do better still."
        ]
    if len(found.rows) == 1:
        return []
    rate = found.rows[0].rate
    some = ",".join(f"{value:.1g}" for value in (rate / 3, rate, 3 * rate))
    return [
        f"All learnt with one learning rate, {rate:g}, and another may suit a network better: "
        f"--rates {some} tries these for each."
    ]


def _uneven(found: Comparison) -> list[str]:
    """Whose size is not that of the others, as its sizes did not allow it."""
    away = [
        f"the {row.title} {row.parameters / found.budget - 1:+.0%}"
        for row in found.rows
        if abs(row.parameters / found.budget - 1) > UNEVEN
    ]
    return [f"Not quite of one size: {', '.join(away)} parameters."] if away else []


def _busy(found: Comparison) -> list[str]:
    """Whether what was timed can be trusted."""
    unsteady = [row.title for row in found.rows if row.unsteady]
    if not found.busy and not unsteady:
        return []
    text = "The machine was busy: what a step costs is rough" if found.busy else (
        "What a step costs is rough"
    )  # fmt: skip
    if unsteady:
        each = "each" if len(unsteady) == len(found.rows) > 1 else _listed(unsteady)
        text += f"{';' if found.busy else ':'} of {each} it more than doubled from round to round"
    return [f"{text}. Ask again on an idle machine; kept runs keep their costs."]


def _margin(found: Comparison, test: bool = False) -> float:
    """What the difference of two shares of so many examples may be by chance; else 0.

    Of what is held out, or of the test.
    """
    best = found.ranked[0]
    count = best.runs[0]["tested" if test else "held_out"]
    if count is None or not found.figure.percent:
        return 0.0
    # One example more that is right, and one that is wrong, keep a share near 0 or 1 from looking
    # certain. Of words that are wrong there may be more than there are words.
    mean = min(1.0, fmean(best.tests if test else best.scores))
    share = (mean * count + 1) / (count + 2)
    return math.sqrt(2 * share * (1 - share) / count)


def _meet(one: Row, other: Row) -> bool:
    """Whether the ranges of two rows' seeds have something in common."""
    first, second = one.scores, other.scores
    return min(first) <= max(second) and min(second) <= max(first)


def _gap(found: Comparison, one: float, other: float) -> str:
    gap = abs(one - other) * (100 if found.figure.percent else 1)
    number = f"{gap:.2g}" if gap < 10 else f"{gap:,.0f}"
    if found.figure.percent:
        return f"{number} point" + "s" * (number != "1")
    return f"{number} {found.figure.title}"


def _listed(names: Sequence[str]) -> str:
    the = [f"the {name}" for name in names]
    return " and ".join([", ".join(the[:-1]), the[-1]]) if len(the) > 1 else the[0]
