"""Means of saliency by distance, beside plain sums and a delay whose length is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
import toys
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clew.errors import InputError
from clew.memory.saliency import saliencies
from clew.memory.saliency_distance import saliency_by_distance


def test_of_a_delay_line_all_lies_at_its_lag():
    toy = toys.delay(3)
    found = saliency_by_distance(toy, toy.cases(6, 10), reach=8)
    assert found.places.tolist() == list(range(-8, 1))
    for curve in (found.occlusion, found.integrated, found.gradient, found.connectivity):
        assert np.flatnonzero(curve).tolist() == [5]
    assert found.words()[0].startswith(
        "90 % of what single elements change in the score lies within 3 symbols of the step asked; "
        "100 % at one place alone, 3 symbols before it (by occlusion, the mean of 6 cases)."
    )
    assert found.words()[-1] == (
        "Integrated gradients lack nothing but rounding of the change of the score."
    )
    assert "agree" in found.words()[1]
    assert found.cases == 6
    assert found.incomplete == 0


def test_it_is_the_mean_of_the_sizes_over_the_cases_that_reach_so_far():
    toy = toys.leaky(0.7)
    cases = [*toy.cases(3, 6), *toy.cases(2, 2)]
    found = saliency_by_distance(toy, cases, reach=4)
    single = saliencies(toy, cases, elements=5)
    assert found.counts.tolist() == [3, 3, 5, 5, 5]
    for k, place in enumerate(range(-4, 1)):
        sizes = [abs(one.occlusion[place - 1]) for one in single if len(one.places) > -place]
        assert found.occlusion[k] == pytest.approx(np.mean(sizes))
    assert found.shared == pytest.approx(1.0)
    assert "lies within 1 symbol of the step asked, 90 % within 4 symbols" in found.words()[0]


def test_a_model_without_memory_says_so():
    toy = toys.without_memory()
    found = saliency_by_distance(toy, toy.cases(4, 5))
    assert (
        "90 % of what single elements change in the score lies at the step asked itself"
        in found.words()[0]
    )


def test_of_both_ways_the_distance_has_a_sign():
    toy = toys.between(2)
    found = saliency_by_distance(toy, toy.cases(8, 6), reach=4)
    assert found.places.tolist() == list(range(-4, 5))
    assert np.flatnonzero(found.occlusion).tolist() == [2, 6]
    assert "within 2 symbols of the step asked on both sides" in found.words()[0]


def test_gradients_that_see_further_than_the_model_looks_are_told():
    toy = toys.leaky(0.5)
    found = saliency_by_distance(toy, toy.cases(2, 12))
    assert len(found.words()) == 3  # they tell the same
    blind = replace(found, integrated=np.ones_like(found.integrated))
    assert "90 % would lie within 11 symbols of the step asked" in blind.words()[1]
    assert "trust occlusion" in blind.words()[1]


def test_nothing_matters_where_all_is_neutral():
    toy = toys.delay(2)
    case = toy.cases(1, 5)[0]
    case.inputs[:] = toys.SYMBOLS  # the id that says nothing
    found = saliency_by_distance(toy, [case])
    assert found.words() == [
        "None of the elements matters: in 1 case no score changes without one."
    ]
    assert found.shared is None
    picture(found)


def test_no_cases():
    with pytest.raises(InputError, match="no cases"):
        saliency_by_distance(toys.delay(1), [])


def test_picture_table_and_data_are_whole():
    toy = toys.leaky(0.9)
    found = saliency_by_distance(toy, toy.cases(3, 8))
    assert len(picture(found).axes[0].lines) == 3
    (table,) = found.tables()
    assert [row[0] for row in table.rows] == found.places.tolist()
    assert [row[1] for row in table.rows] == found.occlusion.tolist()
    assert json.loads(json.dumps(found.data(), allow_nan=False))["cases"] == 3


def test_what_lies_far_is_found_and_what_lies_further_is_told_at_once():
    toy = toys.far(150, length=400)
    cases = toy.cases(3, 200)
    found = saliency_by_distance(toy, cases, reach=190)
    assert found.places[found.occlusion > 0].tolist() == [-150]
    assert "100 % at one place alone, 150 symbols before it" in found.words()[0]
    assert found.blocked.max() == 3
    assert found.blocked[np.abs(found.places) < 32].max() == 0
    assert any("the one in its middle counts for all" in line for line in found.words())
    assert any("where nothing of that is read the score stays as it is." in line
               for line in found.words())  # fmt: skip
    json.dumps(found.data(), allow_nan=False)
    near = saliency_by_distance(toy, cases, reach=100)
    assert near.words() == [
        "None of the elements matters: in 3 cases no score changes without one.",
        "Further than 100 symbols away none was taken away one by one; where nothing of that is "
        "read the score changes by 40 in the mean.",
    ]
    assert near.further == 3
    some = replace(near, occlusion=near.occlusion + 1.0)
    assert "the score changes by 40 in the mean." in some.words()[0]


def picture(found):
    figure = Figure(figsize=found.size(), layout="constrained")
    FigureCanvasAgg(figure)
    found.draw(figure)
    figure.canvas.draw()
    return figure
