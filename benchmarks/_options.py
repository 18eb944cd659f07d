"""What layer normalisation, zoneout and recurrent dropout cost, beside the plain layer of Clew.

torch has none of them: the truth is the formula in torch operations, given the same random masks.
"""

import copy
from collections.abc import Sequence
from typing import Any

import _show
import torch

from clew import kernels
from clew.kernels import formula
from clew.kernels.native import zeros
from clew.kernels.schedule import Schedule
from clew.kernels.turns import in_turns, repeated
from clew.nn import bench
from clew.nn.bench import INFERENCE, TRAINING, Shape

OPTIONS: dict[str, dict[str, Any]] = {
    "layer norm": {"layer_norm": True},
    "zoneout": {"zoneout": 0.1},
    "recurrent dropout": {"recurrent_dropout": 0.25},
    "all three": {"layer_norm": True, "zoneout": 0.1, "recurrent_dropout": 0.25},
}


def validate(title: str, layer: Any, x: torch.Tensor, gradient: torch.Tensor) -> None:
    """Outputs and gradients in training, masks drawn once, and in evaluation.

    In double precision: over many steps layer normalisation makes the roundings of single precision
    so large that no two ways of adding agree.
    """
    layer, x, gradient = copy.deepcopy(layer).double(), x.double(), gradient.double()
    cell = layer._cell()
    steps, batch, _ = x.shape
    for training in (True, False):
        weights = layer._weights(cell)
        like = weights[0][0].w_ih
        masks = None
        if training:
            torch.manual_seed(2)
            masks = kernels.draw_masks(
                cell, steps, batch, layer.hidden_size, layer.hidden_size, like
            )
        x = x.detach().requires_grad_()
        given = None if masks is None else [masks]
        y, _ = kernels.network(cell, x, None, weights, training=training, masks=given)
        state = zeros(cell, weights[0], x)
        truth, _ = formula.layer(cell, x, state, weights[0], Schedule(), masks)
        where = f"{title}, {'training' if training else 'evaluation'}"
        bench.check(where, y, truth, bench.OUTPUT_TOLERANCE, relative=False)
        wanted = [x, *layer.parameters()]
        both = (torch.autograd.grad(out, wanted, gradient) for out in (y, truth))
        bench.check(f"{where}: gradient", *both, bench.GRADIENT_TOLERANCE, relative=True)


def cost(
    cells: Sequence[str], shapes: Sequence[Shape], rounds: int, seconds: float
) -> list[dict[str, Any]]:
    """Times of each option to the plain layer's, in evaluation and in training."""
    found, body = [], []
    for cell in cells:
        for shape in shapes:
            x = bench.drawn(shape.T, shape.B, shape.D)
            gradient = bench.drawn(shape.T, shape.B, shape.H)
            layers = {"plain": bench.pair(cell, shape)[1]}
            for name, settings in OPTIONS.items():
                layers[name] = bench.pair(cell, shape, **settings)[1]
                validate(f"{cell} ({shape}) with {name}", layers[name], x, gradient)
            line = [f"{cell:5}{shape}"]
            for what in (INFERENCE, TRAINING):
                learning = what == TRAINING
                calls = {
                    name: repeated(
                        bench.forward_backward(layer.train(), x, gradient)
                        if learning
                        else bench.inference(layer.eval(), x)
                    )
                    for name, layer in layers.items()
                    if learning or name != "recurrent dropout"  # in evaluation it is off
                }
                times = in_turns(calls, rounds=rounds, seconds=seconds)
                ratios = {name: times.ratio("plain", name) for name in calls if name != "plain"}
                milliseconds = {name: times.median(name) for name in calls}
                found.append(
                    {"cell": cell, **vars(shape), "what": what, "seconds": milliseconds,
                     "time_to_plain": ratios}
                )  # fmt: skip
                line.append(_show.duration(times.median("plain")))
                line += [f"{ratios[name]:.2f}" if name in ratios else "" for name in OPTIONS]
            body.append(line)
    print("\noptions: the plain layer's time, and the time of each option as a multiple of it")
    titles = ["plain", "norm", "zone", "drop", "all"]
    _show.show(["evaluation, then forward+backward", *titles, *titles], body)
    return found
