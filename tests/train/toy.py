"""A tiny language problem with everything that makes resuming hard, and processes that run it."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from processes import free_port, process

from clew.train import Evaluation, TrainSettings, train


class Toy(torch.nn.Module):
    """Next-symbol prediction, windows of one text with the state carried; it is the problem too."""

    unit = "tokens"

    def __init__(
        self, *, seed=1, columns=4, windows=6, width=5, dropout=0.3, dtype=torch.float32, idle=()
    ):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.embed = torch.nn.Embedding(7, 6)
        self.cell = torch.nn.GRU(6, 8)
        self.dropout = torch.nn.Dropout(dropout)
        self.out = torch.nn.Linear(8, 7)
        self.unused = torch.nn.Parameter(torch.ones(2, 2))
        self.to(dtype)
        for p in self.parameters():
            torch.nn.init.normal_(p, std=0.3, generator=generator)
        text = torch.Generator().manual_seed(5)
        self.text = torch.randint(0, 7, (windows * width + 1, columns), generator=text)
        self.windows, self.width, self.columns, self.idle = windows, width, columns, idle
        self.on_loss: Callable[[int], None] = lambda call: None
        self.calls = 0

    @property
    def network(self):
        return self

    def plan(self, epoch, rank, world):
        mine = list(range(self.columns))[rank::world]
        start = (epoch * 2) % self.windows
        order = [(start + i) % self.windows for i in range(self.windows)]
        return [None if (rank, i) in self.idle else (w, mine) for i, w in enumerate(order)]

    def loss(self, item, carry):
        self.calls += 1
        self.on_loss(self.calls)
        window, columns = item
        begin = window * self.width
        piece = self.text[begin : begin + self.width + 1][:, columns]
        y, state = self.cell(self.dropout(self.embed(piece[:-1])), carry)
        total = torch.nn.functional.cross_entropy(
            self.out(self.dropout(y)).flatten(0, 1), piece[1:].flatten(), reduction="sum"
        )
        return total, piece[1:].numel(), state

    def evaluate(self, full=False):
        y, _ = self.cell(self.embed(self.text[:-1]))
        nats = torch.nn.functional.cross_entropy(
            self.out(y).flatten(0, 1), self.text[1:].flatten()
        ).item()
        return Evaluation(nats, {"nats": nats})


def settings(**changes):
    return TrainSettings(
        **{"epochs": 3, "learning_rate": 0.02, "device": "cpu", "checkpoint_every": 60.0, **changes}
    )


def weights(toy):
    return {name: tensor.clone() for name, tensor in toy.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def rows(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]


def fit(result, *, options=None, changes=None, out=None, resume=False, before=None):
    """In a process of its own: train a toy, write its weights to the file `result`."""
    toy = Toy(**(options or {}))
    if before is not None:
        before(toy)
    train(toy, settings(**(changes or {})), out=out, resume=resume)
    rank = os.environ.get("RANK", "0")
    safetensors.torch.save_file(weights(toy), f"{result}.{rank}")


def fit_as(rank, world, port, log, *arguments, **keywords):
    """`fit` as one rank of several; an error's traceback goes to the file `log`.rank."""
    os.environ.update(
        RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    try:
        fit(*arguments, **keywords)
    except BaseException:
        Path(f"{log}.{rank}").write_text(traceback.format_exc())
        os._exit(3)
    # As at the end of an ordinary process; a forked one skips it.
    torch.distributed.destroy_process_group()


def together(world: int, log: Path, *arguments: Any, **keywords: Any) -> list[int]:
    """Run `fit` as `world` processes; their exit codes."""
    port = free_port()
    ranks = [
        process(fit_as, rank, world, port, log, *arguments, **keywords) for rank in range(world)
    ]
    for one in ranks:
        one.start()
    for one in ranks:
        one.join(60)
    return [one.exitcode for one in ranks]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Slow:
    """Makes steps of a toy last, and leaves the file `begun` when the first one begins."""

    def __init__(self, begun: Path) -> None:
        self.begun = begun

    def __call__(self, toy):
        def on_loss(call):
            self.begun.touch()
            time.sleep(0.008)

        toy.on_loss = on_loss


def die_in_the_middle_of_writing(toy):
    save = safetensors.torch.save_file
    times = 0

    def half(tensors, path, metadata):
        nonlocal times
        times += 1
        save(tensors, path, metadata=metadata)
        if times == 5:
            os.truncate(path, path.stat().st_size // 2)
            die()

    safetensors.torch.save_file = half


def die_before_the_fifth_flush(toy):
    flush, times = os.fsync, 0

    def fsync(descriptor):
        nonlocal times
        times += 1
        if times == 9:
            die()
        flush(descriptor)

    os.fsync = fsync


def die_after_the_fifth_rename(toy):
    flush, times = os.fsync, 0

    def fsync(descriptor):
        nonlocal times
        times += 1
        if times == 10:
            die()
        flush(descriptor)

    os.fsync = fsync
