"""``clew predict`` for classifiers of series: a label for each series in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from clew.errors import InputError

AT_ONCE = 256  # series whose answers are printed together


@dataclass(frozen=True)
class Named:
    """The columns of a long table that were named; None is what the model knows."""

    id_column: str | None = None
    time_column: str | None = None
    value_columns: str | None = None

    def refuse(self, kind: str) -> None:
        """Raise InputError for a column that such a model has no use for."""
        for name, value in zip(self.__dataclass_fields__, astuple(self), strict=True):
            if value is not None:
                raise InputError(
                    f"a {kind} has no use for this"
                    + (" unless it labels series" if kind == "Classifier" else ""),
                    where=f"--{name.replace('_', '-')}",
                    hint="leave the option out",
                )


def reads_series(model: Any) -> bool:
    """Whether the model is a classifier of arrays."""
    return type(model).__name__ == "Classifier" and model._encoder.kind == "arrays"


def series_rows(
    model: Any, file: Path | None, named: Named | None = None
) -> Iterator[dict[str, Any]]:
    """A row for each series of a file: what it is called, its label, and how probable that is.

    Of a table the columns that the model was fitted on are read, or those `named`, in this order;
    labels are not looked at. Raises InputError where there is no file, or it holds
    other series than the model has learned from.
    """
    from clew.data.labelled_series import read_series

    if file is None:
        raise InputError(
            "this model labels series, not texts",
            where="INPUT",
            expected="a file of series: .ts, .csv, .tsv, .jsonl, .parquet or .npz",
            hint="clew predict MODEL --file series.ts",
        )
    named = named or Named()
    found = read_series(
        file,
        unique_id=named.id_column,
        ds=named.time_column,
        values=columns_of(named.value_columns),
        known=model.columns_,
        labels=False,
    )
    features, width = model._encoder.features, found.sequences[0].shape[1]
    if width != features:
        raise InputError(
            f"the series have {width} channel{'s' * (width != 1)}",
            where=found.where[0] + (f" ({', '.join(found.channels)})" if found.channels else ""),
            expected=f"{features}, as in fit",
            hint="--value-columns A,B tells which columns are read" if found.channels else None,
        )
    if not model._encoder.gaps and (place := found.gap) is not None:
        raise InputError(
            "a value is missing", where=place, expected="a number everywhere, as in fit",
            hint="a model fitted with --missing mask reads series with gaps",
        )  # fmt: skip
    names = found.names or [str(number) for number in range(1, len(found) + 1)]
    for start in range(0, len(found), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        probabilities = model.predict_proba(found.sequences[some])
        for name, row in zip(names[some], probabilities, strict=True):
            best = int(row.argmax())
            yield {
                "series": name,
                "label": str(model.classes_[best]),
                "probability": round(float(row[best]), 4),
            }


def columns_of(names: str | None) -> list[str] | None:
    """The columns in "a, b"."""
    return None if names is None else [name.strip() for name in names.split(",")]


def series_line(row: dict[str, Any]) -> str:
    """A row as people read it."""
    return f"{row['label']}\t{row['probability']:.3f}\t{row['series']}"
