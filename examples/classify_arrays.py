"""Classify arrays: which of two pulses came first?

Both classes hold the same values, in another order, and the pulses may go up or down: neither
averages nor any weighting of the steps can tell the classes apart. Memory can.
The fit prints the score of the model without memory beside its own.
"""

import numpy as np

from clew import Classifier


def examples(count: int, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """Arrays (T, 2) of noise with a pulse in each channel; the label says which came first."""
    rng = np.random.default_rng(seed)
    arrays, labels = [], []
    for _ in range(count):
        array = rng.normal(0, 0.1, (int(rng.integers(10, 20)), 2)).astype(np.float32)
        # The last step is left alone: it would give the answer away without memory.
        early, late = sorted(rng.choice(len(array) - 1, size=2, replace=False))
        first, sign = int(rng.integers(2)), int(rng.choice([-1, 1]))
        array[early, first] += sign
        array[late, 1 - first] += sign
        arrays.append(array)
        labels.append("left first" if first == 0 else "right first")
    return arrays, labels


model = Classifier(hidden_size=16, epochs=12, batch_size=16, learning_rate=0.01, dropout=0.0)
model.fit(*examples(600, seed=1))

test = examples(200, seed=2)
baseline = model.metrics_["baseline"]
print(f"with memory:    {model.score(*test):.3f} of 200 new arrays are right")
print(f"without memory: {baseline['accuracy']:.3f} of the held-out ones ({baseline['name']})")
