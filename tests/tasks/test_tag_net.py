"""The network of tag: nothing depends on neighbours or padding; letters are read whole."""

import numpy as np
import pytest
import torch
from taggers import places

from clew.nn import Stack
from clew.tasks._tag.net import TaggerNetwork, WindowTagger, chain
from clew.tasks._tag.store import Batch

TAGS = ["B-x", "I-x", "O"]


def networks(cell="lstm"):
    torch.manual_seed(0)
    stack = Stack(4 + 2 * 3, 5, 2, cell=cell, bidirectional=True)
    network = TaggerNetwork(
        stack, vocabulary=9, embedding_size=4, letters=6, character_size=3, tags=3, labels=2,
        dropout=0.5, crf=chain(TAGS, True),
    )  # fmt: skip
    return [network.double().eval(), WindowTagger(9, 4, 5, 3, 2).double().eval()]


def batch():
    """Five words, none, two and one; three distinct words."""
    lengths = torch.tensor([5, 0, 2, 1])
    real = torch.arange(5)[:, None] < lengths
    g = torch.Generator().manual_seed(1)
    words = torch.randint(1, 9, (5, 4), generator=g) * real
    places = torch.randint(0, 3, (5, 4), generator=g) * real
    letters = torch.tensor([[2, 3, 5], [4, 0, 2], [2, 0, 0]])  # (L, W)
    return Batch(words, lengths, letters, torch.tensor([3, 1, 2]), places)


def equal(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_sentence_alone_and_in_a_padded_batch(cell):
    whole = batch()
    for network in networks(cell):
        scores, labels = network(whole)
        for b, length in enumerate(whole.lengths.tolist()):
            steps = slice(0, max(1, length))
            alone = Batch(
                whole.words[steps, b : b + 1], whole.lengths[b : b + 1], whole.letters,
                whole.sizes, whole.places[steps, b : b + 1],
            )  # fmt: skip
            own, label = network(alone)
            equal(own[:length, 0], scores[:length, b])
            equal(label[0], labels[b])


def test_padding_of_sentences_and_words_never_matters():
    whole = batch()
    beyond = ~whole.real
    longer = torch.cat([whole.letters, torch.ones(2, 3, dtype=torch.long)])
    longer = longer.masked_fill(torch.arange(5)[:, None] >= whole.sizes, 4)
    noisy = Batch(
        whole.words.masked_fill(beyond, 7), whole.lengths, longer, whole.sizes,
        whole.places.masked_fill(beyond, 2),
    )  # fmt: skip
    for network in networks():
        scores, labels = network(whole)
        other, others = network(noisy)
        equal(other[whole.real], scores[whole.real])
        equal(others, labels)


def test_a_word_is_its_letters_in_order_both_ways():
    network = networks()[0]
    h = network.speller(torch.tensor([[2, 3], [3, 2]]), torch.tensor([2, 2]))
    memory, letters = network.speller.memory, network.speller.embedding.weight
    for word, ids in enumerate(([2, 3], [3, 2])):
        y, _ = memory(letters[ids].unsqueeze(1))  # (L, 1, 2 C)
        equal(h[word], torch.cat([y[-1, 0, :3], y[0, 0, 3:]]))
    assert not torch.allclose(h[0], h[1])


def test_the_chain_allows_what_bio_allows():
    crf = chain(TAGS, True)
    scores = torch.zeros(2, 1, 3)
    scores[:, :, 1] = 100.0  # I-x above all
    tags, _ = crf.decode(scores)
    assert tags.T.tolist() == [[0, 1]]
    assert chain(["a", "b"], False).decode(scores[:, :, :2])[0].T.tolist() == [[1, 1]]


def test_the_window_sees_one_word_either_side():
    network = networks()[1]
    lengths, none = torch.tensor([5]), torch.zeros(5, 1, dtype=torch.long)
    words = torch.tensor([[1], [2], [3], [4], [5]])
    before, _ = network(Batch(words, lengths, none[:1], lengths, none))
    words[0] = 8
    after, _ = network(Batch(words, lengths, none[:1], lengths, none))
    changed = (before != after).any(2)[:, 0]
    assert changed.tolist() == [True, True, False, False, False]


def test_words_dropped_are_read_by_their_letters(monkeypatch):
    from clew.tasks._tag.encoder import TagEncoder, survey
    from clew.tasks._tag.inputs import given
    from clew.tasks._tag.problem import TagProblem
    from clew.tasks._tag.store import Sink

    source, sink = given(*places(8)[:2]), Sink(None)
    encoder = TagEncoder.learn(survey(source, 0.0, seed=0, lowercase=True), size=99, min_count=1,
                               lowercase=True)  # fmt: skip
    encoder.encode(source, sink)
    store, seen = sink.done(), []

    class Watched(TaggerNetwork):
        def forward(self, batch):
            seen.append(batch)
            return super().forward(batch)

    stack = Stack(4 + 2 * 3, 5)
    network = Watched(
        stack, vocabulary=99, embedding_size=4, letters=99, character_size=3, tags=3, labels=0,
        dropout=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    where = np.arange(8)
    problem = TagProblem(network, store, where, where, None, batch_size=8, seed=0,
                         word_dropout=0.3)  # fmt: skip
    loss, count, _ = problem.loss(where, None)
    assert count == int(store.lengths.sum())
    assert torch.isfinite(loss)
    plain, _, _ = store.batch(where)
    dropped = (seen[0].words != plain.words)[plain.real]
    assert 0.1 < dropped.float().mean() < 0.5
    assert (seen[0].words[plain.real][dropped] == 1).all()
    assert torch.equal(seen[0].letters, plain.letters)
