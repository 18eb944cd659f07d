"""What a series tells without memory: logistic regression on what can be read off it at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clew.tasks._classify.scaling import lengths
from clew.tasks._classify.tfidf import score

POINTS = 32  # that a series of any length is drawn through
FLAT = 4096  # numbers of a series that are read side by side, at most
FEW = 2000  # examples that decide which of the two reads better

Features: TypeAlias = Callable[[Sequence[Any]], NDArray[np.float64]]


def series_baseline(
    train: Sequence[NDArray[Any]],
    train_labels: Sequence[Any] | NDArray[Any],
    test: Sequence[NDArray[Any]],
    test_labels: Sequence[Any] | NDArray[Any],
) -> dict[str, Any]:
    """Score logistic regression on the better of two readings of series (T, D).

    Statistics: of each channel mean, deviation, least, greatest, first and last value. Flattened:
    all values side by side where the training series are of one length, else 32 points of each
    channel along the series. Which is better is decided by folds of the training series. Returns
    what `tfidf_baseline` returns, and "folds": the share of each reading that was right there.
    """
    steps = set(lengths(train).tolist())
    readings: dict[str, Features] = {
        "statistics": statistics,
        "flattened series": flattening(steps, train[0].shape[1]),
    }
    name = next(iter(readings))
    labels = np.asarray(train_labels)
    some = np.random.default_rng(0).permutation(len(labels))[:FEW]
    least = np.unique(labels[some], return_counts=True)[1].min()
    right: dict[str, float] = {}
    if least >= 2 and len(set(labels.tolist())) > 1:
        folds = StratifiedKFold(min(5, int(least)))
        chosen = [train[k] for k in some.tolist()]
        for reading, features in readings.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # not converged to the last digit
                found = cross_val_score(_model(), features(chosen), labels[some], cv=folds)
            right[reading] = round(float(found.mean()), 4)
        name = max(right, key=lambda reading: right[reading])
    features = readings[name]
    return {
        **score(f"logistic regression on {name}", _model(), features(train), train_labels,
                features(test), test_labels),
        "folds": right,
    }  # fmt: skip


def _model() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))


def statistics(series: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """(N, 6 D): of each channel its mean, deviation, least, greatest, first and last value."""
    rows = []
    for values in series:
        if len(values) == 0:
            rows.append(np.zeros(6 * values.shape[1]))
            continue
        wide = values.astype(np.float64)  # (T, D)
        parts = [wide.mean(0), wide.std(0), wide.min(0), wide.max(0), wide[0], wide[-1]]
        rows.append(np.concatenate(parts))
    return np.stack(rows)


def flattening(steps: set[int], width: int) -> Features:
    """Reads each series as so many points of every channel, one after the other: (N, points D).

    Series of one length are read as they are; others, and too long ones, by linear interpolation.
    """
    points = max(1, min(max(steps) if len(steps) == 1 else POINTS, FLAT // width))

    def read(series: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        rows = np.zeros((len(series), points, width))
        for values, row in zip(series, rows, strict=True):
            if len(values) == points:
                row[:] = values
            elif len(values):
                at = np.linspace(0.0, len(values) - 1.0, points)
                low = at.astype(int)
                high = np.minimum(low + 1, len(values) - 1)
                share = (at - low)[:, None]
                row[:] = (1.0 - share) * values[low] + share * values[high]
        return rows.reshape(len(series), -1)

    return read
