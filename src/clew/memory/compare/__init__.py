"""Side by side: recurrent cells and networks without memory, at one size, on the same data."""

from clew.memory.compare.comparison import Comparison, Row
from clew.memory.compare.entrants import DEFAULT, Entrant, entrants
from clew.memory.compare.plan import Plan
from clew.memory.compare.running import compare

__all__ = ["DEFAULT", "Comparison", "Entrant", "Plan", "Row", "compare", "entrants"]
