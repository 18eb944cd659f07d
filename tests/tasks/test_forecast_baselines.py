"""Baselines of forecasts, against plain loops and statsmodels."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tsa.ar_model import AutoReg, ar_select_order

from clew.errors import InputError
from clew.tasks._forecast import baselines
from clew.tasks._forecast.baselines import AR, Baselines, Drift, SeasonalNaive

VALUES = st.lists(st.floats(-100, 100) | st.just(np.nan), min_size=1, max_size=14)


def wave(length: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    steps = np.arange(length)
    values = 50 + 0.1 * steps + 5 * np.sin(2 * np.pi * steps / 6) + draw.normal(size=length)
    return np.asarray(values)


@given(VALUES, st.integers(1, 5), st.integers(1, 7))
def test_the_season_before_is_the_last_one_seen(y: list[float], season: int, horizon: int) -> None:
    origins = np.arange(len(y) + 1)
    found = SeasonalNaive(season).forecast(y, origins, horizon)
    for origin in origins:
        known = [v for v in y[:origin] if not np.isnan(v)]
        for k in range(horizon):
            same = range(origin + k - season, -1, -season)
            seen = [y[t] for t in same if t < origin and not np.isnan(y[t])]
            expected = seen[0] if seen else known[-1] if known else np.nan
            np.testing.assert_equal(found[origin, k], expected)


@given(VALUES, st.integers(1, 4))
def test_drift_goes_on_from_the_first_to_the_last(y: list[float], horizon: int) -> None:
    origins = np.arange(len(y) + 1)
    found = Drift().forecast(y, origins, horizon)
    for origin in origins:
        known = [(t, v) for t, v in enumerate(y[:origin]) if not np.isnan(v)]
        if not known:
            assert np.isnan(found[origin]).all()
            continue
        (t0, v0), (t1, v1) = known[0], known[-1]
        slope = (v1 - v0) / (t1 - t0) if t1 > t0 else 0.0
        expected = [v1 + slope * (origin + k - t1) for k in range(horizon)]
        np.testing.assert_allclose(found[origin], expected, atol=1e-9)


@pytest.mark.parametrize("most", [1, 5, 13, 40])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_order_is_the_one_that_statsmodels_selects(most: int, seed: int) -> None:
    values = wave(150, seed) + 1e4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lags = ar_select_order(values, most, ic="aic", trend="c").ar_lags
    assert baselines.best_order(values, most) == len(lags or [])


def test_many_rows_are_decomposed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = wave(300)
    whole = baselines.best_order(values, 20)
    for rows in (7, 50):
        monkeypatch.setattr(baselines, "_ROWS", rows)
        assert baselines.best_order(values, 20) == whole


def test_ar_forecasts_as_statsmodels_does() -> None:
    y = wave(160)
    model = AR.fit(y[:120], 6)
    assert model.order > 1
    for origin in (120, 133, 160):
        fitted = AutoReg(y[:origin], model.order)
        expected = fitted.predict(np.array(model.weights), start=origin, end=origin + 29)
        np.testing.assert_allclose(model.forecast(y, [origin], 30)[0], expected, rtol=1e-9)
    fitted = AutoReg(y[:120], model.order).fit()
    np.testing.assert_allclose(model.weights, fitted.params, rtol=1e-9)
    together = model.forecast(y, [120, 133, 160], 30)
    np.testing.assert_array_equal(together[1], model.forecast(y, [133], 30)[0])


@pytest.mark.parametrize(
    "model", [AR((1.0, 0.5, -0.3, 0.2)), AR((2.0,)), SeasonalNaive(3), Drift()]
)
def test_nothing_is_known_of_what_comes_later(model: Any) -> None:
    y = wave(40)
    y[[4, 5, 17, 18, 19, 30]] = np.nan
    for origin in range(1, 41):
        later = y.copy()
        later[origin:] = 1e9
        np.testing.assert_array_equal(
            model.forecast(y, [origin], 5), model.forecast(later, [origin], 5)
        )


def test_ar_bridges_gaps_by_lines_and_an_open_one_by_its_last_value() -> None:
    model = AR((0.0, 0.5, 0.25, 0.25))
    gap = [0.0, 1.0, np.nan, np.nan, 4.0, np.nan]
    closed = [0.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    np.testing.assert_array_equal(model.forecast(gap, [6], 3), model.forecast(closed, [6], 3))
    open_gap = [0.0, 1.0, 1.0, 1.0]
    np.testing.assert_array_equal(model.forecast(gap, [4], 3), model.forecast(open_gap, [4], 3))
    assert baselines.filled([np.nan, 1, np.nan, 3, np.nan]).tolist() == [1, 1, 2, 3, 3]


def test_a_constant_is_forecast_as_it_is() -> None:
    found = Baselines.fit(np.full(60, 7.5), 12)
    assert found.notes == []
    for model in found.models.values():
        np.testing.assert_array_equal(
            model.forecast(np.full(60, 7.5), [60], 4), np.full((1, 4), 7.5)
        )


@pytest.mark.parametrize("y", [[3.0], [1.0, 2.0], [np.nan, 1.0, np.nan] + 5 * [2.0]])
def test_a_short_series_has_no_ar_and_is_told(y: list[float]) -> None:
    found = Baselines.fit(y, 12)
    assert list(found.models) == ["seasonal naive", "drift"]
    assert found.notes[0].startswith("no AR(p): there ")
    assert np.isfinite(found.models["drift"].forecast(y, [len(y)], 3)).all()


def test_without_statsmodels_there_is_no_ar(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise InputError("this needs the package statsmodels", hint="pip install 'clew[forecast]'")

    monkeypatch.setattr(baselines, "need", absent)
    found = Baselines.fit(wave(100), 6)
    assert list(found.models) == ["seasonal naive", "drift"]
    assert "pip install 'clew[forecast]'" in found.notes[0]


def test_warnings_of_statsmodels_reach_nobody() -> None:
    y = np.tile([1.0, 2.0, 3.0], 20)  # exactly periodic: the lags are collinear
    forecast = AR.fit(y, 3).forecast(y, [60], 6)
    np.testing.assert_allclose(forecast, [[1, 2, 3, 1, 2, 3]], atol=1e-6)


def test_quantiles_of_errors_by_lead() -> None:
    y = wave(400)
    levels = (0.1, 0.5, 0.9)
    found = baselines.error_quantiles(Drift(), y, 3, levels)
    origins = np.arange(133, 400)
    for lead in range(3):
        away = [y[t + lead] - Drift().forecast(y, [t], 3)[0, lead]
                for t in origins if t + lead < 400]  # fmt: skip
        np.testing.assert_allclose(found[lead], np.quantile(away, levels))
    assert baselines.error_quantiles(Drift(), [1.0], 3, levels).tolist() == [[0.0] * 3] * 3
    short = baselines.error_quantiles(Drift(), y[:6], 9, levels)
    assert (short[8] == short[3]).all()
