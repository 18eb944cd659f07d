"""The training loop of every task."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clew.errors import InputError, Interrupted
from clew.train import carry, checkpoint, optim, run, sync
from clew.train.history import History
from clew.train.lock import lock_folder
from clew.train.pace import Pace
from clew.train.problem import Evaluation, Problem
from clew.train.report import Info, Progress, Reporter, Silent
from clew.train.seeding import generators_kept, seed_device, seed_for, threads_kept
from clew.train.settings import TrainSettings, resolve_device
from clew.train.signals import StopWish


def train(
    problem: Problem,
    settings: TrainSettings,
    *,
    out: Path | None = None,
    resume: bool = False,
    fingerprint: str | Mapping[str, Any] = "",
    report: Reporter | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> History:
    """Train `problem.network` and leave the best weights in it, in eval mode.

    With `out`, the run is kept in `out/checkpoint.safetensors` (see `clew.train.checkpoint`):
    every so often, at each new best, at the end, and on Ctrl-C or SIGTERM, which finish the step
    and raise Interrupted; a second Ctrl-C ends at once. With `resume` the run in `out` goes on
    and ends with the very weights of an undisturbed one (on the CPU; from the start where nothing
    was kept yet). `fingerprint` tells runs apart: of the data, or a mapping that also names the
    task's own settings. `clock` gives seconds.

    Raises InputError where a loss or gradient is not finite, the plan is empty, the checkpoint
    is damaged or another run's, the folder is taken, or the disk refuses.
    """
    if resume and out is None:
        raise InputError("resume needs the folder of the run", where="out")
    sync.join()
    device = resolve_device(settings.device)
    with ExitStack() as stack:
        stack.enter_context(generators_kept(device))
        stack.enter_context(threads_kept())
        stack.enter_context(torch.enable_grad())
        if out is not None:
            folder = out
            sync.on_main(lambda: stack.enter_context(lock_folder(folder)))
        wish = stack.enter_context(StopWish(deaf=1.0 if sync.world() > 1 else 0.0))
        listener = report if report is not None and sync.is_main() else Silent()
        loop = _Loop(problem, settings, device, out, fingerprint, listener, clock, wish)
        loop.begin(resume)
        return loop.go()


class _Loop:
    """One run in one process."""

    def __init__(
        self,
        problem: Problem,
        settings: TrainSettings,
        device: torch.device,
        out: Path | None,
        fingerprint: str | Mapping[str, Any],
        report: Reporter,
        clock: Callable[[], float],
        wish: StopWish,
    ) -> None:
        self.problem, self.settings, self.device, self.out = problem, settings, device, out
        self.report, self.wish = report, wish
        self.rank, self.world = sync.rank(), sync.world()
        self.network = problem.network.to(device)
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        if not self.parameters:
            raise InputError("this network has nothing to learn", expected="a trainable parameter")
        self.optimizer = optim.adamw(self.parameters, settings)
        self.pos = run.Position()
        self.pace = Pace(settings, clock)
        self.about = run.about(settings, fingerprint, device.type, self.world)
        self.carry: Any = None
        self.best: dict[str, Tensor] = {}
        self.average: dict[str, Tensor] = {}
        self.plan: Sequence[Any] = ()
        self.stop = self.due = self.time_up = self.look_early = False
        # (step, summed loss, count, gradient norm) of steps whose numbers were not yet looked at:
        # on an accelerator every look makes the processor wait.
        self.pending: deque[tuple[int, Tensor | float, int, Tensor]] = deque()
        self.wait = 1 if device.type == "cpu" or self.world > 1 else 16

    # Begin and end

    def begin(self, resume: bool) -> None:
        """Read the checkpoint, or make sure that none is overwritten; meet on the same weights."""
        if self.out is not None:
            path = checkpoint.path_in(self.out)
            found = sync.on_main(path.is_file)
            if found and not resume:
                raise InputError(
                    "this folder holds an unfinished run",
                    where=str(path),
                    hint="resume it, delete the file to begin anew, or choose another folder",
                )
            if found:
                self._restore(sync.on_main(lambda: run.read(path)), str(path))
            elif resume:
                self.report.message(f"no checkpoint in {self.out} yet: starting from the beginning")
        sync.spread(self.network.state_dict().values())
        if self.settings.average and not self.average:
            self.average = {
                name: p.detach().clone()
                for name, p in self.network.named_parameters()
                if p.requires_grad
            }
        self._open_epoch()
        self.time_up = sync.on_main(lambda: self.pace.time_up(self.pos))
        self.report.start(
            Info(
                epochs=self.settings.epochs,
                steps=self.settings.epochs * len(self.plan),
                step=self.pos.step,
                parameters=sum(p.numel() for p in self.parameters),
                unit=self.problem.unit,
                device=str(self.device),
                world=self.world,
                time=self.settings.time,
            )
        )
        self.pace.begin(self.pos)

    def go(self) -> History:
        """Steps, evaluations and checkpoints until the run ends."""
        self.network.train()
        while not self.pos.finished_by:
            if self.stop or (self.world == 1 and self.wish.wanted):
                self._interrupted()
            if self._must_look():
                self._evaluate()
                continue
            if self.pos.item == len(self.plan):
                self.pos.epoch, self.pos.item, self.carry = self.pos.epoch + 1, 0, None
                self._open_epoch()
            self._step()
            if self.due:
                self._save()
        return self._finish()

    def _finish(self) -> History:
        self._save()
        if any(sync.on_main(lambda: [self.wish.wanted])):
            raise Interrupted(folder=self.out)
        self._restore_best()
        sync.spread(self.network.state_dict().values())
        self.network.eval()
        history = History(
            rows=self.pos.rows,
            best=self.pos.best,
            best_step=self.pos.best_step,
            steps=self.pos.step,
            seconds=self.pace.elapsed(self.pos),
            clipped=self.pos.clipped,
            finished_by=self.pos.finished_by,
        )
        self.report.done(history)
        return history

    def _interrupted(self) -> None:
        self._save()
        if self.out is not None:
            self.report.message(f"stopped at step {self.pos.step}; the run is kept in {self.out}")
        raise Interrupted(folder=self.out)

    def _open_epoch(self) -> None:
        pos, last = self.pos, self.pos.epoch >= self.settings.epochs
        epoch = min(pos.epoch, self.settings.epochs - 1)
        self.plan = sync.everywhere(lambda: self.problem.plan(epoch, self.rank, self.world))
        if len(self.plan) == 0:
            raise InputError("there is nothing to learn from: the plan of an epoch is empty")
        if pos.item > len(self.plan) or last:
            raise InputError(
                f"the checkpoint stands at batch {pos.item} of epoch {pos.epoch + 1}",
                expected=f"at most {len(self.plan)} batches and {self.settings.epochs} epochs",
            )

    # One step

    def _step(self) -> None:
        pos = self.pos
        began = self.pace.clock()
        seed_device(self.device, seed_for(self.settings.seed, pos.step, self.rank))
        self.optimizer.zero_grad(set_to_none=True)
        error: Exception | None = None
        loss: Tensor | float = 0.0
        count = 0
        try:
            loss, count = self._backward(self.plan[pos.item])
        except Exception as failure:
            if self.world == 1:
                raise
            error = failure
        elapsed = self.pace.elapsed(pos)
        self._agree(elapsed)
        if self.world > 1:
            loss, count, elapsed = self._together(loss, count, elapsed, error)
        pos.item += 1
        if count > 0:
            self._update(loss, count, elapsed)
        pos.step += 1
        self.pace.stepped(began, count)
        done = self._done()
        self.report.step(
            Progress(
                epoch=pos.epoch + 1,
                epochs=self.settings.epochs,
                step=pos.step,
                steps=max(pos.step, round(pos.step / done)),
                loss=pos.loss_sum / pos.loss_count if pos.loss_count else None,
                items_per_second=self.pace.rate,
                seconds_left=self.pace.left(pos, done),
                unit=self.problem.unit,
                figures=self._figures(),
                learning_rate=self.optimizer.param_groups[0]["lr"],
            )
        )

    def _backward(self, item: Any) -> tuple[Tensor | float, int]:
        if item is None:
            return 0.0, 0
        loss, count, state = self.problem.loss(item, self.carry)
        self.carry = carry.detach(state)
        if count > 0:
            # Alone, the mean is taken here; together, once the others' counts are known.
            (loss / count if self.world == 1 else loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), count

    def _agree(self, elapsed: float) -> None:
        pos, main = self.pos, self.rank == 0
        self.stop = self.wish.wanted
        self.due = main and self.out is not None and self.pace.save_due()
        self.time_up = main and self.pace.time_up(pos, elapsed)
        self.look_early = main and self.pace.look_early(pos, elapsed)

    def _together(
        self, loss: Tensor | float, count: int, elapsed: float, error: Exception | None
    ) -> tuple[float, int, float]:
        mine = [self.stop, self.due, self.time_up, self.look_early]
        clock = elapsed if self.rank == 0 else 0.0
        extras = [float(loss), float(count), float(error is not None), clock, *map(float, mine)]
        total, number, failed, clock, *flags = optim.combine(self.parameters, extras)
        if error is not None:
            raise error
        if failed:
            raise sync.PeerError("another process of this run failed")
        self.stop, self.due, self.time_up, self.look_early = (flag > 0 for flag in flags)
        if number > 0:
            torch._foreach_div_(optim.gradients(self.parameters), number)
        return total, round(number), clock

    def _update(self, loss: Tensor | float, count: int, elapsed: float) -> None:
        grads = optim.gradients(self.parameters)
        length = optim.norm(grads)
        self.pending.append((self.pos.step, loss, count, length))
        if len(self.pending) >= self.wait:
            self._look_at_pending()  # before the update: numbers that are none spoil the weights
        if self.settings.clip is not None:
            optim.clip(grads, length, self.settings.clip)
        share = optim.schedule(
            self.pace.progress(self._done(), elapsed, self.pos),
            warmup=self.settings.warmup,
            final=self.settings.final,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * share
        self.optimizer.step()
        if self.average:
            self._average()

    def _average(self) -> None:
        # Few weights have been seen at first; the average starts short and grows to its length.
        decay = min(self.settings.average, (1 + self.pos.step) / (10 + self.pos.step))
        live = dict(self.network.named_parameters())
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.values()), [live[name] for name in self.average], 1 - decay
            )

    def _look_at_pending(self) -> None:
        pos = self.pos
        while self.pending:
            step, loss, count, length = self.pending.popleft()
            total, size = float(loss), float(length)
            if not (math.isfinite(total) and math.isfinite(size)):
                self._not_finite(step, total, size)
            pos.loss_sum += total
            pos.loss_count += count
            if self.settings.clip is not None and size > self.settings.clip:
                pos.clipped += 1

    def _not_finite(self, step: int, loss: float, length: float) -> None:
        self.pending.clear()
        self._restore_best()
        what = "loss" if not math.isfinite(loss) else "gradient"
        kept = f" (best: step {self.pos.best_step})" if self.pos.best is not None else ""
        clip = "clip=1.0" if self.settings.clip is None else f"clip below {self.settings.clip:g}"
        raise InputError(
            f"the {what} became {loss if what == 'loss' else length} at step {step + 1}, "
            f"epoch {self.pos.epoch + 1}",
            where=None if self.out is None else f"{self.out}: the last good checkpoint{kept}",
            expected="finite numbers",
            hint=f"a learning rate below {self.settings.learning_rate:g}, {clip}, "
            "and a look at the data for values that are huge or missing",
        )

    # Evaluation

    def _done(self) -> float:
        return (self.pos.epoch + self.pos.item / len(self.plan)) / self.settings.epochs

    def _ending(self) -> str:
        if self.time_up and self.pos.step > 0:
            return "time"
        last = self.pos.epoch == self.settings.epochs - 1 and self.pos.item == len(self.plan)
        return "epochs" if last else ""

    def _must_look(self) -> bool:
        pos, every = self.pos, self.settings.evaluate_every
        if pos.evaluated_at == pos.step:
            return False
        on_time = pos.item == len(self.plan) if every is None else pos.step % every == 0
        return on_time or self.look_early or self._ending() != ""

    def _evaluate(self) -> None:
        pos = self.pos
        self._look_at_pending()
        evaluation, elapsed, pos.look_seconds = sync.on_main(self._look)
        objective = float(evaluation.objective)
        if not math.isfinite(objective):
            self._restore_best()
            raise InputError(
                f"the held-out objective became {objective} at step {pos.step}",
                expected="a finite number",
                hint=f"a learning rate below {self.settings.learning_rate:g}",
            )
        better = pos.best is None or objective < pos.best
        row: dict[str, Any] = {
            "step": pos.step,
            "epoch": round(pos.epoch + pos.item / len(self.plan), 4),
            "seconds": round(elapsed, 3),
            "train_loss": pos.loss_sum / pos.loss_count if pos.loss_count else None,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "objective": objective,
            "best": better,
        }
        clash = set(row) & set(evaluation.figures)
        assert not clash, f"figures may not be called {clash}"
        row.update({name: float(value) for name, value in evaluation.figures.items()})
        pos.rows.append(row)
        pos.evaluated_at, pos.loss_sum, pos.loss_count = pos.step, 0.0, 0
        pos.stale = 0 if better else pos.stale + 1
        if better:
            pos.best, pos.best_step = objective, pos.step
            with self._averaged():
                self.best = {
                    name: tensor.detach().clone()
                    for name, tensor in self.network.state_dict().items()
                }
        patience = self.settings.patience
        pos.finished_by = self._ending()
        if not pos.finished_by and patience is not None and pos.stale >= patience:
            pos.finished_by = "patience"
        self.report.evaluated(row)
        self.pace.looked(pos)
        if better and not pos.finished_by:
            self._save()

    def _look(self) -> tuple[Evaluation, float, float]:
        began = self.pace.clock()
        self.network.eval()
        try:
            with self._averaged(), torch.no_grad():
                seed_device(self.device, seed_for(self.settings.seed, self.pos.step, -1))
                evaluation = self.problem.evaluate()
        finally:
            self.network.train()
        return evaluation, self.pace.elapsed(self.pos), self.pace.clock() - began

    def _figures(self) -> dict[str, float]:
        if not self.pos.rows:
            return {}
        row = self.pos.rows[-1]
        return {name: value for name, value in row.items() if name not in History.COLUMNS}

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The network with its averaged weights, if they are kept."""
        if not self.average:
            yield
            return
        live = {name: p.detach() for name, p in self.network.named_parameters()}
        own = {name: live[name].clone() for name in self.average}
        for name, value in self.average.items():
            live[name].copy_(value)
        try:
            yield
        finally:
            for name, value in own.items():
                live[name].copy_(value)

    def _restore_best(self) -> None:
        if self.best:
            with torch.no_grad():
                for name, tensor in self.network.state_dict().items():
                    tensor.copy_(self.best[name])

    # Checkpoints

    def _save(self) -> None:
        if self.out is None:
            return
        self._look_at_pending()
        carries = sync.gather(carry.to(self.carry, torch.device("cpu")))
        path = checkpoint.path_in(self.out)
        began = self.pace.clock()
        sync.on_main(lambda: run.write(path, self._snapshot(carries)))
        self.pace.saved(began)

    def _snapshot(self, carries: list[Any]) -> run.Snapshot:
        return run.Snapshot(
            position=replace(self.pos, seconds=self.pace.elapsed(self.pos)),
            model=dict(self.network.state_dict()),
            optimizer=self._optimizer_tensors(),
            best=self.best,
            average=self.average,
            carries=carries,
            about=self.about,
        )

    def _optimizer_tensors(self) -> dict[str, Tensor]:
        return {
            f"{name}/{key}": value
            for name, p in self.network.named_parameters()
            for key, value in self.optimizer.state.get(p, {}).items()
        }

    def _restore(self, snapshot: run.Snapshot, where: str) -> None:
        run.check_same(self.about, snapshot.about, where)
        threads, kind = snapshot.about["threads"], snapshot.about["device"]
        if threads != torch.get_num_threads():
            self.report.message(f"going on with {threads} threads, as this run was begun")
            torch.set_num_threads(threads)
            self.about["threads"] = threads
        if kind != self.device.type:
            self.report.message(f"begun on {kind}, now on {self.device.type}: last digits vary")
        run.fill(self.network.state_dict(), snapshot.model, where, "weight")
        self.pos = snapshot.position
        self.best = {name: t.to(self.device) for name, t in snapshot.best.items()}
        self.average = {name: t.to(self.device) for name, t in snapshot.average.items()}
        named = dict(self.network.named_parameters())
        for key, value in snapshot.optimizer.items():
            name, _, part = key.rpartition("/")
            place = self.device if part != "step" or self.device.type == "cuda" else "cpu"
            self.optimizer.state[named[name]][part] = value.to(place)
        self.carry = carry.to(snapshot.carries[self.rank], self.device)
