"""A linear-chain conditional random field (Lafferty et al. 2001; Lample et al. 2016).

A sequence of tags y over T steps has the score

    s(y) = start[y_1] + sum_t scores[t, y_t] + sum_t transition[y_t, y_t+1] + end[y_T]

and the probability exp(s(y)) / Z, where Z is the sum of exp(s) over all K^T sequences. What is
beyond the length of a sequence may be anything, NaN included.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.kernels.schedule import length_bounds
from clew.kernels.transforms import transformed
from clew.nn import checks

NO_TAG = -1  # stands in decoded tags beyond the length of a sequence
_NEVER = -torch.inf
_SMALL = (
    1e-100  # a sum below it is not trusted: its square, which second derivatives need, is 1e-200
)


class CRF(nn.Module):
    """Scores of tags, of one tag after another, of the first and of the last tag.

    ``allowed`` (K, K) bool says which tag may come after which (from row to column), ``start`` and
    ``end`` (K,) which may be first and last; what is not allowed has probability 0.
    """

    transition_scores: Tensor  # (K, K), from row to column
    start_scores: Tensor  # (K,)
    end_scores: Tensor  # (K,)
    _barred: Tensor | None  # these three True where forbidden
    _barred_start: Tensor | None
    _barred_end: Tensor | None

    def __init__(
        self,
        tags: int,
        *,
        allowed: Tensor | None = None,
        start: Tensor | None = None,
        end: Tensor | None = None,
    ) -> None:
        super().__init__()
        if isinstance(tags, bool) or not isinstance(tags, int) or tags < 1:
            raise InputError(f"tags={tags!r}", where="tags", expected="a whole number of 1 or more")
        self.tags = tags
        # Masks belong to the making of a layer, as its sizes do: they are not saved with it.
        barred = _forbidden("allowed", allowed, (tags, tags))
        self.register_buffer("_barred", barred, persistent=False)
        barred = _forbidden("start", start, (tags,))
        self.register_buffer("_barred_start", barred, persistent=False)
        self.register_buffer("_barred_end", _forbidden("end", end, (tags,)), persistent=False)
        self.transition_scores = nn.Parameter(torch.empty(tags, tags).uniform_(-0.1, 0.1))
        self.start_scores = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.end_scores = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))

    def loss(self, scores: Tensor, tags: Tensor, lengths: Tensor | None = None) -> Tensor:
        """-ln P of tags (T, B) given scores (T, B, K), nats: (B,); 0 for an empty sequence.

        Infinite for tags that are not allowed. Raises InputError for shapes, lengths or tags that
        do not fit.
        """
        scores, lengths, alive = self._prepare(scores, lengths)
        tags = self._checked(tags, alive)
        if len(scores) == 0:
            return scores.sum((0, 2))
        transition, start, end = self._scores()
        # (T, B): what each tag has from its own step and from the tag before it.
        own = scores.gather(2, tags.unsqueeze(2)).squeeze(2)
        moved = torch.cat([start[tags[:1]], transition[tags[:-1], tags[1:]]])
        last = tags.gather(0, (lengths - 1).clamp(min=0).unsqueeze(0)).squeeze(0)  # (B,)
        truth = torch.where(alive, own + moved, 0).sum(0) + end[last]
        total = _logsumexp(self._forward(scores, alive)[-1] + end, 1)  # ln Z
        # Two infinities would be NaN where no sequence at all is allowed.
        loss = torch.where(truth == _NEVER, torch.inf, total - truth)
        return torch.where(lengths > 0, loss, 0)

    @torch.no_grad()
    def decode(self, scores: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The best tags (T, B) given scores (T, B, K), and their score s (B,) (Viterbi 1967).

        Tags beyond a length are -1, the score of an empty sequence is 0, and -inf where no
        sequence is allowed. Raises InputError for shapes or lengths that do not fit.
        """
        scores, lengths, alive = self._prepare(scores, lengths)
        if len(scores) == 0:
            return alive.long(), scores.sum((0, 2))
        transition, start, end = self._scores()
        best = start + scores[0]  # (B, K): the best that ends in each tag
        stay = torch.arange(self.tags, device=scores.device).expand_as(best)
        came: list[Tensor] = []  # (B, K): the tag before it
        for t in range(1, len(scores)):
            reached, before = (best.unsqueeze(2) + transition).max(1)
            going = alive[t].unsqueeze(1)
            best = torch.where(going, reached + scores[t], best)
            came.append(torch.where(going, before, stay))
        score, tag = (best + end).max(1)
        path = [tag]
        for before in reversed(came):
            path.append(before.gather(1, path[-1].unsqueeze(1)).squeeze(1))
        tags = torch.stack(path[::-1]).masked_fill(~alive, NO_TAG)
        return tags, torch.where(lengths > 0, score, 0)

    def marginals(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """P of each tag at each step, given scores (T, B, K): (T, B, K) (forward-backward).

        Zeros beyond a length, and where no sequence is allowed. Raises InputError for shapes or
        lengths that do not fit.
        """
        scores, lengths, alive = self._prepare(scores, lengths)
        if len(scores) == 0:
            return scores
        transition, _, end = self._scores()
        moves = _moves(transition.t())
        forward = self._forward(scores, alive)
        after = end.expand_as(scores[0])  # (B, K): ln of all that may come after each tag
        backward = [after]
        for t in range(len(scores) - 1, 0, -1):
            before = _moved(scores[t] + after, moves)
            after = torch.where(alive[t].unsqueeze(1), before, after)
            backward.append(after)
        total = _logsumexp(forward[-1] + end, 1)  # ln Z
        nothing = (~alive | (total == _NEVER)).unsqueeze(2)
        # All share Z, yet each step is divided by its own sum: rounding then leaves it a whole.
        share = torch.stack(forward) + torch.stack(backward[::-1])
        return torch.softmax(share.masked_fill(nothing, 0.0), 2).masked_fill(nothing, 0.0)

    def extra_repr(self) -> str:
        """The size, as printed."""
        return f"tags={self.tags}"

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """The learned scores, -inf where something is not allowed."""
        return (
            _hide(self.transition_scores, self._barred),
            _hide(self.start_scores, self._barred_start),
            _hide(self.end_scores, self._barred_end),
        )

    def _forward(self, scores: Tensor, alive: Tensor) -> list[Tensor]:
        """For each step (B, K): ln of the sum of exp(score) over all that end in each tag there.

        Beyond its length a sequence stays as it was.
        """
        transition, start, _ = self._scores()
        moves = _moves(transition)
        sums = [start + scores[0]]
        for t in range(1, len(scores)):
            step = _moved(sums[-1], moves) + scores[t]
            sums.append(torch.where(alive[t].unsqueeze(1), step, sums[-1]))
        return sums

    def _prepare(self, scores: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Scores with zeros beyond lengths, lengths (B,), and which steps are real, (T, B)."""
        if scores.dim() != 3 or scores.shape[2] != self.tags or not scores.is_floating_point():
            raise InputError(
                f"scores of shape {tuple(scores.shape)} and type {scores.dtype}",
                where="scores",
                expected=f"(T, B, {self.tags}), floating point",
            )
        steps, batch = scores.shape[:2]
        device = scores.device
        if lengths is None:
            lengths = torch.full((batch,), steps, device=device)
        lengths = checks.whole_lengths(lengths, batch)
        if _readable(lengths):
            length_bounds(lengths, steps)
        lengths = lengths.to(device)
        alive = torch.arange(steps, device=device).unsqueeze(1) < lengths
        return scores.masked_fill(~alive.unsqueeze(2), 0.0), lengths, alive

    def _checked(self, tags: Tensor, alive: Tensor) -> Tensor:
        """Tags (T, B), 0 beyond the lengths."""
        whole = not (tags.is_floating_point() or tags.is_complex() or tags.dtype == torch.bool)
        if tags.shape != alive.shape or not whole:
            raise InputError(
                f"tags of shape {tuple(tags.shape)} and type {tags.dtype}",
                where="tags",
                expected=f"{tuple(alive.shape)} whole numbers, as the scores",
            )
        tags = tags.to(alive.device, torch.int64).masked_fill(~alive, 0)
        if _readable(tags) and tags.numel():
            low, high = (int(bound) for bound in tags.aminmax())
            if low < 0 or high >= self.tags:
                raise InputError(
                    f"the tag {low if low < 0 else high}",
                    where="tags",
                    expected=f"whole numbers from 0 to {self.tags - 1}",
                )
        return tags


def _forbidden(name: str, mask: Tensor | None, shape: tuple[int, ...]) -> Tensor | None:
    """Where `mask` is False; None without a mask."""
    if mask is None:
        return None
    mask = torch.as_tensor(mask)
    if mask.dtype != torch.bool or tuple(mask.shape) != shape:
        raise InputError(
            f"{name} of shape {tuple(mask.shape)} and type {mask.dtype}",
            where=name,
            expected=f"{shape} bool, True where allowed",
        )
    return ~mask


def _hide(scores: Tensor, forbidden: Tensor | None) -> Tensor:
    return scores if forbidden is None else scores.masked_fill(forbidden, _NEVER)


def _readable(values: Tensor) -> bool:
    """Whether values may be looked at: not while torch is compiling or transforming."""
    return not (torch.compiler.is_compiling() or transformed() or values.is_meta)


class _Moves(NamedTuple):
    """Scores (K, K) of moves from row to column, and what a product of matrices needs of them."""

    scores: Tensor
    highest: Tensor  # (K,) of each column
    weights: Tensor  # (K, K) exp(scores - highest), float64
    possible: Tensor  # (K, K) 1.0 where a move is allowed


def _moves(scores: Tensor) -> _Moves:
    highest = scores.detach().amax(0)
    highest = highest.masked_fill(highest == _NEVER, 0.0)
    return _Moves(
        scores, highest, (scores - highest).double().exp(), (scores.detach() > _NEVER).double()
    )


def _moved(values: Tensor, moves: _Moves) -> Tensor:
    """ln sum_j exp(values[b, j] + scores[j, k]), (B, K).

    That is a product of matrices, several times faster than B sums of (K, K) terms, unless a sum is
    so small beside the others that it would be lost.
    """
    if _readable(values):
        highest = values.detach().amax(1, keepdim=True)
        highest = highest.masked_fill(highest == _NEVER, 0.0)
        sums = (values - highest).double().exp() @ moves.weights
        reached = (values.detach() > _NEVER).double() @ moves.possible > 0
        if not bool((reached & (sums < _SMALL)).any()):
            logs = torch.where(reached, sums, 1.0).log().to(values.dtype)
            return (logs + highest + moves.highest).masked_fill(~reached, _NEVER)
    return _logsumexp(values.unsqueeze(2) + moves.scores, 1)


def _logsumexp(values: Tensor, dim: int) -> Tensor:
    """As torch's, but with a gradient of zeros, not NaN, where all values are -inf."""
    none = values.amax(dim) == _NEVER
    found = values.masked_fill(none.unsqueeze(dim), 0.0).logsumexp(dim)
    return found.masked_fill(none, _NEVER)
