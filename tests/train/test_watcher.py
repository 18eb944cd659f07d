"""A listener that looks at gradients: it sees each of them, and what is trained stays the same."""

import pytest
import torch
from test_resume import HARD, interrupt_at
from toy import Toy, rows, same, settings, weights

from clew.errors import Interrupted
from clew.train import Reporter, Silent, Watcher, train


class Looker(Silent):
    """Notes what it is told, and does all it may: it draws random numbers and reads gradients."""

    def __init__(self):
        self.problem, self.told, self.saves, self.before = None, [], 0, None

    def watch(self, problem):
        assert self.before is None
        self.problem, self.before = problem, weights(problem.network)

    def start(self, info):
        assert self.problem is not None
        super().start(info)

    def gradient(self, step, norm, clip):
        torch.rand(7)
        grads = [p.grad for p in self.problem.network.parameters() if p.grad is not None]
        own = torch.cat([grad.flatten() for grad in grads]).norm()
        self.told.append((step, float(norm), float(own), clip))

    def saved(self):
        self.saves += 1


def test_a_watcher_is_one_by_what_it_can():
    assert isinstance(Looker(), Watcher)
    assert not isinstance(Silent(), Watcher)
    silent: Reporter = Silent()
    train(Toy(), settings(epochs=1), report=silent)


def test_every_gradient_is_seen_before_it_is_clipped():
    looker = Looker()
    history = train(Toy(), settings(**HARD), report=looker)
    assert [step for step, *_ in looker.told] == list(range(1, history.steps + 1))
    for _, norm, own, clip in looker.told:
        assert own == pytest.approx(norm, rel=1e-5)
        assert clip == HARD["clip"]
    assert sum(norm > clip for _, norm, _, clip in looker.told) == history.clipped > 0
    assert looker.saves == 0  # there is no folder


def test_watched_or_not_the_weights_are_the_same_to_the_bit():
    watched, alone = Toy(), Toy()
    assert rows(train(watched, settings(**HARD), report=Looker())) == rows(
        train(alone, settings(**HARD))
    )
    assert same(weights(watched), weights(alone))


def test_it_hears_of_every_checkpoint_and_goes_on_at_the_next_step(tmp_path):
    toy, looker = Toy(), Looker()
    interrupt_at(toy, 7)
    with pytest.raises(Interrupted):
        train(toy, settings(**HARD), out=tmp_path, report=looker)
    assert looker.saves > 0
    again, later = Toy(seed=9), Looker()
    history = train(again, settings(**HARD), out=tmp_path, resume=True, report=later)
    assert [step for step, *_ in looker.told + later.told] == list(range(1, history.steps + 1))
    alone = Toy()
    train(alone, settings(**HARD))
    assert same(weights(again), weights(alone))


def test_a_batch_without_anything_has_no_gradient():
    toy, looker = Toy(idle={(0, 2)}), Looker()
    history = train(toy, settings(epochs=1), report=looker)
    assert len(looker.told) == history.steps - 1
