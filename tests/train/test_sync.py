"""Several processes train as one."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch
from processes import free_port, process, python
from toy import Toy, fit_as, same, settings, together, weights

from clew.errors import InputError
from clew.train import checkpoint, train

EXACT = {"dropout": 0.0, "dtype": torch.float64}


def loaded(path: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(path)


@pytest.mark.parametrize("columns", [4, 5])
def test_two_processes_are_one_with_both_batches(columns, tmp_path):
    # 5 columns: 3 to one process and 2 to the other; the clip, too, must see the whole gradient.
    options, changes = {**EXACT, "columns": columns}, {"clip": 0.2, "average": 0.9}
    codes = together(2, tmp_path / "log", tmp_path / "w", options=options, changes=changes)
    assert codes == [0, 0]
    alone = Toy(**options)
    history = train(alone, settings(**changes))
    assert history.clipped > 5
    first, second = loaded(tmp_path / "w.0"), loaded(tmp_path / "w.1")
    assert same(first, second)
    for name, value in weights(alone).items():
        torch.testing.assert_close(first[name], value, rtol=1e-10, atol=1e-10)


def test_a_process_with_nothing_to_do_takes_part(tmp_path):
    idle = [(1, i) for i in range(6)]  # rank 1 sits out every batch of an epoch
    options = {**EXACT, "columns": 4, "idle": idle}
    assert together(2, tmp_path / "log", tmp_path / "w", options=options) == [0, 0]
    # Rank 0 has columns 0 and 2; one process that reads only those learns the same.
    alone = Toy(**{**options, "idle": ()})
    alone.plan = lambda epoch, rank, world: Toy.plan(alone, epoch, 0, 2)
    train(alone, settings())
    first, second = loaded(tmp_path / "w.0"), loaded(tmp_path / "w.1")
    assert same(first, second)
    for name, value in weights(alone).items():
        torch.testing.assert_close(first[name], value, rtol=1e-10, atol=1e-10)


def interrupt_rank_one(toy):
    def on_loss(call):
        if call == 9 and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGTERM)

    toy.on_loss = on_loss


def test_stopped_and_resumed_together_is_undisturbed(tmp_path):
    # The carried state differs between the processes, and so do their dropout masks.
    assert together(2, tmp_path / "log", tmp_path / "whole") == [0, 0]
    out = tmp_path / "out"
    codes = together(2, tmp_path / "log", tmp_path / "x", out=out, before=interrupt_rank_one)
    assert codes == [3, 3]
    for rank in range(2):
        assert "Interrupted" in (tmp_path / f"log.{rank}").read_text()
    assert checkpoint.exists(out)
    options = {"seed": 99}
    codes = together(2, tmp_path / "log", tmp_path / "parts", options=options, out=out, resume=True)
    assert codes == [0, 0]
    for rank in range(2):
        assert same(loaded(tmp_path / f"whole.{rank}"), loaded(tmp_path / f"parts.{rank}"))
    assert same(loaded(tmp_path / "parts.0"), loaded(tmp_path / "parts.1"))


def fail_on_rank_one(toy):
    def on_loss(call):
        if call == 4 and os.environ["RANK"] == "1":
            raise ValueError("broken batch")

    toy.on_loss = on_loss


def fail_in_evaluation(toy):
    def evaluate(full=False):
        raise ValueError("broken evaluation")

    toy.evaluate = evaluate


def fail_in_the_plan_of_rank_one(toy):
    def plan(epoch, rank, world):
        if rank == 1:
            raise ValueError("broken plan")
        return Toy.plan(toy, epoch, rank, world)

    toy.plan = plan


def plan_less_on_rank_one(toy):
    toy.plan = lambda epoch, rank, world: Toy.plan(toy, epoch, rank, world)[rank:]


def test_plans_of_different_lengths_are_our_own_mistake(tmp_path):
    codes = together(2, tmp_path / "log", tmp_path / "w", before=plan_less_on_rank_one)
    assert codes == [3, 3]
    for rank in range(2):
        assert "AssertionError: every rank" in (tmp_path / f"log.{rank}").read_text()


@pytest.mark.parametrize(
    ("failure", "word", "guilty"),
    [
        (fail_on_rank_one, "broken batch", 1),
        (fail_in_evaluation, "broken evaluation", 0),
        (fail_in_the_plan_of_rank_one, "broken plan", 1),
    ],
)
def test_an_error_in_one_process_ends_all(failure, word, guilty, tmp_path):
    began = time.monotonic()
    assert together(2, tmp_path / "log", tmp_path / "w", before=failure) == [3, 3]
    assert time.monotonic() - began < 20
    assert f"ValueError: {word}" in (tmp_path / f"log.{guilty}").read_text()
    text = (tmp_path / f"log.{1 - guilty}").read_text()
    assert f"PeerError: process {guilty} of this run failed: ValueError: {word}" in text


def mistake_on_rank_one(toy):
    def on_loss(call):
        if call == 4 and os.environ["RANK"] == "1":
            raise InputError("an empty text", where="file.csv:7", expected="words")

    toy.on_loss = on_loss


def test_a_users_mistake_is_told_by_all_so_that_rank_0_can_print_it(tmp_path):
    codes = together(2, tmp_path / "log", tmp_path / "w", before=mistake_on_rank_one)
    assert codes == [3, 3]
    for rank in range(2):
        text = (tmp_path / f"log.{rank}").read_text()
        assert "InputError: an empty text\n  where: file.csv:7\n  expected: words" in text


def test_a_killed_process_ends_the_other(tmp_path):
    port = free_port()
    ranks = [
        process(fit_as, rank, 2, port, tmp_path / "log", tmp_path / "w", before=kill_rank_one)
        for rank in range(2)
    ]
    for one in ranks:
        one.start()
    for one in ranks:
        one.join(20)
    assert [one.exitcode for one in ranks] == [3, -signal.SIGKILL]
    assert "PeerError: lost the other processes" in (tmp_path / "log.0").read_text()


def kill_rank_one(toy):
    def on_loss(call):
        if call == 4 and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)

    toy.on_loss = on_loss


def test_torchrun_starts_it_and_only_rank_0_writes_and_talks(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "from toy import Toy, settings, weights\n"
        "import safetensors.torch\n"
        "from clew.train import Lines, train\n"
        "out, result = map(pathlib.Path, sys.argv[1:])\n"
        "toy = Toy()\n"
        "train(toy, settings(), out=out, report=Lines())\n"
        "safetensors.torch.save_file(weights(toy), f\"{result}.{os.environ['RANK']}\")\n"
    )
    here = str(Path(__file__).parent)
    command = ["-m", "torch.distributed.run", "--nproc-per-node", 2, "--master-port", free_port()]
    paths = os.pathsep.join([here, *filter(None, sys.path)])
    _, told = python(tmp_path, *command, script, tmp_path / "out", tmp_path / "w", PYTHONPATH=paths)
    assert told.count("training ") == 1
    assert told.count("finished by epochs") == 1
    assert "on 2 x cpu" in told
    assert [path.name for path in (tmp_path / "out").iterdir()] == [checkpoint.NAME]
    assert same(loaded(tmp_path / "w.0"), loaded(tmp_path / "w.1"))
