"""Training on piano rolls: nats as a plain loop counts them, other keys, the laws of a run."""

import os
import signal

import numpy as np
import pytest
import torch
from classifiers import Told
from rolls import PITCHES, network, roll, rolls

from clew.errors import Interrupted
from clew.tasks._compose.roll_problem import RollProblem, Score, room, score
from clew.train.loop import train
from clew.train.settings import TrainSettings

SETTINGS = TrainSettings(epochs=3, learning_rate=0.01, device="cpu")
both = pytest.mark.parametrize("notes", ["in turn", "independent"])


def problem(notes="in turn", **changes):
    given = {"batch_size": 4, "seed": 0, **changes}
    net = network(notes, cell="lstm", input_dropout=0.1)
    net.count(rolls())
    return RollProblem(net, rolls(), rolls(5)[1:], **given)


def plain_nats(net, one):
    """-ln P of every step of one roll, read step by step."""
    state, x_t, found = None, torch.zeros(1, PITCHES + 1), []
    x_t[0, -1] = 1
    for step in torch.from_numpy(one).float():
        y_t, state = net.reader.step(x_t, state)
        if hasattr(net.output, "chosen"):
            found.append(float(net.nats(y_t, step[None])))
        else:
            logits = net.output.scores(y_t)[0]
            found.append(sum(
                float(torch.nn.functional.softplus(-s if on else s))
                for s, on in zip(logits, step, strict=True)
            ))  # fmt: skip
        x_t = torch.cat([step, torch.zeros(1)])[None]
    return found


@both
@pytest.mark.parametrize("window", [4, 1024])
def test_nats_are_those_of_a_plain_loop(notes, window):
    net = network(notes, cell="lstm", layers=2)
    found = score(net, rolls(8), window)
    assert [len(each) for each in found.nats] == [len(one) for one in rolls(8)]
    with torch.no_grad():
        for ours, one in zip(found.nats, rolls(8), strict=True):
            np.testing.assert_allclose(ours, plain_nats(net, one), rtol=1e-4)


def test_nats_of_a_roll_alone_and_among_others():
    net = network()
    together = score(net, rolls(8)).nats
    for one, nats in zip(rolls(8), together, strict=True):
        np.testing.assert_allclose(score(net, [one]).nats[0], nats, rtol=1e-5)


def test_nats_a_step_are_counted_in_three_ways():
    figures = Score([np.array([5.0, 1, 2, 3]), np.array([]), np.array([7.0]), np.array([9.0, 4])])
    assert figures.figures() == {
        "nats_per_step": (1 + 2 + 3 + 4) / 4,
        "nats_per_step_of_a_roll": (2 + 4) / 2,
        "nats_per_step_with_first": (5 + 1 + 2 + 3 + 7 + 9 + 4) / 7,
    }
    assert set(Score([np.array([3.0])]).figures().values()) == {3.0}
    assert set(Score([]).figures().values()) == {0.0}


@both
def test_a_window_that_is_carried_on_sums_to_the_whole(notes):
    """The loss of a batch does not depend on the parts it is read in."""
    whole, parts = problem(notes), problem(notes, window=4)
    whole.network.eval(), parts.network.eval()
    carry, seen, summed, count = None, [], 0.0, 0
    with torch.no_grad():
        for item in whole.plan(0, 0, 1):
            loss, number, _ = whole.loss(item, None)
            seen.append((float(loss), number))
        for item in parts.plan(0, 0, 1):
            loss, number, carry = parts.loss(item, carry)
            summed, count = summed + float(loss), count + number
    assert summed == pytest.approx(sum(loss for loss, _ in seen), rel=1e-5)
    assert count == sum(number for _, number in seen) == sum(map(len, rolls()))


def test_gradient_of_the_loss_is_that_of_torch():
    """Independent notes, against torch's own LSTM and binary cross-entropy."""
    net = network("independent", cell="lstm")
    ours = RollProblem(net, [roll(9, 2, 3)], [roll(3)], batch_size=1, seed=0)
    loss, count, _ = ours.loss(ours.plan(0, 0, 1)[0], None)
    loss.backward()
    lstm = torch.nn.LSTM(PITCHES + 1, 16)
    lstm.load_state_dict(net.reader.layers[0].state_dict())
    x = torch.zeros(9, PITCHES + 1)
    y = torch.from_numpy(roll(9, 2, 3)).float()
    x[1:, :-1], x[0, -1] = y[:-1], 1
    logits = net.output.scores(lstm(x)[0])
    truth = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="sum")
    truth.backward()
    assert count == 9
    torch.testing.assert_close(loss, truth)
    for name, p in lstm.named_parameters():
        torch.testing.assert_close(net.reader.layers[0].get_parameter(name).grad, p.grad)


def test_every_roll_once_an_epoch_in_a_key_that_it_has_room_for():
    ours = problem(transpose=4)
    first, again = ours.plan(3, 0, 1), ours.plan(3, 0, 1)
    moves = set()
    for item, same in zip(first, again, strict=True):
        assert item.places.tolist() == same.places.tolist()
        assert item.moved.tolist() == same.moved.tolist()
        for place, move in zip(item.places, item.moved, strict=True):
            down, up = room(rolls()[place])
            assert max(-4, down) <= move <= min(4, up)
            moves.add(int(move))
    assert sorted(n for item in first for n in item.places) == list(range(12))
    assert len(moves) > 3
    assert any(
        a.moved.tolist() != b.moved.tolist() for a, b in zip(first, ours.plan(4, 0, 1), strict=True)
    )
    assert not any(item.moved.any() for item in problem().plan(0, 0, 1))


def test_ranks_share_every_batch():
    ours = problem(batch_size=2, window=4, transpose=2)
    one = RollProblem(ours.network, rolls(), rolls(), batch_size=6, seed=0, window=4, transpose=2)
    plans = [ours.plan(1, rank, 3) for rank in range(3)]
    carries, carry = [None] * 3, None
    ours.network.eval()
    for whole, *parts in zip(one.plan(1, 0, 1), *plans, strict=True):
        found = [n for part in parts if part is not None for n in part.places]
        there = [n for n in whole.places if whole.start < len(rolls()[n])]
        assert set(there) <= set(found) <= set(whole.places.tolist())
        assert len(found) == len(set(found))
        assert {part.start for part in parts if part is not None} == {whole.start}
        nats = 0.0
        with torch.no_grad():
            for rank, part in enumerate(parts):
                if part is not None:
                    more, count, carries[rank] = ours.loss(part, carries[rank])
                    nats += float(more)
                    assert count > 0
            truth, _, carry = one.loss(whole, carry)
        assert nats == pytest.approx(float(truth), rel=1e-4)
    few = RollProblem(ours.network, rolls(3)[1:], rolls(), batch_size=2, seed=0)
    assert few.plan(0, 2, 3) == [None]


def test_room_of_a_roll():
    assert room(roll(5, 0, 3)) == (-3, PITCHES - 1 - 6 - 3)
    assert room(roll(0)) == (0, 0)
    assert room(np.zeros((3, PITCHES), np.uint8)) == (0, 0)


@both
def test_a_run_learns_repeats_stops_and_resumes(notes, tmp_path):
    def run(**more):
        ours = problem(notes, transpose=2, window=8)
        torch.manual_seed(5)  # the loop's own seed counts, not this
        history = train(ours, SETTINGS, **more)
        return ours.network.state_dict(), history

    before = score(problem(notes).network, rolls()).figures()["nats_per_step"]
    first, history = run()
    assert history.best < before
    second, _ = run()
    assert all(map(torch.equal, first.values(), second.values()))
    stopping = Told(5, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted):
        run(out=tmp_path, report=stopping)
    third, _ = run(out=tmp_path, resume=True)
    assert all(map(torch.equal, first.values(), third.values()))
