"""Whole models as streams: a token or an array in, what the model says so far out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from clew.errors import InputError
from clew.kernels.settings import Weights
from clew.kernels.stream import Ending, Head, Pool, Running, Storey
from clew.nn import Stack
from clew.nn.stream import (
    Array,
    check_finite,
    check_stream,
    checked,
    nested,
    not_copied,
    numbers,
    who,
)

Encode = Callable[[str], Sequence[int]]
Scale = Callable[[Array], Array]


class LiveStream:
    """Reads ``batch_size`` sequences step by step with a whole model: what it says of them so far.

    Made by ``LanguageModel.stream``, whose answers are the natural logarithms of the probabilities
    of each next token (V,), and ``Classifier.stream``, whose answers are the probabilities of the
    labels (C,), both in the order of ``names``. The weights are copied; they stay as they were when
    the stream was made. It runs on the CPU, without torch.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        table: Tensor | None,
        pool: Pool,
        weight: Tensor,
        bias: Tensor | None,
        ending: Ending,
        names: Sequence[Any],
        encode: Encode | None,
        scale: Scale | None = None,
        features: int | None = None,
        gaps: bool = False,
        batch_size: int = 1,
        dtype: Any = None,
    ) -> None:
        half = check_stream(batch_size, dtype)
        storeys = [
            Storey(cell, Weights(*map(_here, weights)), residual)  # type: ignore[arg-type]
            for cell, weights, residual in stack._storeys()
        ]
        head = Head(_here(weight), _here(bias), ending)  # type: ignore[arg-type]
        self._engine = Running(
            storeys, batch_size, half=half, table=_here(table), pool=pool, head=head
        )
        self._features = int(stack.input_size) if features is None else features
        self._encode = encode
        self._scale, self._gaps = scale, gaps
        self._push = self._engine.push
        # What has to be scaled is never fit to be read as it is given.
        self._at_once = self._push if scale is None else (lambda x_t, moves: None)
        self.batch_size = batch_size
        self.names = list(names)

    def push(self, x_t: Any, moves: Any = None) -> Array:
        """Reads one step of each sequence and returns (B, V) or (B, C); of a single one (V,), (C,).

        x_t: for text a token of each sequence, as its text or its number; for arrays (B, D), of a
        single sequence (D,), as they were given to fit. moves: (B,) bool, who reads; the others
        keep their state, what is given for them is not read, and their rows of the answer are
        zeros.

        Raises:
            InputError: a wrong shape, text that is not one token, a number that is none, NaN or
                infinity; the state is as it was before.
        """
        y = self._at_once(x_t, moves)  # None where it is not at once fit to be read
        return self._converted(x_t, moves) if y is None else y

    def read(self, text: str | Sequence[str]) -> Array:
        """Reads a text, or a list of tokens, and returns what is said after the last token.

        Raises:
            InputError: the stream reads arrays, or several sequences; no token is in the text.
        """
        if self._encode is None or self.batch_size != 1:
            raise InputError(
                "a text for a stream of arrays, or of several sequences",
                where="text",
                hint="push, step by step",
            )
        tokens = self._encode(text) if isinstance(text, str) else text
        if len(tokens) == 0:
            raise InputError("no token is in this text", where="text")
        for token in [self._token(token, 0) for token in tokens]:
            answer = self.push(token)
        return answer

    @property
    def state(self) -> Any:
        """A copy of all that is carried, as arrays.

        The state of the layers, a tuple with h (1, B, H) or (h, c) for each; where the answer is
        made of all steps so far a triple of that, what was pooled (B, H), and the number of steps
        (B,).
        """
        states = nested(self._engine.states(), True)
        return (states, *self._engine.pooled()) if self._engine.pools else states

    @state.setter
    def state(self, state: Any) -> None:
        engine = self._engine
        layers, like = state, engine.states()
        if engine.pools:
            if not isinstance(state, tuple | list) or len(state) != 3:
                raise InputError(
                    "not the state of this stream",
                    where="state",
                    expected="(layers, pooled, steps), as stream.state returns it",
                )
            layers, pooled, steps = state[0], np.asarray(state[1]), np.asarray(state[2])
            values, counts = engine.pooled()
            if pooled.shape != values.shape or steps.shape != counts.shape:
                raise InputError(
                    f"pooled values of shape {pooled.shape} of steps of shape {steps.shape}",
                    where="state",
                    expected=f"shapes {values.shape} and {counts.shape}",
                )
            pooled = numbers(pooled, "state[1]", engine.dtype)
            check_finite(pooled, "state[1]")
            if steps.dtype.kind not in "iu" or (steps < 0).any():
                raise InputError("not numbers of steps", where="state[2]", expected="whole, from 0")
        parts = checked(layers, like, True, engine.dtype)
        engine.set_states(parts)
        if engine.pools:
            engine.set_pooled(pooled, steps)

    def reset(self, mask: Any = None) -> None:
        """Forgets everything, or what those sequences carry that a (B,) bool mask names."""
        self._engine.reset(who(mask, self.batch_size, "mask"))

    def __reduce__(self) -> Any:
        raise not_copied(self, "model.stream()")

    def _converted(self, x_t: Any, moves: Any) -> Array:
        mask = who(moves, self.batch_size, "moves")
        if self._encode is None:
            x = numbers(x_t, "x_t", self._engine.dtype)
            single = x.ndim == 1 and self.batch_size == 1
            x = x[np.newaxis] if single else x
            if x.shape != (self.batch_size, self._features):
                raise InputError(
                    f"a step of shape {tuple(np.shape(x_t))}",
                    where="x_t",
                    expected=f"shape {(self.batch_size, self._features)}",
                )
            x = x if mask is None else np.where(mask[:, np.newaxis], x, 0)
            check_finite(np.where(np.isnan(x), 0, x) if self._gaps else x, "x_t")
            x = np.ascontiguousarray(x if self._scale is None else self._scale(x))
        else:
            if isinstance(x_t, Tensor):
                x_t = x_t.numpy(force=True)
            if isinstance(x_t, np.ndarray) and x_t.ndim == 0:
                x_t = x_t[()]
            single = self.batch_size == 1 and (isinstance(x_t, str) or np.ndim(x_t) == 0)
            given = [x_t] if single else x_t
            if isinstance(given, str) or np.shape(given)[:1] != (self.batch_size,):
                raise InputError(
                    f"{x_t!r} for {self.batch_size} sequences",
                    where="x_t",
                    expected=f"a list of {self.batch_size} tokens",
                )
            read = np.ones(self.batch_size, bool) if mask is None else mask
            tokens = [
                self._token(token, k) if moved else 0
                for k, (token, moved) in enumerate(zip(given, read, strict=True))
            ]
            x = np.array(tokens, dtype=np.int64)
        y = self._push(x, mask)
        assert y is not None
        first: Array = y[0]
        return first if single else y

    def _token(self, token: Any, place: int) -> int:
        where = f"x_t[{place}]" if self.batch_size > 1 else "x_t"
        if isinstance(token, str):
            assert self._encode is not None
            found = self._encode(token)
            if len(found) != 1:
                raise InputError(
                    f"{token!r} is {len(found)} tokens",
                    where=where,
                    expected="one",
                    hint="read(text) reads all of them",
                )
            return int(found[0])
        if isinstance(token, bool | np.bool_) or not isinstance(token, int | np.integer):
            raise InputError(
                f"{token!r} is no token", where=where, expected="its text, or its number"
            )
        if not 0 <= token < self._engine.ids:
            raise InputError(
                f"there is no token {token}",
                where=where,
                expected=f"0 to {self._engine.ids - 1}",
            )
        return int(token)


def _here(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.detach().cpu()
