"""The training loop of every task: settings, problem, loop, checkpoints, progress."""

from clew.train import checkpoint
from clew.train.history import History
from clew.train.lock import lock_folder
from clew.train.loop import train
from clew.train.problem import Evaluation, Problem, State
from clew.train.report import Info, Lines, Progress, Reporter, Silent, Watcher, duration
from clew.train.settings import TrainSettings, parse_time, resolve_device
from clew.train.sync import PeerError, is_main, on_main, rank, world

__all__ = [
    "Evaluation",
    "History",
    "Info",
    "Lines",
    "PeerError",
    "Problem",
    "Progress",
    "Reporter",
    "Silent",
    "State",
    "TrainSettings",
    "Watcher",
    "checkpoint",
    "duration",
    "is_main",
    "lock_folder",
    "on_main",
    "parse_time",
    "rank",
    "resolve_device",
    "train",
    "world",
]
