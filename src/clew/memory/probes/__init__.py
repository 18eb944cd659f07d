"""Probes: sequences whose truth is known, to measure memory and to check what measures it."""

from clew.memory.probes.adding import Adding
from clew.memory.probes.batch import Batch, Probe, Score
from clew.memory.probes.brackets import Dyck
from clew.memory.probes.curve import ByLength, by_length
from clew.memory.probes.model import ProbeModel, learn
from clew.memory.probes.network import Architecture, ProbeNetwork
from clew.memory.probes.problem import Learning
from clew.memory.probes.sentences import Agreement, OrderSensitivity
from clew.memory.probes.shortcut import Shortcut
from clew.memory.probes.store import PROBES, probe
from clew.memory.probes.symbols import AssociativeRecall, CopyMemory, DelayedRecall, Parity

__all__ = [
    "PROBES",
    "Adding",
    "Agreement",
    "Architecture",
    "AssociativeRecall",
    "Batch",
    "ByLength",
    "CopyMemory",
    "DelayedRecall",
    "Dyck",
    "Learning",
    "OrderSensitivity",
    "Parity",
    "Probe",
    "ProbeModel",
    "ProbeNetwork",
    "Score",
    "Shortcut",
    "by_length",
    "learn",
    "probe",
]
