"""The Forecaster: what it says, of what, and what it refuses."""

import datetime
import re

import numpy as np
import polars as pl
import pytest
import torch
from forecasters import TINY, Told, panel, short_epochs, values, waves  # noqa: F401
from frames import to_pandas
from sklearn.base import clone

from clew.data.panel import Panel
from clew.errors import InputError
from clew.tasks._forecast import kept
from clew.tasks.forecast import Forecaster


@pytest.fixture(scope="module")
def model():
    return Forecaster(**TINY, members=2).fit(panel())


def long(series, **columns):
    """Series as a long table of polars."""
    parts = []
    for name, y in series.items():
        first = datetime.date(2000, 1, 1)
        dates = [first + datetime.timedelta(days=t) for t in range(len(y))]
        parts.append(pl.DataFrame({"unique_id": [name] * len(y), "ds": dates, "y": y,
                                   **{k: v[name] for k, v in columns.items()}}))  # fmt: skip
    return pl.concat(parts)


def test_it_learns_a_season_better_than_the_last_value_does():
    noisy = waves(2, 60, seed=1, gaps=False)
    settings = {**TINY, "epochs": 10, "learning_rate": 0.02, "base": "last", "calendar": False}
    model = Forecaster(**settings).fit(
        Panel.of({name: y[:-4] for name, y in noisy.items()}, freq="day")
    )
    found = model.predict()
    for name, y in noisy.items():
        said = found.filter(pl.col("unique_id") == name)["forecast"].to_numpy()
        assert np.abs(said - y[-4:]).mean() < 0.5 * np.abs(y[-5] - y[-4:]).mean()


def test_a_table_in_and_a_table_out(model, tmp_path):
    frame = long(waves())
    found = model.predict()
    assert found.columns == ["unique_id", "ds", "forecast", *(f"{q:g}" for q in model.quantiles)]
    assert found.height == 3 * 4
    assert np.array_equal(values(found)[:, 0], values(found)[:, 6])  # the median
    assert (np.diff(values(found)[:, 1:], axis=1) >= 0).all()
    other = Forecaster(**TINY, members=2).fit(frame)
    assert np.array_equal(values(other.predict()), values(found))
    frame.write_csv(tmp_path / "t.csv")
    read = Forecaster(**TINY, members=2).fit(tmp_path / "t.csv")
    assert np.allclose(values(read.predict()), values(found), rtol=1e-5)
    assert found["ds"][0] == frame["ds"][59] + datetime.timedelta(days=1)
    pandas = pytest.importorskip("pandas")
    told = Forecaster(**TINY, members=2).fit(to_pandas(frame)).predict()
    assert isinstance(told, pandas.DataFrame)
    assert len(told) == 12


def test_each_series_alone_and_together_and_again_from_its_history(model):
    whole = panel()
    together = model.predict(data=whole)
    for k in range(3):
        alone = model.predict(data=whole.select([k]))
        assert np.array_equal(values(alone), values(together)[4 * k : 4 * k + 4])
    assert np.allclose(values(model.predict()), values(together), rtol=1e-6)


def test_a_series_never_seen_goes_on_from_its_own_history(model):
    y = 50 + 5 * np.sin(2 * np.pi * np.arange(40) / 5)
    found = values(model.predict(data=Panel.of({"new": y}, freq="day")))
    assert (np.abs(found[:, 0] - 50) < 12).all()
    for short in ([3.0], [3.0, 4.0], [np.nan, 3.0, np.nan]):
        found = values(model.predict(data=Panel.of({"new": np.array(short)}, freq="day")))
        assert np.isfinite(found).all()


def test_a_table_of_another_pace_is_refused(model):
    y = np.full(41, np.nan)
    y[::2] = 50 + np.arange(21)
    with pytest.raises(InputError, match="no two values of a series are a day apart"):
        model.predict(data=Panel.of({"every other": y}, freq="day"))
    y[7] = 53.0
    model.predict(data=Panel.of({"gaps": y}, freq="day"))


def test_what_is_said_does_not_depend_on_the_measure(model):
    y = waves(1)["s0"]
    ours = values(model.predict(data=Panel.of({"a": y}, freq="day")))
    theirs = values(model.predict(data=Panel.of({"a": 1000 * y}, freq="day")))
    assert np.allclose(1000 * ours, theirs, rtol=1e-4)


def test_a_constant_goes_on_and_gaps_are_no_values():
    flat = Panel.of({"a": np.full(40, 7.0), "b": np.full(30, 2.0)}, freq="day")
    found = values(Forecaster(**TINY).fit(flat).predict())
    assert np.allclose(found, np.repeat([7.0, 2.0], 4)[:, None], rtol=1e-4)
    y = waves(1)["s0"]
    y[30:36] = np.nan
    assert np.isfinite(
        values(Forecaster(**TINY).fit(Panel.of({"a": y}, freq="day")).predict())
    ).all()


def test_shorter_horizons_and_other_quantiles(model):
    whole = values(model.predict())
    first = values(model.predict(2))
    assert np.allclose(first, whole.reshape(3, 4, -1)[:, :2].reshape(6, -1), rtol=1e-6)
    some = model.predict(quantiles=(0.15, 0.5))
    assert some.columns[2:] == ["forecast", "0.15", "0.5"]
    low = whole[:, 1 + model.quantiles.index(0.1)], whole[:, 1 + model.quantiles.index(0.2)]
    assert np.allclose(values(some)[:, 1], (low[0] + low[1]) / 2, rtol=1e-5)


def test_known_columns_are_read_ahead_and_missed_where_they_are_not():
    series = waves(2, gaps=False)
    draw = np.random.default_rng(3)
    offer = {name: draw.integers(0, 2, len(y)).astype(float) for name, y in series.items()}
    frame = long({n: y + 0.3 * y.std() * offer[n] * 5 for n, y in series.items()}, offer=offer)
    model = Forecaster(**{**TINY, "epochs": 12}, future=("offer",)).fit(frame)
    last = frame.group_by("unique_id").agg(pl.col("ds").max())
    ahead = pl.concat([
        last.with_columns(ds=pl.col("ds").dt.offset_by(f"{k}d"), offer=pl.lit(1.0))
        for k in (1, 2, 3, 4)
    ])  # fmt: skip
    ours = values(model.predict(future=ahead))
    theirs = values(model.predict(future=ahead.with_columns(offer=pl.lit(0.0))))
    assert (ours[:, 0] > theirs[:, 0]).all()
    assert np.array_equal(ours, values(model.predict(future=ahead.reverse())))
    assert np.allclose(ours, values(model.predict(data=frame, future=ahead)), rtol=1e-5)
    for wrong, told in ((None, "offer"), (ahead.drop("offer"), "offer"), (ahead[2:], "2000-"),
                        (ahead.filter(pl.col("unique_id") == "s0"), "s1")):  # fmt: skip
        with pytest.raises(InputError, match=told):
            model.predict(future=wrong)


def test_columns_known_up_to_now_are_read_missing_ones_too():
    series = waves(2, gaps=False)
    ahead = {n: np.append(y[1:], np.nan) for n, y in series.items()}  # of tomorrow, today
    beside = Panel.of(series, freq="day", past=ahead)
    model = Forecaster(**{**TINY, "epochs": 4}, past=("x0",)).fit(beside)
    assert np.isfinite(values(model.predict())).all()
    with pytest.raises(InputError, match="column"):
        model.predict(data=long(series))


@pytest.mark.parametrize("likelihood", ["student-t", "quantiles"])
def test_recursive_decoding_goes_on_and_on_and_repeats_itself(likelihood):
    model = Forecaster(**TINY, decoding="recursive", likelihood=likelihood).fit(panel())
    found = model.predict(9)
    assert found.height == 27
    assert np.isfinite(values(found)).all()
    assert np.array_equal(values(found), values(model.predict(9)))
    paths = model.samples(5, 3, seed=4)
    assert paths.shape == (3, 5, 3)
    assert np.array_equal(paths, model.samples(5, 3, seed=4))
    assert not np.array_equal(paths, model.samples(5, 3, seed=5))
    assert np.allclose(model.samples(400, 3, data=panel()).mean(1), model.samples(400, 3).mean(1),
                       rtol=1e-4)  # fmt: skip


def test_paths_of_direct_decoding_have_the_quantiles_that_are_said(model):
    paths = model.samples(4000, seed=1)
    said = values(model.predict()).reshape(3, 4, -1)[..., 1:]
    spread = said[..., -1] - said[..., 0]
    found = np.moveaxis(np.quantile(paths, model.quantiles, axis=1), 0, -1)
    assert (np.abs(found - said) < 0.12 * spread[..., None]).all()
    assert np.allclose(model.samples(9, data=panel()), model.samples(9), rtol=1e-5)


def test_counts_are_counted():
    draw = np.random.default_rng(0)
    counts = Panel.of({"a": draw.poisson(4, 60), "b": draw.poisson(90, 60)}, freq="day")
    model = Forecaster(**TINY, likelihood="negative-binomial").fit(counts)
    found = values(model.predict())
    assert np.array_equal(found, np.round(found))
    assert (found >= 0).all()
    assert 60 < found[4:, 0].mean() < 120
    with pytest.raises(InputError, match="no count"):
        Forecaster(**TINY, likelihood="negative-binomial").fit(panel())


def test_logarithms_are_taken_where_ups_and_downs_grow_and_only_of_what_has_one():
    t = np.arange(120)
    y = np.exp(0.02 * t) * (2 + np.sin(2 * np.pi * t / 5))
    model = Forecaster(**TINY).fit(Panel.of({"a": y}, freq="day"))
    assert model.log_
    assert (values(model.predict()) > 0).all()
    assert not Forecaster(**TINY).fit(Panel.of({"a": y - 1.5}, freq="day")).log_
    with pytest.raises(InputError, match="logarithm") as caught:
        model.predict(data=Panel.of({"b": np.array([1.0, 0.0])}, freq="day"))
    assert "'b'" in str(caught.value)
    assert "2000-01-02" in str(caught.value)


def test_backtest_and_score_read_each_history_once_and_know_nothing_ahead(model):
    whole = panel()
    result = model.backtest(whole, windows=2)
    earlier = model.predict(data=whole.without_tail(4))
    table = result.table
    last = table.filter(pl.col("window") == 2)
    assert np.allclose(last["forecast"].to_numpy(), values(earlier)[:, 0], rtol=1e-5)
    assert model.score(whole) == -model.backtest(whole).scores["this model"]["mase"]


def test_settings_are_kept_as_scikit_learn_expects():
    model = Forecaster(horizon=3, past=("a",))
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(horizon=4).horizon == 4


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"horizon": 0}, "horizon"),
        ({"quantiles": (0.5, 0.1)}, "ascending"),
        ({"quantiles": (0.0, 0.5)}, "quantile"),
        ({"quantiles": ()}, "no quantiles"),
        ({"quantiles": "0.5"}, "quantiles"),
        ({"likelihood": "normal"}, "likelihood"),
        ({"decoding": "both"}, "decoding"),
        ({"base": "none"}, "base"),
        ({"season_length": 0}, "season_length"),
        ({"season_length": 1 << 20}, "season_length"),
        ({"past": "x"}, "past"),
        ({"past": ("x",), "decoding": "recursive"}, "recursive"),
        ({"calendar": ("moon",)}, "moon"),
        ({"members": 0}, "members"),
        ({"log": "yes"}, "log"),
        ({"held_out": 0}, "held_out"),
        ({"cell": "transformer"}, "cell"),
        ({"device": "tpu"}, "device"),
    ],
)
def test_settings_that_cannot_be(changes, told):
    with pytest.raises(InputError, match=told):
        Forecaster(**{**TINY, **changes}).fit(panel())


def test_data_that_cannot_be(model):
    short = Panel.of({"a": np.arange(7.0)}, freq="day")
    with pytest.raises(InputError, match="7 steps") as caught:
        Forecaster(**TINY).fit(short)
    assert "8 or more" in str(caught.value)
    assert "shorter horizon" in str(caught.value)
    with pytest.raises(InputError, match="value"):
        Forecaster(**TINY).fit(Panel.of({"a": np.full(30, np.nan)}, freq="day"))
    with pytest.raises(InputError, match="month"):
        model.predict(data=panel(freq="month"))
    for horizon in (5, 0, 2.5, True):
        with pytest.raises(InputError, match="horizon"):
            model.predict(horizon)
    with pytest.raises(InputError, match="future"):
        model.predict(future=long(waves()))
    with pytest.raises(InputError, match="count"):
        model.samples(0)
    with pytest.raises(InputError, match="windows"):
        model.backtest(panel(), windows=0)
    with pytest.raises(InputError, match="data"):
        model.backtest()


def test_the_step_is_told_as_one_says_it(model):
    for freq, said in (("hour", "steps of an hour, season"), ("step", "153 steps, season")):
        told = Told()
        numbers = {"s": np.arange(153.0) % 5}
        Forecaster(**TINY, base="last").fit(Panel.of(numbers, freq=freq), report=told)
        assert any(said in text for text in told.messages), told.messages
    with pytest.raises(InputError, match="is of an hour") as caught:
        model.predict(data=panel(freq="hour"))
    assert "a day, as was learned from" in str(caught.value)


def test_validation_is_what_comes_later_or_other_series():
    whole = panel()
    told = Told()
    model = Forecaster(**TINY).fit(whole.without_tail(8), validation=whole, report=told)
    assert model.metrics_["held_out"]["steps"] == 24
    ends = model.network_.ends
    assert ends.lengths.tolist() == [n - 8 for n in whole.lengths]
    other = panel(seed=5)
    model = Forecaster(**TINY).fit(whole, validation=Panel.of({"z": other.series(0).y}, freq="day"))
    assert model.metrics_["held_out"]["steps"] == 60
    with pytest.raises(InputError, match="validation"):
        Forecaster(**TINY).fit(whole, validation=whole)


def test_of_many_series_some_are_scored_and_it_says_so(monkeypatch):
    monkeypatch.setattr(kept, "SCORED", 2)
    said = Forecaster(**TINY).fit(panel()).metrics_["held_out"]["said"]
    assert said[-1] == "Scored are 2 of 3 series, evenly chosen."


def test_figures_are_beside_those_of_the_baselines():
    model = Forecaster(**{**TINY, "baseline": True}).fit(panel())
    metrics = model.metrics_
    alone = Forecaster(**TINY).fit(panel()).metrics_  # without baselines
    assert (alone["baseline"], alone["baselines"]) == ({}, {})
    assert alone["held_out"]["said"] == metrics["held_out"]["said"][:1]
    assert {"mase", "smape", "rmse", "mae", "crps", "coverage_80"} <= set(metrics["score"])
    assert any("seasonal naive" in name for name in metrics["baselines"])
    assert metrics["baseline"]["name"] in metrics["baselines"]
    said = metrics["held_out"]["said"]
    assert said[0].startswith("Of what came, the intervals hold")
    assert f"{100 * metrics['score']['coverage_80']:.0f} % in those of 80 %" in said[0]
    assert metrics["baseline"]["name"] in said[1]  # ahead of the best of them, behind, or neither
    assert any(re.fullmatch(r"AR\(\d+( to \d+)?\)", name) for name in metrics["baselines"])


def test_the_users_generators_are_left_alone(model):
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    model.predict()
    model.samples(2)
    assert torch.equal(before, torch.random.get_rng_state())
