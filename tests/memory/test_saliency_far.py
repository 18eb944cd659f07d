"""Saliency further back than each element can be taken away: a known lag, a sum, both ways."""

import json

import numpy as np
import pytest
import toys
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clew.memory.saliency import saliency


def test_what_is_far_is_found_in_blocks_and_taken_away_alone_where_they_matter():
    toy = toys.far(250, length=500)
    one = toy.cases(1, 400)[0]
    found = saliency(toy, one, elements=400)
    assert found.places.tolist() == list(range(-399, 1))
    alone = np.isfinite(found.occlusion)
    assert alone.sum() == 32 + 12  # of 368 further away one block of 12 matters
    assert found.places[np.nan_to_num(found.occlusion) != 0].tolist() == [-250]
    assert f"{found.names[149]!r} 250 symbols before (+16)" in found.words()[0]
    assert found.beyond == 0
    assert found.words()[2] == (
        "Further than 399 symbols away none was taken away one by one; where nothing of that is "
        "read the score stays as it is."
    )
    assert found.words()[3] == (
        "356 symbols further than 31 away were taken away in blocks, and one of each block alone: "
        "no block changes the score."
    )
    assert np.isnan(found.occlusion).sum() == 356
    np.testing.assert_array_equal(found.spread != 0, found.places == -250)
    assert found.shared == pytest.approx(1.0)
    assert found.tables()[0].rows[0][2] is None
    assert json.loads(json.dumps(found.data(), allow_nan=False))["occlusion"][0] is None
    assert len(found.marked().splitlines()) == 2 * 6
    figure = Figure(figsize=found.size())
    FigureCanvasAgg(figure)
    found.draw(figure)
    assert len(figure.axes[0].collections) == len(found.blocks)


def test_blocks_have_the_change_of_all_their_elements_together():
    toy = toys.leaky(0.99, length=500)
    one = toy.cases(1, 400)[0]
    found = saliency(toy, one, elements=300)
    effects = 0.99 ** np.arange(len(one.inputs) - 1, -1, -1) * (one.inputs[:, 0] - 0.55)
    assert found.blocks
    for block in found.blocks:
        inside = effects[one.at + block.first : one.at + block.last + 1]
        assert block.change == pytest.approx(inside.sum(), abs=1e-9)
        assert block.middle == pytest.approx(inside[len(inside) // 2], abs=1e-9)
    largest = max(found.blocks, key=lambda block: abs(block.change))
    assert any(
        line.endswith(
            f"no block changes the score by more than {abs(largest.change):.2g} (the one "
            f"{-largest.last} to {-largest.first} before)."
        )
        for line in found.words()
    )
    sizes = np.abs(effects[-300:]).sum()  # in blocks these cancel
    assert np.abs(found.spread).sum() == pytest.approx(sizes, rel=0.15)
    # Not read at all is another thing than neutral: these are zeros.
    before = (0.99 ** np.arange(400, 299, -1.0) * one.inputs[:101, 0]).sum()
    assert found.beyond == pytest.approx(before)
    assert "Further than 299 symbols away none was taken away one by one" in found.words()[0]
    assert f"the score falls by {before:.3g}." in found.words()[0]


def test_of_both_ways_what_is_far_behind_is_blocked_and_beyond_too():
    toy = toys.far(80, both_ways=True, length=400)
    one = toy.cases(1, 150, seed=3)[0]
    found = saliency(toy, one, elements=120)
    assert set(found.places[np.nan_to_num(found.occlusion) != 0].tolist()) == {-80, 80}
    assert found.beyond == 0
    near = saliency(toy, one, elements=40)
    assert near.flat
    assert "Further than 39 symbols away" in near.words()[1]
    assert near.beyond != 0
