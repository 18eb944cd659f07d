"""What to compose in where nobody says: drawn as the tunes learned from have it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch

from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.vocabulary import Vocabulary
from clew.tasks._draw import Drawing, choose

Heads: TypeAlias = dict[tuple[str, ...], int]


def heads(network: TuneNetwork, vocabulary: Vocabulary, marks: Sequence[str]) -> Heads:
    """How many of the tunes that are remembered begin with each header, such as ("6/8", "D").

    marks: what its tokens begin with, such as ("M:", "K:"). The most frequent comes first.
    """
    learned, starts = network.learned.cpu().numpy(), network.starts.cpu().numpy()
    places = starts[:, None] + np.arange(len(marks))
    rows, counts = np.unique(
        learned[np.minimum(places, len(learned) - 1)], axis=0, return_counts=True
    )
    found: Heads = {}
    for place in np.argsort(-counts, kind="stable"):
        texts = [vocabulary.tokens[token] for token in rows[place]]
        if all(text.startswith(mark) for text, mark in zip(texts, marks, strict=True)):
            values = (text[len(mark) :] for text, mark in zip(texts, marks, strict=True))
            found[tuple(values)] = int(counts[place])
    return found


def drawn(
    among: Heads, fits: Callable[..., bool], how: Drawing, chance: torch.Generator
) -> tuple[str, ...] | None:
    """One of the headers that fit, by how often each occurs; None where there is none.

    fits: is called with the parts of a header. how: as for tokens, so that at temperature 0 it is
    the most frequent.
    """
    every = {head: count for head, count in among.items() if fits(*head)}
    if not every:
        return None
    scores = torch.tensor([math.log(count) for count in every.values()], dtype=torch.float64)
    return list(every)[choose(scores, how, chance)]
