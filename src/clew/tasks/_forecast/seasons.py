"""How many steps a season has: what the calendar offers, and which of these the data shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clew.data.panel import Freq, Panel
from clew.tasks._forecast.baselines import filled

_DAY = 86_400_000_000
_MOST = 10_000  # steps of a season
_SOME = 64  # series that are looked at
_SURE = 0.3  # autocorrelation from which on a season is believed


def offered(freq: Freq) -> tuple[int, ...]:
    """The seasons a step may have, in steps, the usual one first.

    Months 12, quarters 4, weeks 52, days 7 and 365, weekdays 5 and 260; below a day those of the
    day, the week, the year and the hour; below a minute of the hour, the minute and the day. None
    for years and whole numbers.
    """
    if freq.months is not None:
        return (12 // freq.months,) if freq.months < 12 and 12 % freq.months == 0 else ()
    if freq.unit == "weekday":
        return (5, 260)
    if freq.numbered or freq.size is None:
        return ()
    if freq.size % (7 * _DAY) == 0:
        weeks = freq.size // (7 * _DAY)
        return (52 // weeks,) if 52 % weeks == 0 and weeks < 52 else ()
    periods = (_DAY, 7 * _DAY, 365 * _DAY, _DAY // 24)
    if freq.size < _DAY // 1440:
        periods = (_DAY // 24, _DAY // 1440, _DAY, 7 * _DAY)
    counts = [period // freq.size for period in periods if period % freq.size == 0]
    return tuple(count for count in counts if 2 <= count <= _MOST)


def season_of(panel: Panel) -> int:
    """The season that the series of a panel show most of, in steps; 1 where there is none to try.

    Of each season of m steps that the calendar offers, and three of which a series has, the
    autocorrelation at lag m of what remains without the running mean of m steps: the largest, if it
    is above 0.3, averaged over series; if not, the usual one (12 for months, 24 for hours), if the
    longest series has more than that.
    """
    every = offered(panel.freq)
    longest = int(panel.lengths.max(initial=0))
    every = tuple(season for season in every if season < longest)
    if not every:
        return 1
    order = np.argsort(-panel.lengths, kind="stable")[:_SOME]
    found = dict.fromkeys(every, 0.0)
    for season in every:
        marks = [strength(panel.series(int(i)).y, season) for i in order]
        known = [mark for mark in marks if not np.isnan(mark)]
        found[season] = float(np.mean(known)) if known else 0.0
    best = max(every, key=lambda season: found[season])
    return best if found[best] > _SURE else every[0]


def strength(y: NDArray[np.float64], season: int) -> float:
    """Autocorrelation of y (T,) at lag m without its running mean; NaN for T < 3 m, constants."""
    if len(y) < 3 * season or np.isnan(y).all():
        return float("nan")
    values = filled(y)
    sums = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    mean = (sums[season:] - sums[:-season]) / season
    begin = season // 2
    rest = values[begin : begin + len(mean)] - values.mean() - mean
    one, other = rest[season:] - rest.mean(), rest[:-season] - rest.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 1e-9 * float(np.abs(values).max()) ** 2 else np.nan
