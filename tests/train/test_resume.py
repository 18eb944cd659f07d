"""Laws 5 to 7: seeded = repeated, stopped = resumed, crashed = recovered."""

import os
import random
import signal

import pytest
import safetensors.torch
import torch
from processes import process, run
from toy import (
    Slow,
    Toy,
    die_after_the_fifth_rename,
    die_before_the_fifth_flush,
    die_in_the_middle_of_writing,
    fit,
    rows,
    same,
    settings,
    weights,
)

from clew.errors import InputError, Interrupted
from clew.train import Silent, TrainSettings, checkpoint, train
from clew.train.snapshot import read

HARD = {"average": 0.9, "evaluate_every": 5, "patience": 3, "clip": 0.3}


def test_same_seed_same_bits_whatever_the_users_generator():
    results = []
    for user in (1, 2):
        torch.manual_seed(user)
        toy = Toy()
        history = train(toy, settings())
        results.append((weights(toy), rows(history)))
    assert same(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_another_seed_gives_other_weights():
    one, other = Toy(), Toy()
    train(one, settings(seed=1))
    train(other, settings(seed=2))
    assert not same(weights(one), weights(other))


def test_the_users_generator_threads_and_grad_mode_are_left_alone(tmp_path):
    toy = Toy()
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    handler = signal.getsignal(signal.SIGINT)
    with torch.no_grad():
        train(toy, settings(epochs=1), out=tmp_path)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert signal.getsignal(signal.SIGINT) is handler


def interrupt_at(toy, *calls, number=signal.SIGINT):
    def on_loss(call):
        if call in calls:
            os.kill(os.getpid(), number)

    toy.on_loss = on_loss


@pytest.mark.parametrize("step", range(1, 19))
def test_stopped_at_any_step_and_resumed_is_undisturbed(step, tmp_path, undisturbed):
    toy = Toy()
    interrupt_at(toy, step, number=signal.SIGTERM if step % 2 else signal.SIGINT)
    with pytest.raises(Interrupted) as stopped:
        train(toy, settings(**HARD, epochs=3), out=tmp_path)
    assert stopped.value.folder == tmp_path
    assert read(checkpoint.path_in(tmp_path)).position.step == step
    again = Toy(seed=99)  # other weights: everything must come from the checkpoint
    history = train(again, settings(**HARD, epochs=3), out=tmp_path, resume=True)
    assert same(weights(again), undisturbed[0])
    assert rows(history) == rows(undisturbed[1])
    assert (history.clipped, history.best_step, history.steps, history.finished_by) == (
        undisturbed[1].clipped,
        undisturbed[1].best_step,
        undisturbed[1].steps,
        undisturbed[1].finished_by,
    )


@pytest.fixture(scope="module")
def undisturbed():
    toy = Toy()
    history = train(toy, settings(**HARD, epochs=3))
    assert history.clipped > 0
    return weights(toy), history


def test_patience_counts_on_through_a_stop(tmp_path):
    def fitted(out, stop):
        toy = Toy()
        changes = {"epochs": 60, "learning_rate": 0.5, "patience": 4, "clip": None}
        if stop:
            interrupt_at(toy, stop)
            with pytest.raises(Interrupted):
                train(toy, settings(**changes), out=out)
            toy = Toy(seed=3)
        history = train(toy, settings(**changes), out=out, resume=bool(stop))
        return weights(toy), history

    whole, curve = fitted(tmp_path / "whole", 0)
    assert curve.finished_by == "patience"
    assert len(curve.rows) - 4 == curve.best_step / 6
    parts, again = fitted(tmp_path / "parts", curve.steps - 8)
    assert same(whole, parts)
    assert rows(again) == rows(curve)


def test_the_second_ctrl_c_quits_at_once():
    toy = Toy()

    def twice(call):
        if call == 4:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    toy.on_loss = twice
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(toy, settings())
    assert not isinstance(stopped.value, Interrupted)
    assert toy.calls == 4


def test_interrupted_without_a_folder_says_that_nothing_is_kept():
    toy = Toy()
    interrupt_at(toy, 2)
    with pytest.raises(Interrupted) as stopped:
        train(toy, settings())
    assert stopped.value.folder is None


def test_resuming_a_finished_run_trains_no_further(tmp_path):
    toy = Toy()
    history = train(toy, settings(), out=tmp_path)
    again = Toy(seed=7)
    later = train(again, settings(), out=tmp_path, resume=True)
    assert again.calls == 0
    assert same(weights(again), weights(toy))
    assert rows(later) == rows(history)
    checkpoint.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_resuming_where_nothing_was_kept_begins(tmp_path):
    one, other = Toy(), Toy()
    train(one, settings(), out=tmp_path, resume=True)
    train(other, settings())
    assert same(weights(one), weights(other))


def test_an_unfinished_run_is_not_overwritten(tmp_path):
    train(Toy(), settings(), out=tmp_path)
    before = checkpoint.path_in(tmp_path).read_bytes()
    with pytest.raises(InputError, match="unfinished run"):
        train(Toy(), settings(), out=tmp_path)
    assert checkpoint.path_in(tmp_path).read_bytes() == before


LONG = {"epochs": 90, "checkpoint_every": 0.05, "evaluate_every": 50, "average": 0.9}


def written(out):
    """When the checkpoint in `out` was written; None where there is none."""
    path = checkpoint.path_in(out)
    return path.stat().st_mtime_ns if path.exists() else None


def test_killed_ten_times_and_resumed_is_undisturbed(tmp_path):
    chance = random.Random(4)
    out, seen = tmp_path / "out", []
    for life in range(10):
        # 540 steps of 8 ms or more: longer than the ten lives together.
        begun, former = tmp_path / str(life), written(out)
        one = process(
            fit, tmp_path / "parts", changes=LONG, out=out, resume=True, before=Slow(begun)
        )
        one.start()
        # Every fifth dies before or as it begins, the others some time after they kept something.
        while life % 5 and one.is_alive() and not (begun.exists() and written(out) != former):
            one.join(0.01)
        one.join(chance.uniform(0.0, 0.2))
        one.kill()
        one.join()
        assert one.exitcode == -signal.SIGKILL
        if checkpoint.exists(out):
            seen.append(read(checkpoint.path_in(out)).position.step)
    assert sorted(seen) == seen
    assert len(set(seen)) > 3  # most kills came in the middle of the training
    assert run(fit, tmp_path / "parts", changes=LONG, out=out, resume=True) == 0
    toy = Toy()
    train(toy, settings(**LONG))
    assert same(safetensors.torch.load_file(tmp_path / "parts.0"), weights(toy))


@pytest.mark.parametrize(
    ("death", "steps"),
    [
        (die_in_the_middle_of_writing, 4),
        (die_before_the_fifth_flush, 4),
        (die_after_the_fifth_rename, 5),
    ],
)
def test_killed_while_writing_leaves_a_whole_checkpoint(death, steps, tmp_path):
    out = tmp_path / "out"
    changes = {"checkpoint_every": 0.0}
    assert run(fit, tmp_path / "x", changes=changes, out=out, before=death) == -signal.SIGKILL
    assert read(checkpoint.path_in(out)).position.step == steps
    toy, whole = Toy(seed=8), Toy()
    train(toy, settings(), out=out, resume=True)
    train(whole, settings())
    assert same(weights(toy), weights(whole))


@pytest.mark.parametrize(
    ("changes", "fingerprint", "network", "words"),
    [
        ({"learning_rate": 0.5}, "d1", {}, "learning_rate is 0.02 there and 0.5 here"),
        ({"epochs": 4}, "d1", {}, "epochs is 3 there and 4 here"),
        ({"clip": None}, "d1", {}, "clip is 1.0 there and None here"),
        ({}, "d2", {}, "data is 'd1' there and 'd2' here"),
        ({}, {"data": "d1", "batch_size": 8}, {}, "batch_size is None there and 8 here"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(changes, fingerprint, network, words, tmp_path):
    toy = Toy()
    interrupt_at(toy, 3)
    with pytest.raises(Interrupted):
        train(toy, settings(), out=tmp_path, fingerprint="d1")
    before = checkpoint.path_in(tmp_path).read_bytes()
    again = Toy(seed=2)
    start = weights(again)
    with pytest.raises(InputError) as refused:
        train(again, settings(**changes), out=tmp_path, resume=True, fingerprint=fingerprint)
    assert words in str(refused.value)
    assert checkpoint.path_in(tmp_path).read_bytes() == before
    assert same(weights(again), start)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    train(Toy(), settings(), out=tmp_path)
    other = Toy()
    other.cell = torch.nn.GRU(6, 9)
    with pytest.raises(InputError, match=r"cell\.weight_ih_l0.*float32 \(24, 6\)"):
        train(other, settings(), out=tmp_path, resume=True)


def test_checkpoint_every_may_change_on_resume(tmp_path):
    toy = Toy()
    interrupt_at(toy, 3)
    with pytest.raises(Interrupted):
        train(toy, settings(), out=tmp_path)
    train(Toy(), settings(checkpoint_every=60.0), out=tmp_path, resume=True)


def test_a_resumed_run_has_the_threads_it_was_begun_with(tmp_path):
    threads = torch.get_num_threads()
    toy, again, used, said = Toy(), Toy(), [], []
    interrupt_at(toy, 3)
    again.on_loss = lambda call: used.append(torch.get_num_threads())
    report = Silent()
    report.message = said.append
    try:
        torch.set_num_threads(1)
        with pytest.raises(Interrupted):
            train(toy, settings(), out=tmp_path)
        torch.set_num_threads(2)
        train(again, settings(), out=tmp_path, resume=True, report=report)
        assert set(used) == {1}
        assert torch.get_num_threads() == 2
        assert said == ["going on with 1 threads, as the run was begun"]
    finally:
        torch.set_num_threads(threads)


def test_resume_without_a_folder_is_refused():
    with pytest.raises(InputError, match="folder"):
        train(Toy(), TrainSettings(), resume=True)
