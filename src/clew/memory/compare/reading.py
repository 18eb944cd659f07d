"""How each task's data are read once, and which part of them is held out from every run alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.data import folders
from clew.data.files import existing
from clew.errors import InputError
from clew.memory.compare.plan import Plan

SPLIT = 0  # the seed of what is held out


@dataclass(frozen=True, eq=False)
class Material:
    """A task's data. fit: (estimator, what is held out, listener) learns.

    held: what is held out, None where the estimator does that itself. asked: what the instruments
    are given. test: what plays no part in any fit, None where there is none.
    """

    fit: Callable[[Any, Any, Any], object]
    held: Any
    asked: Any
    test: Any = None


def read(plan: Plan, model: Any) -> Material:
    """All that a task learns from, is held out, and is tested on.

    model: an estimator, for how texts and series are to be read. Raises InputError as the readers
    do.
    """
    for name in plan.files():
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


def _classify(plan: Plan, model: Any) -> Material:
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

    def labelled(place: Path, part: str, like: Any = None) -> Any:
        split = part if folders.is_archive(place) or _divides(place) else None
        if not series:
            return read_labelled(place, split=split, **columns)  # type: ignore[arg-type]
        known = None if like is None else like.columns
        return read_series(place, split=split, known=known, **columns)  # type: ignore[arg-type]

    train = labelled(path, "train")

    def checked(found: Any, place: Path, like: Any = None) -> tuple[Any, Any]:
        if found.labels is None:
            raise InputError(
                "the series have no labels", where=str(place), expected="a label for each"
            )
        kind, width = (None, None) if like is None else (like.kind, like.features)
        sequences = check_sequences(found.sequences, kind, width, gaps=model.missing == "mask")
        return sequences, check_labels(found.labels, len(found))

    parts = [checked(train, path)]
    others = {}
    for name, given in (("dev", plan.validation), ("test", plan.test)):
        if given is not None:
            apart = labelled(Path(given), name, train)
            others[name] = checked(apart, Path(given), parts[0][0])
            _known_labels(apart, parts[0][1])
    if "dev" in others:
        parts.append(others["dev"])
    (learned, labels), (held, truth) = sides(
        parts, model.held_out, seed=SPLIT, tell=lambda text: None
    )

    def fit(model: Any, pair: Any, report: Any) -> None:
        model.fit(learned.items, labels, validation=pair, report=report)

    test = (others["test"][0].items, others["test"][1]) if "test" in others else None
    return Material(fit, (held.items, truth), (held.items, truth), test)


def _known_labels(found: Any, labels: Any) -> None:
    known = set(labels.tolist())
    for place, own in zip(found.where, found.labels, strict=True):
        if own not in known:
            some = sorted(map(repr, known))
            raise InputError(
                f"the label {own!r} is not in the data to learn from", where=place,
                expected=", ".join(some[:10]) + (", ..." if len(some) > 10 else ""),
            )  # fmt: skip


def _language(plan: Plan, model: Any) -> Material:
    from clew.data.corpus import read_text

    _columns(plan, ())
    text = "".join(read_text(Path(name)) for name in plan.data)
    if plan.validation is None:
        cut = round(len(text) * (1 - model.held_out))
        text, held = text[:cut], text[cut:]
    else:
        held = read_text(Path(plan.validation))

    def fit(model: Any, held: Any, report: Any) -> None:
        model.fit(text, validation=held, report=report)

    return Material(fit, held, held, None if plan.test is None else read_text(Path(plan.test)))


def _tag(plan: Plan, model: Any) -> Material:
    from clew.data.tagged import read_tagged

    columns = _columns(plan, ("word", "tag"))
    named: dict[str, Any] = {
        name: int(c) if c.removeprefix("-").isdecimal() else c for name, c in columns.items()
    }

    def sentences(given: str, part: Any) -> list[Any]:
        path = Path(given)
        return read_tagged(path, split=part if _divides(path) else None, **named).sentences

    def pair(found: list[Any]) -> tuple[list[Any], list[Any]]:
        return [s.tokens for s in found], [s.tags for s in found]

    found = sentences(plan.data[0], "train")
    if plan.validation is None:
        found, held = _parted(found, model.held_out)
    else:
        held = sentences(plan.validation, "dev")
    X, y = pair(found)

    def fit(model: Any, held: Any, report: Any) -> None:
        model.fit(X, y, validation=held, report=report)

    test = None if plan.test is None else pair(sentences(plan.test, "test"))
    return Material(fit, pair(held), pair(held), test)


def _translate(plan: Plan, model: Any) -> Material:
    from clew.data.pairs import read_pairs

    columns = _columns(plan, ("source", "target"))
    named: dict[str, Any] = {
        name: int(c) if c.isdecimal() else c for name, c in columns.items()
    }  # fmt: skip

    def pairs(given: str) -> tuple[list[str], list[str]]:
        found = read_pairs(Path(given), **named)
        return found.sources, found.targets

    X, y = pairs(plan.data[0])
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
        held = pairs(plan.validation)

    def fit(model: Any, held: Any, report: Any) -> None:
        model.fit(X, y, validation=held, report=report)

    return Material(fit, held, held, None if plan.test is None else pairs(plan.test))


def _forecast(plan: Plan, model: Any) -> Material:
    columns = _columns(plan, ("unique_id", "ds", "y", "freq"))
    path = Path(plan.data[0])
    held, test = (None if given is None else Path(given) for given in (plan.validation, plan.test))

    def fit(model: Any, held: Any, report: Any) -> None:
        model.fit(path, **columns, validation=held, report=report)

    return Material(fit, held, path if held is None else held, test)


def _transcribe(plan: Plan, model: Any) -> Material:
    from clew.data.speech import read_speech

    columns = _columns(plan, ("audio", "text"))

    def recordings(given: str, part: Any) -> Any:
        path = Path(given)
        return read_speech(path, split=part if _divides(path) else None, **columns)

    found = recordings(plan.data[0], "train")
    if plan.validation is not None:
        held = recordings(plan.validation, "dev")
    else:
        inside, aside = _divided(len(found), model.held_out)
        found, held = _some(found, inside), _some(found, aside)

    def fit(model: Any, held: Any, report: Any) -> None:
        model.fit(found, validation=held, report=report)

    return Material(fit, held, held, None if plan.test is None else recordings(plan.test, "test"))


def _divides(path: Path) -> bool:
    return path.is_dir() and bool(folders.parts(path))


def _some(found: Any, places: Sequence[int]) -> Any:
    import dataclasses

    lists = {name: [getattr(found, name)[k] for k in places]
             for name in ("paths", "texts", "where", "parts")}  # fmt: skip
    return dataclasses.replace(found, **lists, fingerprint=f"{found.fingerprint} {len(places)}")


def _compose(plan: Plan, model: Any) -> Material:
    from clew.data.abc import read_tunes
    from clew.data.midi import iter_midi
    from clew.tasks._compose.sources import notation_of

    _columns(plan, ())
    path = Path(plan.data[0])
    notation = notation_of(path, model.notation, "data")
    found: Any
    held: Any
    test: Any
    if notation == "roll":
        found, held, test = _rolls(plan, model.held_out)
    else:
        held, test = (None if one is None else Path(one) for one in (plan.validation, plan.test))
        found = path
        if held is None:
            tunes: list[Any] = (
                read_tunes(path) if notation == "abc" else [notes for _, notes in iter_midi(path)]
            )
            found, held = _parted(tunes, model.held_out)

    def fit(model: Any, held: Any, report: Any) -> None:
        model.fit(found, validation=held, report=report)

    return Material(fit, held, held, test)


def _rolls(plan: Plan, share: float) -> tuple[list[Any], list[Any], list[Any] | None]:
    from clew.data.rolls import read_rolls
    from clew.tasks._compose.roll_data import read as part

    path = Path(plan.data[0])
    found = list(part(path, "train", "data"))
    test = None if plan.test is None else list(part(Path(plan.test), "test", "test"))
    if plan.validation is not None:
        return found, list(part(Path(plan.validation), "valid", "validation")), test
    try:
        return found, list(read_rolls(path, "valid")), test
    except InputError:  # as the rest of it could be read, it has no such part
        return *_parted(found, share), test


def _parted(found: list[Any], share: float) -> tuple[list[Any], list[Any]]:
    inside, aside = _divided(len(found), share)
    return [found[k] for k in inside], [found[k] for k in aside]


def _divided(count: int, share: float) -> tuple[list[int], list[int]]:
    """Places to learn from and places held out, by chance, each in their order."""
    if count < 2:
        raise InputError(f"the data have {count} example", where="data", expected="2 or more")
    order = np.random.default_rng(SPLIT).permutation(count)
    some = min(count - 1, max(1, round(share * count)))
    return sorted(order[some:].tolist()), sorted(order[:some].tolist())


_READERS: dict[str, Callable[[Plan, Any], Material]] = {
    "classify": _classify,
    "language": _language,
    "tag": _tag,
    "translate": _translate,
    "forecast": _forecast,
    "transcribe": _transcribe,
    "compose": _compose,
}
