"""Watching a run: it changes nothing, goes on after a stop, counts what is clipped, and tells."""

import json

import numpy as np
import pytest
import torch
from watching import Problem, settings

from clew.errors import InputError, Interrupted
from clew.memory import _record
from clew.memory.watch import FILE, PICTURE, WatchGradients, by_layer, read_gradients
from clew.nn import LSTM
from clew.train import Silent, train


class Said(Silent):
    """Keeps what it is told."""

    def __init__(self):
        self.lines, self.heard = [], []

    def start(self, info):
        self.heard.append("start")

    def step(self, info):
        self.heard.append(info.step)

    def evaluated(self, row):
        self.heard.append("evaluated")

    def message(self, text):
        self.lines.append(text)

    def done(self, history):
        self.heard.append("done")
        self.lines.append("done")


def weights(problem):
    return {name: tensor.clone() for name, tensor in problem.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("changes", [{}, {"clip": 0.5, "average": 0.9, "evaluate_every": 3}])
def test_weights_and_curve_are_bit_for_bit_those_of_a_run_that_nobody_watches(changes):
    watched, alone = Problem(layers=2, dropout=0.4), Problem(layers=2, dropout=0.4)
    watch = WatchGradients()
    rows = [train(p, settings(**changes), report=r).rows
            for p, r in ((watched, watch), (alone, Silent()))]  # fmt: skip
    assert same(weights(watched), weights(alone))
    for one, other in zip(*rows, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert watch.found().steps.tolist() == list(range(1, 9))


def test_each_layer_has_the_length_of_its_own_gradient():
    class Looking(WatchGradients):
        def gradient(self, step, norm, clip):
            groups = [("head", self._problem.head), ("stack.layers.0", self._problem.stack)]
            for name, module in groups:
                flat = torch.cat([p.grad.flatten() for p in module.parameters()])
                seen.setdefault(name, []).append(float(flat.norm()))
            super().gradient(step, norm, clip)

    seen = {}
    watch = Looking(every=4)
    train(Problem(), settings(), report=watch)
    found = watch.found()
    assert set(found.record.layers) == set(seen)
    for k, name in enumerate(found.record.layers):
        means = [seen[name][0], np.mean(seen[name][1:4]), np.mean(seen[name][4:8])]
        np.testing.assert_allclose(found.by_layer[:, k], means, rtol=1e-5)
    whole = np.sqrt(np.sum(np.square(list(seen.values())), axis=0))
    assert found.total.norm == pytest.approx(whole.sum(), rel=1e-5)
    assert found.record.rows[-1].longest == pytest.approx(whole[4:].max(), rel=1e-5)


def test_clipped_steps_are_those_that_the_loop_counts():
    watch = WatchGradients(every=3)
    history = train(Problem(), settings(clip=1.5, epochs=4), report=watch)
    total = watch.found().total
    assert 0 < history.clipped < history.steps
    assert (total.clipped, total.steps) == (history.clipped, history.steps)
    assert 0 < total.kept / total.clipped < 1
    text = " ".join(watch.found().words())
    assert f"Clipped at 1.5: {history.clipped} of {history.steps} steps" in text


class Stopping(Problem):
    """Wishes to stop after some batches."""

    stop = 0

    def loss(self, item, carry):
        if self.training and torch.is_grad_enabled():
            self.stop -= 1
            if self.stop == 0:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGINT)
        return super().loss(item, carry)


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures take a second each, and are looked at elsewhere."""
    monkeypatch.setattr("clew.memory.watch.picture", lambda found, path: path.touch())


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("stop", [1, 2, 5, 7])
def test_stopped_and_resumed_it_notes_what_an_undisturbed_run_notes(stop, tmp_path):
    whole = tmp_path / "whole"
    train(Problem(), settings(clip=2.0), out=whole, report=WatchGradients(folder=whole, every=3))
    parts = tmp_path / "parts"
    problem = Stopping()
    problem.stop = stop
    with pytest.raises(Interrupted):
        train(problem, settings(clip=2.0), out=parts,
              report=WatchGradients(folder=parts, every=3))  # fmt: skip
    assert json.loads((parts / FILE).read_text())["step"] == stop
    train(Problem(seed=5), settings(clip=2.0), out=parts, resume=True,
          report=WatchGradients(folder=parts, every=3))  # fmt: skip
    assert (parts / FILE).read_bytes() == (whole / FILE).read_bytes()
    assert (parts / PICTURE).exists()


@pytest.mark.usefixtures("undrawn")
def test_watched_only_after_a_stop_it_tells_how_much_it_has_not_seen(tmp_path):
    problem = Stopping()
    problem.stop = 3
    with pytest.raises(Interrupted):
        train(problem, settings(), out=tmp_path)
    watch = WatchGradients(folder=tmp_path)
    train(Problem(), settings(), out=tmp_path, resume=True, report=watch)
    assert watch.found().steps.tolist() == [4, 5, 6, 7, 8]
    assert watch.found().words()[-1] == "3 steps were made unwatched."


@pytest.mark.usefixtures("undrawn")
def test_what_is_of_later_steps_than_the_checkpoint_is_noted_again(tmp_path):
    problem = Stopping()
    problem.stop = 4
    with pytest.raises(Interrupted):
        train(problem, settings(), out=tmp_path, report=WatchGradients(folder=tmp_path))
    record = _record.read(tmp_path / FILE)
    record.rows.append(_record.Row(6, 2, 9.0, 9.0, 0, 0.0, (1.0, 1.0), (1.0,)))
    record.step = 6
    record.write(tmp_path / FILE)
    train(Problem(), settings(), out=tmp_path, resume=True, report=WatchGradients(folder=tmp_path))
    again = read_gradients(tmp_path)
    assert again.steps.tolist() == list(range(1, 9))
    assert again.record.unseen == 0


@pytest.mark.usefixtures("undrawn")
def test_the_record_of_another_network_is_not_gone_on_with(tmp_path):
    problem = Stopping()
    problem.stop = 4
    with pytest.raises(Interrupted):
        train(problem, settings(), out=tmp_path, report=WatchGradients(folder=tmp_path))
    record = _record.read(tmp_path / FILE)
    record.layers = ("another", "network")
    record.write(tmp_path / FILE)
    with pytest.raises(InputError, match="another network"):
        train(Problem(), settings(), out=tmp_path, resume=True,
              report=WatchGradients(folder=tmp_path))  # fmt: skip


def test_everything_else_is_passed_on_in_its_order():
    plain, inner = Said(), Said()
    train(Problem(), settings(), report=plain)
    train(Problem(), settings(), report=WatchGradients(inner))
    assert inner.heard == plain.heard
    after = inner.lines[inner.lines.index("done") + 1 :]
    assert after[0].startswith("Step 1: ")


def test_vanishing_is_told_when_it_is_seen_and_not_at_every_step():
    inner = Said()
    watch = WatchGradients(inner)
    problem = Problem(cell="rnn", lengths=(30, 30))
    for p in problem.stack.parameters():
        torch.nn.init.constant_(p, 0.02)
    train(problem, settings(learning_rate=1e-5), report=watch)
    told = [line for line in inner.lines if line.startswith("step ")]
    assert len(told) == 1
    assert told[0].startswith("step 1: the gradient vanishes: halves every 0.")
    assert told[0].endswith(" back a millionth of it is left")


def test_an_explosion_is_told():
    inner = Said()
    problem = Problem(cell="rnn", lengths=(12, 12))
    with torch.no_grad():
        layer = problem.stack.layers[0]
        layer.weight_hh_l0.copy_(2 * torch.eye(5))
        for p in (layer.weight_ih_l0, layer.bias_ih_l0, layer.bias_hh_l0):
            p.mul_(1e-4)
    train(problem, settings(learning_rate=1e-6, epochs=1), report=WatchGradients(inner))
    told = next(line for line in inner.lines if line.startswith("step "))
    assert told.startswith("step 1: the gradient explodes: doubles every step; 11 steps back it is")
    assert told.endswith(" times as long")


def test_a_run_of_a_yardstick_is_only_passed_on():
    inner = Said()
    watch = WatchGradients(inner)

    class Within(Silent):
        """As a task tells of a first run, which is not the one to be watched."""

        start, step, done = (staticmethod(getattr(watch, n)) for n in ("start", "step", "done"))

    train(Problem(), settings(epochs=1), report=Within())
    assert inner.heard == ["start", 1, 2, 3, 4, "done"]
    with pytest.raises(InputError, match="nothing was watched"):
        watch.found()
    train(Problem(), settings(epochs=1), report=watch)
    assert len(watch.found().steps) == 4


def test_a_second_fit_begins_anew():
    watch = WatchGradients()
    train(Problem(), settings(epochs=2), report=watch)
    train(Problem(), settings(epochs=1), report=watch)
    assert watch.found().steps.tolist() == [1, 2, 3, 4]


def test_layers_go_by_their_modules_and_those_of_one_module_apart():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = LSTM(2, 3, num_layers=2, bidirectional=True)
            self.one = LSTM(2, 3)
            self.own = torch.nn.Parameter(torch.zeros(1))
            self.fixed = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    groups = dict(by_layer(Net()))
    assert list(groups) == [
        "own",
        "lstm.l0",
        "lstm.l0_reverse",
        "lstm.l1",
        "lstm.l1_reverse",
        "one",
    ]
    assert [len(group) for group in groups.values()] == [1, 4, 4, 4, 4, 4]
    bare = [name for name, _ in by_layer(LSTM(2, 3, num_layers=2))]
    assert bare == ["l0", "l1"]


@pytest.mark.parametrize("how", [{"every": 0}, {"every": 1.5}, {"reach": 0}, {"reach": True}])
def test_settings_that_mean_nothing(how):
    with pytest.raises(InputError, match="is"):
        WatchGradients(**how)


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_gradients(tmp_path)
    _record.Record(1).write(tmp_path / FILE)
    with pytest.raises(InputError, match="nothing was noted"):
        read_gradients(tmp_path / FILE)
