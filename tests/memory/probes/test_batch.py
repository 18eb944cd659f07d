import numpy as np
import pytest

from clew.errors import InputError
from clew.memory.probes import PROBES, Parity, probe
from clew.memory.probes.batch import at_the_end


@pytest.mark.parametrize(
    ("count", "length", "seed", "name"),
    [
        (0, 5, 0, "count"), (True, 5, 0, "count"), (1.0, 5, 0, "count"), (1, 0, 0, "length"),
        (1, "5", 0, "length"), (1, 5, -1, "seed"), (1, 5, None, "seed"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn(count, length, seed, name):
    with pytest.raises(InputError) as caught:
        Parity().draw(count, length, seed)
    assert caught.value.where == name


def test_at_the_end_asks_each_sequence_once():
    batch = at_the_end(np.zeros((4, 3), np.int64), np.array([4, 1, 2]), np.array([7, 8, 9]))
    assert [tuple(place) for place in np.argwhere(batch.asked)] == [(0, 1), (1, 2), (3, 0)]
    assert [batch.targets[t, b] for t, b in np.argwhere(batch.asked)] == [8, 9, 7]
    assert batch.targets.sum() == 24
    assert batch.at.tolist() == [3, 0, 1]


@pytest.mark.parametrize("name", list(PROBES))
def test_what_every_probe_keeps_to(name):
    one = probe(name)
    assert one.name == name
    batch = one.draw(5, max(one.shortest, 6), 1)
    steps, count = batch.inputs.shape[:2]
    assert count == 5
    assert (batch.inputs.ndim == 3) == (one.words is None) == (one.features > 0)
    assert batch.targets.shape == batch.asked.shape == batch.scored.shape == (steps, count)
    assert batch.lengths.max() == steps
    later = np.arange(steps)[:, None] >= batch.lengths
    assert not batch.inputs[later].any()
    assert not batch.asked[later].any()
    assert batch.scored.any(0).all()
    assert (batch.at < batch.lengths).all()
    horizon = one.horizon(max(one.shortest, 6))
    assert horizon is None or (batch.at >= horizon).all()
    if one.words is not None:
        assert 0 <= one.neutral < len(one.words)
    with pytest.raises(InputError, match="length"):
        one.draw(1, one.shortest - 1)


def test_a_probe_that_there_is_not():
    with pytest.raises(InputError, match="'addition'") as caught:
        probe("addition")
    assert "adding" in str(caught.value.expected)
    with pytest.raises(InputError, match="'deep'"):
        probe("dyck", {"deep": 3})
