"""The loss of CTC, against a sum over all paths; batches in which padding never counts."""

import itertools

import numpy as np
import pytest
import torch
from transcribers import spoken, tones

from clew.data.features import Mel
from clew.errors import InputError
from clew.nn import Stack
from clew.tasks._transcribe.heard import heard
from clew.tasks._transcribe.net import Around, TranscriberNetwork
from clew.tasks._transcribe.problem import Learning, SpeechProblem, judged, log_probabilities
from clew.tasks._transcribe.said import said, sides
from clew.tasks._transcribe.units import Units
from clew.tasks._transcribe.variation import Variation

MEL = Mel(rate=8000, bins=5, floor=5.0)


def network(units, seed=0, **options):
    torch.manual_seed(seed)
    stack = Stack(10, 4, 2, layer_norm=True, **options)
    return TranscriberNetwork(stack, bins=5, together=2, units=units, dropout=0.0).eval()


def parts(work, X, y):
    learn = lambda texts: Units.learn(texts, "char", 100, True)  # noqa: E731
    return sides(
        [heard(X, y)], MEL, work, 0.25, seed=0, together=2, learn=learn, tell=lambda _: None
    )


def all_paths(found, target):
    """ln of the summed probability of every path (T,) that says the target."""
    total = 0.0
    for path in itertools.product(range(found.shape[1]), repeat=len(found)):
        kept = [u for u, _ in itertools.groupby(path) if u]
        if kept == list(target):
            total += np.exp(sum(found[t, u] for t, u in enumerate(path)))
    return np.log(total)


def test_the_loss_is_the_sum_over_all_paths(tmp_path):
    X = [tones("a")[:n] for n in (900, 1000, 700, 800)]
    learned, apart, units = parts(tmp_path, X, ["ab", "a", "", "b"])
    model = network(len(units))
    problem = SpeechProblem(model, learned, apart, units, Learning(4, 0, 5.0, Variation()))
    (item,) = problem.plan(0, 0, 1)
    loss, count, _ = problem.loss(item, None)
    expected, number = 0.0, 0
    front = model.front()
    for place in range(len(learned)):
        (found,) = log_probabilities(model, [front.steps(learned.frames(place))])
        assert len(found) <= 7
        expected -= all_paths(found, learned.units[place])
        number += len(learned.units[place]) + 1
    assert count == number
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert judged(model, learned, units)["nats_per_unit"] == pytest.approx(expected / number)


@pytest.mark.parametrize("sort", ["one way", "both ways", "window"])
def test_a_sound_alone_and_in_a_padded_batch(sort):
    if sort == "window":
        torch.manual_seed(0)
        model = TranscriberNetwork(Around(10, 4), bins=5, together=2, units=6, dropout=0.5).eval()
    else:
        model = network(6, bidirectional=sort == "both ways")
    draw = np.random.default_rng(0)
    sounds = [draw.normal(size=(size, 10)).astype(np.float32) for size in (9, 0, 3, 1, 30, 9)]
    alone = [next(log_probabilities(model, [sound])) for sound in sounds]
    together = list(log_probabilities(model, sounds))
    assert [found.shape for found in together] == [(len(sound), 6) for sound in sounds]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=0 if sort != "window" else 1e-5)
        np.testing.assert_allclose(np.exp(one).sum(1), 1.0, atol=1e-12)
    x = torch.from_numpy(sounds[0])[:, None]
    forward = model(x, torch.tensor([9]))[:, 0].detach().numpy()
    np.testing.assert_allclose(forward, alone[0], atol=1e-5)


def test_many_sounds_are_read_some_at_a_time(monkeypatch):
    model = network(6)
    sounds = [np.full((size, 10), size, np.float32) for size in (5, 1, 7, 2, 0, 9, 3)]
    whole = list(log_probabilities(model, iter(sounds)))
    monkeypatch.setattr("clew.tasks._transcribe.problem.CELLS", 8)
    for one, other in zip(whole, log_probabilities(model, iter(sounds)), strict=True):
        assert np.array_equal(one, other)


def test_every_recording_is_in_one_batch_of_one_rank(tmp_path):
    X, y = spoken(22)
    learned, apart, units = parts(tmp_path, X, y)
    problem = SpeechProblem(network(len(units)), learned, apart, units,
                            Learning(3, 1, 5.0, Variation()))  # fmt: skip
    whole = np.concatenate([np.concatenate(problem.plan(2, rank, 2)) for rank in (0, 1)])
    assert sorted(whole) == list(range(len(learned)))
    assert len(learned) + len(apart) == 22


def test_a_text_that_does_not_go_into_its_recording(tmp_path):
    X, y = [tones("ab"), tones("abab")], ["ab", "abab"]
    units = Units.learn(y, "char", 100, True)
    learned, *_ = parts(tmp_path, X, y)
    steps = -(-int(learned.store.lengths[1]) // 2)
    places = np.array([0, 1])
    fits = "ab" * (steps // 2)
    assert len(said(heard(X, ["", fits]), learned.store, places, units, 2)) == 2
    for wrong, needed in (("ab" * steps, 2 * steps), ("a" * steps, 2 * steps - 1)):
        with pytest.raises(InputError, match="does not go into") as caught:
            said(heard(X, ["", wrong]), learned.store, places, units, 2)
        assert caught.value.where == "X[1]"
        assert f"at least {needed} steps" in caught.value.expected


def test_variation_of_speed_leaves_room_for_the_text(tmp_path):
    X, y = spoken(8)
    learned, apart, units = parts(tmp_path, X, y)
    steps = -(-int(learned.lengths[0]) // 2)
    learned.units[0] = units.encode("ab" * (steps // 2))
    fast = Learning(1, 0, 5.0, Variation(speed=0.9, volume=10.0))
    problem = SpeechProblem(network(len(units)), learned, apart, units, fast)
    for seed in range(20):
        torch.manual_seed(seed)
        loss, _, _ = problem.loss(np.array([0]), None)
        assert np.isfinite(float(loss.detach()))
