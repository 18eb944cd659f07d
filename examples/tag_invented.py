"""Tag words that were never seen: their letters, and the words around them, tell what they are.

Nouns here end in -er and adverbs in -ly; "to" comes before a verb. All words are made up anew for
each sentence, so that a word's own vector is of no use. The fit prints what knows no letters, too.
"""

import random

from clew import Tagger

LETTERS = "bdfgklmnprst"


def invented(draw: random.Random, ending: str) -> str:
    """A word of two syllables with this ending."""
    return "".join(draw.choice(LETTERS) + draw.choice("aeiou") for _ in range(2)) + ending


def examples(count: int, seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Sentences of invented words with their tags."""
    draw = random.Random(seed)
    sentences, tags = [], []
    for _ in range(count):
        sentences.append(["the", invented(draw, "er"), "likes", "to", invented(draw, "")])
        tags.append(["DET", "NOUN", "VERB", "PART", "VERB"])
        if draw.random() < 0.5:  # an adverb, or a name: only the letters tell
            ending, tag = draw.choice([("ly", "ADV"), ("ton", "NAME")])
            sentences[-1].append(invented(draw, ending))
            tags[-1].append(tag)
    return sentences, tags


test = examples(200, seed=2)
settings = {"hidden_size": 24, "embedding_size": 16, "num_layers": 1, "epochs": 5, "batch_size": 16,
            "learning_rate": 0.01}  # fmt: skip
for name, size in (("words only", 0), ("with letters", 12)):
    model = Tagger(character_size=size, **settings).fit(*examples(400, seed=1))
    kinds = model.by_kind(*test)
    print(f"{name}: {model.score(*test):.3f} of the words are right, F1 of adverbs "
          f"{kinds['ADV']['f1']:.2f}")  # fmt: skip
baseline = model.metrics_["baseline"]
print(f"without memory: {baseline['accuracy']:.3f} of the held-out ones ({baseline['name']})")
sentence = ["the", "pofager", "likes", "to", "rimo", "gasely"]
print(
    " ".join(
        f"{word}/{tag}" for word, tag in zip(sentence, model.predict([sentence])[0], strict=True)
    )
)
