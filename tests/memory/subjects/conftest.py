"""Lets these tests import what stands beside them, and the small models of the tasks' tests."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tasks")]
