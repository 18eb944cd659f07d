"""Where the hand-made comparisons lie."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
