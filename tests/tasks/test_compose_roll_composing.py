"""Piano rolls on request: bars and metre as steps, an opening, what is recalled."""

import json

import numpy as np
import pytest
import torch

from clew.data.rolls import roll_from_notes, roll_of
from clew.errors import InputError
from clew.tasks._compose.composing import Request
from clew.tasks._compose.roll_composing import RollComposing
from clew.tasks._compose.roll_net import build

ROLLS = [roll_of([[60 + n, 64], [62, 65 + n], [64 + n, 67, 71], []]) for n in range(5)]


def composing(grid=None):
    torch.manual_seed(0)
    network = build(cell="gru", hidden_size=8, num_layers=1).eval()
    network.count(each.steps for each in ROLLS)
    steps = np.concatenate([each.steps for each in ROLLS])
    network.remember(steps, np.arange(0, len(steps), 4))
    return RollComposing(network, grid)


def steps(composition, grid=1):
    return [tuple(row) for row in roll_from_notes(composition.notes, grid=grid).pitches]


@pytest.mark.parametrize(
    ("grid", "metre", "bars", "count"),
    [(None, None, 2, 8), (4, "3/4", 2, 24), (2, "6/8", 3, 18), (1, "2/2", 1, 4),
     (1, None, None, 64)],
)  # fmt: skip
def test_bars_are_steps(grid, metre, bars, count):
    request = Request(metre=metre, bars=bars, seed=1)
    texts = list(composing(grid).writing(request))
    assert len(texts) == count
    assert all(21 <= int(pitch) <= 108 for text in texts for pitch in text.split())


def test_what_is_composed_is_what_is_written_and_seeds_repeat():
    ours = composing()
    request = Request(bars=3, seed=5, n=2)
    first, second = ours.compose(request)
    again = [steps(one) for one in composing().compose(request)]
    assert [steps(first), steps(second)] == again
    assert again[0] != again[1]
    texts = [" ".join(map(str, step)) for step in again[0]]
    written = list(ours.writing(Request(bars=3, seed=5)))
    assert written[: len(texts)] == texts
    assert not any(written[len(texts) :])  # silence at the end is in no note
    assert first.recall.notes == 12
    told = first.summary()
    assert (told["steps"], told["ticks"]) == (12, first.notes.ticks)
    assert told["sound"] == first.notes.rows()


def test_an_opening_is_gone_on_from(tmp_path):
    opening = [[60, 64, 67], [59, 62, 67], []]
    file = tmp_path / "opening.json"
    file.write_text(json.dumps(opening))
    for prompt in (opening, roll_of(opening), json.dumps(opening), file):
        (found,) = composing().compose(Request(bars=4, seed=0, prompt=prompt))
        assert steps(found)[:3] == [(60, 64, 67), (59, 62, 67), ()]
        assert found.recall.notes == 16
    assert len(list(composing().writing(Request(bars=4, seed=0, prompt=opening)))) == 13


def test_what_stands_in_a_roll_learned_from_is_found():
    ours = composing()
    found = ours.recall(ROLLS[3].steps)
    assert (found.longest, found.notes, found.tune, found.copied) == (4, 4, 3, True)
    # the last of one roll and the first of the next are no run
    mixed = np.concatenate([ROLLS[1].steps[1:], ROLLS[2].steps[:2]])
    found = ours.recall(mixed)
    assert (found.longest, found.at, found.tune, found.copied) == (3, 0, 1, False)
    new = np.zeros((3, 88), np.uint8)
    new[:, 5:8] = 1
    assert ours.recall(new).longest == 0
    assert ours.recall(new).tune is None
    assert str(found) == (
        "longest run of steps that stands so in a tune learned from: 3 of "
        f"{len(mixed)} ({3 / len(mixed):.0%})"
    )
    for up in (-3, 4):  # the same in another key
        assert ours.recall(np.roll(mixed, up, axis=1)) == found
        assert ours.recall(np.roll(ROLLS[3].steps, up, axis=1)).copied


@pytest.mark.parametrize(
    ("wrong", "where"),
    [({"key": "G"}, "key"), ({"metre": "fast"}, "metre"), ({"metre": "0/4"}, "metre"),
     ({"metre": "3/8"}, "metre"), ({"prompt": "CDE"}, "prompt"),
     ({"prompt": "[" * 9999}, "prompt"), ({"prompt": "5"}, "prompt"),
     ({"prompt": [[60]] * 5, "bars": 1}, "prompt"), ({"prompt": [[20]]}, "prompt, step 0")],
)  # fmt: skip
def test_what_cannot_be_is_told(wrong, where):
    ours = composing()
    for ask in (ours.writing, ours.compose):
        with pytest.raises(InputError) as caught:
            list(ask(Request(**wrong)))
        assert caught.value.where == where
