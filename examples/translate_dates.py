"""A translator that learns to write dates one way, and where it looks while it does.

With the name of a file the attention is drawn into it: python examples/translate_dates.py dates.png
"""

import random
import sys

from clew import Translator

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December"]  # fmt: skip
WAYS = ["{day} {month} {year}", "{month} {day}, {year}", "{year}, {month} {day}"]

random.seed(0)


def date() -> tuple[str, str]:
    """A date as people write it, and as machines do."""
    year, month, day = random.randint(1900, 2099), random.randint(1, 12), random.randint(1, 28)
    said = random.choice(WAYS).format(year=year, month=MONTHS[month - 1], day=day)
    return said, f"{year}-{month:02}-{day:02}"


pairs = [date() for _ in range(2400)]
sources, targets = [source for source, _ in pairs], [target for _, target in pairs]
model = Translator(
    unit="char", embedding_size=32, hidden_size=64, attention="additive", dropout=0.1, epochs=7,
    batch_size=32, learning_rate=0.01, average=0.99, seed=1,
)  # fmt: skip
model.fit(sources, targets)

new = [date() for _ in range(200)]
answers = model.predict([source for source, _ in new])
right = sum(answer == target for answer, (_, target) in zip(answers, new, strict=True))
for (source, _), answer in zip(new[:4], answers, strict=False):
    print(f"{source:20} -> {answer}")
print(f"\n{right / len(new):.0%} of {len(new)} new dates are right")

said = "4 July 1976"
print(f"\nWhere it looks in {said!r}, letter by letter:")
alignment = model.align(said)
print(alignment.text())
if len(sys.argv) > 1:
    alignment.picture(sys.argv[1])
