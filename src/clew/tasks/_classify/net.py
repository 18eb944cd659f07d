"""The network of classify: embedding, recurrent layers, one vector a sequence, scores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.nn import AdditiveAttention, Stack

POOLS = ("max", "last", "mean", "attention")


class ClassifierNetwork(nn.Module):
    """Scores of the classes for a whole sequence.

    pool: what is read of the layers' outputs y (T, B, H): their maximum, their mean, the final
    state of each direction ("last"), or their sum weighted by attention (Bahdanau et al. 2015,
    with a learned query). Padding never counts, and an empty sequence is read as zeros.

    forward: x (T, B) ids or (T, B, D) features, lengths (B,) -> scores (B, C).
    """

    def __init__(
        self,
        stack: Stack,
        *,
        vocabulary: int | None,
        embedding_size: int,
        classes: int,
        pool: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = None
        if vocabulary is not None:
            self.embedding = nn.Embedding(vocabulary, embedding_size, padding_idx=0)
            # Small, so that what is learned soon outweighs what was drawn; unknown starts at zero.
            nn.init.normal_(self.embedding.weight, std=0.1)
            with torch.no_grad():
                self.embedding.weight[:2] = 0.0
        self.stack = stack
        self.pool = pool
        self.attention = None
        if pool == "attention":
            self.attention = AdditiveAttention(
                stack.output_size, stack.output_size, stack.output_size
            )
            self.query = nn.Parameter(torch.zeros(stack.output_size))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(stack.output_size, classes)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Scores (B, C)."""
        if x.shape[0] == 0:
            x = x.new_zeros((1, *x.shape[1:]))
        if self.embedding is not None:
            x = self.dropout(self.embedding(x))  # (T, B, D)
        y, state = self.stack(x, lengths=lengths)  # (T, B, H)
        scores: Tensor = self.output(self.dropout(self._read(y, state, lengths)))
        return scores

    def _read(
        self, y: Tensor, state: tuple[Tensor | tuple[Tensor, ...], ...], lengths: Tensor
    ) -> Tensor:
        """One vector a sequence, (B, H); zeros for an empty one."""
        if self.pool == "last":
            last = state[-1]
            h = last if isinstance(last, Tensor) else last[0]  # (directions, B, H)
            return h.transpose(0, 1).flatten(1)
        if self.attention is not None:
            query = self.query.expand(y.shape[1], -1)  # (B, H)
            context: Tensor = self.attention(query, y, lengths=lengths)[0]
            return context
        real = (torch.arange(y.shape[0], device=y.device)[:, None] < lengths)[:, :, None]
        if self.pool == "mean":
            return (y * real).sum(0) / lengths.clamp(min=1)[:, None]
        where = y.detach().masked_fill(~real, float("-inf")).argmax(0, keepdim=True)  # (1, B, H)
        return y.gather(0, where)[0].masked_fill((lengths == 0)[:, None], 0.0)
