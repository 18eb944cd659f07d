"""What the kept file of a job must hold, as another program may have had it in hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.memory.compare.entrants import STREAM

_NUMBER = (int, float)
_MAYBE = (*_NUMBER, type(None))
_SHAPES: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "survey": {"budget": (int,), "sizes": (dict,), "baseline": (dict, type(None))},
    "trial": {"rate": _NUMBER, "score": _MAYBE, "figure": (str, type(None))},
    "run": {
        "seed": (int,), "score": _NUMBER, "figure": (str,), "parameters": (int,),
        "seconds": _NUMBER, "rate": _NUMBER, "peak_mib": _MAYBE, "step_us": (dict,),
        "stream_us": _MAYBE, "rounds_us": (dict,), "busy": (str,), "held_out": _MAYBE,
        "test": _MAYBE, "tested": _MAYBE, "share": _MAYBE, "by_length": (dict,),
        "element": (list,), "horizon": (dict, type(None)),
    },
}  # fmt: skip
_HORIZON = {"elements": _NUMBER, "open_ended": (bool,)}


def whole(kind: str, result: Mapping[str, Any]) -> bool:
    """Whether a job of this kind can have come to `result`."""
    if not _holds(result, _SHAPES[kind]):
        return False
    if kind == "survey":
        sizes = result["sizes"].values()
        return bool(sizes) and all(isinstance(one, list) and len(one) == 3 for one in sizes)
    if kind == "run":
        rounds = {**result["rounds_us"]}
        costs = {*result["step_us"], *([STREAM] if result["stream_us"] is not None else [])}
        seen = result["horizon"]
        return (
            costs == rounds.keys()
            and all(isinstance(each, list) and each for each in rounds.values())
            and len(result["element"]) == 2
            and (seen is None or _holds(seen, _HORIZON))
        )
    return True


def _holds(result: Mapping[str, Any], shape: Mapping[str, tuple[type, ...]]) -> bool:
    return all(name in result and isinstance(result[name], kinds) for name, kinds in shape.items())
