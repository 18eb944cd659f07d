"""What a model remembers of its tunes, and what of a new one stands in them: by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from composers import parsed, tiny

from clew.data.notes import notes_of
from clew.tasks._compose.composition import Recall
from clew.tasks._compose.midi_tokens import written
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.remembering import Memory
from clew.tasks._compose.vocabulary import Vocabulary
from clew.tasks.compose import Composer


@pytest.fixture(scope="module")
def composer() -> Composer:
    return tiny(epochs=1).fit(parsed(20))


def tunes(composer: Composer) -> list[list[str]]:
    """The notes of the tunes remembered, as they are written."""
    learned, starts = composer.network_.learned.numpy(), composer.network_.starts.numpy()
    words = [[composer.vocabulary_.tokens[n] for n in t] for t in np.split(learned, starts[1:])]
    return [[w for w in tune if w[0] in "^_=abcdefgABCDEFGz" and ":" not in w] for tune in words]


def longest(notes: list[str], among: list[list[str]]) -> int:
    runs = {tuple(t[i:j]) for t in among for i in range(len(t)) for j in range(i + 1, len(t) + 1)}
    every = range(len(notes) + 1)
    return max((j - i for i in every for j in every if tuple(notes[i:j]) in runs), default=0)


def test_the_longest_run_is_that_of_brute_force(composer: Composer) -> None:
    memory = Memory(composer.network_, composer.vocabulary_)
    for seed in range(4):
        piece = composer.compose("C", seed=seed, bars=4)
        tokens = composer.vocabulary_.encode(piece.tune.music)
        notes = [composer.vocabulary_.tokens[n] for n in memory.notes(tokens)]
        assert piece.recall.notes == len(notes)
        assert piece.recall.longest == longest(notes, tunes(composer))
        found = tunes(composer)[piece.recall.tune]
        run = notes[piece.recall.at : piece.recall.at + piece.recall.longest]
        assert any(found[i : i + len(run)] == run for i in range(len(found)))


def test_a_tune_learned_from_is_a_copy_in_every_key(composer: Composer) -> None:
    """Written by a network that can do nothing else."""
    memory = Memory(composer.network_, composer.vocabulary_)
    first, last = composer.network_.starts.tolist()[3:5]
    recall = memory.recall(composer.network_.learned[first:last].tolist())
    assert recall.copied
    assert "a copy" in str(recall)
    some = composer.network_.learned[first : (first + last) // 2].tolist()
    assert memory.recall(some).copied  # all of it is in one tune
    assert not Recall(4, 0, 5, 0).copied
    assert str(Recall(4, 0, 5, 0)).endswith("4 of 5 (80%)")
    assert not memory.recall([]).copied


def test_another_memory_is_another_index(composer: Composer) -> None:
    before = composer.compose("C", "6/8", seed=1).recall
    learned, starts = composer.network_.learned, composer.network_.starts
    try:
        tokens = composer.vocabulary_.encode(composer.compose("C", "6/8", seed=1).tune.music)
        composer.network_.remember(tokens, np.zeros(1))
        assert composer.compose("C", "6/8", seed=1).recall.copied
    finally:
        composer.network_.learned, composer.network_.starts = learned, starts
    assert composer.compose("C", "6/8", seed=1).recall == before
    assert isinstance(learned, torch.Tensor)


def test_a_piece_of_midi_is_a_copy_in_every_key_but_for_its_drums() -> None:
    beat = [(12 * n, 6, 36 + n % 2, 90, 128, 1) for n in range(4)]
    learned = [(6 * n, 6, 60 + (2 * n) % 9, 90, 0, 0) for n in range(8)]
    pieces = [notes_of([*learned, *beat], ticks=12), notes_of([(0, 6, 60, 90, 0, 0)], ticks=12)]
    vocabulary = Vocabulary("midi", sorted({t for p in pieces for t in written(p).tokens}
                                           | {f"pitch:{n}" for n in range(50, 80)}))  # fmt: skip
    network = TuneNetwork(len(vocabulary), embedding_size=4, hidden_size=4)
    tunes = [vocabulary.encode(written(piece).tokens) for piece in pieces]
    network.remember(np.concatenate(tunes), np.array([0, len(tunes[0])]))
    memory = Memory(network, vocabulary)

    def recall(up: int, drum: int = 0) -> Recall:
        rows = [(t, d, p + up, *rest) for t, d, p, *rest in learned]
        rows += [(t, d, p + drum * (t == 36), *rest) for t, d, p, *rest in beat]
        return memory.recall(vocabulary.encode(written(notes_of(rows, ticks=12)).tokens).tolist())

    assert recall(0) == Recall(12, 0, 12, 0)
    assert recall(5) == recall(-7) == recall(0)
    # the last drum is another: of twelve notes in a row those before and behind are left
    assert recall(3, drum=-1).longest == 10
    assert not recall(3, drum=-1).copied
