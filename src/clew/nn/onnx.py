"""Export to the standard ONNX nodes RNN, LSTM and GRU through torch.onnx.export.

    torch.onnx.export(model, args, dynamo=True, custom_translation_table=onnx_translations())

The exporter sees each layer as one operator (``clew.kernels.compiled``); here that becomes one
node. Lengths become its ``sequence_lens``; initial states and any T and B (``dynamic_shapes``) are
kept. What the nodes do not have (layer normalisation, zoneout, projections, resets, the masks of
training) is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from clew.errors import InputError

# Where ONNX's gates (LSTM i o f c, GRU z r h) stand in torch's (i f g o, r z n).
_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}
_INT32 = 6  # onnx.TensorProto.INT32


def onnx_translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What ``torch.onnx.export(..., custom_translation_table=)`` needs for Clew's layers.

    Raises:
        ImportError: the packages of the extra ``clew[onnx]`` are missing.
    """
    try:
        import onnxscript
    except ImportError as error:
        raise ImportError(
            "export to ONNX needs packages that are not installed\n  try: pip install 'clew[onnx]'"
        ) from error
    op: Any = onnxscript.opset18

    def layer(
        x: Any,
        state: Sequence[Any],
        weights: Sequence[Any],
        lengths: Any,
        reset: Any,
        masks: Any,
        mode: str,
        bidirectional: bool,
        layer_norm: bool,
        zoneout: Sequence[float],
        weight_fields: Sequence[bool],
        *rest: Any,
    ) -> tuple[Any, Any, Any, Any]:
        _refuse(
            {
                "layer_norm": layer_norm,
                "zoneout": any(zoneout),
                "proj_size": weight_fields[4],
                "reset": reset is not None,
                "masks of training": masks is not None,
            }
        )
        directions = 2 if bidirectional else 1
        hidden = int(weights[0].shape[0]) // len(_GATES[mode])
        rows = [k * hidden + row for k in _GATES[mode] for row in range(hidden)]
        order = op.Constant(value_ints=rows)
        first = op.Constant(value_ints=[0])
        arranged = [op.Gather(w, order, axis=0) for w in weights]  # (G, ...) in ONNX's order
        each = len(weights) // directions
        own = [arranged[d * each : (d + 1) * each] for d in range(directions)]

        def both(parts: list[Any]) -> Any:
            return op.Concat(*[op.Unsqueeze(part, first) for part in parts], axis=0)

        w_ih, w_hh = both([w[0] for w in own]), both([w[1] for w in own])
        bias = both([op.Concat(w[2], w[3], axis=0) for w in own]) if each == 4 else None
        ends = None if lengths is None else op.Cast(lengths, to=_INT32)
        how: dict[str, Any] = {
            "hidden_size": hidden,
            "direction": "bidirectional" if bidirectional else "forward",
        }
        if mode == "LSTM":
            y, *final = op.LSTM(x, w_ih, w_hh, bias, ends, *state, **how)
        elif mode == "GRU":
            y, *final = op.GRU(x, w_ih, w_hh, bias, ends, *state, linear_before_reset=1, **how)
        else:
            how["activations"] = ["Tanh" if mode == "RNN_TANH" else "Relu"] * directions
            y, *final = op.RNN(x, w_ih, w_hh, bias, ends, *state, **how)
        if lengths is not None:  # an empty sequence keeps its state, which ONNX leaves open
            read = op.Greater(lengths, op.CastLike(first, lengths))
            read = op.Unsqueeze(read, op.Constant(value_ints=[0, 2]))  # (1, B, 1)
            final = [op.Where(read, new, old) for new, old in zip(final, state, strict=True)]
        # (T, directions, B, H) to (T, B, directions * H)
        y = op.Transpose(y, perm=[0, 2, 1, 3])
        y = op.Reshape(y, op.Constant(value_ints=[0, 0, directions * hidden]))
        # The operator's c of a cell without, and its record: values that nobody reads.
        unread = [op.Identity(final[0]) for _ in range(3 - len(final))]
        return (y, *final, *unread)

    return {torch.ops.clew.layer.default: layer}


def _refuse(unknown: dict[str, bool]) -> None:
    for name, there in unknown.items():
        if there:
            raise InputError(
                f"{name}, which ONNX's recurrent nodes do not have",
                where=name,
                expected="a plain layer in evaluation, with or without lengths",
            )
