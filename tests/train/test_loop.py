"""The loop against a plain one written out by hand, a clock that is moved by hand, and trouble."""

import math
import os
import signal

import pytest
import torch
from toy import Toy, same, settings, weights

from clew.errors import InputError, Interrupted
from clew.train import Evaluation, Silent, checkpoint, train
from clew.train.snapshot import read

EXACT = {"dropout": 0.0, "dtype": torch.float64}


class Heard(Silent):
    def __init__(self):
        self.steps, self.rows, self.messages, self.info = [], [], [], None

    def start(self, info):
        self.info = info

    def step(self, info):
        self.steps.append(info)

    def evaluated(self, row):
        self.rows.append(row)

    def message(self, text):
        self.messages.append(text)


def rate(step, steps, *, peak, warmup, final):
    """The documented schedule, for step 1 to `steps`."""
    p = step / steps
    if p < warmup:
        return peak * p / warmup
    return peak * (
        final + (1 - final) * 0.5 * (1 + math.cos(math.pi * (p - warmup) / (1 - warmup)))
    )


@pytest.mark.parametrize(("warmup", "final"), [(0.05, 0.02), (0.0, 0.0), (0.5, 0.3), (0.25, 1.0)])
def test_the_schedule_is_the_documented_one(warmup, final):
    heard = Heard()
    train(Toy(), settings(epochs=4, warmup=warmup, final=final), report=heard)
    got = [info.learning_rate for info in heard.steps]
    want = [rate(k, 24, peak=0.02, warmup=warmup, final=final) for k in range(1, 25)]
    assert got == pytest.approx(want, rel=1e-12)
    assert got[-1] == pytest.approx(0.02 * final)


@pytest.mark.parametrize("clip", [None, 0.2])
@pytest.mark.parametrize("average", [0.0, 0.8])
def test_the_weights_are_those_of_a_loop_by_hand(clip, average):
    """AdamW as its paper writes it, on plain tensors; nothing of torch.optim."""
    toy, hand = Toy(**EXACT), Toy(**EXACT)
    history = train(
        toy, settings(clip=clip, average=average, weight_decay=0.1, evaluate_every=1000)
    )
    named = {name: p for name, p in hand.named_parameters() if name != "unused"}
    first = {name: torch.zeros_like(p) for name, p in named.items()}
    second = {name: torch.zeros_like(p) for name, p in named.items()}
    mean = {name: p.detach().clone() for name, p in named.items()}
    step = clipped = 0
    for epoch in range(3):
        carry = None
        for item in hand.plan(epoch, 0, 1):
            step += 1
            loss, count, carry = hand.loss(item, carry)
            carry = carry.detach()
            hand.zero_grad()
            (loss / count).backward()
            grads = {name: p.grad for name, p in named.items()}
            length = math.sqrt(sum(g.pow(2).sum().item() for g in grads.values()))
            shrink = 1.0
            if clip is not None and length > clip:
                clipped, shrink = clipped + 1, clip / (length + 1e-6)
            now = rate(step, 18, peak=0.02, warmup=0.05, final=0.02)
            with torch.no_grad():
                for name, p in named.items():
                    g = grads[name] * shrink
                    first[name] = 0.9 * first[name] + 0.1 * g
                    second[name] = 0.999 * second[name] + 0.001 * g * g
                    if p.ndim > 1:
                        p -= now * 0.1 * p
                    m = first[name] / (1 - 0.9**step)
                    v = second[name] / (1 - 0.999**step)
                    p -= now * m / (v.sqrt() + 1e-8)
                    decay = min(average, step / (9 + step)) if average else 0.0
                    mean[name] = decay * mean[name] + (1 - decay) * p
    assert history.clipped == clipped
    assert clip is None or clipped > 0
    got = weights(toy)
    for name in named:
        torch.testing.assert_close(got[name], mean[name], rtol=1e-9, atol=1e-11)
    assert torch.equal(got["unused"], torch.ones_like(got["unused"]) * hand.unused.detach())


def scripted(objectives):
    """A toy whose evaluations say what the script says, and note the weights they saw."""
    toy, seen = Toy(), []

    def evaluate(full=False):
        assert not toy.training
        assert not torch.is_grad_enabled()
        seen.append(weights(toy))
        return Evaluation(objectives[len(seen) - 1], {"nats": objectives[len(seen) - 1]})

    toy.evaluate = evaluate
    return toy, seen


def test_the_best_weights_come_back():
    toy, seen = scripted([3.0, 1.0, 2.0, 1.0])
    history = train(toy, settings(epochs=4))
    assert same(weights(toy), seen[1])  # the first of two equals
    assert not same(seen[1], seen[3])
    assert (history.best, history.best_step) == (1.0, 12)
    assert [row["best"] for row in history.rows] == [True, True, False, False]
    assert not toy.training


def test_patience_ends_the_run():
    toy, seen = scripted([5.0, 3.0, 4.0, 2.0, 2.0, 2.5, 1.0])
    history = train(toy, settings(epochs=7, patience=2))
    assert history.finished_by == "patience"
    assert len(seen) == 6
    assert history.best_step == 24
    assert same(weights(toy), seen[3])


def test_a_target_ends_the_run_where_it_is_reached():
    toy, seen = scripted([5.0, 2.5, 2.0, 1.0])
    history = train(toy, settings(epochs=4, target=2.5))
    assert history.finished_by == "target"
    assert history.best_step == 12
    assert same(weights(toy), seen[1])


@pytest.mark.parametrize(
    ("every", "steps"), [(None, [6, 12, 18]), (4, [4, 8, 12, 16, 18]), (9, [9, 18]), (50, [18])]
)
def test_evaluations_come_when_asked_for_and_at_the_end(every, steps):
    assert [r["step"] for r in train(Toy(), settings(evaluate_every=every)).rows] == steps


def test_the_training_loss_is_the_mean_since_the_evaluation_before():
    toy, losses = Toy(), []
    plain = toy.loss

    def loss(item, carry):
        result = plain(item, carry)
        losses.append((result[0].item(), result[1]))
        return result

    toy.loss = loss
    history = train(toy, settings(evaluate_every=4))
    for row, begin in zip(history.rows, range(0, 18, 4), strict=True):
        part = losses[begin : begin + 4]
        assert row["train_loss"] == pytest.approx(
            sum(value for value, _ in part) / sum(count for _, count in part)
        )


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def timed(clock, *, step=1.0, look=3.0):
    toy = Toy()
    evaluate = toy.evaluate

    def slow_evaluate(full=False):
        clock.now += look
        return evaluate(full)

    def slow_loss(call):
        clock.now += step

    toy.evaluate, toy.on_loss = slow_evaluate, slow_loss
    return toy


@pytest.mark.parametrize(("step", "look"), [(1.0, 3.0), (0.4, 0.5), (5.0, 1.0), (0.5, 10.0)])
def test_a_time_limit_is_kept_and_used(step, look):
    clock, heard = Clock(), Heard()
    toy = timed(clock, step=step, look=look)
    history = train(
        toy, settings(epochs=1000, time=100.0, evaluate_every=60), clock=clock, report=heard
    )
    assert history.finished_by == "time"
    assert clock.now <= 100.0
    assert clock.now > 100.0 - 2 * step - 2 * look
    assert history.rows[-1]["step"] == history.steps
    rates = [info.learning_rate for info in heard.steps]
    assert max(rates) > 0.9 * 0.02
    assert rates[-1] < 0.15 * 0.02  # the whole schedule was gone through
    assert [info.seconds_left for info in heard.steps][-1] <= step + 2 * look


def test_a_time_limit_that_is_never_reached_changes_nothing():
    clock, one, other = Clock(), Toy(), Toy()
    assert train(one, settings(time=1e6), clock=clock).finished_by == "epochs"
    train(other, settings())
    assert same(weights(one), weights(other))


def test_time_spent_before_an_interruption_counts(tmp_path):
    clock = Clock()
    toy = timed(clock)
    plain = toy.on_loss

    def stop_at_20(call):
        plain(call)
        if call == 20:
            raise KeyboardInterrupt

    toy.on_loss = stop_at_20
    changes = settings(epochs=1000, time=60.0, checkpoint_every=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(toy, changes, out=tmp_path, clock=clock)
    before = read(checkpoint.path_in(tmp_path)).position.seconds
    clock = Clock()
    history = train(timed(clock), changes, out=tmp_path, resume=True, clock=clock)
    assert history.finished_by == "time"
    assert before + clock.now <= 60.0
    assert history.seconds == pytest.approx(before + clock.now)


def test_a_time_limit_may_be_another_on_resume_but_not_gone(tmp_path):
    def stop(limit, **keywords):
        toy = timed(Clock())
        toy.on_loss = lambda call: os.kill(os.getpid(), signal.SIGINT)
        train(toy, settings(time=limit), out=tmp_path, clock=Clock(), **keywords)

    with pytest.raises(Interrupted):
        stop(100.0)
    with pytest.raises(Interrupted):
        stop(90.0, resume=True)
    with pytest.raises(InputError, match="time is 'limited' there and 'without limit' here"):
        stop(None, resume=True)


def poison(toy, at, kind):
    plain = toy.loss

    def loss(item, carry):
        total, count, state = plain(item, carry)
        if toy.calls == at and kind == "loss":
            total = total * float("nan")
        if toy.calls == at and kind == "gradient":
            # The square root has an infinite slope at 0, and the value 0.
            total = total + (toy.out.bias * 0).abs().sum().sqrt()
        return total, count, state

    toy.loss = loss


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_numbers_that_are_none_stop_the_run_and_lose_nothing(kind, tmp_path):
    toy = Toy()
    poison(toy, 15, kind)
    with pytest.raises(InputError) as stopped:
        train(toy, settings(checkpoint_every=0.0), out=tmp_path)
    text = str(stopped.value)
    assert f"the {kind} became nan at step 15" in text
    assert "learning rate (now 0.02)" in text
    assert "clip" in text
    assert "data" in text
    best = Toy()
    history = train(best, settings())  # undisturbed: its weights after 12 steps were the best of 2
    kept = read(checkpoint.path_in(tmp_path))
    assert kept.position.step == 14
    assert kept.position.best == min(row["objective"] for row in history.rows[:2])
    assert same(weights(toy), kept.best)
    assert all(tensor.isfinite().all() for tensor in kept.model.values())


def test_a_held_out_figure_that_is_no_number_stops_the_run():
    toy, seen = scripted([1.0, float("nan")])
    with pytest.raises(InputError, match="objective became nan at step 12"):
        train(toy, settings())
    assert same(weights(toy), seen[0])


def test_an_epoch_without_batches_is_refused():
    toy = Toy()
    toy.plan = lambda epoch, rank, world: []
    with pytest.raises(InputError, match="nothing to learn from"):
        train(toy, settings())


def test_batches_of_nothing_are_passed_over():
    toy, other = Toy(), Toy()
    plain = toy.loss
    toy.loss = lambda item, carry: (
        (torch.zeros(()), 0, carry) if toy.calls_skipped() else plain(item, carry)
    )
    skip = iter([False, True] + [False] * 100)
    toy.calls_skipped = lambda: next(skip)
    history = train(toy, settings(epochs=1))
    other.plan = lambda epoch, rank, world: [
        None if i == 1 else item for i, item in enumerate(Toy.plan(other, epoch, rank, world))
    ]
    train(other, settings(epochs=1))
    assert history.steps == 6
    assert same(weights(toy), weights(other))


def test_progress_tells_what_a_bar_needs():
    clock, heard = Clock(), Heard()
    toy = timed(clock, step=2.0, look=1.0)
    history = train(toy, settings(), clock=clock, report=heard)
    assert (heard.info.steps, heard.info.epochs, heard.info.unit) == (18, 3, "tokens")
    assert heard.info.parameters == sum(p.numel() for p in toy.parameters())
    assert [(i.epoch, i.step) for i in heard.steps] == [(1 + k // 6, k + 1) for k in range(18)]
    assert all(i.steps == 18 and i.epochs == 3 for i in heard.steps)
    assert all(i.items_per_second == pytest.approx(20 / 2.0) for i in heard.steps)
    assert heard.steps[0].figures == {}
    assert heard.steps[-1].figures == {"nats": history.rows[-2]["nats"]}
    assert heard.steps[8].seconds_left == pytest.approx((9 * 2 + 1) * 1.0)
    assert heard.rows == history.rows
