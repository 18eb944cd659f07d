"""The horizon, against models whose own is known, and against plain loops over every n."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from toys import Toy, between, delay, leaky, without_memory

from clew import InputError
from clew.memory._curve import curve, grid
from clew.memory._windows import Disorder, Gaps, Windows
from clew.memory.horizon import horizon
from clew.memory.subject import Case


def found(subject, count=40, most=40, **more):
    return horizon(subject, subject.cases(count, most), reach=40, **more)


def plain(subject, case, places):
    """The loss of one case that sees these elements, alone in its batch."""
    x = torch.tensor(case.inputs[places])[:, None]
    at = places.index(case.at)
    with torch.no_grad():
        said = subject.said(subject.vectors(x), torch.tensor([len(x)]), torch.tensor([at]), [case])
        return float(subject.losses(said, [case])[0])


# --- known truths --------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 1, 5, 20])
def test_a_delay_line_looks_as_far_as_its_delay(k):
    one = found(delay(k, noise=0.2))
    assert (one.horizon, one.seen.at_least, one.seen.at_most) == (k, k, k)
    assert (one.order.needed, one.gaps.needed) == (k, k)
    assert not one.open_ended
    head = f"Looks back {k} symbol{'s' if k != 1 else ''} (95 %: {k} to {k})"
    assert one.words()[0].startswith(head)


def test_a_model_without_memory_says_so():
    assert "It uses no memory here." in found(without_memory()).words()[0]


def test_a_few_cases_only_are_told():
    assert any("of one case only" in line for line in found(delay(2), 1).words())
    assert any("of 9 cases only" in line for line in found(delay(2), 9).words())
    assert not any("only" in line for line in found(delay(2), 10).words())


def test_both_ways():
    one = found(between(6))
    assert (one.horizon, one.order.needed, one.gaps.needed) == (6, 6, 6)
    assert "6 symbols on each side" in one.words()[0]


def test_a_sum_needs_no_order():
    one = found(leaky(1.0), epsilon=1e-3)
    assert (one.horizon, one.order.needed) == (40, 0)
    assert one.gaps.needed >= 38
    assert one.words()[0].startswith("Looks back at least 40 symbols")
    assert "The order of the symbols before the current one does not matter" in one.words()[2]


def test_a_leaky_sum_against_every_n():
    subject = leaky(0.8)
    cases = subject.cases(12, 40)
    every = np.array([
        [plain(subject, c, list(range(c.at - n, c.at + 1))) for c in cases] for n in range(41)
    ]).mean(1)  # fmt: skip
    one = horizon(subject, cases, reach=40)
    assert one.epsilon == pytest.approx(0.01 * every[-1])
    np.testing.assert_allclose(one.seen.loss, every[one.seen.n], rtol=1e-9)
    np.testing.assert_allclose(one.seen.excess, every[one.seen.n] - every[-1], atol=1e-12)
    assert one.horizon == np.flatnonzero(every - every[-1] > one.epsilon)[-1] + 1
    assert (one.seen.low <= one.seen.excess).all()
    assert (one.seen.excess <= one.seen.high).all()
    assert one.seen.at_least <= one.horizon <= one.seen.at_most < 40


def test_it_says_when_the_end_was_not_seen():
    all_of_it = found(delay(40), far=False)
    assert all_of_it.open_ended
    assert "at least 40 symbols" in all_of_it.words()[0]
    close = found(delay(35), far=False)
    assert (close.horizon, close.open_ended) == (35, False)
    assert any("close to the 40" in line for line in close.words())
    assert not any("close to" in line for line in found(delay(20), far=False).words())


def test_memory_that_misleads():
    """It is sure of what it read 7 steps ago, and that is never right."""
    subject = delay(7)
    cases = [dataclasses.replace(c, target=(c.target + 1) % 5) for c in subject.cases(20, 40)]
    one = horizon(subject, cases, reach=40)
    assert one.horizon == 0
    assert "is of no use" in one.words()[0]
    assert any("misleads" in line and "with 0 symbols" in line for line in one.words())


def test_some_memory_may_help_where_all_of_it_does_not():
    one = found(delay(2, noise=0.2), far=False)
    excess = np.array([0.02, -0.3, -0.1, 0.0])
    seen = dataclasses.replace(
        one.seen, n=np.array([0, 4, 8, 40]), excess=excess - 0.02, loss=1 + excess, needed=0
    )
    assert "it does best with 4 symbols" in dataclasses.replace(one, seen=seen).words()[0]


def test_short_cases_see_what_they_have():
    subject = delay(5, noise=0.2)
    cases = [
        Case(c.inputs[-n:], n - 1, c.target, source=k)
        for k, (c, n) in enumerate(zip(subject.cases(40, 40), [3, 9, 30, 1] * 10, strict=True))
    ]
    one = horizon(subject, cases)
    assert (one.horizon, one.reach) == (5, 29)
    losses = [plain(subject, c, list(range(len(c.inputs)))) for c in cases]
    assert one.loss == pytest.approx(np.mean(losses))
    assert one.short == 0.5
    cases = [dataclasses.replace(c, inputs=c.inputs[-7:], at=min(c.at, 6)) for c in cases]
    few = horizon(subject, [*cases[:3], *cases[3::4]])
    assert any("of the cases have no more symbols" in line for line in few.words())


def test_all_elements_alike():
    subject = delay(2)
    cases = [Case(np.zeros(20, int), 19, 0, source=k) for k in range(6)]
    one = horizon(subject, cases)
    assert one.alike
    assert any("All symbols are the same" in line for line in one.words())
    assert not found(delay(2)).alike


# --- the parts -----------------------------------------------------------------------------------


@given(st.integers(1, 2000), st.booleans())
@settings(max_examples=15)
def test_the_grid_grows(most, coarse):
    sizes = grid(most, coarse)
    assert sizes[0] == 0
    assert sizes[-1] == most
    assert sizes == sorted(set(sizes))
    assert all(b <= 2 * a or b == 1 for a, b in itertools.pairwise(sizes))


def test_the_grid_of_the_field():
    assert grid(20) == [0, 1, 2, 3, 4, 6, 8, 12, 16, 20]
    assert grid(20, coarse=True) == [0, 1, 2, 4, 8, 16, 20]


@given(st.data())
@settings(max_examples=25)
def test_halving_finds_the_last_step_of_a_staircase(data):
    """Falling curves: the smallest n from which on the excess stays within epsilon, exactly."""
    most = data.draw(st.integers(1, 90))
    falls = data.draw(st.lists(st.floats(0, 0.02), min_size=most, max_size=most))
    excess = np.concatenate([np.cumsum(falls[::-1])[::-1], [0.0]])
    count = data.draw(st.integers(1, 4))
    one = curve(
        lambda n, of: np.full(len(of), 1 + excess[n]), np.ones(count), np.full(count, most),
        0.01, range(count), grid(most), 0,
    )  # fmt: skip
    within = np.append(np.flatnonzero(excess > 0.01 + 1e-12), -1).max() + 1
    assert one.needed in {within, np.append(np.flatnonzero(excess > 0.01 - 1e-12), -1).max() + 1}
    assert (one.at_least, one.at_most) == (one.needed, one.needed)  # cases do not differ


def test_the_interval_covers_the_truth():
    """Cases whose excess falls by halves, with their own luck: the mean is known."""
    most, covered = 64, 0
    truth = int(np.ceil(8 * np.log2(1 / 0.02)))
    for trial in range(30):
        luck = np.random.default_rng(trial).exponential(size=60)
        one = curve(
            lambda n, of, luck=luck: (luck * (0.5 ** (n / 8) if n < most else 0.0))[of],
            np.zeros(60), np.full(60, most), 0.02, range(60), grid(most), trial,
        )  # fmt: skip
        covered += one.at_least <= truth <= one.at_most
        assert one.at_least < one.at_most
    assert 26 <= covered <= 30


def test_sequences_are_drawn_whole():
    luck = np.random.default_rng(0).exponential(size=12)
    values = np.repeat(luck, 10)

    def measured(sources):
        return curve(
            lambda n, of: values[of] * 0.5 ** (n / 8), np.zeros(120), np.full(120, 64), 0.02,
            sources, grid(64), 0,
        )  # fmt: skip

    together, apart = measured(np.repeat(range(12), 10).tolist()), measured(range(120))
    assert together.needed == apart.needed
    assert together.high[0] - together.low[0] > 2 * (apart.high[0] - apart.low[0])
    few = measured(np.repeat(range(3), 40).tolist())  # too few to be drawn: cases are
    assert few.high.tolist() == apart.high.tolist()


@pytest.mark.parametrize("subject", [delay(2), between(2)], ids=["one way", "both ways"])
def test_far_elements_are_shuffled_or_left_out_and_near_ones_stay(subject):
    cases = subject.cases(5, 20)
    windows = Windows(subject, cases, 20)
    last = 20 if subject.both_ways else 0
    for k, case in enumerate(cases):
        at = case.at
        whole = list(range(at - 12, at + min(last, 12) + 1))
        near = [p for p in whole if abs(p - at) <= 4]
        far = [p for p in whole if p < at - 4]
        seen = Disorder(windows, 12, 1).seen(k, 4).tolist()
        assert sorted(seen) == whole
        assert seen != whole
        assert seen[8 : 8 + len(near)] == near
        assert sorted(seen[:8]) == far
        assert seen == Disorder(windows, 12, 1).seen(k, 4).tolist()
        left = Gaps(windows, 12, 1, 0.5).seen(k, 4).tolist()
        assert left == sorted(left)
        assert set(near) <= set(left)
        assert len(set(far) & set(left)) == 4
    shuffled = Disorder(windows, 12, 1)
    of = np.arange(5)
    np.testing.assert_allclose(
        shuffled.losses(1, of),
        [plain(subject, c, shuffled.seen(k, 1).tolist()) for k, c in enumerate(cases)],
    )


# --- how it is told, and what it refuses ---------------------------------------------------------


def test_seeded_is_repeated():
    subject = leaky(0.8)
    one, same, other = (found(subject, 20, seed=seed) for seed in (1, 1, 2))
    assert one.data() == same.data()
    assert one.seen.excess.tolist() == other.seen.excess.tolist()
    assert one.order.data() != other.order.data()


@pytest.mark.parametrize("far", [True, False])
def test_told_in_full(far):
    one = found(delay(3, noise=0.2), far=far)
    data = json.loads(json.dumps(one.data(), allow_nan=False))
    assert (data["horizon"], data["reach"]) == (3, 40)
    assert (data["order"] is not None) is far
    tables = one.tables()
    assert len(tables) == (3 if far else 1)
    assert all(len(row) == len(t.columns) for t in tables for row in t.rows)
    assert [row[0] for row in tables[0].rows] == one.seen.n.tolist()
    figure = Figure(figsize=one.size(), layout="constrained")
    one.draw(figure)
    figure.canvas.draw()
    assert len(figure.axes) == (2 if far else 1)
    assert "Khandelwal" in one.method
    assert "0.01 nats" in one.method


def test_epsilon():
    assert found(leaky(0.8), far=False).chosen == "share"
    wide = found(leaky(0.8), far=False, epsilon=1.0)
    assert (wide.chosen, wide.epsilon) == ("given", 1.0)
    assert wide.horizon < found(leaky(0.8), far=False).horizon

    @dataclasses.dataclass(frozen=True, eq=False)
    class Relative(Toy):
        relative = True

    toy = leaky(0.8)
    share = Relative(toy.title, toy.reader, toy.readout, toy.target)
    assert found(share, far=False).epsilon == 0.01
    subject = leaky(0.5, noise=0.0)  # right by its definition: its loss with all is nothing
    assert found(subject, far=False).epsilon == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epsilon", 0.0), ("epsilon", -1.0), ("epsilon", float("nan")), ("epsilon", float("inf")),
        ("reach", 0), ("reach", 1.5), ("reach", True), ("reach", 10**30),
        ("dropped", 0.0), ("dropped", 1.5), ("seed", -1),
    ],
)  # fmt: skip
def test_settings_out_of_range(option, value):
    subject = delay(1)
    with pytest.raises(InputError, match=option):
        horizon(subject, subject.cases(3, 5), **{option: value})


def test_cases_that_will_not_do():
    subject = delay(1)
    with pytest.raises(InputError, match="no cases"):
        horizon(subject, [])
    with pytest.raises(InputError, match="nothing before the symbol asked"):
        horizon(subject, [Case(np.array([1]), 0, 1)])
    with pytest.raises(InputError, match=r"step 3 is asked of 2 elements"):
        horizon(subject, [Case(np.array([1, 2]), 3, 1)])
    features = leaky(0.5)
    with pytest.raises(InputError, match="loss of case 1 is nan"):
        horizon(features, [Case(np.full((4, 1), v), 3, 0.0) for v in (1.0, np.nan)])
