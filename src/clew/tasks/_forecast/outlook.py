"""How series go on, drawn: the end of what is known, the forecast, and the baselines beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clew.tasks._forecast.baselines import AR, Baselines
from clew.tasks._forecast.picture import Drawn, picture

if TYPE_CHECKING:
    from clew.tasks._forecast.answers import Answers

SHOWN = 12  # series
BEFORE = 3  # horizons, or seasons, of history
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def outlook(answers: Answers, path: str | Path | None = None) -> bytes:
    """A picture of the first 12 series, PNG or what `path` ends in; written there if one is given.

    Baselines need a history: where the series are those that were learned from, and no table is
    given, what is shown of it is the last two seasons, gaps filled, without baselines.
    """
    found = answers.quantiles(LEVELS)
    drawn = [_drawn(answers, index, found[index]) for index in range(min(SHOWN, len(found)))]
    return picture(drawn, path, value=answers.panel.columns[2])


def _drawn(answers: Answers, index: int, quantiles: NDArray[np.float64]) -> Drawn:
    panel, horizon, season = answers.panel, answers.horizon, answers.facts.scaling.season
    length = int(panel.lengths[index])
    others = {}
    if answers.ends is None:
        y = panel.series(index).y
        models = Baselines.fit(y, season).models if np.isfinite(y).any() else {}
        for name, model in models.items():
            full = f"AR({model.order})" if isinstance(model, AR) else name
            others[full] = model.forecast(y, [length], horizon)[0]
    else:
        y = _recent(answers, index)
    y = y[max(0, len(y) - BEFORE * max(horizon, season)) :]
    times = panel.times(index, length - len(y), len(y) + horizon)
    bands = {
        80: (quantiles[:, 0], quantiles[:, 4]),
        50: (quantiles[:, 1], quantiles[:, 3]),
    }
    return Drawn(panel.ids[index], panel.stamps(times), y, quantiles[:, 2], bands, None, others)


def _recent(answers: Answers, index: int) -> NDArray[np.float64]:
    """The last values of a series as they were kept."""
    ends = answers.ends
    assert ends is not None
    gone = ends.gone[1:, index].numpy()
    kept = np.where(gone, np.nan, ends.recent[:, index].numpy())
    kept = kept[max(0, len(kept) - int(ends.lengths[index])) :]
    found: NDArray[np.float64] = np.exp(kept) if answers.facts.scaling.log else kept
    return found
