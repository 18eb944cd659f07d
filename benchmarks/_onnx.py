"""torch's layers as ONNX models of one node, written by hand, and run by ONNX Runtime."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,)}  # ONNX's order in torch's


def available() -> bool:
    """Whether there is anything to measure; says so in a line if not."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        print(f"ONNX Runtime is left out: {error}", file=sys.stderr)
        return False
    return True


def session(layer: nn.RNNBase, threads: int, *, states: bool) -> Any:
    """A session with inputs x (T, B, D) and, with `states`, h and for the LSTM c (1, B, H).

    Outputs are y (T, 1, B, H), h and for the LSTM c.
    """
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    operator = layer.mode.removesuffix("_TANH")
    names = ["h", "c"] if operator == "LSTM" else ["h"]
    order = GATES[layer.mode]
    weight = {k: v.detach().numpy() for k, v in layer.named_parameters()}

    def arranged(value: np.ndarray) -> np.ndarray:
        parts = np.split(value, len(order))
        return np.concatenate([parts[k] for k in order])[None]

    bias = [arranged(weight[f"bias_{part}_l0"]) for part in ("ih", "hh")]
    fixed = {
        "W": arranged(weight["weight_ih_l0"]),
        "R": arranged(weight["weight_hh_l0"]),
        "B": np.concatenate(bias, axis=1),
    }
    entering = names if states else []
    how = {"linear_before_reset": 1} if operator == "GRU" else {}
    node = helper.make_node(
        operator,
        ["x", *fixed, "", *entering],
        ["y", *(f"{name}_out" for name in names)],
        hidden_size=layer.hidden_size,
        **how,
    )
    real = TensorProto.FLOAT
    state = [1, "batch", layer.hidden_size]
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", real, ["steps", "batch", layer.input_size])]
        + [helper.make_tensor_value_info(name, real, state) for name in entering],
        [helper.make_tensor_value_info("y", real, ["steps", 1, "batch", layer.hidden_size])]
        + [helper.make_tensor_value_info(f"{name}_out", real, state) for name in names],
        [numpy_helper.from_array(value, name) for name, value in fixed.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )


def reading(layer: nn.RNNBase, x: Tensor, threads: int) -> Callable[[], np.ndarray]:
    """A call that reads x (T, B, D) and returns y (T, B, H)."""
    run = session(layer, threads, states=False).run
    feed = {"x": x.numpy()}
    return lambda: run(None, feed)[0][:, 0]


def stepping(layer: nn.RNNBase, x: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    """A call that reads the step x (B, D) from the last state on and returns y (B, H)."""
    run = session(layer, threads, states=True).run
    count = 2 if layer.mode == "LSTM" else 1
    names = ("h", "c")[:count]
    state = [np.zeros((1, len(x), layer.hidden_size), x.dtype)] * count
    step = x[None]

    def call() -> np.ndarray:
        nonlocal state
        y, *state = run(None, {"x": step, **dict(zip(names, state, strict=True))})
        return y[0, 0]

    return call
