"""The instruments: what a trained model remembers, and how we know.

`examine` is all of them at once. Each has a module of its own name: clew.memory.horizon, gates,
linear, saliency, saliency_distance, states, coloured, attention, and lags for gradients by lag.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.memory.finding import Finding as Finding
    from clew.memory.finding import Table as Table
    from clew.memory.opening import opened as opened
    from clew.memory.report import Report as Report
    from clew.memory.report import Settings as Settings
    from clew.memory.report import examine as examine
    from clew.memory.subject import Case as Case
    from clew.memory.subject import Subject as Subject
    from clew.memory.watch import WatchGradients as WatchGradients

# Where each public name lives; imported when first used. The instruments are not among them: a
# function `horizon` here would stand in the way of the module that it is of.
_HOME = {
    "Case": "clew.memory.subject",
    "Finding": "clew.memory.finding",
    "Report": "clew.memory.report",
    "Settings": "clew.memory.report",
    "Subject": "clew.memory.subject",
    "Table": "clew.memory.finding",
    "WatchGradients": "clew.memory.watch",
    "examine": "clew.memory.report",
    "opened": "clew.memory.opening",
}

__all__ = [
    "Case",
    "Finding",
    "Report",
    "Settings",
    "Subject",
    "Table",
    "WatchGradients",
    "examine",
    "opened",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'clew.memory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
