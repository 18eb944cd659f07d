"""The network of tag: words by their vectors and their letters, recurrent layers, scores."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clew.nn import LSTM, Stack
from clew.nn.crf import CRF
from clew.tasks._tag import bio as bio
from clew.tasks._tag.store import Batch

LETTER_SIZE = 32  # of a letter's vector


class TaggerNetwork(nn.Module):
    """Scores of the tags of every word, and of the labels of the whole sentence.

    A word is its own vector beside what a bidirectional LSTM over its letters ends with (Ling et
    al. 2015; Lample et al. 2016). The layers read the sentence; each output is scored. The label
    of the sentence is scored from the largest of the outputs, unit by unit.

    forward: Batch -> scores (T, B, K), and (B, C) or None.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        vocabulary: int,
        embedding_size: int,
        letters: int,
        character_size: int,
        tags: int,
        labels: int,
        dropout: float,
        crf: CRF | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding_size, padding_idx=0)
        # Small, so that what is learned soon outweighs what was drawn; unknown starts at zero.
        nn.init.normal_(self.embedding.weight, std=0.1)
        with torch.no_grad():
            self.embedding.weight[:2] = 0.0
        self.speller = Speller(letters, character_size, dropout) if character_size else None
        self.stack = stack
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(stack.output_size, tags)
        self.label = nn.Linear(stack.output_size, labels) if labels else None
        self.crf = crf

    def features(self, batch: Batch) -> Tensor:
        """What the layers read (T, B, E + 2 C): each word's vector beside its letters' memory."""
        x: Tensor = self.embedding(batch.words)
        if self.speller is None:
            return x
        spelled = self.speller(batch.letters, batch.sizes)  # (W, 2 C)
        return torch.cat([x, F.embedding(batch.places, spelled)], 2)

    def outputs(self, batch: Batch) -> Tensor:
        """What the layers say (T, B, H) of each word."""
        y: Tensor = self.stack(self.dropout(self.features(batch)), lengths=batch.lengths)[0]
        return y

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Scores (T, B, K) of tags, and (B, C) of labels."""
        y = self.dropout(self.outputs(batch))
        scores: Tensor = self.output(y)
        return scores, None if self.label is None else self.label(highest(y, batch))


class Speller(nn.Module):
    """What a bidirectional LSTM over the letters of a word ends with: (L, W) -> (W, 2 C)."""

    def __init__(self, letters: int, size: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(letters, LETTER_SIZE, padding_idx=0)
        nn.init.normal_(self.embedding.weight[1:], std=0.3)
        self.dropout = nn.Dropout(dropout / 2)
        self.memory = LSTM(LETTER_SIZE, size, bidirectional=True)

    def forward(self, letters: Tensor, sizes: Tensor) -> Tensor:
        """The final states of both directions, side by side."""
        _, (h, _) = self.memory(self.dropout(self.embedding(letters)), lengths=sizes)
        found: Tensor = h.transpose(0, 1).flatten(1)
        return found


class WindowTagger(nn.Module):
    """A feedforward network that sees a word and its two neighbours, and nothing else."""

    def __init__(
        self, vocabulary: int, features: int, hidden_size: int, tags: int, labels: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, features, padding_idx=0)
        nn.init.normal_(self.embedding.weight[1:], std=0.1)
        self.hidden = nn.Linear(3 * features, hidden_size)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(hidden_size, tags)
        self.label = nn.Linear(hidden_size, labels) if labels else None

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """As TaggerNetwork."""
        x = self.dropout(self.embedding(batch.words)) * batch.real[:, :, None]
        beside = F.pad(x, (0, 0, 0, 0, 1, 1))  # (T + 2, B, E)
        y = self.dropout(torch.relu(self.hidden(torch.cat([beside[:-2], x, beside[2:]], 2))))
        scores: Tensor = self.output(y)
        return scores, None if self.label is None else self.label(highest(y, batch))


def highest(y: Tensor, batch: Batch) -> Tensor:
    """The largest output (T, B, H) of each sentence, unit by unit; zeros where it is empty."""
    found = y.masked_fill(~batch.real[:, :, None], float("-inf")).amax(0)
    return found.masked_fill((batch.lengths == 0)[:, None], 0.0)


def chain(tags: Sequence[str], spans: bool) -> CRF:
    """The CRF of these tags; where they are spans, I- follows only what it goes on from."""
    if not spans:
        return CRF(len(tags))
    allowed = [[bio.follows(before, tag) for tag in tags] for before in tags]
    start = [bio.follows(bio.OUTSIDE, tag) for tag in tags]
    return CRF(len(tags), allowed=torch.tensor(allowed), start=torch.tensor(start))
