"""Writing piano rolls: what is drawn is read, an opening is gone on from, seeds repeat."""

import numpy as np
import pytest
import torch
from rolls import PITCHES, network, roll, rolls, window

from clew.errors import InputError
from clew.tasks._compose.roll_problem import RollProblem, score
from clew.tasks._compose.roll_writing import RollWriting, write
from clew.tasks._draw import Draw
from clew.train.loop import train
from clew.train.settings import TrainSettings

both = pytest.mark.parametrize("notes", ["in turn", "independent"])


def written(net, opening=None, **how):
    draw = Draw(**{name: how.pop(name) for name in ("temperature", "seed") if name in how})
    found = list(write(net, opening, RollWriting(draw=draw, **how)))
    return np.array(found, np.uint8).reshape(-1, PITCHES)


def counted(notes, cell="gru"):
    net = network(notes, cell=cell, layers=2)
    net.count(rolls())
    return net


@both
def test_seeded_is_repeated_and_the_users_generators_are_left_alone(notes):
    net = counted(notes)
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()
    first = written(net, steps=20, seed=3)
    assert (first == written(net, steps=20, seed=3)).all()
    assert (first != written(net, steps=20, seed=4)).any()
    assert first.shape == (20, PITCHES)
    assert first.dtype == np.uint8
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()
    assert written(net, steps=0).shape == (0, PITCHES)
    assert len(written(net, steps=3)) == 3  # a seed of its own


@both
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_written_at_once_is_written_in_parts(notes, cell):
    """The likeliest notes: what was written and is read again as an opening goes on the same."""
    net = counted(notes, cell)
    whole = written(net, steps=12, temperature=0)
    for at in (0, 1, 7):
        rest = written(net, whole[:at], steps=12 - at, temperature=0)
        assert (rest == whole[at:]).all()


@both
def test_the_likeliest_is_what_the_network_says_of_the_whole(notes):
    """No note the other way would be likelier (of notes in turn: the first of them)."""
    net = counted(notes)
    found = written(net, steps=6, temperature=0, polyphony=(0, PITCHES))
    before = torch.from_numpy(np.concatenate([found[:1] * 0, found[:-1]])).float()[:, None]
    with torch.no_grad():
        y = net(net.inputs(before, True))[0][:, 0]
        for step, y_t in zip(found, y, strict=True):
            if notes == "independent":
                assert step.tolist() == (net.output.scores(y_t) > 0).int().tolist()
            else:
                best = int(net.output.scores(torch.relu(net.output.reading(y_t))).argmax())
                assert best == max(np.flatnonzero(step), default=PITCHES)


@both
def test_polyphony_holds(notes):
    net = counted(notes)
    assert net.polyphony.tolist() == [0, 3]
    assert written(net, steps=50, seed=0, temperature=5.0).sum(1).max() <= 3
    found = written(net, steps=50, seed=0, polyphony=(2, 2))
    assert set(found.sum(1).tolist()) == {2}


def test_what_was_learned_is_gone_on_with():
    """The chords go round: all but the first are foretold, and written."""
    data = [roll(12, n) for n in range(5)]
    net = network(hidden=24)
    net.count(data)
    train(
        RollProblem(net, data, data, batch_size=5, seed=0),
        TrainSettings(epochs=80, learning_rate=0.05, evaluate_every=80, device="cpu"),
    )
    nats = np.mean(score(net, data).nats, 0)
    assert nats[2:].max() < 0.3 < nats[0]
    for start in range(3):
        found = written(net, roll(4, start), steps=8, temperature=0.3, seed=1)
        assert (found == roll(8, start + 4)).all()


def test_what_cannot_be_is_told():
    net = counted("in turn")
    for wrong, word in [
        ({"steps": -1}, "steps"), ({"steps": 2.0}, "steps"), ({"polyphony": (3, 2)}, "polyphony"),
        ({"polyphony": 3}, "polyphony"), ({"polyphony": (1, 2, 3)}, "polyphony"),
        ({"polyphony": (0, 1.5)}, "polyphony"),
    ]:  # fmt: skip
        with pytest.raises(InputError) as caught:
            RollWriting(**wrong)
        assert caught.value.where == word
    with pytest.raises(InputError, match="polyphony"):
        write(net, None, RollWriting(polyphony=(0, PITCHES + 1)))
    for how in (Draw(top_p=0.9), Draw(top_k=3)):
        with pytest.raises(InputError, match="independent"):
            write(counted("independent"), None, RollWriting(draw=how))
        assert len(list(write(net, None, RollWriting(steps=3, draw=how)))) == 3
    for opening in (np.zeros((3, PITCHES + 1)), np.zeros(PITCHES), np.full((2, PITCHES), 2)):
        with pytest.raises(InputError, match="opening"):
            write(net, opening, RollWriting())
    with pytest.raises(InputError, match="recurrent"):
        write(window(), None, RollWriting())
