"""A language model that learns a small grammar, writes some of it, and is surprised by mistakes."""

import random

from clew import LanguageModel

random.seed(0)
people = {"Ada": "her", "Alan": "his", "Grace": "her", "Kurt": "his"}
things = ["book", "letter", "engine", "proof"]


def sentence() -> str:
    """A sentence whose third word agrees with its first."""
    name = random.choice(list(people))
    return f"{name} finds {people[name]} {random.choice(things)}. "


text = "".join(sentence() for _ in range(3000))
model = LanguageModel(
    hidden_size=64, embedding_size=16, num_layers=1, window=50, batch_size=16, epochs=4,
    learning_rate=0.01, baseline=False,
)  # fmt: skip
model.fit(text)

print(model.generate("Ada ", length=60, seed=1))
print(f"{model.score(sentence()).bits_per_character:.2f} bits a character of a right sentence")
print("\nWhere a wrong one surprises it (bits):")
for piece, bits in model.surprise("Ada finds his book. "):
    print(f"  {piece!r:5} {bits:5.1f} {'#' * round(4 * bits)}")
