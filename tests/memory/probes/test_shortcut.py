import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from clew.errors import InputError
from clew.memory.probes import (
    Adding,
    Agreement,
    AssociativeRecall,
    CopyMemory,
    DelayedRecall,
    Dyck,
    OrderSensitivity,
    Parity,
)
from clew.memory.probes.english import COUNTRIES, LANGUAGES
from clew.memory.probes.shortcut import most_often_of, right_in
from clew.memory.probes.store import KINDS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_shortcut_is_better_than_chance(kind):
    probe = kind()
    length = max(12, probe.shortest)
    found, chance = probe.shortcut(length), probe.chance(length)
    if found is None:
        assert kind in (DelayedRecall, OrderSensitivity)
        return
    assert found.score.loss < chance.loss
    assert chance.accuracy is None or found.score.accuracy > chance.accuracy
    with pytest.raises(InputError, match="length is -20"):
        probe.shortcut(-20)


def test_what_came_most_often_by_all_there_is():
    right = nats = 0.0
    for word in itertools.product(range(3), repeat=4):
        shares = [count / 4 for count in Counter(word).values()]
        right += max(shares) / 81
        nats -= sum(share * math.log(share) for share in shares) / 81
    found = most_often_of(4, 3)
    assert found.accuracy == pytest.approx(right, abs=0.005)
    assert found.loss == pytest.approx(nats, abs=0.005)


def test_a_guess_that_knows_how_often_it_is_right():
    assert right_in(1.0, 12).loss == 0
    assert right_in(0.0, 3).loss == pytest.approx(math.log(2))
    assert right_in(1 / 12, 12).loss == pytest.approx(math.log(12))
    by_hand = -0.8 * math.log(0.8) - 0.2 * math.log(0.2 / 4)
    assert right_in(0.8, 5).loss == pytest.approx(by_hand)


def test_adding_without_marks():
    batch = Adding().draw(20000, 5, 3)
    said = 2 * batch.inputs[..., 0].mean(0)
    wrong = float(((said - batch.targets[-1]) ** 2).mean())
    assert Adding().shortcut(5).score.loss == pytest.approx(wrong, abs=0.004)


def test_values_without_their_keys():
    probe = AssociativeRecall()
    batch = probe.draw(4000, 6, 1)
    right = 0
    for b in range(4000):
        counts = Counter(batch.inputs[1:12:2, b])
        right += counts.most_common(1)[0][0] == probe.keys + batch.targets[-1, b]
    assert probe.shortcut(6).score.accuracy == pytest.approx(right / 4000, abs=0.03)


def test_symbols_without_their_order():
    probe = CopyMemory(symbols=3, items=4)
    batch = probe.draw(4000, 2, 1)
    said = [Counter(batch.inputs[:4, b]).most_common(1)[0][0] for b in range(4000)]
    found = probe.shortcut(2).score
    assert found.accuracy == pytest.approx((batch.targets[-4:] == said).mean(), abs=0.02)
    assert found.loss == pytest.approx(most_often_of(4, 3).loss * 4 / 10)


@pytest.mark.parametrize("seen", [1, 2, 4])
def test_parity_through_a_window(seen):
    """Of all words of six bits: what is right most often with the same bits in sight."""
    table = defaultdict(Counter)
    for word in itertools.product((0, 1), repeat=6):
        for t in range(6):
            table[word[max(0, t - seen + 1) : t + 1]][sum(word[: t + 1]) % 2] += 1
    right = sum(max(counts.values()) for counts in table.values()) / (6 * 64)
    assert right == pytest.approx((6 + seen) / 12)
    if seen == 1:
        assert Parity().shortcut(6).score.accuracy == pytest.approx(right)


def test_brackets_without_their_order():
    probe = Dyck(kinds=3, depth=4)
    batch = probe.draw(1500, 15, 7)
    right = []
    for t, b in np.argwhere(batch.asked):
        counts = Counter()
        for bracket in batch.inputs[: t + 1, b]:
            counts[bracket % 3] += 1 if bracket < 3 else -1
        most = [kind for kind, count in counts.items() if count == max(counts.values())]
        right.append((batch.targets[t, b] in most) / len(most))
    assert probe.shortcut(15).score.accuracy == pytest.approx(np.mean(right), abs=0.02)


@pytest.mark.parametrize(("length", "which"), [(4, "last"), (60, "first")])
def test_a_country_without_growing_up(length, which):
    probe = Agreement()
    batch = probe.draw(1000, length, 5)
    right = 0
    for b in range(1000):
        text = [probe.words[i] for i in batch.inputs[: batch.lengths[b], b]]
        named = [word for word in text if word in COUNTRIES]
        said = named[-1] if which == "last" else named[0]
        right += LANGUAGES[COUNTRIES.index(said)] == probe.answers[batch.targets[batch.at[b], b]]
    found = probe.shortcut(length)
    assert found.how == f"naming the country named {which}"
    assert found.score.accuracy == pytest.approx(right / 1000, abs=0.05)
    assert Agreement(distractors=0.0).shortcut(60).score.accuracy == 1
