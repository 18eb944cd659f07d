"""Train as several processes that share each batch.

Run it as    torchrun --nproc-per-node 2 examples/two_processes.py
or alone, as any program: the code is the same. Only the first process prints and writes.
"""

import random
import tempfile
from pathlib import Path

from clew import Classifier
from clew.train import Lines, is_main, world

random.seed(0)  # every process makes the same data: the fit gives each its share
words = {
    "calm": "sea",
    "salt": "sea",
    "wave": "sea",
    "dune": "land",
    "hill": "land",
    "moss": "land",
}
texts, labels = [], []
for _ in range(400):
    word = random.choice(list(words))
    texts.append(" ".join(random.sample(["the", "a", "of", "near", word], k=5)))
    labels.append(words[word])

with tempfile.TemporaryDirectory() as folder:
    out = Path(folder) / "model" if is_main() else None
    model = Classifier(hidden_size=16, embedding_size=16, epochs=4, learning_rate=0.01)
    model.fit(texts, labels, report=Lines())
    if is_main():
        model.save(out)
        print(f"{world()} process(es); accuracy {model.score(texts, labels):.3f}")
        print("written by the first one:", ", ".join(sorted(p.name for p in out.iterdir())))
