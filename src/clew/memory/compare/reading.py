"""How each task's data are read once, and which part of them is held out from every run alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from clew.data import folders
from clew.data.files import existing
from clew.errors import InputError
from clew.memory.compare.plan import Plan

Fit: TypeAlias = Callable[[Any, Any], None]

SPLIT = 0  # the seed of what is held out


def read(plan: Plan, model: Any) -> tuple[Fit, Any]:
    """What fits an estimator, telling a listener, and what the instruments are given of the data.

    model: an estimator, for how texts and series are to be read. Raises InputError as the readers
    do.
    """
    for name in (*plan.data, *([] if plan.validation is None else [plan.validation])):
        existing(name)
    if plan.task != "language" and len(plan.data) > 1:
        raise InputError("several files", where="data", expected=f"one, for {plan.task}")
    return _READERS[plan.task](plan, model)


def _columns(plan: Plan, known: Sequence[str]) -> dict[str, Any]:
    for name in plan.columns:
        if name not in known:
            raise InputError(
                f"there is no column {name!r} to name", where="columns",
                expected=", ".join(known) or "none",
            )  # fmt: skip
    return dict(plan.columns)


def _classify(plan: Plan, model: Any) -> tuple[Fit, Any]:
    from clew.data.labelled_series import holds_series, read_series
    from clew.data.tables import read_labelled
    from clew.tasks._examples import check_labels, check_sequences, sides

    path = Path(plan.data[0])
    series = holds_series(path)
    columns = _columns(
        plan, ("unique_id", "ds", "label", "values") if series else ("text", "label")
    )
    if series and isinstance(columns.get("values"), str):
        columns["values"] = tuple(columns["values"].split(","))
    reader: Any = read_series if series else read_labelled
    train = reader(path, **columns)
    if train.labels is None:
        raise InputError("the series have no labels", where=str(path), expected="a label for each")
    parts = [(check_sequences(train.sequences, gaps=model.missing == "mask"), train.labels)]
    parts = [(parts[0][0], check_labels(train.labels, len(train)))]
    if plan.validation is not None:
        apart = reader(Path(plan.validation), **columns)
        checked = check_sequences(
            apart.sequences, parts[0][0].kind, parts[0][0].features, gaps=model.missing == "mask"
        )
        parts.append((checked, check_labels(apart.labels, len(apart))))
    (learned, labels), (held, truth) = sides(
        parts, model.held_out, seed=SPLIT, tell=lambda text: None
    )
    pair = (held.items, truth)

    def fit(model: Any, report: Any) -> None:
        model.fit(learned.items, labels, validation=pair, report=report)

    return fit, pair


def _language(plan: Plan, model: Any) -> tuple[Fit, Any]:
    from clew.data.corpus import read_text

    _columns(plan, ())
    text = "".join(read_text(Path(name)) for name in plan.data)
    if plan.validation is None:
        cut = round(len(text) * (1 - model.held_out))
        text, held = text[:cut], text[cut:]
    else:
        held = read_text(Path(plan.validation))

    def fit(model: Any, report: Any) -> None:
        model.fit(text, validation=held, report=report)

    return fit, held


def _tag(plan: Plan, model: Any) -> tuple[Fit, Any]:
    from clew.data.tagged import read_tagged

    columns = _columns(plan, ("word", "tag"))
    named: dict[str, Any] = {
        name: int(c) if c.removeprefix("-").isdecimal() else c for name, c in columns.items()
    }

    def sentences(path: Path, part: Any) -> list[Any]:
        split = part if path.is_dir() and folders.parts(path) else None
        return read_tagged(path, split=split, **named).sentences

    found = sentences(Path(plan.data[0]), "train")
    if plan.validation is None:
        inside, aside = _divided(len(found), model.held_out)
        learned, held = [found[k] for k in inside], [found[k] for k in aside]
    else:
        learned, held = found, sentences(Path(plan.validation), "dev")
    X, y = [s.tokens for s in learned], [s.tags for s in learned]
    pair = ([s.tokens for s in held], [s.tags for s in held])

    def fit(model: Any, report: Any) -> None:
        model.fit(X, y, validation=pair, report=report)

    return fit, pair


def _translate(plan: Plan, model: Any) -> tuple[Fit, Any]:
    from clew.data.pairs import read_pairs

    columns = _columns(plan, ("source", "target"))
    named = {name: int(c) if c.isdecimal() else c for name, c in columns.items()}
    pairs = read_pairs(Path(plan.data[0]), **named)
    X, y = pairs.sources, pairs.targets
    if plan.validation is None:
        # Sources that occur more than once stay on one side.
        names = {text: k for k, text in enumerate(dict.fromkeys(X))}
        aside = {int(k) for k in _divided(len(names), model.held_out)[1]}
        off = [names[text] in aside for text in X]
        held = ([x for x, o in zip(X, off, strict=True) if o],
                [t for t, o in zip(y, off, strict=True) if o])  # fmt: skip
        X, y = ([x for x, o in zip(X, off, strict=True) if not o],
                [t for t, o in zip(y, off, strict=True) if not o])  # fmt: skip
    else:
        apart = read_pairs(Path(plan.validation), **named)
        held = (apart.sources, apart.targets)

    def fit(model: Any, report: Any) -> None:
        model.fit(X, y, validation=held, report=report)

    return fit, held


def _forecast(plan: Plan, model: Any) -> tuple[Fit, Any]:
    columns = _columns(plan, ("unique_id", "ds", "y", "freq"))
    path = Path(plan.data[0])
    apart = None if plan.validation is None else Path(plan.validation)

    def fit(model: Any, report: Any) -> None:
        model.fit(path, **columns, validation=apart, report=report)

    return fit, path if apart is None else apart


def _transcribe(plan: Plan, model: Any) -> tuple[Fit, Any]:
    from clew.data.speech import read_speech

    columns = _columns(plan, ("audio", "text"))

    def recordings(path: Path, part: Any) -> Any:
        divided = path.is_dir() and bool(folders.parts(path))
        return read_speech(path, split=part if divided else None, **columns)

    found = recordings(Path(plan.data[0]), "train")
    if plan.validation is not None:
        held = recordings(Path(plan.validation), "dev")
    else:
        inside, aside = _divided(len(found), model.held_out)
        found, held = _some(found, inside), _some(found, aside)

    def fit(model: Any, report: Any) -> None:
        model.fit(found, validation=held, report=report)

    return fit, held


def _some(found: Any, places: Sequence[int]) -> Any:
    import dataclasses

    lists = {name: [getattr(found, name)[k] for k in places]
             for name in ("paths", "texts", "where", "parts")}  # fmt: skip
    return dataclasses.replace(found, **lists, fingerprint=f"{found.fingerprint} {len(places)}")


def _compose(plan: Plan, model: Any) -> tuple[Fit, Any]:
    from clew.data.abc import read_tunes
    from clew.data.midi import iter_midi
    from clew.tasks._compose.sources import notation_of

    _columns(plan, ())
    path = Path(plan.data[0])
    notation = notation_of(path, model.notation, "data")
    found: Any = path
    held: Any = None if plan.validation is None else Path(plan.validation)
    if held is None and notation != "roll":
        tunes: list[Any] = (
            read_tunes(path) if notation == "abc" else [notes for _, notes in iter_midi(path)]
        )
        inside, aside = _divided(len(tunes), model.held_out)
        found, held = [tunes[k] for k in inside], [tunes[k] for k in aside]

    def fit(model: Any, report: Any) -> None:
        model.fit(found, validation=held, report=report)

    return fit, path if held is None else held


def _divided(count: int, share: float) -> tuple[list[int], list[int]]:
    """Places to learn from and places held out, by chance, each in their order."""
    if count < 2:
        raise InputError(f"the data have {count} example", where="data", expected="2 or more")
    order = np.random.default_rng(SPLIT).permutation(count)
    some = min(count - 1, max(1, round(share * count)))
    return sorted(order[some:].tolist()), sorted(order[:some].tolist())


_READERS: dict[str, Callable[[Plan, Any], tuple[Fit, Any]]] = {
    "classify": _classify,
    "language": _language,
    "tag": _tag,
    "translate": _translate,
    "forecast": _forecast,
    "transcribe": _transcribe,
    "compose": _compose,
}
