"""Series of two channels: which way does a point turn, and when is that known?

A point runs to the left, to the right, or in an eight, from anywhere, at any speed, in a shaky
hand. The values of all three are alike and so are their ends; only the order of the steps tells.
The classifier reads forwards only, so that it can say after each step what it thinks so far.
"""

import numpy as np

from clew import Classifier

WAYS = ("left", "right", "eight")


def runs(count: int, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """Paths (T, 2) of 20 to 40 steps, and the way of each."""
    rng = np.random.default_rng(seed)
    paths, ways = [], []
    for n in range(count):
        steps = int(rng.integers(20, 41))
        angle = rng.uniform(0, 2 * np.pi) + rng.uniform(0.2, 0.4) * np.arange(steps)
        way = WAYS[n % 3]
        across = np.sin(-angle if way == "right" else angle * (2 if way == "eight" else 1))
        path = np.stack([np.cos(angle), across], axis=1) * rng.uniform(50, 100)
        paths.append(path + rng.normal(0, 10, path.shape))
        ways.append(way)
    return paths, ways


def main() -> None:
    """Train, score, and follow one path."""
    model = Classifier(hidden_size=24, bidirectional=False, dropout=0.2, learning_rate=0.01)
    model.fit(*runs(450, seed=1))
    test = runs(150, seed=2)
    baseline = model.metrics_["baseline"]
    print(f"with memory:    {model.score(*test):.2f} of 150 new paths are right")
    print(f"without memory: {baseline['accuracy']:.2f} of those held out ({baseline['name']})")

    stream = model.stream()
    path, way = test[0][1], test[1][1]
    print(f"a path to the {way}:")
    for t, step in enumerate(path, 1):
        shares = stream.push(step)
        if t in (1, 5, 10, len(path)):
            said = ", ".join(
                f"{name} {100 * p:.0f} %" for name, p in zip(stream.names, shares, strict=True)
            )
            print(f"  after {t:2} steps: {said}")


if __name__ == "__main__":
    main()
