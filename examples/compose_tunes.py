"""A composer learns small dances that this program makes up, and writes a new one, bar by bar.

With the name of a file the new tune is written into it: python examples/compose_tunes.py tune.wav
(or .abc, .mid, .png).
"""

import random
import sys

from clew.data.abc import check, parse
from clew.tasks.compose import Composer

random.seed(0)
CHORDS = {"C": "CEGc", "G": "GBdg", "F": "FAcf", "Am": "Acea"}
FORMS = (("C", "F", "G", "C"), ("C", "Am", "G", "C"), ("Am", "F", "G", "C"))
JIG, REEL = ("6/8", "{} {}2 {} {} {}"), ("4/4", "{}2 {} {} {}2 {} {}")


def dance(number: int) -> str:
    """Two strains over the same chords, each repeated; a bar is broken chords."""
    metre, shape = random.choice((JIG, REEL))
    form = random.choice(FORMS)
    end = "c6" if metre == "6/8" else "c8"

    def bar(chord: str) -> str:
        notes = random.choices(CHORDS[chord], k=shape.count("{}"))
        return f'"{chord}"' + shape.format(*notes)

    strains = ["|".join([*map(bar, form), *map(bar, form[:3]), end]) for _ in range(2)]
    return f"X:{number}\nM:{metre}\nL:1/8\nK:C\n|:" + ":|\n|:".join(strains) + ":|\n"


tunes = [parse(dance(number)) for number in range(1, 121)]
model = Composer(
    embedding_size=24, hidden_size=64, num_layers=1, dropout=0.1, batch_size=8, epochs=6,
    learning_rate=0.01, average=0.95, seed=1,
)  # fmt: skip
model.fit(tunes)
score, rival = model.metrics_["score"], model.metrics_["baseline"]
print(f"bits a token: {score['bits_per_token']:.2f}, of {rival['name']} "
      f"{rival['bits_per_token']:.2f}\n")  # fmt: skip

tune = model.compose(key="G", metre="6/8", bars=16, temperature=0.8, seed=3)  # none was in G
print(tune)
print(f"bars that are not full: {len(check(tune.tune))}")
print(tune.recalled())
if len(sys.argv) > 1:
    tune.save(sys.argv[1])
