"""What the laws are run over: every recurrent layer and option, and one drawn reading of each.

A `Subject` is a row of the contract: a kind of layer with options. A `Case` is a subject with
sizes, data, lengths and resets. `plain` reads a case with `clew.reference`, one sequence at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from hypothesis import strategies as st

import clew.nn
from clew import reference
from clew.reference import Weights, gru_step, lstm_step, relu, rnn_step

KINDS: dict[str, tuple[type[torch.nn.Module], dict[str, Any]]] = {
    "tanh": (clew.nn.RNN, {}),
    "relu": (clew.nn.RNN, {"nonlinearity": "relu"}),
    "gru": (clew.nn.GRU, {}),
    "lstm": (clew.nn.LSTM, {}),
    "projected": (clew.nn.LSTM, {"proj_size": 2}),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "bare": {},
    "normed": {"layer_norm": True},
    "zoned": {"zoneout": 0.3},
    "dropped": {"recurrent_dropout": 0.4},
    "all": {"layer_norm": True, "zoneout": 0.2, "recurrent_dropout": 0.3},
}


@dataclass(frozen=True)
class Subject:
    """One row of the contract."""

    kind: str  # of KINDS
    options: dict[str, Any] = field(hash=False)
    stack: bool = False
    name: str = ""

    @property
    def pair(self) -> bool:
        return self.kind in ("lstm", "projected")


SUBJECTS = [
    Subject(kind, {**KINDS[kind][1], **options}, name=f"{kind}-{option}")
    for kind in KINDS
    for option, options in OPTIONS.items()
]
SUBJECTS += [
    Subject(
        kind, {"cell": cell, "residual": True, **OPTIONS[option]}, True, f"stack-{cell}-{option}"
    )
    for kind, cell, option in [
        ("tanh", "rnn", "normed"),
        ("gru", "gru", "all"),
        ("lstm", "lstm", "bare"),
    ]
]
SUBJECTS.append(
    Subject("lstm", {"zoneout": (0.5, 0.1), "layer_norm": True}, name="lstm-two-zoneouts")
)


@dataclass(frozen=True)
class Case:
    """A subject with its sizes and one call of it."""

    subject: Subject
    T: int
    B: int
    D: int
    H: int
    depth: int
    both: bool
    batch_first: bool
    bias: bool
    dtype: torch.dtype
    lengths: tuple[int, ...] | None
    reset: tuple[tuple[bool, ...], ...] | None  # (T, B)
    given: bool  # whether there is an initial state
    layout: str
    seed: int

    # --- the layer ---

    def layer(self, seed: int | None = None, **more: Any) -> Any:
        """Build it, in evaluation mode, with weights that hide nothing (gains and biases drawn)."""
        torch.manual_seed(self.seed if seed is None else seed)
        options = dict(self.subject.options) | more
        options["bidirectional"] = self.both
        if self.subject.stack:
            made = clew.nn.Stack(self.D, self.H, self.depth, **options).to(self.dtype)
        else:
            kind, _ = KINDS[self.subject.kind]
            options |= {"batch_first": self.batch_first, "bias": self.bias, "dtype": self.dtype}
            made = kind(self.D, self.H, self.depth, **options)
        with torch.no_grad():
            for p in made.parameters():
                if p.dim() == 1:
                    p.add_(torch.randn_like(p) * 0.3)
        return made.eval()

    # --- the data ---

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed + 1)

    def data(self) -> tuple[torch.Tensor, Any]:
        """Return x (T, B, D) in the case's memory layout and the initial state or None."""
        g = self.generator()
        x = torch.randn(self.T, self.B, self.D, generator=g, dtype=torch.float64).to(self.dtype)
        x = arranged(x, self.layout)
        return x, self.state(g) if self.given else None

    def state(self, g: torch.Generator | None = None) -> Any:
        """Return a drawn state, or zeros, in the shape that the subject carries."""
        rows = (1 if self.subject.stack else self.depth) * (1 + self.both)

        def one() -> Any:
            shown = self.subject.options.get("proj_size", self.H)
            sizes = (shown, self.H) if self.subject.pair else (shown,)
            parts = [torch.zeros(rows, self.B, size, dtype=self.dtype) for size in sizes]
            if g is not None:
                parts = [torch.randn(p.shape, generator=g, dtype=torch.float64) for p in parts]
                parts = [arranged(p.to(self.dtype), self.layout) for p in parts]
            return tuple(parts) if self.subject.pair else parts[0]

        return tuple(one() for _ in range(self.depth)) if self.subject.stack else one()

    @property
    def lengths_tensor(self) -> torch.Tensor | None:
        return None if self.lengths is None else torch.tensor(self.lengths)

    @property
    def reset_tensor(self) -> torch.Tensor | None:
        return None if self.reset is None else torch.tensor(self.reset).reshape(self.T, self.B)

    @property
    def width(self) -> int:
        """The width of y."""
        return int(self.subject.options.get("proj_size", self.H)) * (1 + self.both)

    # --- the call ---

    def call(self, layer: Any, x: torch.Tensor, state: Any, **more: Any) -> tuple[Any, Any]:
        """Read x (T, B, D), in whichever order of axes the layer wants it, and give y (T, B, _)."""
        if self.batch_first and not self.subject.stack:
            if more.get("reset") is not None:
                more["reset"] = more["reset"].t()
            y, state = layer(x.transpose(0, 1), state, **more)
            return y.transpose(0, 1), state
        y, state = layer(x, state, **more)
        return y, state

    def read(self, layer: Any, x: torch.Tensor, state: Any) -> tuple[Any, Any]:
        """Read it with the case's own lengths and resets."""
        return self.call(layer, x, state, lengths=self.lengths_tensor, reset=self.reset_tensor)


def arranged(x: torch.Tensor, layout: str) -> torch.Tensor:
    """Return the same numbers in another memory layout."""
    if layout == "strided":
        return torch.stack([x, x.new_full(x.shape, torch.nan)], -1)[..., 0]
    if layout == "transposed":
        return x.transpose(0, 1).contiguous().transpose(0, 1)
    return x


@st.composite
def cases(draw: st.DrawFn, subject: Subject, **fixed: Any) -> Case:
    """Draw a case of a subject; `fixed` fields are taken as they are."""

    def pick(name: str, strategy: st.SearchStrategy[Any]) -> Any:
        return fixed[name] if name in fixed else draw(strategy)

    T, B = pick("T", st.integers(1, 6)), pick("B", st.integers(1, 4))
    steps = st.tuples(*[st.integers(0, T)] * B)
    borders = st.tuples(*[st.tuples(*[st.booleans()] * B)] * T)
    H = draw(st.integers(3 if subject.kind == "projected" else 1, 5))
    D = H if subject.stack and draw(st.booleans()) else draw(st.integers(1, 5))
    return Case(
        subject=subject,
        T=T,
        B=B,
        D=D,
        H=H,
        depth=pick("depth", st.integers(1, 2)),
        both=pick("both", st.booleans()),
        batch_first=draw(st.booleans()),
        bias=draw(st.booleans()),
        dtype=pick("dtype", st.sampled_from([torch.float64, torch.float32])),
        lengths=pick("lengths", st.none() | steps),
        reset=pick("reset", st.none() | borders),
        given=draw(st.booleans()),
        layout=draw(st.sampled_from(["plain", "strided", "transposed"])),
        seed=draw(st.integers(0, 2**20)),
    )


# --- trees of tensors ----------------------------------------------------------------------------


def leaves(tree: Any) -> list[torch.Tensor]:
    """Return every tensor of a state."""
    if tree is None:
        return []
    return [tree] if isinstance(tree, torch.Tensor) else [v for part in tree for v in leaves(part)]


def mapped(f: Any, *trees: Any) -> Any:
    """Return a state of the same form with f done to each tensor (or to those in one place)."""
    if trees[0] is None:
        return None
    if isinstance(trees[0], torch.Tensor):
        return f(*trees)
    return tuple(mapped(f, *parts) for parts in zip(*trees, strict=True))


# --- the plain twin ------------------------------------------------------------------------------


def plain(
    case: Case, layer: Any, x: torch.Tensor, state: Any, noise: Any = None
) -> tuple[torch.Tensor, list[torch.Tensor]]:
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
    return y, ends


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
