"""Scores against reading every prefix anew, token by token."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from clew.tasks._language import net as _language_net
from clew.tasks._language import scoring as _scoring
from clew.tasks._language.net import LanguageNetwork, target_nats
from clew.tasks._language.scoring import (
    LanguageScore,
    exact_nats,
    limited_nats,
    parallel_nats,
)

TOKENS = np.random.default_rng(0).integers(0, 9, size=60).astype(np.uint16)


@pytest.fixture
def network() -> LanguageNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = LanguageNetwork(9, embedding_size=4, hidden_size=8, num_layers=2, dropout=0.5)
        made.count([TOKENS[:20], TOKENS[20:]])
        torch.nn.init.normal_(made.bias)
    return made


def slow(network: LanguageNetwork, tokens: np.ndarray, context: int | None = None) -> list[float]:
    """-ln P of each token, its history read anew."""
    network.eval()
    nats = []
    with torch.no_grad():
        for i, token in enumerate(tokens):
            history = tokens[:i] if context is None else tokens[max(0, i - context) : i]
            if len(history) == 0:
                nats.append(-float(network.log_frequency[int(token)]))
                continue
            features, _ = network(torch.from_numpy(history.astype(np.int64))[:, None])
            nats.append(-float(network.logits(features[-1, 0]).log_softmax(0)[int(token)]))
    return nats


@pytest.mark.parametrize("chunk", [1, 7, 59, 60, 1000])
def test_one_stream_whatever_the_pieces(network: LanguageNetwork, chunk: int) -> None:
    network.train()  # dropout must not disturb, and training must go on afterwards
    found = np.concatenate(list(exact_nats(network, TOKENS, chunk)))
    assert network.training
    np.testing.assert_allclose(found, slow(network, TOKENS), rtol=1e-4, atol=1e-5)


def test_a_text_of_one_token_is_scored_by_how_often_it_occurs(network):
    expected = -float(network.log_frequency[int(TOKENS[0])])
    assert parallel_nats(network, TOKENS[:1], join=True) == pytest.approx(expected)


def test_probabilities_of_all_texts_sum_to_one(network: LanguageNetwork) -> None:
    # every text of two tokens: the network is a distribution over texts
    total = sum(
        math.exp(-sum(p.sum() for p in exact_nats(network, np.array([a, b]))))
        for a in range(9)
        for b in range(9)
    )
    assert total == pytest.approx(1.0, abs=1e-5)


def test_nothing_and_a_single_token(network: LanguageNetwork) -> None:
    assert list(exact_nats(network, TOKENS[:0])) == []
    counts = np.bincount(TOKENS, minlength=9) + 1
    (only,) = exact_nats(network, TOKENS[:1])
    assert only[0] == pytest.approx(-math.log(counts[TOKENS[0]] / counts.sum()), rel=1e-5)


@pytest.mark.parametrize("streams", [1, 2, 3, 5, 64])
def test_side_by_side_every_token_counts_once(network: LanguageNetwork, streams: int) -> None:
    # without recurrent weights all but the last two tokens is forgotten: a short warm-up suffices
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "_hh_" in name:
                parameter.zero_()
            if "bias_ih" in name:
                parameter.view(4, -1)[1] = -100.0  # the forget gate is shut
    expected = sum(slow(network, TOKENS))
    for size in (60, 59, 57):
        expected = sum(slow(network, TOKENS[:size]))
        found = parallel_nats(network, TOKENS[:size], streams=streams, warm=2)
        assert found == pytest.approx(expected, rel=1e-5)


def test_side_by_side_with_a_memory(
    network: LanguageNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "_hh_" in name or "_ih_" in name:
                parameter.mul_(3.0)
    expected = sum(slow(network, TOKENS))
    assert parallel_nats(network, TOKENS, streams=1) == pytest.approx(expected, rel=1e-5)
    rough = parallel_nats(network, TOKENS, streams=6, warm=1)
    assert abs(rough - expected) > 1e-4 * expected
    joined = parallel_nats(network, TOKENS, streams=6, warm=1, join=True)
    assert joined == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(_scoring, "PASSES", 1)  # not enough: the unbroken reading is done
    assert parallel_nats(network, TOKENS, streams=6, warm=1, join=True) == pytest.approx(
        expected, rel=1e-5
    )
    freed: list[int] = []
    monkeypatch.setattr(_scoring, "RELEASE", 7)
    monkeypatch.setattr(_scoring, "_CELLS", 12)
    parallel_nats(network, TOKENS, streams=6, warm=1, release=lambda: freed.append(1))
    assert len(freed) >= 60 // 12


def test_a_memory_that_never_fades_is_read_unbroken(network: LanguageNetwork) -> None:
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "bias_ih" in name:
                parameter.view(4, -1)[:2] = 20.0  # input and forget gates open: it only adds up
    expected = sum(slow(network, TOKENS))
    found = parallel_nats(network, TOKENS, streams=15, warm=1, join=True)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("context", [0, 1, 5, 59, 60, 500])
def test_a_limited_view(network: LanguageNetwork, context: int) -> None:
    total, scored = limited_nats(network, TOKENS, context, most=1000)
    assert scored == 60
    assert total == pytest.approx(sum(slow(network, TOKENS, context)), rel=1e-4)


def test_a_limited_view_of_a_sample(
    network: LanguageNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[int] = []
    real = _scoring._viewed

    def watched(net: LanguageNetwork, tokens: np.ndarray, places: np.ndarray, width: int) -> float:
        chosen.extend(places.tolist())
        return real(net, tokens, places, width)

    monkeypatch.setattr(_scoring, "_viewed", watched)
    monkeypatch.setattr(_scoring, "_CELLS", 12)  # several batches
    total, scored = limited_nats(network, TOKENS, 1, most=10)
    assert scored == 10
    assert limited_nats(network, TOKENS, 1, most=10) == (total, scored)
    late = chosen[: len(chosen) // 2]
    assert late == chosen[len(late) :]  # always the same ones
    places = late if len(late) == 10 else [0, *late]
    assert [place // 6 for place in places] == list(range(10))  # one in each tenth of the text
    exact = slow(network, TOKENS, 1)
    assert total == pytest.approx(sum(exact[place] for place in places), rel=1e-4)


def test_the_figures_of_a_score() -> None:
    score = LanguageScore.of(8 * math.log(2), scored=4, tokens=4, characters=12, unknown=1)
    assert score.bits_per_token == pytest.approx(2.0)
    assert score.perplexity == pytest.approx(4.0)
    assert score.bits_per_character == pytest.approx(8 / 12)
    assert score.nats_per_character == pytest.approx(8 * math.log(2) / 12)
    sample = LanguageScore.of(2 * math.log(2), scored=1, tokens=4, characters=12, unknown=1)
    assert sample.bits_per_character == score.bits_per_character
    assert (sample.tokens, sample.tokens_in_text, sample.characters) == (1, 4, 3)


def test_a_large_vocabulary_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    features, weight = torch.randn(4, 5, 6, requires_grad=True), torch.randn(30, 6)
    bias, targets = torch.randn(30), torch.randint(0, 30, (4, 5))
    weight.requires_grad_()
    results = []
    for logits in (None, 1 << 20, 90):  # on the CPU; elsewhere at once, and three rows at a time
        if logits is None:
            nats = target_nats(features, weight, bias, targets)
        else:
            monkeypatch.setattr(_language_net, "_LOGITS", logits)
            nats = _language_net._in_pieces(features, weight, bias, targets)
        results.append((nats, *torch.autograd.grad(nats.sum(), (features, weight))))
    total = target_nats(features, weight, bias, targets, reduction="sum")
    results.append((nats, *torch.autograd.grad(total, (features, weight))))
    torch.testing.assert_close(total, nats.sum())
    expected = -(features @ weight.T + bias).log_softmax(-1).gather(2, targets[..., None])[..., 0]
    torch.testing.assert_close(results[0][0], expected)
    for other in results[1:]:
        torch.testing.assert_close(other, results[0])


def test_counting_frequencies() -> None:
    network = LanguageNetwork(4, embedding_size=2, hidden_size=2)
    network.count([np.array([2, 2, 3], dtype=np.uint16)])
    expected = np.log(np.array([1, 1, 3, 2]) / 7)  # each once more than it occurs
    np.testing.assert_allclose(network.log_frequency.numpy(), expected, rtol=1e-6)
    nothing = network.logits(torch.zeros(1, 2)).log_softmax(-1)[0]  # the output begins with it
    np.testing.assert_allclose(nothing.detach().numpy(), expected, rtol=1e-6)


def test_tied_weights() -> None:
    tied = LanguageNetwork(9, embedding_size=8, hidden_size=8, tie=True)
    features = torch.randn(3, 8)
    expected = features @ tied.embedding.weight.T + tied.bias
    torch.testing.assert_close(tied.logits(features), expected)
    assert "weight" not in dict(tied.named_parameters())
    with pytest.raises(ValueError, match="sizes must match"):
        LanguageNetwork(9, embedding_size=4, hidden_size=8, tie=True)
