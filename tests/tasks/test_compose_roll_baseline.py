"""Without memory: figures of counted frequencies and of a window, beside plain loops."""

import math

import pytest
from rolls import PITCHES, roll, rolls

from clew.tasks._compose.roll_baseline import Choice, by_frequency, by_window, frequencies
from clew.train.settings import TrainSettings


def test_how_often_each_note_sounds():
    learned, held_out = rolls(6), [roll(5, 1, 2), roll(0), roll(1), roll(3)]
    steps = [step for one in learned for step in one]
    chances = [(sum(s[k] for s in steps) + 1) / (len(steps) + 2) for k in range(PITCHES)]
    assert frequencies(learned) == pytest.approx(chances)

    def nats(step):
        return -sum(math.log(p if on else 1 - p) for p, on in zip(chances, step, strict=True))

    later = [nats(step) for one in held_out for step in one[1:]]
    found = by_frequency(learned, held_out)
    assert found["nats_per_step"] == pytest.approx(sum(later) / len(later))
    every = [nats(step) for one in held_out for step in one]
    assert found["nats_per_step_with_first"] == pytest.approx(sum(every) / len(every))


def test_a_window_foretells_better_than_frequencies():
    learned, held_out = [roll(12, n, n % 4) for n in range(6)], [roll(12, 3, 2)]
    settings = TrainSettings(epochs=25, learning_rate=0.03, device="cpu")
    how = Choice(
        pitches=PITCHES, notes="in turn", note_size=8, hidden_size=32, dropout=0.0, batch_size=6,
        transpose=2,
    )  # fmt: skip
    found = by_window(learned, held_out, settings, how)
    assert found["nats_per_step"] < 0.8 * by_frequency(learned, held_out)["nats_per_step"]
    again = by_window(learned, held_out, settings, how)
    assert found == {**again, "seconds": found["seconds"]}
