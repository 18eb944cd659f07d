"""Who is compared: the names of the networks, and how a task's estimator becomes one of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from clew.errors import InputError
from clew.nn.rivals import Attending, Window, in_place_of_cells

CELLS = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
WINDOWS = {"window": "window", "transformer": "Transformer"}
DEFAULT = ("window", "rnn", "gru", "lstm", "transformer")
STREAM = "stream"  # what a step in a stream is called among the costs
BOTH = ("birnn", "bigru", "bilstm", "bitransformer")


@dataclass(frozen=True)
class Entrant:
    """A kind of network. both_ways: it also reads what follows a step.

    window: elements that a window sees; context: elements that a Transformer attends to.
    """

    name: str
    both_ways: bool
    window: int = 8
    context: int = 64

    @property
    def base(self) -> str:
        """The same without the ways it reads: "lstm"."""
        return self.name.removeprefix("bi") if self.both_ways else self.name

    @property
    def title(self) -> str:
        """As people write it: "LSTM both ways"."""
        known = {
            **CELLS, "window": f"window of {self.window}",
            "transformer": f"Transformer of {self.context}",
        }  # fmt: skip
        return known[self.base] + (" both ways" if self.both_ways else "")

    @property
    def cell(self) -> str:
        """The cell that the estimator is told of; of a network without one, what is cheapest."""
        return self.base if self.base in CELLS else "rnn"

    @property
    def multiple(self) -> int:
        """Of what the hidden size is a multiple, for the heads of the attention."""
        if self.base != "transformer":
            return 1
        return 2 if self.both_ways else 4

    def built(self, feedforward: int | None) -> AbstractContextManager[Any]:
        """Within this, the layers of every Stack are this one's."""
        if self.base == "window":
            return in_place_of_cells(partial(Window, window=self.window))
        if self.base == "transformer":
            return in_place_of_cells(
                partial(Attending, context=self.context, feedforward=feedforward)
            )
        return nullcontext()


def entrants(
    names: Sequence[str] | None, *, both: bool, cells_only: bool = False,
    window: int = 8, context: int = 64,
) -> list[Entrant]:  # fmt: skip
    """The networks of these names, in their order; None: all that the task has.

    both: whether the task has a network that reads both ways; cells_only: whether it needs cells.
    Raises InputError for a name that there is not, twice, or that the task cannot have.
    """
    for setting, value in (("window", window), ("context", context)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(
                f"{setting} is {value!r}", where=setting, expected="a whole number of 1 or more"
            )
    if names is None:
        names = [name for name in (*DEFAULT, *(BOTH if both else ()))
                 if not cells_only or name.removeprefix("bi") in CELLS]  # fmt: skip
    one_way = (*CELLS, *WINDOWS)
    known = [*one_way, *(f"bi{name}" for name in one_way)]
    found: list[Entrant] = []
    for name in names:
        if name not in known:
            raise InputError(
                f"there is no rival {name!r}", where="rivals", expected=", ".join(known)
            )
        one = Entrant(name, name not in one_way, window, context)
        if one in found:
            raise InputError(f"the rival {name!r} is named twice", where="rivals")
        if one.both_ways and not both:
            raise InputError(
                f"{name} reads both ways, and this task is asked before what follows is known",
                where="rivals",
                expected=", ".join(one_way),
            )
        if cells_only and one.base not in CELLS:
            raise InputError(
                f"{name} cannot take part: the network goes on from states that only cells have",
                where="rivals",
                expected=", ".join((*CELLS, *(f"bi{cell}" for cell in CELLS if both))),
            )
        found.append(one)
    if not found:
        raise InputError("there are no rivals", where="rivals", expected=", ".join(known))
    return found
