"""A language model as a subject: windows of running text, asked for the next token."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.data.files import listed
from clew.errors import InputError
from clew.memory.subject import Case
from clew.memory.subjects import parts
from clew.memory.subjects.next_token import NextToken
from clew.tasks._language.corpora import encoded
from clew.tasks.language import LanguageModel

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".conllu")  # what other tasks read in columns


def language(model: LanguageModel, data: Any, columns: dict[str, Any]) -> Language:
    """A language model and a text: a str, a list of texts, or Paths to files and folders.

    Raises InputError as `LanguageModel.evaluate` does, and for a text of fewer than two tokens.
    """
    parts.refused(columns, ())
    with tempfile.TemporaryDirectory(prefix="clew-") as work:
        tokens = np.array(encoded(data, model.tokenizer_, "data", Path(work)).tokens)
    one, many = parts.UNITS[model.tokenizer_.unit]
    if len(tokens) < 2:
        raise InputError(
            f"the text has only {len(tokens)} {one if len(tokens) == 1 else many}",
            where=str(data) if isinstance(data, Path) else "data",
            expected="at least 2",
        )
    network = model.network_.eval()
    return Language(
        title=f"language model of {many}, {parts.named(network.stack)}"
        + parts.known([tokens], 1, (one, many)),
        task="language",
        element=(one, many),
        both_ways=False,
        network=network,
        reader=network.stack,
        loss_name=f"nats a {one}",
        in_nats=True,
        answers=model.tokenizer_.vocabulary,
        note=_as_text(data),
        model=model,
        tokens=tokens,
    )


def _as_text(data: Any) -> str:
    """What is said of tables, which are read as they stand."""
    given = data if isinstance(data, list | tuple) else [data]
    tables = [path.name for path in given if isinstance(path, Path) and _is_table(path)]
    if not tables:
        return ""
    return (
        f"{listed(tables)} {'is' if len(tables) == 1 else 'are'} read as running text: names of "
        "columns, commas and marks as well."
    )


def _is_table(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return bool(suffixes) and suffixes[-1] in _TABLES


@dataclass(frozen=True, eq=False)
class Language(NextToken):
    """Asked after a token for the next one; one text is one sequence.

    Cases that lie further than the reach apart have nothing in common: each stretch of the text as
    long as the reach counts as a source of its own.
    """

    model: LanguageModel
    tokens: NDArray[Any]  # (N,)

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """Windows from everywhere in the text; see Subject."""
        found = []
        for _, at in parts.spots([range(len(self.tokens) - 1)], count, reach, seed):
            piece, place = parts.stretch(len(self.tokens), at, reach, both=False)
            read = parts.ids(self.tokens[piece])
            found.append(Case(read, place, int(self.tokens[at + 1]), source=at // (reach + 1)))
        return found

    def names(self, case: Case) -> list[str]:
        """The text of each token."""
        return [self.model.tokenizer_.decode([token]) for token in case.inputs.tolist()]

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """<unk>."""
        return np.array(1)

    def untrained(self) -> Language:
        """Weights as first drawn, and how frequent tokens are, which is known from the start."""
        network = parts.made_anew(
            lambda: self.model._build(learning=True), self.model.seed, self.like
        )
        with torch.no_grad():
            for part in (network.log_frequency, network.bias):
                part.copy_(self.network.log_frequency)
        return replace(self, network=network, reader=network.stack)
