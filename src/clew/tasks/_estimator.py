"""What the tasks share as estimators: settings, the folder they train into, what they report."""

from __future__ import annotations

import contextlib
import inspect
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn

from clew import __version__
from clew.errors import InputError
from clew.tasks._folder import Contents, is_model, read_model, write_model
from clew.train import checkpoint
from clew.train.history import History
from clew.train.report import Reporter
from clew.train.settings import TrainSettings, parse_time, resolve_device

CURVE_ROWS = 2000  # rows of the curve kept in metrics.json; of longer curves, evenly chosen ones


def train_settings(estimator: BaseEstimator, **changes: Any) -> TrainSettings:
    """The loop's settings, from the constructor arguments of the same names.

    `changes` replace single settings. Raises InputError for a value that is not possible.
    """
    names = ("epochs", "learning_rate", "weight_decay", "clip", "warmup", "average", "patience",
             "seed", "device")  # fmt: skip
    time = estimator.time
    chosen = {name: getattr(estimator, name) for name in names}
    for name, value in chosen.items():
        if isinstance(value, np.generic):  # as a search over np.logspace would give
            chosen[name] = value.item()
    chosen["time"] = None if time is None else parse_time(time)
    return TrainSettings(**{**chosen, **changes})


def check_sizes(estimator: BaseEstimator, names: Iterable[str]) -> None:
    """Raise InputError unless each named constructor argument is a whole number above 0."""
    for name in names:
        value = getattr(estimator, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InputError(
                f"{name} is {value!r}", where=name, expected="a whole number of 1 or more"
            )


def check_counts(estimator: BaseEstimator, names: Iterable[str]) -> None:
    """Raise InputError unless each named constructor argument is a whole number, 0 allowed."""
    for name in names:
        value = getattr(estimator, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise InputError(
                f"{name} is {value!r}", where=name, expected="a whole number of 0 or more"
            )


def check_shares(estimator: BaseEstimator, names: Iterable[str]) -> None:
    """Raise InputError unless each named constructor argument lies in [0, 1)."""
    for name in names:
        value = getattr(estimator, name)
        number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
        if not number or not 0 <= value < 1:
            raise InputError(f"{name} is {value!r}", where=name, expected="a number in [0, 1)")


def check_flags(estimator: BaseEstimator, names: Iterable[str]) -> None:
    """Raise InputError unless each named constructor argument is True or False."""
    for name in names:
        value = getattr(estimator, name)
        if not isinstance(value, bool | np.bool_):
            raise InputError(f"{name} is {value!r}", where=name, expected="True or False")


def check_choice(estimator: BaseEstimator, name: str, choices: Sequence[str]) -> None:
    """Raise InputError unless the named constructor argument is one of `choices`."""
    value = getattr(estimator, name)
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{name} is {value!r}", where=name, expected=", ".join(choices))


def check_cell(estimator: BaseEstimator) -> None:
    """Raise InputError unless there are such a cell and such first weights, for each other."""
    check_choice(estimator, "cell", ("lstm", "gru", "rnn"))
    check_choice(estimator, "init", ("torch", "orthogonal", "chrono"))
    if estimator.init == "chrono" and estimator.cell == "rnn":
        raise InputError(
            "init is 'chrono', which sets gates, and cell is 'rnn', which has none",
            where="init",
            expected="torch or orthogonal, with cell 'rnn'",
        )


def open_out(out: str | Path | None, resume: bool) -> Path | None:
    """The folder a fit may write into.

    Raises InputError where it holds something already and `resume` was not asked for.
    """
    if out is None:
        if resume:
            raise InputError(
                "there is nothing to resume from", where="resume", expected="out, the folder"
            )
        return None
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError("not a folder", where=str(folder), hint="name a folder that is not there")
    if resume or not folder.exists():
        return folder
    if is_model(folder):
        raise InputError(
            "the folder holds a finished model",
            where=str(folder),
            hint="choose another folder, or remove this one",
        )
    if checkpoint.exists(folder):
        raise InputError(
            "the folder holds an unfinished run",
            where=str(folder),
            hint="go on with it (resume=True, or --resume), or choose another folder",
        )
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError("the folder is not empty", where=str(folder), hint="choose another folder")
    return folder


def plain(value: Any) -> Any:
    """The value as JSON can hold it: NumPy numbers become Python's, paths become text.

    Raises InputError for anything else that JSON has no word for, NaN and infinity included.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{value} cannot be stored", expected="a finite number")
        return value
    if isinstance(value, Path | torch.device):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    raise InputError(f"a {type(value).__name__} cannot be stored", expected="numbers and text")


def restore(kind: type[BaseEstimator], contents: Contents) -> Any:
    """An unfitted estimator with the folder's constructor arguments.

    Raises InputError for an argument that `kind` does not know, or a value that it refuses.
    """
    known = list(inspect.signature(kind).parameters)
    for name, value in contents.parameters.items():
        if name not in known:
            raise contents.bad(
                f"unknown parameter {name[:80]!r}; the model was written by Clew "
                f"{contents.config['clew'][:40]}"
            )
        if isinstance(value, list | dict):
            raise contents.bad(f"parameter {name!r} is not a plain value")
    estimator: Any = kind(**contents.parameters)
    try:
        estimator._check()
    except InputError as error:
        raise contents.bad(error.what, expected=error.expected) from error
    return estimator


def furnish(estimator: Any, contents: Contents, build: Callable[[], nn.Module]) -> None:
    """Give a restored estimator the folder's network and figures."""
    estimator.network_ = contents.load(build)
    with contextlib.suppress(InputError):  # a device that this machine lacks: stay on the CPU
        estimator.network_.to(resolve_device(estimator.device))
    estimator.metrics_, estimator.data_ = contents.metrics, dict(contents.config["data"])


def adopt(estimator: Any, folder: Path, task: str, fingerprint: str, report: Reporter) -> None:
    """Take the finished model in `folder` as what this fit would make.

    Raises InputError where it is one of another task, other data or other settings.
    """
    contents = read_model(folder)
    same = contents.task == task and contents.config["data"].get("fingerprint") == fingerprint
    if not same or contents.parameters != plain(estimator.get_params(deep=False)):
        raise InputError(
            "the folder holds a finished model of other data or settings",
            where=str(folder),
            hint="choose another folder",
        )
    read = type(estimator)._read(contents)
    report.message("this run has finished already; its model is taken as it is")
    history = History(rows=read.metrics_.get("curve", []), finished_by="resume")
    estimator.__dict__.update(read.__dict__, history_=history)


def build_metrics(
    score: Mapping[str, Any],
    *,
    baseline: Mapping[str, Any],
    window: Mapping[str, Any],
    curve: Sequence[Mapping[str, Any]],
    seconds: float,
    network: nn.Module,
) -> dict[str, Any]:
    """What metrics.json holds."""
    step = max(1, math.ceil(len(curve) / CURVE_ROWS))
    return {
        "score": plain(score),
        "baseline": plain(baseline),
        "window": plain(window),
        "curve": plain([*curve[:-1:step], *curve[-1:]]),
        "seconds": round(seconds, 3),
        "parameters": sum(p.numel() for p in network.parameters()),
    }


def learning_curve(
    curve: Sequence[Mapping[str, Any]], figure: str, baseline: float | None
) -> bytes:
    """A picture (PNG) of a run: the training loss and one held-out figure over the steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(8, 3.2))
    picture.subplots_adjust(0.08, 0.15, 0.98, 0.91, 0.22)  # a layout engine would draw all twice
    left, right = picture.subplots(1, 2)
    for axes, part, name in ((left, "training", "train_loss"), (right, "held out", figure)):
        points = [(row["step"], row[name]) for row in curve if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker="." if len(points) < 50 else "")
        axes.set(xlabel="step", title=f"{part}: {name.removeprefix('train_').replace('_', ' ')}")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.3)
    if baseline is not None:
        right.axhline(baseline, linestyle="--", color="grey", label="baseline without memory")
        right.legend()
    buffer = io.BytesIO()
    FigureCanvasAgg(picture)
    picture.savefig(buffer, format="png")
    return buffer.getvalue()


def model_card(
    title: str, metrics: Mapping[str, Any], *, use: str, data: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> str:  # fmt: skip
    """The README.md of a model folder: what it is, how well it does, how to use it."""
    lines = [
        f"# {title}",
        "",
        f"Trained with Clew {__version__} and torch {torch.__version__}.",
        "",
    ]
    lines += ["| held-out data | " + " | ".join(metrics["score"]) + " |"]
    lines += ["|---" * (len(metrics["score"]) + 1) + "|"]
    rows = [("this model", metrics["score"])]
    rows += [
        (str(part.get("name", word)), part)
        for word, part in (("baseline", metrics["baseline"]), ("window", metrics["window"]))
        if part
    ]
    for name, row in rows:
        cells = [_cell(row.get(column)) for column in metrics["score"]]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if note := metrics.get("held_out", {}).get("note"):
        lines += ["", note]
    lines += ["", f"{metrics['parameters']:,} weights, {metrics['seconds']:.0f} s of training.", ""]
    lines += ["![learning curve](learning-curve.png)", "", "## Use", "", "```python", use, "```"]
    lines += ["", "## Data", ""] + [f"- {name}: {_cell(value)}" for name, value in data.items()]
    lines += ["", "## Settings", ""]
    lines += [f"- `{name}={value!r}`" for name, value in parameters.items()]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value).replace("|", "/")


def save(
    estimator: Any,
    folder: str | Path,
    *,
    task: str,
    title: str,
    network: Mapping[str, Any],
    tokenizer: str | None,
    figure: str,
    use: str,
) -> None:
    """Write a fitted estimator (network_, metrics_, data_) as a model folder.

    `figure` names the held-out figure that the picture shows. Raises InputError where the folder
    holds something already, or cannot be written.
    """
    folder = Path(folder)
    parameters = plain(estimator.get_params(deep=False))
    metrics = estimator.metrics_
    write_model(
        folder,
        task=task,
        parameters=parameters,
        network=plain(network),
        tensors=estimator.network_.state_dict(),
        tokenizer=tokenizer,
        metrics=metrics,
        card=model_card(
            title, metrics, use=use.format(folder=folder.name or "."), data=estimator.data_,
            parameters=parameters,
        ),
        data=plain(estimator.data_),
        picture=learning_curve(metrics["curve"], figure, metrics["baseline"].get(figure)),
    )  # fmt: skip
    checkpoint.remove(folder)
