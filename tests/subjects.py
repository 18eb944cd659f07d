"""What the laws are run over: every recurrent layer and option, and one drawn reading of each.

A `Subject` is a row of the contract: a kind of layer with options. A `Case` is a subject with
sizes, data, lengths and resets.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from hypothesis import strategies as st

import clew.nn

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
        return (
            None
            if self.reset is None
            else torch.tensor(self.reset, dtype=torch.bool).reshape(self.T, self.B)
        )

    @property
    def width(self) -> int:
        """The width of y."""
        return int(self.subject.options.get("proj_size", self.H)) * (1 + self.both)

    @property
    def slack(self) -> float:
        """How much looser than usual to compare in single precision.

        Where the units of a step agree, layer norm divides by sqrt(1e-5): rounding errors grow by
        up to 316 a step. Double precision shows that nothing else has grown.
        """
        normed = self.subject.options.get("layer_norm", False)
        return 100.0 if normed and self.dtype == torch.float32 else 1.0

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
def cases(draw: st.DrawFn, subject: Subject, least: int = 1, **fixed: Any) -> Case:
    """Draw a case of a subject, of `least` steps; `fixed` fields are taken as they are."""

    def pick(name: str, strategy: st.SearchStrategy[Any]) -> Any:
        return fixed[name] if name in fixed else draw(strategy)

    T, B = pick("T", st.integers(least, 6)), pick("B", st.integers(1, 4))
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
        lengths=pick("lengths", st.none() | steps if T else steps),  # no steps at all: say so
        reset=pick("reset", st.none() | borders),
        given=draw(st.booleans()),
        layout=draw(st.sampled_from(["plain", "strided", "transposed"])),
        seed=draw(st.integers(0, 2**20)),
    )


def example(subject: Subject, **changes: Any) -> Case:
    """One ordinary case of a subject."""
    usual = Case(
        subject=subject,
        T=5,
        B=3,
        D=4,
        H=4,
        depth=2,
        both=False,
        batch_first=False,
        bias=True,
        dtype=torch.float32,
        lengths=(3, 0, 5),
        reset=None,
        given=True,
        layout="plain",
        seed=5,
    )
    return replace(usual, **changes)


# --- trees of tensors ----------------------------------------------------------------------------


def leaves(tree: Any) -> list[torch.Tensor]:
    """Return every tensor (or array) of a state."""
    return [v for part in tree for v in leaves(part)] if isinstance(tree, tuple) else [tree]


def mapped(f: Any, *trees: Any) -> Any:
    """Return a state of the same form with f done to each tensor (or to those in one place)."""
    if isinstance(trees[0], tuple):
        return tuple(mapped(f, *parts) for parts in zip(*trees, strict=True))
    return None if trees[0] is None else f(*trees)
