"""A tagger as a subject: sentences, asked for the tag of a word anywhere in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from clew.data import folders
from clew.data.batches import pad
from clew.data.text import UNKNOWN
from clew.errors import InputError
from clew.memory.subject import Case
from clew.memory.subjects import parts
from clew.tasks._tag.corpora import Mender
from clew.tasks._tag.inputs import Sentence, given
from clew.tasks.tag import Tagger

CHAIN = (
    "All tags of a sentence are decided together (a CRF): the loss of a word is -ln of its "
    "marginal, with all tags of the other words considered."
)


@dataclass(frozen=True, eq=False)
class Words:
    """The distinct words of the data, as a tagger reads them; the first stands for none of them.

    spelled: the words. numbers: (W,) in the tagger's vocabulary. letters: (L, W), sizes: (W,).
    """

    spelled: list[str]
    numbers: Tensor
    letters: Tensor
    sizes: Tensor


def tag(model: Tagger, data: Any, columns: dict[str, Any]) -> Tag:
    """A tagger and sentences with their tags: (X, y), or a Path to a file of them.

    columns: "word" and "tag", as `clew fit tag` names them. Of a folder with parts the test is
    taken, else dev, else train. Raises InputError as `Tagger.evaluate` does.
    """
    if isinstance(data, Path):
        parts.refused(columns, ("word", "tag"))
        path = folders.part(data, parts.part_of(data)) if data.is_dir() else data
        source = given(path, columns.get("tag"), word=columns.get("word"))
    else:
        parts.refused(columns, ())
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise InputError(
                f"data of type {type(data).__name__}",
                where="data",
                expected="a pair (X, y), or a file of tagged sentences",
            )
        source = given(*data)
    sentences = list(Mender(model._encoder.tags).mend(source))
    network = model.network_.eval()
    chain = ", with a CRF" if network.crf is not None else ""
    return Tag(
        title=f"tagger, {parts.named(network.stack)}{chain}",
        task="tag",
        element=parts.UNITS["word"],
        both_ways=network.stack.bidirectional or network.crf is not None,
        network=network,
        reader=network.stack,
        loss_name="nats a word",
        in_nats=True,
        answers=model._encoder.tags,
        note=CHAIN if chain else "",
        model=model,
        sentences=sentences,
        words=_words(model, sentences),
    )


def _words(model: Tagger, sentences: list[Sentence]) -> Words:
    spelled = sorted({word for sentence in sentences for word in sentence.words})
    store = model._encoder.encode_words([[word] for word in spelled])
    pieces = np.split(store.letters.astype(np.int64), np.cumsum(store.sizes)[:-1].tolist())
    none = np.zeros(0, dtype=np.int64)
    letters, sizes = pad([none, *pieces] if spelled else [none])
    numbers = np.concatenate([[1], store.words.astype(np.int64)])
    return Words([UNKNOWN, *spelled], torch.from_numpy(numbers), letters, sizes)


@dataclass(frozen=True, eq=False)
class Tag(parts.Traits):
    """Asked for the tag of any word whose tag is known; the label of the sentence is left aside.

    An id is a word as it is spelled, and its vector its own beside that of its letters. With a CRF
    what is said of a word are ln of its marginals, all tags of the others considered; it reads both
    ways even where its layers do not.
    """

    model: Tagger
    sentences: list[Sentence]
    words: Words

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """Words of sentences; see Subject."""
        number = {name: n for n, name in enumerate(self.model._encoder.tags)}
        ids = {word: n for n, word in enumerate(self.words.spelled) if n}
        known = [[n for n, t in enumerate(s.tags) if t in number] for s in self.sentences]
        found = []
        for k, at in parts.spots(known, count, reach, seed):
            sentence = self.sentences[k]
            piece, place = parts.stretch(len(sentence.words), at, reach, self.both_ways)
            read = np.array([ids[word] for word in sentence.words[piece]], dtype=np.int64)
            found.append(Case(read, place, number[sentence.tags[at]], source=k))
        return parts.some_cases(found, "a word with a tag that was there in training")

    def vectors(self, inputs: Tensor) -> Tensor:
        """The vectors of words, each beside what the letters end with."""
        device = self.like.device
        inputs = inputs.to(device).long()
        numbers = self.words.numbers.to(device)
        x: Tensor = self.network.embedding(numbers[inputs])
        if self.network.speller is None:
            return x
        distinct, places = torch.unique(inputs, return_inverse=True)
        letters, sizes = self.words.letters.to(device), self.words.sizes.to(device)
        spelled = self.network.speller(letters[:, distinct], sizes[distinct])  # (W, 2 C)
        return torch.cat([x, F.embedding(places, spelled)], 2)

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """A score for each tag; with a CRF ln P."""
        lengths = lengths.to(x.device)
        y, _ = self.reader(x, lengths=lengths)
        crf = self.network.crf
        if crf is None:
            found: Tensor = self.network.output(parts.asked(y, at))
            return found
        marginals = crf.marginals(self.network.output(y), lengths)
        chances = parts.asked(marginals, at)
        return chances.clamp(min=torch.finfo(chances.dtype).tiny).log()

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """-ln P of the tag."""
        return parts.nats(said, cases)

    def names(self, case: Case) -> list[str]:
        """The words."""
        return [self.words.spelled[n] for n in case.inputs.tolist()]

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """An unknown word without letters."""
        return np.array(0)

    def untrained(self) -> Tag | None:
        """Weights as first drawn; unknown after chrono, which asked how long sentences are."""
        if self.model.init == "chrono":
            return None
        network = parts.made_anew(lambda: self.model._build(1), self.model.seed, self.like)
        return replace(self, network=network, reader=network.stack)
