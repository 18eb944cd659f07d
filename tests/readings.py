"""Ways of reading a case: with gradients, to compare; and as the definition says, plainly."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any
from unittest import mock

import torch
from subjects import Case, leaves

from clew import reference
from clew.kernels import draw_masks
from clew.reference import Weights, gru_step, lstm_step, relu, rnn_step


def close(ours: torch.Tensor, theirs: torch.Tensor, what: str, loosen: float = 1.0) -> None:
    """Compare to 1e-5 (float32) or 1e-10 (float64), relative to the largest number if above 1."""
    tolerance = loosen * (1e-10 if ours.dtype == torch.float64 else 1e-5)
    theirs = theirs.to(ours.dtype)
    assert ours.shape == theirs.shape, f"{what}: {tuple(ours.shape)}, not {tuple(theirs.shape)}"
    if ours.numel():
        assert torch.isfinite(ours).all(), f"{what} is not finite"
        gap = float((ours - theirs).detach().abs().max())
        scale = max(1.0, float(theirs.detach().abs().max()))
        assert gap <= tolerance * scale, f"{what} differs by {gap:.2e}"


class Reading:
    """Outputs, final state and gradients of one way of reading a case."""

    def __init__(self, case: Case, how: Any) -> None:
        self.case = case
        self.layer = case.layer()
        self.x, state = case.data()
        self.x.requires_grad_()
        self.state = case.state() if state is None else state
        for v in leaves(self.state):
            v.requires_grad_()
        given_state = self.state if case.given else None
        self.y, end = how(self.layer, self.x, given_state)
        self.end = leaves(end)
        g = case.generator()
        pulls = [
            torch.randn(v.shape, generator=g, dtype=torch.float64) for v in (self.y, *self.end)
        ]
        self.loss = sum(
            (v * pull.to(v.dtype)).sum() for v, pull in zip((self.y, *self.end), pulls, strict=True)
        )
        names = ["x", *(f"state {k}" for k, _ in enumerate(leaves(self.state)))]
        names += [name for name, _ in self.layer.named_parameters()]
        sources = [self.x, *leaves(self.state), *self.layer.parameters()]
        grads = [None] * len(sources)  # as it should be where every sequence is empty
        if self.loss.requires_grad:
            grads = torch.autograd.grad(self.loss, sources, allow_unused=True)
        self.grads = {
            name: torch.zeros_like(v) if grad is None else grad
            for name, v, grad in zip(names, sources, grads, strict=True)
        }

    def equals(self, other: Reading, what: str) -> None:
        slack = self.case.slack
        close(self.y, other.y, f"{what}: output", slack)
        for k, (a, b) in enumerate(zip(self.end, other.end, strict=True)):
            close(a, b, f"{what}: final state {k}", slack)
        for name, grad in self.grads.items():
            close(grad, other.grads[name], f"{what}: gradient of {name}", 10.0 * slack)


# --- the plain twin ------------------------------------------------------------------------------


def plain(
    case: Case, layer: Any, x: torch.Tensor, state: Any, noise: Any = None
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Read a case with `clew.reference`: y (T, B, _) and the leaves of the final state.

    Without `noise` the layer stands in evaluation mode: zoneout by its expectation.
    `noise(k, way, b)` gives, for a layer, a direction and a sequence, the dropout mask and the
    zoneout masks a step, as lists: `(drop, [zone_0, zone_1, ...])`.
    """
    state = case.state() if state is None else state
    ends = [v.detach().clone() for v in leaves(state)]
    T = case.T
    columns = []
    for b in range(case.B):
        length = T if case.lengths is None else case.lengths[b]
        border = None if case.reset is None else [row[b] for row in case.reset][:length]
        xs = x[:length, b].tolist()
        for k in range(case.depth):
            inputs, readings = xs, []
            for way in range(1 + case.both):
                start = [
                    v[way if case.subject.stack else k * (1 + case.both) + way, b].tolist()
                    for v in own_leaves(case, state, k)
                ]
                drop, zones = (None, None) if noise is None else noise(k, way, b)
                step = plain_step(case, weights(case, layer, k, way), drop)
                zones = [plain_zones(case)] * T if zones is None else zones
                items = list(zip(inputs, zones[:length], strict=True))
                first = tuple(start) if case.subject.pair else start[0]
                ys, end = reference.read(step, items, first, reset=border, reverse=way == 1)
                readings.append(ys)
                end_parts = end if case.subject.pair else (end,)
                for v, part in zip(own_leaves(case, ends, k, flat=True), end_parts, strict=True):
                    row = way if case.subject.stack else k * (1 + case.both) + way
                    v[row, b] = torch.tensor(part, dtype=v.dtype)
            xs = [[*chain(*parts)] for parts in zip(*readings, strict=True)]
            if case.subject.options.get("residual") and inputs and len(inputs[0]) == len(xs[0]):
                xs = [reference.add(y, v) for y, v in zip(xs, inputs, strict=True)]
        columns.append(xs)
    y = torch.zeros(T, case.B, case.width, dtype=torch.float64)
    for b, xs in enumerate(columns):
        if xs:
            y[: len(xs), b] = torch.tensor(xs, dtype=torch.float64)
    return y, tuple(ends)


def own_leaves(case: Case, state: Any, k: int, flat: bool = False) -> list[torch.Tensor]:
    """Return the tensors in which layer k's state stands: all of them, or a Stack's own."""
    parts = state if flat else leaves(state)
    if not case.subject.stack:
        return list(parts)
    each = 2 if case.subject.pair else 1
    return list(parts[k * each : (k + 1) * each])


def plain_step(case: Case, w: Weights, drop: Any) -> Any:
    """Return the cell as `read` wants it; each item is an input and the zoneout of its step."""
    if case.subject.pair:
        return lambda item, s: lstm_step(item[0], s, w, drop=drop, zone=item[1])
    if case.subject.kind == "gru":
        return lambda item, h: gru_step(item[0], h, w, drop=drop, zone=item[1][0])
    curve = relu if case.subject.kind == "relu" else reference.tanh
    return lambda item, h: rnn_step(item[0], h, w, curve=curve, drop=drop, zone=item[1][0])


def plain_zones(case: Case) -> Any:
    """Return zoneout's expectation, for h and for c."""
    rate = case.subject.options.get("zoneout", 0.0)
    rates = rate if isinstance(rate, tuple) else (rate, rate)
    shown = case.subject.options.get("proj_size", case.H)
    return [rates[0]] * shown, [rates[1]] * case.H


def weights(case: Case, layer: Any, k: int, way: int) -> Weights:
    """Return what one cell of the layer has learned."""
    module, k = (layer.layers[k], 0) if case.subject.stack else (layer, k)
    tail = f"_l{k}" + ("_reverse" if way else "")
    names = {
        "w_ih": "weight_ih",
        "w_hh": "weight_hh",
        "b_ih": "bias_ih",
        "b_hh": "bias_hh",
        "w_hr": "weight_hr",
        "gain_ih": "ln_ih" if case.subject.kind not in ("tanh", "relu") else "ln",
        "gain_hh": "ln_hh",
        "gain_c": "ln_c_weight",
        "bias_c": "ln_c_bias",
    }
    found = {name: getattr(module, key + tail, None) for name, key in names.items()}
    return Weights(**{name: None if v is None else v.tolist() for name, v in found.items()})


@contextlib.contextmanager
def masks_kept(case: Case) -> Iterator[Any]:
    """Give the masks that a layer draws meanwhile, in the form that `plain` takes them in."""
    module = sys.modules["clew.kernels.network"]  # (the package has a function of that name)
    drawn = []

    def noise(k: int, way: int, b: int) -> Any:
        masks = drawn[k][way]
        drop = None if masks.recurrent is None else masks.recurrent[b].tolist()
        zones = [
            tuple(None if zone is None else zone[t, b].tolist() for zone in masks[1:])
            for t in range(case.T)
        ]
        return drop, zones

    def kept(*args: Any) -> Any:
        drawn.append(draw_masks(*args))
        return drawn[-1]

    with mock.patch.object(module, "draw_masks", kept):
        yield noise
