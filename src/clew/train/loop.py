"""The training loop of every task."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import torch

from clew.errors import InputError, Interrupted
from clew.train import carry, checkpoint, snapshot, sync
from clew.train.history import History
from clew.train.learner import Learner
from clew.train.lock import lock_folder
from clew.train.optim import schedule
from clew.train.pace import Pace
from clew.train.position import Position
from clew.train.problem import Evaluation, Problem
from clew.train.report import Info, Progress, Reporter, Silent, Watcher
from clew.train.seeding import generators_kept, seed_device, seed_for, threads_kept
from clew.train.settings import TrainSettings, resolve_device
from clew.train.signals import StopWish
from clew.train.tally import NotFiniteError, Tally

_QUIET = Silent()


def train(
    problem: Problem,
    settings: TrainSettings,
    *,
    out: Path | None = None,
    resume: bool = False,
    fingerprint: str | Mapping[str, Any] = "",
    report: Reporter = _QUIET,
    clock: Callable[[], float] = time.monotonic,
) -> History:
    """Train `problem.network` and leave the best weights in it, in eval mode.

    With `out`, the run is kept in `out/checkpoint.safetensors`: every so often, at each new best,
    at the end (`checkpoint.remove(out)` takes it away), and on Ctrl-C or SIGTERM, which finish
    the step and raise Interrupted; a second Ctrl-C ends at once. With `resume` the run in `out`
    goes on and ends with the very weights of an undisturbed one (with a time limit, which may be
    another then, the clock has a say as well); where nothing was kept yet it begins.
    `fingerprint` tells runs apart: that of the data, or a mapping that names the task's own
    settings too. `clock` gives seconds.

    Under torchrun, every process calls this with the same arguments; rank 0 evaluates, writes and
    reports, and the gradient is that of all processes' batches together.

    Raises InputError where a loss or gradient is not finite, a plan is empty, the checkpoint is
    damaged or another run's, the folder is taken, or the disk refuses; PeerError where another
    process failed.
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
        # Under torchrun the terminal's Ctrl-C comes twice: from the terminal and from torchrun.
        wish = stack.enter_context(StopWish(deaf=1.0 if sync.world() > 1 else 0.0))
        learner = Learner(problem, settings, device)
        about = snapshot.about(settings, fingerprint, device.type, sync.world())
        listener = report if sync.is_main() else _QUIET
        loop = _Loop(learner, about, out, listener, Pace(settings, clock), wish)
        loop.begin(resume)
        return loop.go()


@dataclass(frozen=True)
class _Agreed:
    """What all processes hold for true between two steps; rank 0's clock is everybody's."""

    stop: bool = False
    save: bool = False
    time_up: bool = False
    look_early: bool = False


class _Loop:
    """One run in one process."""

    def __init__(
        self,
        learner: Learner,
        about: dict[str, Any],
        out: Path | None,
        report: Reporter,
        pace: Pace,
        wish: StopWish,
    ) -> None:
        self.learner, self.problem, self.settings = learner, learner.problem, learner.settings
        self.weights, self.about, self.report = learner.weights, about, report
        self.watcher = report if isinstance(report, Watcher) else None
        self.pace, self.wish = pace, wish
        self.rank, self.world = learner.rank, learner.world
        self.path = None if out is None else checkpoint.path_in(out)
        self.plan: Sequence[Any] = ()
        self.figures: dict[str, float] = {}
        self.agreed = _Agreed()
        self._stand(Position())

    def _stand(self, position: Position) -> None:
        self.pos = position
        # Alone on an accelerator, the numbers of 16 steps are looked at together.
        wait = 1 if self.learner.device.type == "cpu" or self.world > 1 else 16
        self.tally = Tally(position, wait=wait, clip=self.settings.clip)

    # Begin, go, finish

    def begin(self, resume: bool) -> None:
        """Read the checkpoint, or make sure that none is overwritten; meet on the same weights."""
        if self.path is not None:
            path = self.path
            found = sync.on_main(path.is_file)
            if found and not resume:
                raise InputError(
                    "this folder holds an unfinished run",
                    where=str(path),
                    hint="resume it, delete the file to begin anew, or choose another folder",
                )
            if found:
                self._restore(sync.on_main(lambda: snapshot.read(path)), str(path))
            elif resume:
                self.report.message(f"no checkpoint in {path.parent} yet: beginning the run")
        sync.spread(self.learner.network.state_dict().values())
        self.weights.begin()
        self._open_epoch()
        self.agreed = _Agreed(time_up=sync.on_main(lambda: self.pace.time_up(self.pos)))
        if self.watcher is not None:
            self.watcher.watch(self.problem)
        self.report.start(
            Info(
                epochs=self.settings.epochs,
                steps=self.settings.epochs * len(self.plan),
                step=self.pos.step,
                parameters=sum(p.numel() for p in self.learner.parameters),
                unit=self.problem.unit,
                device=str(self.learner.device),
                world=self.world,
                time=self.settings.time,
            )
        )
        self.pace.begin()

    def go(self) -> History:
        """Steps, evaluations and checkpoints until the run ends."""
        self.learner.network.train()
        while not self.pos.finished_by:
            if self.agreed.stop or (self.world == 1 and self.wish.wanted):
                self._save()
                self._interrupted()
            if self._must_evaluate():
                self._evaluate()
                continue
            if self.pos.item == len(self.plan):
                self.pos.epoch, self.pos.item = self.pos.epoch + 1, 0
                self.learner.carry = None
                self._open_epoch()
            self._step()
            if self.agreed.save:
                self._save()
        return self._finish()

    def _finish(self) -> History:
        pos = self.pos
        self._save()
        if sync.on_main(lambda: self.wish.wanted):
            self._interrupted()
        self.weights.restore_best()
        sync.spread(self.learner.network.state_dict().values())
        self.learner.network.eval()
        history = History(
            rows=pos.rows,
            best=pos.best,
            best_step=pos.best_step,
            steps=pos.step,
            seconds=round(self.pace.elapsed(pos), 3),
            clipped=pos.clipped,
            finished_by=pos.finished_by,
        )
        self.report.done(history)
        return history

    def _interrupted(self) -> NoReturn:
        folder = None if self.path is None else self.path.parent
        kept = "nothing is kept" if folder is None else f"the run is kept in {folder}"
        self.report.message(f"stopped after step {self.pos.step}; {kept}")
        raise Interrupted(folder=folder)

    def _open_epoch(self) -> None:
        epoch = self.pos.epoch
        self.plan = sync.everywhere(lambda: self.problem.plan(epoch, self.rank, self.world))
        assert sync.alike(len(self.plan)), "every rank's plan must have the same length"
        if len(self.plan) == 0:
            raise InputError("there is nothing to learn from: an epoch has no batches")
        if self.pos.item > len(self.plan) or epoch >= self.settings.epochs:
            raise InputError(
                f"the checkpoint stands at batch {self.pos.item} of epoch {epoch + 1}",
                expected=f"at most {len(self.plan)} batches, {self.settings.epochs} epochs",
            )

    # One step

    def _step(self) -> None:
        pos, pace = self.pos, self.pace
        began = pace.clock()
        loss, count, sums = self.learner.gradient(self.plan[pos.item], pos.step, self._state)
        *flags, elapsed = sums
        self.agreed = _Agreed(*(flag > 0 for flag in flags))
        pos.item += 1
        if count > 0:
            length = self.learner.length()
            try:
                self.tally.add(loss, count, length)  # before a bad gradient spoils the weights
            except NotFiniteError as error:
                self._not_finite(error)
            share = schedule(
                pace.progress(self._done(), elapsed, pos),
                warmup=self.settings.warmup,
                final=self.settings.final,
            )
            pos.learning_rate = self.settings.learning_rate * share
            if self.watcher is not None:
                self.watcher.gradient(pos.step + 1, length, self.settings.clip)
            self.learner.update(length, pos.learning_rate, pos.step)
        pos.step += 1
        pace.stepped(began, count)
        if self.report is not _QUIET:
            self._report_step()

    def _not_finite(self, error: NotFiniteError) -> NoReturn:
        pos, settings = self.pos, self.settings
        self.weights.restore_best()
        best = "no evaluation yet" if pos.best is None else f"best weights: step {pos.best_step}"
        kept = "" if self.path is None else f"; the last good checkpoint is {self.path}"
        clip = "set clip to 1.0" if settings.clip is None else f"set clip below {settings.clip:g}"
        raise InputError(
            f"the {error.what} became {error.value} at step {error.step}",
            where=f"epoch {pos.epoch + 1} ({best}{kept})",
            expected="finite numbers",
            hint=f"lower the learning rate (now {settings.learning_rate:g}), {clip}, "
            "or look at the data for values that are huge or missing",
        ) from error

    def _state(self) -> list[float]:
        """What is to be agreed on; summed over the processes."""
        pos, pace = self.pos, self.pace
        if self.rank > 0:  # may only wish to stop
            return [float(self.wish.wanted), 0.0, 0.0, 0.0, 0.0]
        return [
            float(self.wish.wanted),
            float(self.path is not None and pace.save_due()),
            float(pace.time_up(pos)),
            float(pace.look_early(pos)),
            pace.elapsed(pos),
        ]

    def _report_step(self) -> None:
        pos, done = self.pos, self._done()
        self.report.step(
            Progress(
                epoch=pos.epoch + 1,
                epochs=self.settings.epochs,
                step=pos.step,
                steps=max(pos.step, round(pos.step / done)),
                share=self.pace.progress(done, self.pace.elapsed(pos), pos),
                loss=pos.loss_sum / pos.loss_count if pos.loss_count else None,
                items_per_second=self.pace.rate,
                seconds_left=self.pace.left(pos, done),
                unit=self.problem.unit,
                figures=self.figures,
                learning_rate=pos.learning_rate,
            )
        )

    # Evaluation

    def _done(self) -> float:
        """The share of the steps that is behind."""
        return (self.pos.epoch + self.pos.item / len(self.plan)) / self.settings.epochs

    def _ending(self) -> str:
        if self.agreed.time_up and self.pos.step > 0:
            return "time"
        last = self.pos.epoch == self.settings.epochs - 1 and self.pos.item == len(self.plan)
        return "epochs" if last else ""

    def _must_evaluate(self) -> bool:
        pos, every = self.pos, self.settings.evaluate_every
        if pos.evaluated_at == pos.step:
            return False
        due = pos.item == len(self.plan) if every is None else pos.step % every == 0
        return due or self.agreed.look_early or self._ending() != ""

    def _evaluate(self) -> None:
        pos, settings = self.pos, self.settings
        self._settle()
        evaluation, elapsed, pos.look_seconds, time_up = sync.on_main(self._hold_out)
        self.agreed = replace(self.agreed, time_up=time_up)
        objective = float(evaluation.objective)
        if not math.isfinite(objective):
            self._not_finite(NotFiniteError("held-out objective", objective, pos.step))
        better = pos.best is None or objective < pos.best
        row: dict[str, Any] = {
            "step": pos.step,
            "epoch": round(pos.epoch + pos.item / len(self.plan), 4),
            "seconds": round(elapsed, 3),
            "train_loss": pos.loss_sum / pos.loss_count if pos.loss_count else None,
            "learning_rate": pos.learning_rate,
            "objective": objective,
            "best": better,
        }
        clash = set(row) & set(evaluation.figures)
        assert not clash, f"figures may not be called {clash}"
        self.figures = {name: float(value) for name, value in evaluation.figures.items()}
        pos.rows.append({**row, **self.figures})
        pos.evaluated_at, pos.loss_sum, pos.loss_count = pos.step, 0.0, 0
        pos.stale = 0 if better else pos.stale + 1
        if better:
            pos.best, pos.best_step = objective, pos.step
            self.weights.keep_best()
        pos.finished_by = self._ending()
        if not pos.finished_by and settings.patience is not None and pos.stale >= settings.patience:
            pos.finished_by = "patience"
        if settings.target is not None and objective <= settings.target:
            pos.finished_by = "target"
        self.report.evaluated(pos.rows[-1])
        if better and not pos.finished_by:
            self._save()
        self.pace.begin()

    def _hold_out(self) -> tuple[Evaluation, float, float, bool]:
        began = self.pace.clock()
        self.learner.network.eval()
        try:
            with self.weights.averaged(), torch.no_grad():
                seed_device(self.learner.device, seed_for(self.settings.seed, self.pos.step, -1))
                evaluation = self.problem.evaluate()
        finally:
            self.learner.network.train()
        took = self.pos.look_seconds = self.pace.clock() - began
        return evaluation, self.pace.elapsed(self.pos), took, self.pace.time_up(self.pos)

    def _settle(self) -> None:
        try:
            self.tally.settle()
        except NotFiniteError as error:
            self._not_finite(error)

    # Checkpoints

    def _save(self) -> None:
        if self.path is None:
            return
        self._settle()
        path, about, began = self.path, self.about, self.pace.clock()
        carries = sync.gather(carry.to(self.learner.carry, torch.device("cpu")))

        def write() -> None:
            position = replace(self.pos, seconds=self.pace.elapsed(self.pos))
            tensors = self.learner.tensors()
            snapshot.write(
                path, snapshot.Snapshot(position, **tensors, carries=carries, about=about)
            )

        sync.on_main(write)
        if self.watcher is not None:
            self.watcher.saved()
        self.pace.saved(began)

    def _restore(self, kept: snapshot.Snapshot, where: str) -> None:
        snapshot.check_same(self.about, kept.about, where)
        self.learner.restore(kept, where)
        threads, kind = kept.about["threads"], kept.about["device"]
        if threads != torch.get_num_threads():
            self.report.message(f"going on with {threads} threads, as the run was begun")
            torch.set_num_threads(threads)
            self.about["threads"] = threads
        if kind != self.learner.device.type:
            self.report.message(
                f"begun on {kind}, now on {self.learner.device.type}: last digits vary"
            )
        self._stand(kept.position)
        if self.pos.rows:
            last = self.pos.rows[-1]
            self.figures = {k: v for k, v in last.items() if k not in History.COLUMNS}
