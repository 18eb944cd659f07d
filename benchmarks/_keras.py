"""The character model in Keras on JAX, in a process of its own, asked for turns over pipes.

`Keras` is the side that asks. As a program (run by the Python that has Keras), this file reads the
sizes, weights and data from an .npz file, takes one step and answers with its loss, then reads a
number of seconds a line and answers each with the seconds that one training step took.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import numpy as np

# The other Python has packages of its own.
ENVIRONMENT = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": ""}


def available(python: str | None) -> bool:
    """Whether this Python has Keras and JAX; says so in a line if not."""
    if python is None:
        print("Keras on JAX is left out: no --jax-python")
        return False
    try:
        tried = subprocess.run(
            [python, "-c", "import jax, keras"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **ENVIRONMENT},
        )
        problem = "" if tried.returncode == 0 else tried.stderr.strip().rpartition("\n")[2]
    except OSError as error:
        problem = str(error)
    if problem:
        print(f"Keras on JAX is left out: {problem}")
    return not problem


class Keras:
    """A training step of Keras on JAX as a contender; `loss` is that of its first step."""

    def __init__(self, python: str, cell: str, threads: int, arrays: dict[str, np.ndarray]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "model.npz"
        np.savez(file, **arrays)
        self._process = subprocess.Popen(
            [python, __file__, cell, str(threads), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ENVIRONMENT},
        )
        self.name = self._answer()
        self.loss = float(self._answer())

    def turn(self, seconds: float) -> float:
        """Seconds a step: the median of one turn."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"Keras ended with exit code {self._process.wait()}")
        return line.strip()

    def __enter__(self) -> "Keras":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()
        self._folder.cleanup()


def _main(cell: str, threads: int, file: str) -> None:
    if hasattr(os, "sched_setaffinity"):  # what XLA takes the number of its threads from
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what others print must not stand between the answers
    import jax
    import keras

    given = dict(np.load(file))
    vocabulary, embedding = given["embedding.weight"].shape
    hidden = given["recurrent.weight_hh_l0"].shape[1]
    kinds = {"RNN": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}
    recurrent = [kinds[cell](hidden, return_sequences=True) for _ in range(2)]
    tokens = given["tokens"].T  # (B, T): Keras wants the batch first
    model = keras.Sequential(
        [keras.Input(tokens.shape[1:], batch_size=len(tokens), dtype="int32"),
         keras.layers.Embedding(vocabulary, embedding), *recurrent, keras.layers.Dense(vocabulary)]
    )  # fmt: skip
    model.layers[0].set_weights([given["embedding.weight"]])
    model.layers[-1].set_weights([given["output.weight"].T, given["output.bias"]])
    for number, layer in enumerate(recurrent):
        w_ih, w_hh, b_ih, b_hh = (
            given[f"recurrent.{name}_l{number}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        if cell == "GRU":  # Keras keeps the gates as z r n, and both biases
            w_ih, w_hh, b_ih, b_hh = (
                np.concatenate([np.split(w, 3)[k] for k in (1, 0, 2)])
                for w in (w_ih, w_hh, b_ih, b_hh)
            )
        bias = np.stack([b_ih, b_hh]) if cell == "GRU" else b_ih + b_hh
        layer.set_weights([w_ih.T, w_hh.T, bias])
    model.compile(
        keras.optimizers.AdamW(1e-3, weight_decay=0.01, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    targets = given["targets"].T
    print(f"Keras {keras.__version__} on JAX {jax.__version__}", file=answers)
    print(float(model.train_on_batch(tokens, targets)), file=answers)
    for line in sys.stdin:
        model.train_on_batch(tokens, targets)  # wakes the threads
        times = []
        end = time.perf_counter() + float(line)
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            model.train_on_batch(tokens, targets)
            times.append(time.perf_counter() - start)
        print(statistics.median(times), file=answers)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
