"""Attention of a query over the steps of a sequence (Bahdanau et al. 2015; Luong et al. 2015).

All three take a query (B, Q), or S of them (S, B, Q), the keys (T, B, K), and values (T, B, V),
which are the keys where not given. They return the context, the mean of the values weighted by
attention, (B, V) or (S, B, V), and the weights, (B, T) or (S, B, T), which sum to 1 over the steps
that may be seen. Which those are is said by ``lengths`` (B,) or ``mask`` (T, B) bool, True where a
step may be seen; a sequence without any such step gets weights and context of zeros.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.kernels.schedule import length_bounds
from clew.kernels.transforms import transformed
from clew.nn import checks


class AdditiveAttention(nn.Module):
    """Additive attention: score = v . tanh(W q + U k) (Bahdanau, Cho & Bengio 2015)."""

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        super().__init__()
        _positive(query_size=query_size, key_size=key_size, hidden_size=hidden_size)
        self.query = nn.Linear(query_size, hidden_size)
        self.key = nn.Linear(key_size, hidden_size, bias=False)
        self.score = nn.Linear(hidden_size, 1, bias=False)

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Context and weights; see the module. Raises InputError for shapes that do not fit."""
        query, keys, values, seen, single = _prepare(query, keys, values, lengths, mask)
        _size("query", query, self.query.in_features)
        _size("keys", keys, self.key.in_features)
        asked = self.query(query).unsqueeze(1)  # (S, 1, B, H)
        scores = self.score(torch.tanh(asked + self.key(keys))).squeeze(-1)  # (S, T, B)
        return _read(scores.transpose(1, 2), values, seen, single)


class DotAttention(nn.Module):
    """Dot attention: score = q . k, queries and keys of one size (Luong, Pham & Manning 2015)."""

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Context and weights; see the module. Raises InputError for shapes that do not fit."""
        query, keys, values, seen, single = _prepare(query, keys, values, lengths, mask)
        _size("query", query, keys.shape[2])
        return _read(_dot(query, keys), values, seen, single)


class GeneralAttention(nn.Module):
    """General attention: score = q . (W k) (Luong, Pham & Manning 2015)."""

    def __init__(self, query_size: int, key_size: int) -> None:
        super().__init__()
        _positive(query_size=query_size, key_size=key_size)
        self.weight = nn.Parameter(torch.empty(query_size, key_size))
        bound = 1.0 / math.sqrt(key_size)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Context and weights; see the module. Raises InputError for shapes that do not fit."""
        query, keys, values, seen, single = _prepare(query, keys, values, lengths, mask)
        _size("query", query, self.weight.shape[0])
        _size("keys", keys, self.weight.shape[1])
        return _read(_dot(query @ self.weight, keys), values, seen, single)


def _prepare(
    query: Tensor,
    keys: Tensor,
    values: Tensor | None,
    lengths: Tensor | None,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, bool]:
    """Query as (S, B, Q), keys and values, zeros where nothing may be seen, the mask as (T, B)."""
    if keys.dim() != 3:
        raise InputError(f"keys of shape {tuple(keys.shape)}", where="keys", expected="(T, B, K)")
    steps, batch = keys.shape[:2]
    if query.dim() not in (2, 3) or query.shape[-2] != batch:
        raise InputError(
            f"query of shape {tuple(query.shape)}",
            where="query",
            expected=f"(B, Q) or (S, B, Q) with B = {batch}, as the keys",
        )
    if values is not None and (values.dim() != 3 or values.shape[:2] != keys.shape[:2]):
        raise InputError(
            f"values of shape {tuple(values.shape)}",
            where="values",
            expected=f"({steps}, {batch}, V)",
        )
    if lengths is not None and mask is not None:
        raise InputError("both lengths and mask", where="mask", expected="one or the other")
    if lengths is not None:
        lengths = checks.whole_lengths(lengths, batch)
        if not torch.compiler.is_compiling() and not transformed() and not lengths.is_meta:
            length_bounds(lengths, steps)
        mask = torch.arange(steps, device=keys.device).unsqueeze(1) < lengths.to(keys.device)
    if mask is not None:
        if tuple(mask.shape) != (steps, batch) or mask.dtype != torch.bool:
            raise InputError(
                f"mask of shape {tuple(mask.shape)} and type {mask.dtype}",
                where="mask",
                expected=f"({steps}, {batch}) bool, True where a step may be seen",
            )
        # What may not be seen may be anything, NaN included, and must not come back as a gradient.
        hidden = ~mask.to(keys.device).unsqueeze(2)
        masked = keys.masked_fill(hidden, 0.0)
        values = masked if values is None else values.masked_fill(hidden, 0.0)
        keys = masked
    single = query.dim() == 2
    return (
        query.unsqueeze(0) if single else query,
        keys,
        keys if values is None else values,
        mask,
        single,
    )


def _dot(query: Tensor, keys: Tensor) -> Tensor:
    """(S, B, T) scores of (S, B, K) with (T, B, K)."""
    return torch.einsum("sbk,tbk->sbt", query, keys)


def _read(
    scores: Tensor, values: Tensor, seen: Tensor | None, single: bool
) -> tuple[Tensor, Tensor]:
    """Weights from (S, B, T) scores, and the values they read."""
    if seen is not None:
        hidden = ~seen.t().to(scores.device)  # (B, T)
        # The most negative finite number: a row of -inf would make softmax and its gradient NaN.
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, -1).masked_fill(hidden, 0.0)
    else:
        weights = torch.softmax(scores, -1)
    context = torch.einsum("sbt,tbv->sbv", weights, values)
    return (context[0], weights[0]) if single else (context, weights)


def _positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise InputError(f"{name}={size!r}", where=name, expected="a whole number of 1 or more")


def _size(name: str, tensor: Tensor, size: int) -> None:
    if tensor.shape[-1] != size:
        raise InputError(
            f"{name} with {tensor.shape[-1]} features", where=name, expected=f"{size} features"
        )
