"""Series out of the .ts files of the UCR/UEA archive: a header, then a series a line.

    @problemName Bowls
    @timeStamps false        true: each value is written (time,value)
    @univariate false
    @dimensions 2
    @equalLength false       true: @seriesLength may say how long
    @classLabel true low high
    @data
    1.5,2.5,?:0.5,0.25,1:low

Channels are parted by ":", values by ","; "?" and NaN are missing. Lines that begin with # are
comments (Dau et al. 2019; Bagnall et al. 2018).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.data._series_parts import Series, after, moment, row, single
from clew.data.files import listed
from clew.data.rows import place
from clew.errors import InputError

_FLAGS = ("timeStamps", "missing", "univariate", "equalLength", "classLabel", "targetLabel")
_COUNTS = ("dimensions", "dimension", "seriesLength")
_KEYS = {name.lower() for name in _FLAGS}, {name.lower() for name in _COUNTS}
_COLON = re.compile(r":(?![^(]*\))")  # one that is not within (time,value)
_STAMPED = re.compile(r"\s*\([^()]*\)(\s*,\s*\([^()]*\))*\s*")


@dataclass
class _Header:
    """What the lines before @data say; None is what they do not."""

    flags: dict[str, bool] = field(default_factory=dict)
    dimensions: int | None = None
    length: int | None = None  # of all series, where they are of one
    classes: frozenset[str] = frozenset()  # empty: any

    @property
    def labelled(self) -> bool:
        return self.flags.get("classlabel", False)


def series(
    path: Path, lines: Iterator[tuple[int, str]], *, labels: bool = True
) -> Iterator[Series]:
    """The series of a .ts file whose numbered lines these are, one by one.

    A value may be missing, all channels of a series have one length. Of (time,value) the times must
    rise and be the same in every channel; beyond the order nothing is made of them. `labels`: what
    they are is looked at. Raises InputError naming the line.
    """
    header = _header(path, lines)
    width, length, says = header.dimensions, header.length, "as @seriesLength says"
    for line, text in lines:
        text = text.strip()
        if not text or text[0] == "#":
            continue
        where = place(path, line)
        parts = _COLON.split(text) if "(" in text else text.split(":")
        last = parts.pop().strip() if header.labelled else ""
        label = _label(header, last, where) if header.labelled and labels else None
        if not parts:
            raise InputError(
                "there is a label alone", where=where, expected="the channels, ':', the label"
            )
        width = width or len(parts)
        if len(parts) != width:
            raise InputError(
                f"the series has {len(parts)} channel{'s' * (len(parts) != 1)}",
                where=where,
                expected=f"{width}, as {'@dimensions says' if header.dimensions else 'before'}",
                hint="channels are parted by ':', and the label stands last"
                if header.labelled
                else "with a label at the end of the line the header says @classLabel true",
            )
        values = _values(header, parts, where)
        if length is None and header.flags.get("equallength"):
            length, says = len(values), "as the first: @equalLength says true"
        if length is not None and len(values) != length:
            raise InputError(
                f"the series has {len(values)} step{'s' * (len(values) != 1)}",
                where=where,
                expected=f"{length}, {says}",
                hint="series of several lengths have @equalLength false",
            )
        yield Series(values, label, where)


def _header(path: Path, lines: Iterator[tuple[int, str]]) -> _Header:
    found = _Header()
    line = 0
    for line, text in lines:
        text = text.strip()
        if not text or text[0] in "#%":
            continue
        where = place(path, line)
        if text[0] != "@":
            raise InputError(
                "this is no line of a header",
                where=where,
                expected="lines such as @classLabel true a b, then @data",
            )
        name, *words = text[1:].split() or [""]
        key = name.lower()
        if key == "data":
            return _checked(found, where)
        if key in _KEYS[0]:
            found.flags[key] = _flag(name, words, where)
            if key == "classlabel":
                found.classes = frozenset(words[1:])
        elif key in _KEYS[1]:
            count = _count(name, words, where)
            if key == "serieslength":
                found.length = count
            else:
                found.dimensions = count
        elif key != "problemname":
            raise InputError(
                f"the header has an unknown line @{name[:40]}",
                where=where,
                expected=listed([f"@{known}" for known in ("problemName", *_FLAGS, *_COUNTS)], 20),
            )
    raise InputError(
        "there is no line @data",
        where=place(path, line) if line else str(path),
        expected="a header, @data, then a series a line",
    )


def _checked(header: _Header, where: str) -> _Header:
    if header.flags.get("targetlabel"):
        raise InputError(
            "@targetLabel true: each series carries a number to be foretold, not a class",
            where=where,
            expected="@classLabel true",
        )
    if header.flags.get("univariate") and (header.dimensions or 1) > 1:
        raise InputError(
            f"@univariate true, and @dimensions {header.dimensions}",
            where=where,
            expected="one channel, or @univariate false",
        )
    if header.flags.get("univariate"):
        header.dimensions = 1
    if not header.flags.get("equallength", True):
        header.length = None
    return header


def _flag(name: str, words: list[str], where: str) -> bool:
    if not words or words[0].lower() not in ("true", "false"):
        raise InputError(
            f"@{name} says {' '.join(words)[:40] or 'nothing'}",
            where=where,
            expected="true or false",
        )
    return words[0].lower() == "true"


def _count(name: str, words: list[str], where: str) -> int:
    if len(words) != 1 or not (words[0].isascii() and words[0].isdigit()) or int(words[0]) < 1:
        raise InputError(
            f"@{name} says {' '.join(words)[:40] or 'nothing'}",
            where=where,
            expected="a whole number, 1 or more",
        )
    return int(words[0])


def _label(header: _Header, label: str, where: str) -> str:
    if not label or (header.classes and label not in header.classes):
        raise InputError(
            f"the label is {label[:60]!r}" if label else "there is no label after the last ':'",
            where=where,
            expected="one of " + listed(sorted(header.classes))
            if header.classes
            else "a label at the end of the line",
            hint="the header names the labels after @classLabel true" if header.classes else None,
        )
    return label


def _values(header: _Header, parts: list[str], where: str) -> NDArray[np.float32]:
    """The channels of one series side by side, (T, D)."""
    stamped = header.flags.get("timestamps", False)
    columns, times = [], None
    for number, text in enumerate(parts, 1):
        here = f"{where}, channel {number}"
        cells = text.split(",")
        if stamped:
            stamps, cells = _stamped(text, here)
            if times is not None and stamps != times:
                raise InputError(
                    "the channel has other times than the first",
                    where=here,
                    expected="the same times in all channels of a series",
                    hint="write ? where a channel has no value, or bring the channels together "
                    "before",
                )
            times = stamps
        if not text.strip():
            raise InputError("the channel is empty", where=here, expected="values between commas")

        def at(place: int, here: str = here) -> str:
            return f"{here}, value {place + 1}"

        try:
            found = [*map(float, cells)] if "_" not in text else row(cells, at)
        except ValueError:  # something is missing, or wrong
            found = row(cells, at)
        columns.append(single(found, at))
        if len(columns[-1]) != len(columns[0]):
            raise InputError(
                f"the channel has {len(columns[-1])} values, the first has {len(columns[0])}",
                where=here,
                expected="as many in all channels of a series",
                hint="write ? for values that are missing",
            )
    return np.stack(columns, 1)


def _stamped(text: str, where: str) -> tuple[list[str], list[str]]:
    """The times and the values of "(time,value),(time,value)"."""
    if not _STAMPED.fullmatch(text):
        raise InputError(
            "a value stands without its time" if "(" in text else "there are values without times",
            where=where,
            expected="(time,value),(time,value), as @timeStamps true says",
        )
    pairs = [group.rpartition(",") for group in re.findall(r"\(([^()]*)\)", text)]
    stamps = [stamp.strip() for stamp, _, _ in pairs]
    moments = [moment(stamp, f"{where}, value {k}") for k, stamp in enumerate(stamps, 1)]
    for k, (earlier, later) in enumerate(pairwise(moments), 1):
        after(earlier, later, f"{where}, value {k + 1}", f"value {k}")
    return stamps, [value for _, _, value in pairs]
