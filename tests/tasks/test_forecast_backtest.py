"""Backtests: the right windows, the right scores, and who loses to whom, against plain loops."""

import numpy as np
import polars
import pytest

from clew.data.panel import Panel
from clew.errors import InputError
from clew.tasks._forecast.backtest import MODEL, judge, median, origins_of, with_usual
from clew.tasks._forecast.telling import advantage, spans

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
draw = np.random.default_rng(0)
WEEK = np.array([5.0, 3.0, 8.0, 2.0, 7.0, 1.0, 4.0])


def panel(**lengths: int) -> Panel:
    """Series with a week of their own that repeats, and noise."""
    return Panel.of(
        {
            name: 10 + (1 + k) * WEEK[np.arange(length) % 7] + draw.standard_normal(length)
            for k, (name, length) in enumerate(lengths.items())
        },
        freq="day",
    )


def week_before(given: Panel, origins, horizon):
    """The value a week ago, and two above and below it: what a fitted model would say."""
    found = []
    for index, some in enumerate(origins):
        y = given.series(index).y
        points = [[y[o - 7 + k % 7] for k in range(horizon)] for o in some]
        points = np.array(points).reshape(len(some), horizon, 1)
        found.append(points + np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    return found


def test_the_windows_end_with_the_series_and_are_a_step_apart():
    some = panel(long=40, short=12, tiny=5)
    assert [o.tolist() for o in origins_of(some, 7, 3, 7)] == [[19, 26, 33], [5], []]
    assert [o.tolist() for o in origins_of(some, 1, 3, 1)] == [[37, 38, 39], [9, 10, 11], [3, 4]]
    with pytest.raises(InputError, match="longest series has 40"):
        origins_of(some, 38, 3, 1)


def test_the_scores_are_those_of_plain_loops():
    some = panel(a=60, b=45)
    origins = origins_of(some, 7, 3, 5)
    result = judge(some, week_before, origins, levels=LEVELS, horizon=7, season=7, step=5)
    away, squares, shares, scaled, inside = [], [], [], [], []
    for index in range(2):
        y = some.series(index).y
        history = y[: origins[index][0]]
        scale = np.mean([abs(history[t] - history[t - 7]) for t in range(7, len(history))])
        for o in origins[index]:
            for k in range(7):
                truth, said = y[o + k], y[o - 7 + k]
                away.append(abs(truth - said))
                squares.append((truth - said) ** 2)
                shares.append(200 * abs(truth - said) / (abs(truth) + abs(said)))
                scaled.append(abs(truth - said) / scale)
                inside.append(said - 2 <= truth <= said + 2)
    expected = {"mae": np.mean(away), "rmse": np.mean(squares) ** 0.5, "smape": np.mean(shares),
                "mase": np.mean(scaled), "coverage_80": np.mean(inside)}  # fmt: skip
    for name, value in expected.items():
        assert result.scores[MODEL][name] == pytest.approx(value), name
    naive = result.scores["seasonal naive"]
    for name in ("mae", "rmse", "smape", "mase"):  # it says what this model says
        assert naive[name] == pytest.approx(expected[name])


def test_the_table_has_every_forecast_and_its_truth():
    some = panel(a=60, b=12)
    origins = origins_of(some, 7, 2, 7)
    result = judge(some, week_before, origins, levels=LEVELS, horizon=7, season=7)
    table = result.table
    assert table.columns == ["unique_id", "window", "step", "ds", "y", "forecast", "0.1", "0.25",
                             "0.5", "0.75", "0.9", "AR", "seasonal naive", "drift"]  # fmt: skip
    assert table.height == 7 * 3  # two windows of a, one of b
    row = table.row(
        by_predicate=(polars.col("window") == 2) & (polars.col("step") == 3), named=True
    )
    y = some.series(0).y
    assert row["unique_id"] == "a"
    assert row["y"] == y[60 - 7 + 2]
    assert row["forecast"] == row["0.5"] == row["seasonal naive"] == y[60 - 14 + 2]
    assert row["0.9"] == row["0.5"] + 2
    assert row["ds"].isoformat() == "2000-02-25"  # 55 days after the first of January


def test_a_missing_truth_counts_nowhere():
    y = np.tile(WEEK, 6)
    gaps = y.copy()
    gaps[[38, 40]] = np.nan
    alike = [
        judge(Panel.of({"a": values}, freq="day"), lambda p, o, h: [np.full((1, 7, 5), 4.0)],
              [np.array([35])], levels=LEVELS, horizon=7, season=7).scores[MODEL]["mae"]
        for values in (y, gaps)
    ]  # fmt: skip
    assert alike[0] == pytest.approx(np.abs(WEEK - 4).mean())
    assert alike[1] == pytest.approx(np.abs(np.delete(WEEK, [3, 5]) - 4).mean())


def test_no_more_series_are_begun_once_the_time_is_up():
    some = panel(a=60, b=60, c=60)
    how = {"levels": LEVELS, "horizon": 7, "season": 7}
    late = judge(some, week_before, origins_of(some, 7, 1, 7), until=0.0, **how)
    assert [one.id for one in late.series] == ["a"]
    assert late.notes == ("The time was up: scored are 1 of 3 series.",)
    bare = judge(some, week_before, origins_of(some, 7, 1, 7), baselines=False, **how)
    assert list(bare.scores) == [MODEL]
    assert len(bare.series) == 3


def test_the_baselines_know_only_what_is_before_the_first_window():
    """What comes after the windows' origins is changed: the baselines say the same."""
    y = np.cumsum(draw.standard_normal(80))
    other = y.copy()
    other[73:] = 1000.0
    found = [
        judge(Panel.of({"a": values}), lambda p, o, h: [np.zeros((1, 7, 5))],
              [np.array([73])], levels=LEVELS, horizon=7, season=4).series[0].points
        for values in (y, other)
    ]  # fmt: skip
    for name in ("AR", "seasonal naive", "drift"):
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_it_says_when_it_loses_and_where():
    some = panel(**{f"s{k}": 160 for k in range(6)})
    origins = origins_of(some, 7, 6, 7)
    worse = lambda p, o, h: [q + 5 for q in week_before(p, o, h)]  # noqa: E731
    said = str(judge(some, worse, origins, levels=LEVELS, horizon=7, season=7))
    assert "It loses: " in said
    assert "better in 6 of 6 series" in said
    assert "better at steps 1 to 7 ahead" in said
    assert "6 series, 36 windows of 7 steps ahead" in said

    def truth(p, o, h):
        return [
            np.stack([p.series(i).y[t : t + h] for t in some])[..., None] + np.zeros(5)
            for i, some in enumerate(o)
        ]

    said = str(judge(some, truth, origins, levels=LEVELS, horizon=7, season=7))
    assert "ahead of" in said
    assert "is better" not in said.replace("less is better", "")
    assert "100 % in those of 80 %" in said


def test_windows_that_the_model_has_learned_from_are_told():
    some = panel(a=60)
    origins = origins_of(some, 7, 2, 7)
    day = 86_400_000_000
    end = int(some.starts[0]) + 50 * day  # the first window begins with step 46, the second with 53
    result = judge(some, week_before, origins, levels=LEVELS, horizon=7, season=7,
                   learned={"a": end})  # fmt: skip
    assert result.notes[0].startswith("1 of 2 windows lie in what the model was fitted to")
    clean = judge(some, week_before, origins, levels=LEVELS, horizon=7, season=7,
                  learned={"a": end - 4 * day})  # fmt: skip
    assert clean.notes == ()


def test_overlapping_windows_do_not_count_in_full():
    some = panel(a=200)
    noise = []
    for step in (7, 1):
        origins = origins_of(some, 7, 20, step)
        result = judge(some, week_before, origins, levels=LEVELS, horizon=7, season=7, step=step)
        means = result.series[0].gains("AR").mean(axis=1)
        noise.append(advantage(result, "AR")[1] / (means.std(ddof=1) / np.sqrt(len(means))))
    assert noise == pytest.approx([1.0, np.sqrt(7)])


def test_the_median_lies_between_its_neighbours_where_it_is_not_given():
    quantiles = np.array([[1.0, 2.0, 4.0]])
    assert median(quantiles, (0.1, 0.5, 0.9)) == 2.0
    assert median(quantiles, (0.1, 0.4, 0.8)) == pytest.approx(2.5)
    assert median(quantiles, (0.6, 0.7, 0.8)) == 1.0
    assert median(quantiles, (0.1, 0.2, 0.3)) == 4.0
    assert median(quantiles[:, :1], (0.5,)) == 1.0


def test_bounds_of_usual_intervals_lie_between_their_neighbours():
    every, levels = with_usual(np.array([[1.0, 2.0, 4.0, 8.0]]), (0.1, 0.2, 0.3, 0.8))
    assert levels == (0.1, 0.2, 0.25, 0.3, 0.75, 0.8)
    assert every[0].tolist() == pytest.approx([1, 2, 3, 4, 7.6, 8])
    assert with_usual(every, levels)[1] == levels


def test_runs_of_steps_are_told_in_short():
    assert spans(np.array([1, 2, 3, 7, 9, 10])) == "1 to 3, 7, 9 to 10"


def test_a_series_without_a_value_before_the_first_window_is_left_out():
    y = np.concatenate([np.full(20, np.nan), np.arange(10.0)])
    some = Panel.of({"late": y, "a": np.arange(30.0)})
    origins = origins_of(some, 7, 2, 7)
    result = judge(some, week_before, origins, levels=LEVELS, horizon=7, season=7)
    assert [one.id for one in result.series] == ["a"]
    assert "late" in result.notes[0]
    with pytest.raises(InputError, match="no series has a value"):
        judge(some.select([0]), week_before, origins[:1], levels=LEVELS, horizon=7, season=7)
