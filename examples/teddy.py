"""Teddy Roosevelt and the teddy bear: a word that only what comes after it can tell."""

from clew import Tagger
from clew.data import teddy

learned, held_out = teddy.generate()
print(f"{len(learned)} sentences to learn from, {len(held_out)} held out, such as:")
for tag in (teddy.PERSON, teddy.THING):
    index = [tags[0] for tags in held_out.tags].index(tag)
    print(f"  {tag:7}{' '.join(held_out.tokens[index])}")

print("\nFirst words that get the right tag, half of them being persons:")
for bidirectional in (False, True):
    model = Tagger(
        cell="gru", hidden_size=32, embedding_size=16, character_size=0, num_layers=1,
        bidirectional=bidirectional, dropout=0.1, word_dropout=0.0, label_smoothing=0.0,
        average=0.0, epochs=10, patience=None, batch_size=16, learning_rate=0.02, baseline=False,
    )  # fmt: skip
    model.fit(learned.tokens, learned.tags)
    right = teddy.accuracy(held_out, model.predict(held_out.tokens))
    print(f"  {'read both ways' if bidirectional else 'read forwards':15}{right:6.1%}")

print("\nThe tagger that reads both ways, on sentences of your own:")
for text in ("Teddy Roosevelt was a president", "Teddy bear is a soft toy"):
    print(f"  {text}: {model.predict([text])[0][0]}")
