"""Opening a model: any estimator, probe, folder or torch module with data becomes a Subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import nn

from clew.errors import InputError
from clew.memory.probes.model import ProbeModel
from clew.memory.subject import Subject
from clew.memory.subjects.foreign import Loss, Module, foreign
from clew.tasks import TASKS, load
from clew.tasks._folder import read_model


def opened(
    model: Any,
    data: Any = None,
    *,
    columns: Mapping[str, Any] | None = None,
    side: Literal["target", "source"] = "target",
    batch_first: bool | None = None,
    both_ways: bool | None = None,
    embed: nn.Module | None = None,
    readout: nn.Module | None = None,
    targets: Any = None,
    loss: Loss | None = None,
    untrained: nn.Module | None = None,
) -> Subject:
    """A model with data to examine it on, as the instruments look at it.

    model: a fitted estimator, a model of a probe, the folder of one, or a torch module that maps
    (x (T, B, D), state) to (y (T, B, H), state), None being the state to begin with. data: what the
    estimator's own `evaluate` or `score` takes, as a pair (X, y) where these are two, or a Path to
    what `clew fit` of its task reads; of a module a list of arrays (T, D) or ids (T,), or nothing,
    which is noise; of a probe nothing, for it draws its own. columns: how a file is read, such as
    {"label": "stars"}. side: of a translator, whose words are counted.

    Of modules only: batch_first, it reads (B, T, D), as torch's own layers say themselves;
    both_ways, it reads what follows, too; embed, what makes vectors of ids (else its own
    embedding); readout, what makes answers (B, C) of outputs (B, H); targets, for each sequence one
    (asked at its last step) or one for each step, of ids also "next"; loss, a function of answers
    (B, C) and targets (B, ...) that gives (B,), else -ln P where targets are whole numbers and the
    mean squared error where they are not. Without targets the loss is how far an answer moves when
    less is seen: |y - y with all|^2 / |y with all|^2. untrained: the module before it learned.

    Raises InputError for a model that has not learned, data of another task, no case in the data,
    options that do not go with the model, and a module that does not keep to the contract.
    """
    how = Module(batch_first, both_ways, embed, readout, targets, loss, untrained)
    if isinstance(model, nn.Module):
        _none_of({"columns": columns, "side": None if side == "target" else side}, "a torch module")
        return foreign(model, data, how)
    _none_of(vars(how), "an estimator")
    if isinstance(model, str | Path):
        model = loaded(model)
    if isinstance(model, ProbeModel):
        return _probe(model, data, {"columns": columns, "side": None if side == "target" else side})
    homes = {(kind.__module__, kind.__name__) for kind in type(model).__mro__}
    task = next((task for task, home in TASKS.items() if home in homes), None)
    if task is None:
        raise InputError(
            f"a model of type {type(model).__name__}",
            where="model",
            expected="an estimator or a probe of Clew, the folder of one, or a torch module",
        )
    try:
        check_is_fitted(model, "network_")
    except NotFittedError:
        raise InputError(
            "the model has not learned anything yet", where="model", hint="fit it first"
        ) from None
    if data is None:
        raise InputError(
            "there are no data", where="data", expected="what the model can be asked about"
        )
    _none_of({"side": None if task == "translate" or side == "target" else side}, f"task {task}")
    if isinstance(data, str) and task != "language":
        data = Path(data)  # nothing else that these learn from is one text
    options: dict[str, Any] = {"side": side} if task == "translate" else {}
    make = getattr(import_module(f"clew.memory.subjects.{task}"), task)
    subject: Subject = make(model, data, dict(columns or {}), **options)
    return subject


def loaded(folder: str | Path) -> Any:
    """The estimator, or the model of a probe, of a folder. Raises InputError as `clew.load`."""
    return ProbeModel.load(folder) if read_model(folder).task == "probe" else load(folder)


def _probe(model: ProbeModel, data: Any, options: Mapping[str, Any]) -> ProbeModel:
    _none_of({"data": data, **options}, "a probe, which draws sequences of its own")
    asked = f"to {model.probe.title}, and is asked with {model.length:,} {model.probe.span}"
    return replace(model, note=f"It learnt a probe, {asked}; the probe draws the sequences.")


def _none_of(options: Mapping[str, Any], what: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} does not go with {what}", where=name, hint="leave it out")
