"""Serve a stream, keep its state on disk, and go on in another process as if nothing had been.

One layer serves many users. Each user's thread is its state: NumPy arrays that can be saved, moved
to another machine, and put back. Nothing is kept on the layer, so users cannot be mixed up.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from clew.nn import LSTM


def layer() -> LSTM:
    """The same layer in both processes; a real one would be loaded."""
    torch.manual_seed(7)
    return LSTM(2, 4)


def events(start: int, stop: int) -> np.ndarray:
    """A user's events (T, 1, 2)."""
    t = np.arange(start, stop, dtype=np.float32)
    return np.stack([np.sin(t), np.cos(t / 3)], axis=-1)[:, None]


def serve(start: int, stop: int, kept: Path) -> np.ndarray:
    """Answer the events from `start` on, going on from the state in `kept` if there is one."""
    stream = layer().stream(batch_size=1)
    if kept.exists():
        with np.load(kept) as saved:
            stream.state = tuple(saved[name] for name in ("h", "c"))
    answer = np.zeros(0)
    for event in events(start, stop):
        answer = stream.push(event)  # (1, H)
    h, c = stream.state
    np.savez(kept, h=h, c=c)
    return answer


if len(sys.argv) > 1:  # the second process
    print("second process:", serve(50, 100, Path(sys.argv[1])).round(4))
else:
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "user.npz"
        print("first process: ", serve(0, 50, kept).round(4))
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, str(kept)], check=True)
        whole, _ = layer()(torch.from_numpy(events(0, 100)))
        print("in one reading:", whole[-1].detach().numpy().round(4))
