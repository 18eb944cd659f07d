"""Where the series stood that were learned from, kept with the weights to go on from there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.tasks._forecast.decoding import Origin
from clew.tasks._forecast.scaling import Track

SUMS = 5


class Ends(nn.Module):
    """Names, dates and states of N series as tensors of a model folder.

    ids: their names as JSON in UTF-8. starts, lengths: (N,) the time of the first step, and steps.
    sums: (5, N), last: (N,), recent: (R, N) as in Track, zeros where `gone` (R + 1, N) says that
    there is no value. now: (M, N, H + 5); states: (S, N, H) all parts of the members' states. They
    stay on the CPU.
    """

    def __init__(self, names: int, series: int, width: int, members: int, now: int, states: int,
                 hidden: int) -> None:  # fmt: skip
        super().__init__()
        whole, double = torch.int64, torch.float64
        self.register_buffer("ids", torch.zeros(names, dtype=torch.uint8))
        self.register_buffer("starts", torch.zeros(series, dtype=whole))
        self.register_buffer("lengths", torch.zeros(series, dtype=whole))
        self.register_buffer("sums", torch.zeros(SUMS, series, dtype=double))
        self.register_buffer("last", torch.zeros(series, dtype=double))
        self.register_buffer("recent", torch.zeros(width, series, dtype=double))
        self.register_buffer("gone", torch.zeros(width + 1, series, dtype=torch.bool))
        self.register_buffer("now", torch.zeros(members, series, now))
        self.register_buffer("states", torch.zeros(states, series, hidden))

    ids: Tensor
    starts: Tensor
    lengths: Tensor
    sums: Tensor
    last: Tensor
    recent: Tensor
    gone: Tensor
    now: Tensor
    states: Tensor

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Ends:
        return self  # float64 is not on every device, and nothing here is computed with

    @classmethod
    def of(cls, ids: Sequence[str], starts: Any, lengths: Any, origins: Sequence[Origin]) -> Ends:
        """The ends of series that stand at `origins`, one each."""
        names = np.frombuffer(json.dumps(list(ids)).encode("utf-8"), dtype=np.uint8)
        track = Track(*(
            np.concatenate([getattr(origin.track, name) for origin in origins], axis=-1)
            for name in Track._fields
        ))  # fmt: skip
        now = torch.stack([
            torch.cat([origin.now[member].cpu() for origin in origins])
            for member in range(len(origins[0].now))
        ])  # fmt: skip
        states = torch.cat([torch.stack(flat(origin.state)) for origin in origins], dim=1)
        ends = cls(
            len(names), len(origins), len(track.recent), len(now), now.shape[2], *states.shape[::2]
        )
        gone = np.isnan(np.concatenate([track.last[np.newaxis], track.recent]))
        parts = {
            "ids": names.copy(), "starts": np.asarray(starts, dtype=np.int64),
            "lengths": np.asarray(lengths, dtype=np.int64), "sums": np.stack(track[:SUMS]),
            "last": np.nan_to_num(track.last), "recent": np.nan_to_num(track.recent), "gone": gone,
        }  # fmt: skip
        for name, part in parts.items():
            getattr(ends, name).copy_(torch.from_numpy(np.array(part)))
        ends.now.copy_(now)
        ends.states.copy_(states)
        return ends

    @property
    def names(self) -> list[str]:
        """The series; raises ValueError where they are not names."""
        found = json.loads(bytes(self.ids.numpy()).decode("utf-8"))
        if (
            not isinstance(found, list)
            or len(found) != len(self.starts)
            or not all(isinstance(name, str) for name in found)
            or len(set(found)) != len(found)
        ):
            raise ValueError("these are no names of so many series")
        return found

    def origin(self, rows: Sequence[int], like: Any) -> Origin:
        """Where some of the series stand; `like`: a state in whose nesting theirs is given."""
        at = torch.as_tensor(list(rows), dtype=torch.int64)
        gone = self.gone[:, at].numpy()
        last = np.where(gone[0], np.nan, self.last[at].numpy())
        recent = np.where(gone[1:], np.nan, self.recent[:, at].numpy())
        track = Track(*[*self.sums[:, at].numpy(), last, recent])
        return Origin(list(self.now[:, at]), nested(list(self.states[:, at]), like), track)


def flat(state: Any) -> list[Tensor]:
    """All parts of the members' states, each (N, H)."""
    if isinstance(state, Tensor):
        return [part.cpu() for part in state]
    return [part for each in state for part in flat(each)]


def nested(parts: list[Tensor], like: Any) -> Any:
    """The reverse of `flat`; takes parts away."""
    if isinstance(like, Tensor):
        return torch.stack([parts.pop(0) for _ in range(len(like))])
    return tuple(nested(parts, each) for each in like)
