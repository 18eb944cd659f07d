"""What the tests of the instruments share stands beside them: toys.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
