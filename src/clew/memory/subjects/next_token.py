"""What language models and composers of tokens share: asked after each token for the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from clew.memory.subject import Case
from clew.memory.subjects import parts


@dataclass(frozen=True, eq=False)
class NextToken(parts.Traits):
    """A network with an embedding, a stack, and a score for each next token."""

    def vectors(self, inputs: Tensor) -> Tensor:
        """The embeddings of ids."""
        found: Tensor = self.network.embedding(inputs.to(self.like.device).long())
        return found

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """A score for each token of the vocabulary."""
        y, _ = self.reader(x)
        found: Tensor = self.network.logits(parts.asked(y, at))
        return found

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """-ln P of the token that follows."""
        return parts.nats(said, cases)
