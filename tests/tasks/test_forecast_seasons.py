"""Seasons: what the calendar offers, and what a series shows."""

import numpy as np
import pytest

from clew.data.panel import Freq, Panel
from clew.tasks._forecast.seasons import offered, season_of, strength


@pytest.mark.parametrize(
    ("freq", "expected"),
    [
        (Freq("month"), (12,)), (Freq("quarter"), (4,)), (Freq("year"), ()), (Freq("month", 5), ()),
        (Freq("month", 2), (6,)), (Freq("week"), (52,)), (Freq("week", 4), (13,)),
        (Freq("day"), (7, 365)), (Freq("weekday"), (5, 260)), (Freq("hour"), (24, 168, 8760)),
        (Freq("minute", 15), (96, 672, 4)), (Freq("minute"), (1440, 60)),
        (Freq("second"), (3600, 60)), (Freq("step"), ()),
    ],
)  # fmt: skip
def test_what_the_calendar_offers(freq: Freq, expected: tuple[int, ...]) -> None:
    assert offered(freq) == expected


def cycle(period: int, length: int, noise: float = 0.3, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    turn = np.arange(length) * 2 * np.pi / period
    return np.asarray(np.sin(turn) + noise * draw.normal(size=length))


def test_the_season_that_the_data_shows_is_chosen() -> None:
    assert season_of(Panel.of({"a": cycle(365, 1500), "b": [1.0] * 9}, freq="day")) == 365
    assert season_of(Panel.of({"a": cycle(7, 1500)}, freq="day")) == 7
    week = cycle(24, 2000) + 2 * cycle(168, 2000)
    assert season_of(Panel.of({"a": week}, freq="hour")) == 168
    gaps = cycle(7, 1500)
    gaps[::5] = np.nan
    assert season_of(Panel.of({"a": gaps}, freq="day")) == 7


def test_where_nothing_is_seen_the_usual_one_is() -> None:
    noise = np.random.default_rng(0).normal(size=2000)
    assert season_of(Panel.of({"a": noise}, freq="day")) == 7
    assert season_of(Panel.of({"a": noise[:20]}, freq="month")) == 12
    assert season_of(Panel.of({"a": np.ones(100)}, freq="month")) == 12
    assert season_of(Panel.of({"a": noise[:12]}, freq="month")) == 1
    assert season_of(Panel.of({"a": noise}, freq="step")) == 1


def test_strength_is_one_for_a_cycle_and_its_trend() -> None:
    steps = np.arange(120.0)
    assert strength(3 * steps + 50 * cycle(12, 120, noise=0.0), 12) == pytest.approx(1.0, abs=1e-6)
    assert abs(strength(cycle(12, 1200, noise=0.0), 9)) < 0.5
    assert np.isnan(strength(steps[:35], 12))
    assert np.isnan(strength(np.full(60, np.nan), 12))
    assert np.isnan(strength(np.full(60, 1e6), 12))
