"""Scaling of series: by the training examples alone, and the same ever after."""

import shutil

import numpy as np
import pytest
from classifiers import QUICK, TINY
from folders import config, seal
from hypothesis import given
from hypothesis import strategies as st

from clew.data.labelled_series import LongColumns
from clew.errors import InputError
from clew.tasks import load
from clew.tasks._classify.scaling import FAR, Scaled, Scaling
from clew.tasks.classify import Classifier

DRAW = np.random.default_rng(0)


def rewrite(folder, change):
    """Change config.json and make its checksum right again."""
    found = config(folder)
    change(found)
    seal(folder, found)


def series(count=24, gaps=False, scale=(1000.0, 0.001)):
    """Two channels of very different size; the label is whether the small one rises."""
    X, y = [], []
    for n in range(count):
        T = int(DRAW.integers(3, 9))
        slope = (1, -1)[n % 2]
        x = np.stack([DRAW.normal(size=T), slope * np.linspace(-1, 1, T)], 1) * scale + 5
        if gaps:
            x[DRAW.integers(T), DRAW.integers(2)] = np.nan
        X.append(x.astype(np.float32))
        y.append(("up", "down")[n % 2])
    return X, y


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A folder with a classifier of such series."""
    folder = tmp_path_factory.mktemp("models") / "m"
    Classifier(**TINY).fit(*series(), out=folder)
    return folder


def test_mean_and_deviation_of_all_steps_that_are_there():
    X, _ = series(gaps=True)
    found = Scaling.learn(X, 2, standard=True, gaps=True)
    steps = np.concatenate(X).astype(np.float64)
    np.testing.assert_allclose(found.mean, np.nanmean(steps, 0))
    np.testing.assert_allclose(found.deviation, np.nanstd(steps, 0))
    read = np.concatenate([found(x) for x in X])
    missing = np.isnan(steps)
    np.testing.assert_array_equal(read[:, 2:], missing)
    assert (read[:, :2][missing] == 0).all()
    np.testing.assert_allclose(read[:, :2].sum(0), 0, atol=1e-4)
    for column, mask in zip(read[:, :2].T, missing.T, strict=True):
        assert np.sqrt((column[~mask] ** 2).mean()) == pytest.approx(1, abs=1e-5)


@given(st.integers(-(10**30), 10**30).map(float), st.integers(0, 5))
def test_a_constant_or_empty_channel_becomes_zero(value, steps):
    X = [np.full((steps, 1), value, np.float32), np.full((2, 1), np.nan, np.float32)]
    found = Scaling.learn(X, 1, standard=True, gaps=False)
    assert (np.abs(found(X[0])) <= np.abs(value) * 1e-6).all()
    assert (found.deviation > 0).all()
    assert np.isfinite(found(np.array([[3e38], [-3e38]]))).all()


def test_whole_is_step_by_step_and_none_is_infinite():
    found = Scaling(np.array([1.5, 0.0]), np.array([3.0, 1e-30]), gaps=True)
    x = np.array([[0.1, 2.0], [np.nan, -1.0]], np.float32)
    whole = found(x)
    assert np.array_equal(whole, np.stack([found(step) for step in x]))
    assert whole[:, 1].tolist() == [FAR, -FAR]


def test_series_are_scaled_when_asked_for_and_keep_their_end():
    X, _ = series()
    scaling = Scaling.learn(X, 2, standard=True, gaps=False)
    some = Scaled(X, scaling, 4)
    assert some.lengths.tolist() == [min(4, len(x)) for x in X] == [len(x) for x in some]
    for whole, end in zip(X, some, strict=True):
        assert np.array_equal(end, scaling(whole)[-4:])
    assert [x.tolist() for x in some[1:3]] == [some[1].tolist(), some[2].tolist()]


def test_what_is_small_is_learned_beside_what_is_large():
    X, y = series(48)
    held = (X[:12], y[:12])
    model = Classifier(**QUICK).fit(X[12:], y[12:], validation=held)
    assert model.score(*series(40)) >= 0.9
    plain = Classifier(**QUICK, scaling="none").fit(X[12:], y[12:], validation=held)
    assert plain._encoder.scaling is None
    steps = np.concatenate(X[12:]).astype(np.float64)  # the held-out ones have no part in it
    np.testing.assert_allclose(model._encoder.scaling.mean, steps.mean(0))


@pytest.mark.parametrize("missing", ["mask", "refuse"])
@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_saved_equals_loaded(tmp_path, missing, scaling):
    X, y = series(gaps=missing == "mask")
    model = Classifier(**TINY, missing=missing, scaling=scaling).fit(X, y, out=tmp_path / "m")
    again = load(tmp_path / "m")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    gap = [np.array([[1.0, np.nan]])]
    if missing == "mask":
        assert np.isfinite(again.predict_proba(gap)).all()
    else:
        with pytest.raises(InputError, match="step 0, column 1"):
            again.predict(gap)
    with pytest.raises(InputError, match="inf"):
        again.predict([np.array([[1.0, np.inf]])])


def test_a_gap_is_not_the_mean():
    X, y = [], []
    for n in range(48):
        x = DRAW.normal(size=(5, 1)).astype(np.float32)
        x[2] = (np.nan, 0.0)[n % 2]
        X.append(x)
        y.append(n % 2)
    model = Classifier(**{**QUICK, "epochs": 25}, missing="mask").fit(X, y)
    assert model.score(X, y) >= 0.9


def parts(state):
    """The arrays of a state, however they are nested."""
    return [state] if isinstance(state, np.ndarray) else [a for part in state for a in parts(part)]


@pytest.mark.parametrize("pool", ["max", "mean", "last"])
def test_a_stream_reads_what_fit_was_given(pool):
    X, y = series(gaps=True)
    model = Classifier(**TINY, bidirectional=False, pool=pool, missing="mask").fit(X, y)
    stream = model.stream()
    for x in X[:3]:
        stream.reset()
        for step in x:
            said = stream.push(step)
        np.testing.assert_allclose(said, model.predict_proba([x])[0], atol=1e-5)
    before = np.concatenate([np.ravel(part) for part in parts(stream.state)])
    for wrong in ([1.0, np.inf], [1.0], [[1.0, 2.0, 3.0]], ["a", "b"]):
        with pytest.raises(InputError):
            stream.push(wrong)
    assert np.array_equal(before, np.concatenate([np.ravel(p) for p in parts(stream.state)]))
    two = model.stream(batch_size=2)
    two.push(np.stack([X[0][0], X[1][0]]))
    said = two.push(np.stack([X[0][1], [np.nan, np.inf]]), moves=np.array([True, False]))
    np.testing.assert_allclose(said[0], model.predict_proba([X[0][:2]])[0], atol=1e-5)
    assert (said[1] == 0).all()


def test_a_stream_refuses_what_is_missing_where_fit_would():
    model = Classifier(**TINY, bidirectional=False).fit(*series())
    with pytest.raises(InputError, match="NaN"):
        model.stream().push([1.0, np.nan])


def test_a_folder_of_before_is_read_as_it_was(tmp_path):
    X, y = series()
    model = Classifier(**TINY, scaling="none").fit(X, y, out=tmp_path / "m")

    def older(found):
        del found["network"]["scaling"], found["parameters"]["scaling"]
        del found["parameters"]["missing"]

    rewrite(tmp_path / "m", older)
    again = load(tmp_path / "m")
    assert again.scaling == "none"
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.0]},
        {"deviation": [1.0, 0.0]},
        {"deviation": [1.0, -1.0]},
        {"mean": ["a", 0.0]},
        {"mean": [True, 0.0]},
        {"gaps": 1},
        {"more": 1},
        {"gaps": True},  # the network reads two numbers, not four
    ],
)
def test_a_folder_that_lies_about_its_scaling_is_refused(plain, tmp_path, change):
    shutil.copytree(plain, tmp_path / "m")
    rewrite(tmp_path / "m", lambda found: found["network"]["scaling"].update(change))
    with pytest.raises(InputError):
        load(tmp_path / "m")


def test_the_columns_of_a_table_are_kept(tmp_path):
    X, y = series()
    columns = LongColumns("who", "when", None, ("large", "small"))
    model = Classifier(**TINY).fit(X, y, columns=columns, out=tmp_path / "m")
    assert model.columns_ == load(tmp_path / "m").columns_ == columns
    assert Classifier(**TINY).fit(X, y).columns_ is None
    one = LongColumns("who", "when", None, ("large",))
    for data in ((X, one), (["a b", "c d"] * 12, columns), (X, LongColumns())):
        with pytest.raises(InputError, match="columns names"):
            Classifier(**TINY).fit(data[0], y, columns=data[1])
    for change in (
        {"values": ["large"]}, {"values": None}, {"values": ["large", 1]}, {"ds": None},
        {"label": 1}, {"more": 1},
    ):  # fmt: skip
        Classifier(**TINY).fit(X, y, columns=columns, out=tmp_path / "m", resume=True)
        before = config(tmp_path / "m")
        rewrite(tmp_path / "m", lambda found, c=change: found["network"]["columns"].update(c))
        with pytest.raises(InputError, match="columns"):
            load(tmp_path / "m")
        seal(tmp_path / "m", before)


def test_the_scaling_of_text_is_refused(tmp_path):
    Classifier(**TINY).fit(["a b", "c d"] * 4, [0, 1] * 4, out=tmp_path / "m")
    facts = {"mean": [0.0], "deviation": [1.0], "gaps": False}
    rewrite(tmp_path / "m", lambda found: found["network"].update(scaling=facts))
    with pytest.raises(InputError, match="scaling"):
        load(tmp_path / "m")
