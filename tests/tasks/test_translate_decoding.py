"""Decoding against what can be enumerated: networks so small that every answer is known."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from clew.errors import InputError
from clew.tasks._translate.decoding import Search, _top, decode
from clew.tasks._translate.hypotheses import Hypothesis

BEGIN, END = 1, 2
MANY = 997  # rows of the toy's tables


@dataclass(frozen=True)
class ToyMemory:
    ids: Tensor  # (S, B)
    lengths: Tensor

    def pick(self, indices: Tensor) -> "ToyMemory":
        return ToyMemory(self.ids[:, indices], self.lengths[indices])


class Toy:
    """Scores looked up by a number made of the source and all pieces so far: no arithmetic that
    could differ with the size of a batch, so that answers can be compared bit for bit."""

    def __init__(
        self, vocabulary: int, seed: int = 0, levels: int | None = None, sharp: float = 2.0
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = sharp * torch.randn(MANY, vocabulary, generator=generator)
        if levels is not None:  # few different scores: ties everywhere
            self.table = torch.randint(levels, (MANY, vocabulary), generator=generator).float()
        self.gaze = torch.rand(MANY, 64, generator=generator)
        self.rows: list[int] = []  # of each step
        self.encoded = 0

    def encode(self, x: Tensor, lengths: Tensor) -> ToyMemory:
        self.encoded += 1
        return ToyMemory(x, lengths)

    def start(self, memory: ToyMemory) -> tuple[Tensor]:
        state = memory.lengths.clone()
        for x in memory.ids:
            state = torch.where(x > 0, (state * 31 + x) % MANY, state)  # 0 pads
        return (state,)

    def pick(self, state: tuple[Tensor], indices: Tensor) -> tuple[Tensor]:
        return (state[0][indices],)

    def step(
        self, tokens: Tensor, state: tuple[Tensor], memory: ToyMemory
    ) -> tuple[Tensor, tuple[Tensor], Tensor | None]:
        assert len(tokens) == len(memory.lengths) == len(state[0])
        self.rows.append(len(tokens))
        new = (state[0] * 37 + tokens + 5) % MANY
        steps = len(memory.ids)
        seen = torch.arange(steps)[None] < memory.lengths[:, None]
        weights = (self.gaze[new][:, :steps] * seen).float()
        return self.table[new].clone(), (new,), weights

    def alone(self, source: list[int], pieces: list[int]) -> float:
        """log P of `pieces` and the end after them, by a plain loop."""
        (state,) = self.start(
            self.encode(torch.tensor(source)[:, None], torch.tensor([len(source)]))
        )
        total = 0.0
        for before, after in itertools.pairwise([BEGIN, *pieces, END]):
            state = (state * 37 + before + 5) % MANY
            total += float(self.table[state[0]].double().log_softmax(0)[after])
        return total


def every(toy: Toy, source: list[int], limit: int, alpha: float) -> list[tuple[float, list[int]]]:
    """All answers of at most `limit` pieces, the best first."""
    letters = [i for i in range(toy.table.shape[1]) if i not in (0, END)]
    found = []
    for length in range(limit + 1):
        for pieces in itertools.product(letters, repeat=length):
            score = toy.alone(source, list(pieces)) / ((5 + length + 1) / 6) ** alpha
            found.append((score, list(pieces)))
    return sorted(found, key=lambda item: -item[0])


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_beam_wide_enough_finds_the_best_of_all_answers(alpha: float, seed: int) -> None:
    toy, source = Toy(5, seed), [3, 4, 1]
    # 3 pieces may be written: there are 1 + 3 + 9 + 27 + 81 answers in all
    how = Search(BEGIN, END, beam=121, n_best=7, length_penalty=alpha)
    (found,) = decode(toy, [source], how, lambda n: 4)
    truth = every(toy, source, 4, alpha)[:7]
    assert [h.pieces for h in found] == [pieces for _, pieces in truth]
    np.testing.assert_allclose([h.normalized for h in found], [s for s, _ in truth], rtol=1e-5)
    np.testing.assert_allclose(
        [h.score for h in found], [toy.alone(source, h.pieces) for h in found], rtol=1e-5
    )


def plain_beam(
    toy: Toy, source: list[int], limit: int, how: Search, drop: bool
) -> list[tuple[float, list[int]]]:
    """Beam search by its definition; `drop` what cannot win, as it must, or nothing."""
    live, done = [(0.0, [])], []
    places = how.beam
    for step in range(limit + 1):
        scored = []
        for rank, (_, pieces) in enumerate(live):
            for piece in range(toy.table.shape[1]):
                if piece in how.forbidden or (step == limit and piece != END):
                    continue
                whole = [*pieces] if piece == END else [*pieces, piece]
                scored.append((prefix(toy, source, [*pieces, piece]), -rank, -piece, whole))
        scored.sort(key=lambda item: item[:3], reverse=True)
        best = scored[: places - len(done)]
        if how.margin is not None:
            best = [item for item in best if item[0] >= scored[0][0] - how.margin]
        done += [(s / how.penalty(step + 1), whole) for s, _, piece, whole in best if piece == -END]
        done.sort(key=lambda item: -item[0])
        live = [(s, whole) for s, _, piece, whole in best if piece != -END]
        if drop and len(done) >= how.n_best:
            worst = done[how.n_best - 1][0]
            live = [item for item in live if item[0] / how.penalty(limit + 1) > worst]
    return done[: how.n_best]


def prefix(toy: Toy, source: list[int], pieces: list[int]) -> float:
    """log P of `pieces` in the precision in which decoding adds it up."""
    (state,) = toy.start(toy.encode(torch.tensor(source)[:, None], torch.tensor([len(source)])))
    total = 0.0
    for before, after in itertools.pairwise([BEGIN, *pieces]):
        state = (state * 37 + before + 5) % MANY
        row = toy.table[state]
        norm = torch.logsumexp(row, 1)
        total += min(0.0, float(row[0, after].double() - norm[0].double()))
    return total


@settings(max_examples=60)
@given(
    seed=st.integers(0, 50),
    beam=st.integers(1, 6),
    alpha=st.sampled_from([0.0, 0.6, 3.0]),
    limit=st.integers(0, 6),
    levels=st.sampled_from([None, 2, 3]),
    sharp=st.sampled_from([2.0, 20.0]),  # sharp: pieces later on cost next to nothing
    margin=st.sampled_from([None, 1.0, 4.0]),
    data=st.data(),
)
def test_a_beam_finds_what_its_definition_says_and_dropping_never_makes_it_worse(
    seed: int, beam: int, alpha: float, limit: int, levels: int | None, sharp: float,
    margin: float | None, data: Any,
) -> None:  # fmt: skip
    toy, source = Toy(6, seed, levels, sharp), [4, 4]
    n_best = data.draw(st.integers(1, beam))
    how = Search(
        BEGIN, END, beam=beam, n_best=n_best, length_penalty=alpha, forbidden=(0, 1), margin=margin
    )
    (found,) = decode(toy, [source], how, lambda n: limit)
    truth = plain_beam(toy, source, limit, how, drop=True)
    assert [(h.normalized, h.pieces) for h in found] == truth
    for a, b in zip(found, plain_beam(toy, source, limit, how, drop=False), strict=False):
        assert a.normalized >= b[0]


@settings(max_examples=30)
@given(
    sources=st.lists(st.lists(st.integers(1, 9), max_size=7), min_size=1, max_size=9),
    beam=st.sampled_from([None, 1, 3]),
    rows=st.sampled_from([1, 4, 256]),
)
def test_a_sentence_alone_gets_what_it_gets_among_others(
    sources: list[list[int]], beam: int | None, rows: int
) -> None:
    toy = Toy(12)
    how = Search(BEGIN, END, beam=beam, n_best=beam or 1, weights=True)
    together = decode(toy, sources, how, lambda n: 2 * n + 1, rows=rows)
    for source, found in zip(sources, together, strict=True):
        (alone,) = decode(toy, [source], how, lambda n: 2 * n + 1)
        assert len(found) == len(alone)
        for a, b in zip(found, alone, strict=True):
            assert_equal(a, b)


def assert_equal(a: Hypothesis, b: Hypothesis) -> None:
    assert (a.pieces, a.score, a.normalized) == (b.pieces, b.score, b.normalized)
    np.testing.assert_array_equal(a.looks, b.looks)
    np.testing.assert_array_equal(a.weights, b.weights)


@settings(max_examples=30)
@given(seed=st.integers(0, 50), levels=st.sampled_from([None, 2]))
def test_greedy_is_a_beam_of_one(seed: int, levels: int | None) -> None:
    toy = Toy(9, seed, levels)
    sources = [[3, 5], [], [8, 8, 8, 8], [1]]
    slow = decode(toy, sources, Search(BEGIN, END, beam=1, weights=True), lambda n: n + 3)
    fast = decode(toy, sources, Search(BEGIN, END, weights=True), lambda n: n + 3)
    for (a,), (b,) in zip(slow, fast, strict=True):
        assert_equal(a, b)


@given(
    count=st.integers(1, 17),
    width=st.integers(20, 3000),
    levels=st.sampled_from([2, 50, 10**6]),
    seed=st.integers(0, 99),
)
def test_the_largest_scores_in_order_of_their_places(
    count: int, width: int, levels: int, seed: int
) -> None:
    scores = torch.randint(levels, (3, width), generator=torch.Generator().manual_seed(seed))
    forbidden = (3, width - 1)
    values, places, most = _top(scores.float(), count, forbidden)
    assert most[:, 0].tolist() == scores.amax(1).tolist()
    allowed = scores.float()
    allowed[:, list(forbidden)] = -math.inf
    truth = torch.sort(allowed, dim=1, descending=True, stable=True)
    assert torch.equal(values, truth.values[:, :count])
    assert torch.equal(places, truth.indices[:, :count])


def test_weights_are_those_of_the_step_that_wrote_each_piece() -> None:
    toy, source = Toy(7, 3), [3, 5, 2, 6]
    how = Search(BEGIN, END, beam=4, n_best=4, weights=True)
    (found,) = decode(toy, [source, [1] * 9], how, lambda n: 6)[:1]
    assert len(found) == 4
    for answer in found:
        (state,) = toy.start(toy.encode(torch.tensor(source)[:, None], torch.tensor([4])))
        rows = []
        for piece in [BEGIN, *answer.pieces][:-1]:
            state = (state * 37 + piece + 5) % MANY
            rows.append(toy.gaze[state[0], :4].numpy())
        assert answer.weights is not None
        assert answer.looks is not None
        np.testing.assert_array_equal(answer.weights, np.array(rows).reshape(-1, 4))
        assert answer.looks.tolist() == [int(row.argmax()) for row in rows]


def test_forbidden_pieces_are_never_written_and_limits_hold() -> None:
    toy = Toy(6, 1)
    toy.table[:, 0] = 50.0  # what is forbidden may be as likely as it likes
    toy.table[:, END] = -50.0  # and it would never end by itself
    sources = [[1] * n for n in range(5)]
    for beam in (None, 3):
        found = decode(toy, sources, Search(BEGIN, END, beam=beam, forbidden=(0, 1)), lambda n: n)
        for source, (answer, *_) in zip(sources, found, strict=True):
            assert len(answer.pieces) == len(source)
            assert not {0, 1, END} & set(answer.pieces)
            assert answer.score < -40


def test_the_sources_are_read_once_and_finished_sentences_cost_nothing() -> None:
    toy = Toy(8, 4)
    sources = [[1 + n % 7] * (1 + n % 5) for n in range(40)]
    answers = decode(toy, sources, Search(BEGIN, END), lambda n: 12)
    assert toy.encoded == 1
    assert sum(toy.rows) == sum(len(a.pieces) + 1 for (a,) in answers)
    toy.rows.clear()
    decode(toy, sources, Search(BEGIN, END, beam=5), lambda n: 12)
    assert max(toy.rows) <= 40 * 5


def test_what_can_no_longer_win_is_dropped_at_once() -> None:
    toy = Toy(6)
    toy.table[:] = torch.tensor([-20.0, -20, 10, 0, 0, 0])  # almost certainly the end
    decode(toy, [[3]], Search(BEGIN, END, beam=4), lambda n: 40)
    assert toy.rows == [1]
    toy.rows.clear()
    how = Search(BEGIN, END, beam=4, n_best=2, length_penalty=0.0)
    decode(toy, [[3]], how, lambda n: 40)
    assert toy.rows == [1, 3]  # the second answer is one of the three of a single piece


def test_rows_side_by_side_are_bounded() -> None:
    toy = Toy(8, 4)
    decode(toy, [[3]] * 50, Search(BEGIN, END, beam=4), lambda n: 5, rows=16)
    assert max(toy.rows) <= 16
    toy.rows.clear()
    decode(toy, [[3] * 60] * 700, Search(BEGIN, END), lambda n: 2)
    assert max(toy.rows) * 60 <= 1 << 14


class Silent(Toy):
    """Without attention."""

    def step(self, *arguments: Any) -> Any:
        logits, state, _ = super().step(*arguments)
        return logits, state, None


def test_without_attention_there_is_nowhere_to_look() -> None:
    for beam in (None, 2):
        ((answer, *_),) = decode(
            Silent(8), [[3]], Search(BEGIN, END, beam=beam, weights=True), lambda n: 4
        )
        assert answer.looks is None
        assert answer.weights is None


def test_no_sentences_are_no_answers() -> None:
    assert decode(Toy(5), [], Search(BEGIN, END, beam=2), lambda n: 4) == []


def test_a_beam_wider_than_there_are_answers_gives_those_there_are() -> None:
    toy = Toy(4)  # 0, BEGIN, END and one letter
    (found,) = decode(
        toy, [[1]], Search(BEGIN, END, beam=50, n_best=50, forbidden=(0, BEGIN)), lambda n: 2
    )
    assert sorted(h.pieces for h in found) == [[], [3], [3, 3]]


def test_scores_that_are_not_finite_are_refused() -> None:
    toy = Toy(5)
    toy.table[:] = math.nan
    for beam in (None, 2):
        with pytest.raises(InputError, match="not finite"):
            decode(toy, [[3]], Search(BEGIN, END, beam=beam), lambda n: 4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beam": 0}, "beam is 0"),
        ({"beam": 2.5}, "beam is 2.5"),
        ({"beam": True}, "beam is True"),
        ({"beam": 2, "n_best": 0}, "n_best is 0"),
        ({"beam": 2, "n_best": 3}, "n_best is 3 and beam 2"),
        ({"n_best": 2}, "n_best is 2 and beam 1"),
        ({"length_penalty": -1.0}, "length_penalty is -1.0"),
        ({"length_penalty": math.nan}, "length_penalty is nan"),
        ({"length_penalty": "much"}, "length_penalty is 'much'"),
        ({"beam": 2, "margin": -1.0}, "margin is -1.0"),
        ({"beam": 2, "margin": math.nan}, "margin is nan"),
        ({"beam": 2, "margin": True}, "margin is True"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Search(BEGIN, END, **wrong)
