"""Forecast: time series in, their next values with quantiles out."""

from __future__ import annotations

import contextlib
import dataclasses
import time as clock
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clew.data.panel import Panel, read_panel
from clew.errors import InputError
from clew.tasks import _estimator as shared
from clew.tasks._folder import Contents, is_model
from clew.tasks._forecast import calibration, kept
from clew.tasks._forecast import fit as fitting
from clew.tasks._forecast.answers import Answers
from clew.tasks._forecast.ends import Ends
from clew.tasks._forecast.fit import Prepared, check_levels, check_settings
from clew.tasks._work import undone, workspace
from clew.train import Reporter, Silent, TrainSettings, sync
from clew.train.history import History
from clew.train.lock import lock_folder

if TYPE_CHECKING:
    from clew.tasks._forecast.backtest import Backtest
    from clew.tasks._forecast.live import ForecastStream

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
USED_TIME = 0.9  # share of `time` after which the network has learned


class Forecaster(BaseEstimator):  # type: ignore[misc]
    """A recurrent network that says how time series go on, as a scikit-learn estimator.

    One network reads all series of a table, each in its own measure: values are divided by a
    running mean of how much the series moves, and a simple forecast (`base`) is made of what is
    known so far; the network corrects it. At every step t a head says, of each of the next
    `horizon` steps, quantiles (pinball loss; Wen et al. 2017) or a distribution (Salinas et al.
    2020), from the state h_t and what is known of step t + k: the calendar and the columns
    `future`. The end of every series, a `held_out` share and at least `horizon` steps, decides when
    to stop, which weights to keep and how wide intervals are.

    horizon: K, steps to look ahead. season_length: steps of a season; "auto" takes the one that the
        data shows most among those of the calendar.
    decoding: "direct" says all K steps at once, "recursive" one, which is drawn and read, and so
        on. likelihood, quantiles: what is said of a step; the point forecast is the median.
    past, future: names of columns known up to now only, and known ahead. calendar: "auto", True,
        False, or names among month, year_day, week_day, hour, minute, month_day.
    base: "mean" of all so far, "last" value, the same "season" before, "trend" (that and how far
        the last season stands from the one before), an autoregression about the mean ("ar"), the
        last season ("ari") or with a constant ("arc"), fitted to what is learned from; "auto" takes
        the one least off in the last quarter of that. In the end it is fitted to all steps.
    log: learn logarithms; "auto" where all values are positive and their ups and downs grow with
        their level.
    cell, hidden_size (H), num_layers: the network. members: so many networks learn side by side,
        and the mean of what they say is said. init, layer_norm, recurrent_dropout, zoneout: see
        clew.nn.LSTM. dropout: on the head, and between layers.
    epochs, batch_size (series side by side), window (steps between which the gradient goes back),
        learning_rate, weight_decay, clip (longest gradient), warmup (share of the steps), patience
        (evaluations without improvement before it stops). average: decay of the running mean of the
        weights, which is what is scored and kept; 0 is none. An epoch has at least 24 batches: of
        little data it reads all several times.
    baseline: score AR(p), the seasonal naive forecast and drift on what is held out, too. time:
        seconds or "3m", the most that fit may take.

    After fit: network_, metrics_ (as metrics.json), history_, data_, season_length_, base_, log_.
    """

    def __init__(
        self,
        *,
        horizon: int = 24,
        season_length: int | Literal["auto"] = "auto",
        decoding: Literal["direct", "recursive"] = "direct",
        likelihood: Literal["quantiles", "student-t", "negative-binomial"] = "quantiles",
        quantiles: Sequence[float] = LEVELS,
        past: Sequence[str | int] = (),
        future: Sequence[str | int] = (),
        calendar: bool | str | Sequence[str] = "auto",
        base: Literal["auto", "mean", "last", "season", "trend", "ar", "ari", "arc"] = "auto",
        log: bool | Literal["auto"] = "auto",
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        hidden_size: int = 32,
        num_layers: int = 1,
        members: int = 1,
        dropout: float = 0.1,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        epochs: int = 20,
        batch_size: int = 32,
        window: int = 64,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.01,
        average: float = 0.98,
        clip: float | None = 1.0,
        warmup: float = 0.05,
        patience: int | None = 5,
        held_out: float = 0.15,
        baseline: bool = True,
        seed: int = 0,
        device: str = "auto",
        time: str | float | None = None,
    ) -> None:
        self.horizon = horizon
        self.season_length = season_length
        self.decoding = decoding
        self.likelihood = likelihood
        self.quantiles = quantiles
        self.past = past
        self.future = future
        self.calendar = calendar
        self.base = base
        self.log = log
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.members = members
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.init = init
        self.epochs = epochs
        self.batch_size = batch_size
        self.window = window
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.average = average
        self.clip = clip
        self.warmup = warmup
        self.patience = patience
        self.held_out = held_out
        self.baseline = baseline
        self.seed = seed
        self.device = device
        self.time = time

    def fit(
        self,
        data: Any,
        *,
        unique_id: str | int = "unique_id",
        ds: str | int = "ds",
        y: str | int = "y",
        freq: str | None = None,
        missing: Sequence[float] = (),
        validation: Any = None,
        out: str | Path | None = None,
        resume: bool = False,
        report: Reporter | None = None,
    ) -> Forecaster:
        """Learn from a long table: a row for each series and date.

        data: a file (CSV, TSV, JSON lines, Parquet), a frame of polars or pandas, or what
        clew.data.panel.read_panel made of one, which says how tables are read, gaps and all; a
        large file is encoded once and not held in memory. unique_id, ds, y: its columns; freq: the
        step; missing: numbers that stand for no value. validation: another such table to be judged
        on in place of the end of each series: the same series with more steps, of which the later
        ones are judged, or other series. out: a new folder for checkpoints and, in the end, the
        model; resume: go on with the run that stopped there, bit for bit. report: a listener, see
        clew.train.report. Raises InputError for unsound input or settings, and where `out` holds
        something already.
        """
        begun = clock.monotonic()
        settings = self._check()
        sync.join()
        tell = report if report is not None and sync.is_main() else Silent()
        folder = sync.on_main(lambda: shared.open_out(out, resume))
        with undone(folder), contextlib.ExitStack() as stack:
            if folder is not None and sync.is_main():
                stack.enter_context(lock_folder(folder))
            work = stack.enter_context(workspace(folder))
            columns = {"unique_id": unique_id, "ds": ds, "y": y}
            how: dict[str, Any] = {"freq": freq, "missing": missing, **columns}
            panel = self._panel(data, work / "data", **how)
            for note in panel.notes:
                tell.message(note)
            judged = None
            if validation is not None:
                judged = self._panel(validation, work / "validation", **{**how, "freq": panel.freq})
            prepared = fitting.prepare(self, panel, judged, tell.message)
            facts = dataclasses.replace(
                prepared.facts, missing=tuple(float(value) for value in missing)
            )
            prepared = dataclasses.replace(prepared, facts=facts)
            if folder is not None and sync.on_main(lambda: is_model(folder)):
                shared.adopt(self, folder, "forecast", prepared.fingerprint, tell)
                return self
            self._fit(prepared, settings, folder, resume, tell, begun)
            if folder is not None and sync.is_main():
                self._write(folder)
        return self

    def _panel(self, data: Any, store: Path | None, **how: Any) -> Panel:
        def read() -> Panel:
            return read_panel(
                data, past=tuple(self.past), future=tuple(self.future), store=store, **how
            )

        if sync.world() > 1:  # one process writes what a large file becomes, the others read it
            sync.on_main(lambda: bool(len(read())))
        return read()

    def _fit(
        self, prepared: Prepared, settings: TrainSettings, folder: Path | None, resume: bool,
        report: Reporter, begun: float,
    ) -> None:  # fmt: skip
        until = None
        if settings.time is not None:
            spent = clock.monotonic() - begun
            until = begun + settings.time
            rest = max(USED_TIME * settings.time - spent, 0.1 * settings.time)
            settings = dataclasses.replace(settings, time=rest)
        self._facts = prepared.facts
        self.network_ = fitting.begin(self, prepared)
        self.history_: History
        self.history_, problem = fitting.learn(
            self, self.network_, prepared, settings, out=folder, resume=resume, report=report
        )
        share = calibration.temper(problem)
        calibration.calibrate(problem)
        del problem  # and the series that it has kept in memory
        self._name()
        found = kept.judged(self, prepared, until)
        self._facts = fitting.refitted(prepared)
        prepared = dataclasses.replace(prepared, facts=self._facts)
        self.network_.ends = fitting.ends_of(self.network_, prepared)
        self.data_ = kept.described(self, prepared, share)
        self.metrics_ = shared.build_metrics(
            found.score, baseline=found.baseline, window={},
            curve=self.history_.to_dict()["rows"], seconds=clock.monotonic() - begun,
            network=self.network_,
        )  # fmt: skip
        self.metrics_["baselines"] = shared.plain(found.baselines)
        self.metrics_["held_out"] = {
            "steps": self.data_["held_out"], "note": kept.NOTE, "said": found.said
        }  # fmt: skip

    def predict(
        self, horizon: int | None = None, *, data: Any = None, future: Any = None,
        quantiles: Sequence[float] | None = None,
    ) -> Any:  # fmt: skip
        """How series go on: a table of the kind that was learned from (polars for a file).

        Columns: the id, the date, "forecast" (the median) and one for each quantile, "0.1" and so
        on. data: without it the series that were learned from go on after their ends; with it those
        in the table do, known or not, each from its history there alone. future: a table with the
        columns `future` for the steps ahead. quantiles: others than those learned lie between them.
        Raises InputError for a longer horizon than was learned, and where something known ahead is
        missing, naming it.
        """
        answers = self._answers(data, future, horizon)
        levels = check_levels(self.quantiles if quantiles is None else quantiles)
        return answers.table(levels)

    def samples(
        self, count: int, horizon: int | None = None, *, data: Any = None, future: Any = None,
        seed: int = 0,
    ) -> NDArray[np.float64]:  # fmt: skip
        """Paths that series may take, (series, count, horizon), in the order of the table.

        Recursive decoding draws each step and reads it before the next. Direct decoding draws from
        what is said of each step, linked by a Gaussian copula: normal numbers of which each is, by
        the share found on held-out data, the one before. data, future: as for predict.
        """
        answers = self._answers(data, future, horizon)
        return answers.paths(count, seed)

    def picture(
        self, path: str | Path | None = None, horizon: int | None = None, *, data: Any = None,
        future: Any = None,
    ) -> bytes:  # fmt: skip
        """A picture of how up to 12 series go on, PNG or what `path` ends in.

        horizon, data, future: as for predict; with a table `data` the baselines are drawn too.
        Raises InputError where it cannot be written.
        """
        from clew.tasks._forecast.outlook import outlook

        return outlook(self._answers(data, future, horizon), path)

    def backtest(
        self, data: Any = None, windows: int = 1, step: int | None = None,
        horizon: int | None = None,
    ) -> Backtest:  # fmt: skip
        """What was said at times gone by, and what came, beside forecasts without a network.

        data: a table with the whole history of each series; the last `windows` windows of `horizon`
        steps, `step` apart (a horizon), are forecast, each from what was known then.
        """
        from clew.tasks._forecast.backtest import judge, origins_of

        check_is_fitted(self, "network_")
        if data is None:
            raise InputError(
                "there is no data", where="data", expected="a table with the history of the series"
            )
        for name, value in (("windows", windows), ("step", step), ("horizon", horizon)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)
                                      or value < 1):  # fmt: skip
                raise InputError(f"{name} is {value!r}", where=name, expected="1 or more")
        answers = self._answers(data, None, horizon, ahead=False)
        ahead = answers.horizon
        step = ahead if step is None else step
        origins = origins_of(answers.panel, ahead, windows, step)
        return judge(
            answers.panel, answers.at, origins, levels=fitting.learned_levels(self.quantiles),
            horizon=ahead, season=self.season_length_, step=step, learned=kept.learned(self),
        )  # fmt: skip

    def score(self, data: Any, y: Any = None) -> float:
        """How close forecasts of the last `horizon` steps of each series are: -MASE, 0 at best."""
        found = self.backtest(data).scores
        return -float(next(iter(found.values()))["mase"])

    def stream(
        self, unique_id: str | None = None, history: Any = None, start: Any = None
    ) -> ForecastStream:
        """A reader of one series that says anew how it goes on at every observation.

        unique_id: a series that was learned from, to go on after its end; history: a table that is
        read first, in which unique_id names the series if there are several. Without either it
        begins with nothing; start is then the date of the first observation. Raises InputError for
        recursive decoding, which would draw paths anew at every step.
        """
        from clew.tasks._forecast.live import ForecastStream

        check_is_fitted(self, "network_")
        return ForecastStream.of(self, unique_id, history, start)

    def _levels(self) -> tuple[float, ...]:
        return fitting.learned_levels(self.quantiles)

    def _answers(self, data: Any, future: Any, horizon: int | None, ahead: bool = True) -> Answers:
        check_is_fitted(self, "network_")
        panel = None
        if data is not None:
            names = dict(zip(("unique_id", "ds", "y"), self._facts.columns, strict=True))
            how: dict[str, Any] = {**names, "freq": self._facts.freq}
            if not isinstance(data, Panel):
                how["missing"] = self._facts.missing
            panel = read_panel(data, past=tuple(self.past), future=tuple(self.future), **how)
        return Answers.of(self, panel, future, horizon, ahead)

    def save(self, folder: str | Path) -> None:
        """Write the model folder; clew.load reads it back, bit for bit.

        Raises InputError where the folder holds something already, or cannot be written.
        """
        check_is_fitted(self, "network_")
        if sync.is_main():
            target = shared.open_out(folder, resume=False)
            assert target is not None
            self._write(target)

    def _write(self, folder: Path) -> None:
        shared.save(
            self,
            folder,
            task="forecast",
            title="A forecaster",
            network=kept.network(self),
            tokenizer=None,
            figure="loss",
            use='import clew\n\nmodel = clew.load("{folder}")\nmodel.predict()',
        )

    @classmethod
    def _read(cls, contents: Contents) -> Forecaster:
        model, facts, sizes = kept.restored(cls, contents)
        model._facts = facts

        def build() -> Any:
            network = fitting.build(model, facts, None)
            network.ends = Ends(*sizes)
            return network

        shared.furnish(model, contents, build)
        kept.check_ends(model, contents)
        model._name()
        found: Forecaster = model
        return found

    def _name(self) -> None:
        scaling = self._facts.scaling
        self.season_length_, self.base_, self.log_ = scaling.season, scaling.base, scaling.log

    def _check(self) -> TrainSettings:
        """The loop's settings, once every constructor argument is known to be possible."""
        return check_settings(self)
