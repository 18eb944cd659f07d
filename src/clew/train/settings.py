"""How to train: the settings of one run, a length of time, and the device to run on."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import torch

from clew.errors import InputError

_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True)
class TrainSettings:
    """The settings of one training run; `InputError` names the one that cannot be.

    epochs: times the data is read.
    learning_rate: the highest rate, reached after the warm-up.
    weight_decay: AdamW's, for matrices only (gains and biases are never decayed).
    clip: longest gradient (Euclidean norm of all gradients together); None never clips.
    warmup: share of the run in which the rate rises from 0, in a straight line.
    final: the rate at the end of the cosine, as a share of `learning_rate`.
    patience: evaluations without improvement before the run stops; None never stops early.
    target: the held-out objective at which the run stops; None never stops for it.
    average: decay of the exponential moving average of the weights that is evaluated and kept;
        0 evaluates the weights themselves.
    seed: of dropout and whatever else draws while training.
    device: auto, cpu, cuda (or cuda:1) or mps.
    time: seconds this run may take in all; the schedule is fitted into it. None: no limit.
    checkpoint_every: seconds between checkpoints; 0 writes one after every step.
    evaluate_every: steps between evaluations; None evaluates after every epoch.
    """

    epochs: int = 10
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    clip: float | None = 1.0
    warmup: float = 0.05
    final: float = 0.02
    patience: int | None = None
    target: float | None = None
    average: float = 0.0
    seed: int = 0
    device: str = "auto"
    time: float | None = None
    checkpoint_every: float = 30.0
    evaluate_every: int | None = None

    def __post_init__(self) -> None:
        _whole("epochs", self.epochs, 1)
        _number("learning_rate", self.learning_rate, 0.0, math.inf, open_below=True)
        _number("weight_decay", self.weight_decay, 0.0, math.inf)
        _number("warmup", self.warmup, 0.0, 1.0)
        _number("final", self.final, 0.0, 1.0)
        _number("average", self.average, 0.0, 1.0, open_above=True)
        _number("checkpoint_every", self.checkpoint_every, 0.0, math.inf)
        _whole("seed", self.seed, 0)
        if self.clip is not None:
            _number("clip", self.clip, 0.0, math.inf, open_below=True)
        if self.patience is not None:
            _whole("patience", self.patience, 1)
        if self.target is not None:
            _number("target", self.target, -math.inf, math.inf)
        if self.evaluate_every is not None:
            _whole("evaluate_every", self.evaluate_every, 1)
        if self.time is not None:
            _number("time", self.time, 0.0, math.inf, open_below=True)
        if not isinstance(self.device, str) or not _DEVICE.fullmatch(self.device):
            raise _unknown_device(self.device)


def parse_time(text: str | float) -> float:
    """Seconds in a length of time such as "3m", "90s", "1h30m" or a number of seconds.

    Raises InputError where the text is no length of time, or it is not more than 0.
    """
    seconds: float | None = None
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        seconds = float(text)
    elif isinstance(text, str):
        compact = text.replace(" ", "").lower()
        match = _TIME.fullmatch(compact)
        if match and compact:
            hours, minutes, rest = (float(part) if part else 0.0 for part in match.groups())
            seconds = 3600 * hours + 60 * minutes + rest
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        raise InputError(
            f"{text!r} is not a length of time",
            where="time",
            expected="hours, minutes and seconds, more than 0",
            hint="3m, 90s, 1h30m, or a plain number of seconds",
        )
    return seconds


def resolve_device(name: str) -> torch.device:
    """The device called `name`; "auto" is CUDA where there is one, else the CPU.

    MPS is used only when asked for: it has no float64 and lacks some recurrent operations.
    Raises InputError where the device is unknown or not in this machine.
    """
    if not isinstance(name, str) or not _DEVICE.fullmatch(name):
        raise _unknown_device(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    missing = None
    if device.type == "cuda":
        if not torch.cuda.is_available():
            missing = "this PyTorch finds no CUDA device"
        elif device.index is not None and device.index >= torch.cuda.device_count():
            missing = f"this machine has {torch.cuda.device_count()} CUDA device(s), counted from 0"
    elif device.type == "mps" and not torch.backends.mps.is_available():
        missing = "this PyTorch finds no Apple GPU (MPS)"
    if missing:
        raise InputError(
            f"device {name!r} was asked for, but {missing}",
            where="device",
            expected="a device of this machine",
            hint='device="auto", or device="cpu"',
        )
    return device


def _unknown_device(name: object) -> InputError:
    return InputError(
        f"there is no device {name!r}",
        where="device",
        expected="auto, cpu, cuda or mps",
        hint='device="auto"',
    )


def _whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
        most = ", below 2**63" if isinstance(value, int) and value >= 2**63 else ""
        raise InputError(
            f"{name} is {value!r}", where=name, expected=f"a whole number, {least} or more{most}"
        )


def _number(
    name: str,
    value: object,
    least: float,
    most: float,
    *,
    open_below: bool = False,
    open_above: bool = False,
) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if good:
        assert isinstance(value, (int, float))
        good = math.isfinite(value) and least <= value <= most
        good = good and not (open_below and value == least) and not (open_above and value == most)
    if not good:
        low = f"more than {least:g}" if open_below else f"{least:g} or more"
        high = "" if most == math.inf else f", {'less than' if open_above else 'at most'} {most:g}"
        raise InputError(f"{name} is {value!r}", where=name, expected=f"a number, {low}{high}")
