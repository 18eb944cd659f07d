"""Piano rolls made for these tests: 12 pitches, chords that go round, in several keys."""

import numpy as np
import torch

from clew.nn import Stack
from clew.tasks._compose.roll_net import RollNetwork, Window

PITCHES = 12
CHORDS = [(0, 3, 5), (1, 3, 6), (0, 4, 5), (), (2, 4)]


def roll(length, start=0, key=0):
    """(length, 12): CHORDS in turn, from `start` on, `key` semitones up."""
    found = np.zeros((length, PITCHES), np.uint8)
    for t in range(length):
        for note in CHORDS[(start + t) % len(CHORDS)]:
            found[t, note + key] = 1
    return found


def rolls(count=12):
    """Rolls of 0 to 22 steps."""
    return [roll((7 * n) % 23, n, n % 5) for n in range(count)]


def network(notes="in turn", *, cell="gru", layers=1, seed=0, hidden=16, **options):
    """A RollNetwork of 12 pitches in eval mode."""
    torch.manual_seed(seed)
    reader = Stack(PITCHES + 1, hidden, layers, cell=cell)
    return RollNetwork(reader, PITCHES, notes=notes, note_size=8, **options).eval()


def window(notes="in turn", steps=3):
    """The same without memory."""
    torch.manual_seed(0)
    return RollNetwork(Window(PITCHES + 1, 16, steps), PITCHES, notes=notes, note_size=8).eval()
