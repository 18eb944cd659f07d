"""A report as files: the page, and of each instrument a picture with its numbers."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from clew.errors import InputError
from clew.memory.finding import Finding

PAGE, DATA = "report.html", "report.json"
DOTS = 150  # an inch
KINDS: tuple[Literal["svg"], Literal["png"]] = ("svg", "png")


def pictures(finding: Finding, *kinds: Literal["svg", "png"]) -> list[bytes]:
    """The picture of a finding as SVG, PNG or both, the same bytes whenever it is drawn."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=finding.size(), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    finding.draw(figure)
    layout = figure.get_layout_engine()
    assert layout is not None
    layout.execute(figure)  # once: with an engine left, each savefig draws everything twice
    figure.set_layout_engine(None)
    found = []
    for kind in kinds:
        out = io.BytesIO()
        about = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        with matplotlib.rc_context({"svg.hashsalt": finding.name}):
            figure.savefig(out, format=kind, dpi=DOTS, metadata=about)
        found.append(out.getvalue())
    return found


def check_free(folder: Path) -> None:
    """Raise InputError where a report could not be written to."""
    if folder.is_dir() and (folder / DATA).is_file() and (folder / PAGE).is_file():
        pass  # a report: it is replaced
    elif folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(
            "there is something else already", where=str(folder), hint="name a new folder"
        )
    beside = _beside(folder)
    with _told(folder):
        beside.mkdir(parents=True, exist_ok=True)
        beside.rmdir()


def write(
    folder: Path,
    page: str,
    data: Mapping[str, Any],
    findings: Mapping[str, Finding],
    drawn: Mapping[str, Sequence[bytes]],
) -> None:
    """Write a report into a folder: beside it, flushed, then renamed.

    drawn: the SVG and the PNG of each finding. Raises InputError where the folder holds something
    else, or cannot be written.
    """
    check_free(folder)
    folder, beside = folder.resolve(), _beside(folder)
    former = beside.with_suffix(".old")
    try:
        with _told(folder):
            beside.mkdir()
            _put(beside / PAGE, page.encode())
            _put(beside / DATA, _json(data))
            for name, finding in findings.items():
                for kind, image in zip(KINDS, drawn[name], strict=True):
                    _put(beside / f"{name}.{kind}", image)
                _put(beside / f"{name}.json", _json(_plain(finding)))
            if folder.exists():
                folder.rename(former)
            try:
                beside.rename(folder)
            except OSError:
                if former.exists():
                    former.rename(folder)
                raise
    finally:
        for rest in (beside, former):
            shutil.rmtree(rest, ignore_errors=True)


def _beside(folder: Path) -> Path:
    folder = folder.resolve()  # a link stays, and leads to the new report
    return folder.with_name(f".{folder.name}.{os.getpid()}.part")


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the report cannot be written: {error.strerror}",
            where=str(folder),
            hint="is there room on the disk, and leave to write there?",
        ) from error


def _plain(finding: Finding) -> dict[str, Any]:
    """A finding as JSON: words, data, and the tables of its picture."""
    return {
        "name": finding.name,
        "title": finding.title,
        "words": finding.words(),
        "method": finding.method,
        "data": finding.data(),
        "tables": [
            {
                "title": table.title,
                "columns": list(table.columns),
                "rows": [list(row) for row in table.rows],
            }
            for table in finding.tables()
        ],
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _put(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
