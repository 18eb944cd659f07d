"""A report as files: the page, and of each instrument a picture with its numbers."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.errors import InputError
from clew.memory.finding import Finding

PAGE, DATA = "report.html", "report.json"
DOTS = 150  # an inch


def picture(finding: Finding, kind: str) -> bytes:
    """The picture of a finding as "png" or "svg", the same bytes whenever it is drawn."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=finding.size(), layout="constrained")
    FigureCanvasAgg(figure)
    finding.draw(figure)
    out = io.BytesIO()
    about = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": finding.name}):
        figure.savefig(out, format=kind, dpi=DOTS, metadata=about)
    return out.getvalue()


def check_free(folder: Path) -> None:
    """Raise InputError where a report could not be written to: something else is there already."""
    if folder.is_dir() and (folder / DATA).is_file() and (folder / PAGE).is_file():
        return  # a report: it is replaced
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(
            "there is something else already", where=str(folder), hint="name a new folder"
        )


def write(
    folder: Path, page: str, data: Mapping[str, Any], findings: Mapping[str, Finding]
) -> None:
    """Write a report into a folder: beside it, flushed, then renamed.

    Raises InputError where the folder holds something else, or cannot be written.
    """
    check_free(folder)
    folder = folder.absolute()
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        _put(beside / PAGE, page.encode())
        _put(beside / DATA, _json(data))
        for name, finding in findings.items():
            for kind in ("png", "svg"):
                _put(beside / f"{name}.{kind}", picture(finding, kind))
            tables = [
                {"title": table.title, "columns": list(table.columns),
                 "rows": [list(row) for row in table.rows]}
                for table in finding.tables()
            ]  # fmt: skip
            about = {
                "name": name,
                "title": finding.title,
                "words": finding.words(),
                "method": finding.method,
                "data": finding.data(),
                "tables": tables,
            }
            _put(beside / f"{name}.json", _json(about))
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    except OSError as error:
        raise InputError(
            f"the report cannot be written: {error.strerror}", where=str(folder),
            hint="is there room on the disk, and leave to write there?",
        ) from error  # fmt: skip
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _put(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
