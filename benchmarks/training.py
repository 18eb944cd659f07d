"""A whole training step of a character model: Clew's layers beside torch's, and Keras on JAX.

Embedding of 64, two layers of 256, an output layer over 65 characters, cross-entropy, clipping and
AdamW; 64 sequences of 128 steps. All contenders begin with the same weights; torch and Clew must
have the same losses over some steps, Keras the same first loss, before anything is timed.

It also tells what the torch operations around the layers take in a step of each, and alone: layers
whose threads got in torch's way would slow them.

Run: python benchmarks/training.py [--quick] [--jax-python PATH] [--json FILE] [--png FILE]
"""

import contextlib
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import _show
import torch
from _keras import Keras, available
from torch import Tensor, nn
from torch.nn import functional as F

from clew.kernels.turns import in_turns, repeated, settle
from clew.nn import bench

TORCH: dict[str, Any] = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


@dataclass(frozen=True)
class Sizes:
    """B sequences of T steps; V characters as vectors of E numbers; H units in each layer."""

    B: int = 64
    T: int = 128
    V: int = 65
    E: int = 64
    H: int = 256


class CharacterModel(nn.Module):
    """What the next character may be, (T, B) to (T, B, V); `kind` makes the recurrent layers."""

    def __init__(self, kind: Callable[..., nn.Module], sizes: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes.V, sizes.E)
        self.recurrent = kind(sizes.E, sizes.H, num_layers=2)
        self.output = nn.Linear(sizes.H, sizes.V)

    def forward(self, tokens: Tensor) -> Tensor:
        """(T, B) to (T, B, V)."""
        scores: Tensor = self.output(self.recurrent(self.embedding(tokens))[0])
        return scores


class Trainer:
    """A model with its optimizer: whole steps, and steps in which each part is timed."""

    def __init__(self, model: CharacterModel, tokens: Tensor, targets: Tensor) -> None:
        self.model, self.tokens, self.targets = model, tokens, targets.flatten()
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=1e-3, eps=1e-7, weight_decay=0.01, fused=True
        )

    def step(self) -> float:
        """One training step; its loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(self.tokens).flatten(0, 1), self.targets)
        loss.backward()
        self._update()
        return float(loss.detach())

    def _update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def parts(self, layers: bool = True) -> tuple[float, float]:
        """Seconds of the recurrent layers, and of the torch operations around them, in one step.

        Without `layers` what they would say and their gradients are taken as given.
        """
        model, clock = self.model, time.perf_counter
        recurrent = list(model.recurrent.parameters())
        self.optimizer.zero_grad(set_to_none=True)
        given = torch.zeros((*self.tokens.shape, model.output.in_features))
        back = torch.zeros((*self.tokens.shape, model.embedding.embedding_dim))
        if not layers:
            for parameter in recurrent:
                parameter.grad = torch.full_like(parameter, 1e-3)
        marks = [clock()]
        embedded = model.embedding(self.tokens)
        marks.append(clock())
        entering = embedded.detach().requires_grad_()
        said = model.recurrent(entering)[0] if layers else given
        marks.append(clock())
        features = said.detach().requires_grad_()
        F.cross_entropy(model.output(features).flatten(0, 1), self.targets).backward()
        marks.append(clock())
        if layers:
            said.backward(features.grad)
            back = entering.grad
        marks.append(clock())
        embedded.backward(back)
        self._update()
        marks.append(clock())
        spans = [after - before for before, after in itertools.pairwise(marks)]
        return spans[1] + spans[3], spans[0] + spans[2] + spans[4]


def around(trainers: dict[str, Trainer], rounds: int) -> dict[str, dict[str, float]]:
    """Medians of what `Trainer.parts` tells, in turns; "alone" is torch's part by itself."""
    calls: dict[str, Callable[[], tuple[float, float]]] = {
        "alone": lambda: trainers["torch"].parts(layers=False),
        **{name: trainer.parts for name, trainer in trainers.items()},
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            settle()
            call()
            found[name] += [call() for _ in range(3)]
    return {
        name: {"layers": statistics.median(t[0] for t in times),
               "around": statistics.median(t[1] for t in times)}
        for name, times in found.items()
    }  # fmt: skip


def made(cell: str, sizes: Sizes) -> dict[str, Trainer]:
    """torch's and Clew's model of the same weights, before the same batch."""
    chance = torch.Generator().manual_seed(3)
    tokens, targets = (
        torch.randint(sizes.V, (sizes.T, sizes.B), generator=chance) for _ in range(2)
    )
    torch.manual_seed(0)
    models = {name: CharacterModel(kinds[cell], sizes) for name, kinds in
              (("torch", TORCH), ("clew", bench.CELLS))}  # fmt: skip
    models["clew"].load_state_dict(models["torch"].state_dict())
    return {name: Trainer(model, tokens, targets) for name, model in models.items()}


def measure(
    cell: str, sizes: Sizes, jax_python: str | None, threads: int, rounds: int, seconds: float
) -> dict[str, Any]:
    """One cell: checked, timed in turns, and the parts of a step."""
    trainers = made(cell, sizes)
    ours = trainers["torch"]
    arrays = {name: value.detach().numpy().copy() for name, value in ours.model.named_parameters()}
    tokens, targets = ours.tokens.numpy(), ours.targets.reshape(ours.tokens.shape).numpy()
    losses = {name: [t.step() for _ in range(4)] for name, t in trainers.items()}
    bench.check(f"{cell}: losses of Clew", losses["clew"], losses["torch"], 1e-4, relative=False)
    contenders = {name: repeated(trainer.step) for name, trainer in trainers.items()}
    with contextlib.ExitStack() as stack:
        if jax_python is not None:
            everything = {**arrays, "tokens": tokens, "targets": targets}
            keras = stack.enter_context(Keras(jax_python, cell, threads, everything))
            bench.check(f"{cell}: first loss of Keras", keras.loss, losses["torch"][0], 1e-4,
                        relative=False)  # fmt: skip
            contenders[keras.name] = keras.turn
        times = in_turns(contenders, rounds=rounds, seconds=seconds)
    names = list(contenders)
    return {
        "cell": cell,
        "seconds": {name: times.median(name) for name in names},
        "ratio_to_torch": {name: times.ratio(name, "torch") for name in names[1:]},
        "parts": around(trainers, rounds),
    }


def tell(found: list[dict[str, Any]]) -> None:
    """Both tables."""
    print("\nwhole training step: time, and how many times as fast as torch")
    names = list(found[0]["seconds"])
    body = [
        [name, *(_show.duration(f["seconds"][name])
                 + (f" ({f['ratio_to_torch'][name]:.2f}x)" if name != "torch" else "")
                 for f in found)]
        for name in names
    ]  # fmt: skip
    _show.show(["", *(f["cell"] for f in found)], body)
    print("\ntorch's operations around the layers: alone, and within a step of each")
    body = []
    for name in ("alone", "torch", "clew"):
        line = ["alone" if name == "alone" else f"within a step of {name}"]
        for f in found:
            spent, alone = f["parts"][name]["around"], f["parts"]["alone"]["around"]
            line.append(f"{_show.duration(spent)} ({spent / alone:.2f})")
        body.append(line)
    _show.show(["", *(f["cell"] for f in found)], body)


def main() -> None:
    parser = _show.options(__doc__)
    parser.add_argument("--jax-python", metavar="PATH", help="a Python that has Keras and JAX")
    parser.add_argument("--cell", choices=list(TORCH), action="append")
    asked = parser.parse_args()
    sizes = Sizes(B=4, T=8, E=8, H=16) if asked.quick else Sizes()
    rounds, seconds = (2, 0.01) if asked.quick else (7, 0.3)
    rounds = asked.rounds or rounds
    python = asked.jax_python if available(asked.jax_python) else None
    found = []
    with bench.threads(asked.threads):
        facts = _show.facts(asked.threads)
        for cell in asked.cell or TORCH:
            found.append(measure(cell, sizes, python, asked.threads, rounds, seconds))
    tell(found)
    _show.write(asked.json, "training", facts, sizes=vars(sizes), rows=found)
    names = sorted(found[0]["seconds"], key=lambda name: name != "clew")
    cells = [f["cell"] for f in found]
    series = {name: [1e3 * f["seconds"][name] for f in found] for name in names}
    title = "A training step of the character model"
    _show.picture(asked.png, title, [("whole step", cells, series, "ms")])


if __name__ == "__main__":
    main()
