"""Cases as batches that the network's layers read, and names for the units of these layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.errors import InputError
from clew.memory.inside import Inside
from clew.memory.subject import Case, Subject

LARGEST = 2**31 - 1  # of any setting: what NumPy and torch count with
_STEPS = 8192  # read at once: bounds what the traces of wide layers take


class Batch(NamedTuple):
    """Sequences that are read together: places (B,) in the list, x (T, B, D), lengths (B,)."""

    places: list[int]
    x: Tensor
    lengths: Tensor


def batches(subject: Subject, cases: Sequence[Case], steps: int = _STEPS) -> Iterator[Batch]:
    """The inputs of cases as the lowest layer reads them, those of like length together.

    Raises InputError where there are no cases, or none with an element.
    """
    lengths = np.array([len(case.inputs) for case in cases], dtype=np.int64)
    if not lengths.sum():
        raise InputError(
            f"{len(cases)} cases without a step" if len(cases) else "no cases",
            where="cases",
            expected="one sequence of one step or more",
        )
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    begin = 0
    while begin < len(order):
        longest = int(lengths[order[begin]])
        places = order[begin : begin + max(1, steps // longest)]
        begin += len(places)
        with torch.no_grad():
            given = padded(subject, [cases[k].inputs for k in places])
            x = subject.vectors(given).detach()
        yield Batch(places.tolist(), x, torch.from_numpy(lengths[places]).to(x.device))


def drawn(cases: Sequence[Case], sizes: Sequence[int], most: int, seed: int) -> list[Case]:
    """As many cases, drawn by the seed, as have `most` together, each so much as `sizes` says."""
    order = np.random.default_rng(seed).permutation(len(cases))
    sums = np.cumsum([sizes[k] for k in order])
    return [cases[k] for k in sorted(order[: int(np.searchsorted(sums, most)) + 1].tolist())]


def padded(subject: Subject, sequences: Sequence[NDArray[Any]]) -> Tensor:
    """Ids (T, B) or features (T, B, F) of sequences side by side, 0 beyond their ends."""
    like = next(iter(subject.network.parameters()), torch.zeros(()))
    first = np.asarray(sequences[0])
    kind = like.dtype if first.dtype.kind == "f" else torch.int64
    longest = max(len(one) for one in sequences)
    given = torch.zeros((longest, len(sequences), *first.shape[1:]), dtype=kind)
    for column, one in enumerate(sequences):
        given[: len(one), column] = torch.from_numpy(np.array(one)).to(kind)
    return given.to(like.device)


def check_whole(name: str, value: object, least: int = 1, most: int = LARGEST) -> None:
    """InputError unless a setting is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"{name} is {value!r}", where=name, expected=f"a whole number from {least}"
        )
    if value > most:
        raise InputError(f"{name} is {value:,}", where=name, expected=f"{most:,} at most")


def check_finite(what: str, values: Tensor) -> None:
    """InputError unless all numbers of a layer are finite."""
    if not bool(torch.isfinite(values).all()):
        raise InputError(
            f"{what} has numbers that are not finite", where="the model",
            expected="a network that does not overflow on these sequences",
        )  # fmt: skip


def unit_name(layer: Inside, unit: int) -> str:
    """What a unit is called: "2:37" is the 37th of layer 2, "2b:37" of what reads it backwards."""
    return f"{layer.number}{'b' if layer.backwards else ''}:{unit + 1}"


def find_unit(layers: Sequence[Inside], name: str) -> tuple[int, int]:
    """The place of a unit's layer among `layers`, and its own from 0; InputError of unknown ones.

    A network of one layer that reads one way needs no number of the layer: "37".
    """
    match = re.fullmatch(r"\s*(?:(\d{1,9})(b?):)?(\d{1,9})\s*", name, re.ASCII)
    first = layers[0]
    last = ", ".join(f"{unit_name(one, 0)} to {unit_name(one, one.units - 1)}"
                     for one in layers)  # fmt: skip
    if match is not None and (match[1] is not None or len(layers) == 1):
        number = first.number if match[1] is None else int(match[1])
        for place, one in enumerate(layers):
            same = one.number == number and one.backwards == (match[2] == "b")
            if same and 1 <= int(match[3]) <= one.units:
                return place, int(match[3]) - 1
    raise InputError(
        f"there is no unit {name if len(name) <= 40 else name[:40] + '...'!r}",
        where="unit",
        expected=f"the layer's number, a colon and the unit's: {last}",
    )


def find_layer(layers: Sequence[Inside], name: str | int | None) -> Inside:
    """A layer by its number ("2", "2b" backwards) or name; the highest where None."""
    if name is None:
        return [one for one in layers if not one.backwards][-1]
    for one in layers:
        known = (one.name, f"{one.number}{'b' if one.backwards else ''}")
        if str(name).strip() in known:
            return one
    raise InputError(
        f"there is no layer {name!r}",
        where="layer",
        expected=", ".join(one.name for one in layers),
    )
