"""What the tests of the instruments share: toys.py beside them, the small models of the tasks."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tasks")]
