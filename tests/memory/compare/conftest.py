"""Where the hand-made comparisons lie; and costs that are measured in no time."""

import sys
from pathlib import Path

import pytest

from clew.memory.compare import costs, running

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """No test here reads how long a step took, or what else the machine does."""
    monkeypatch.setattr(costs, "ROUNDS", 1)
    monkeypatch.setattr(costs, "SECONDS", 0.0)
    monkeypatch.setattr(running, "load", lambda: "")
