"""Model folders of forecasters that lie."""

import json
import random
import shutil

import numpy as np
import pytest
from folders import bad, config, seal
from forecasters import TINY, panel, short_epochs, values  # noqa: F401
from safetensors.torch import load_file, save_file

from clew.errors import InputError
from clew.tasks import load
from clew.tasks.forecast import Forecaster


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("model") / "m"
    Forecaster(**TINY, quantiles=(0.1, 0.9), base="ar").fit(panel()).save(place)
    return place


def changed(folder, tmp_path, change):
    """A copy whose config was changed, its checksums made right."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    found = config(copy)
    change(found)
    seal(copy, found)
    return copy


def put(*path):
    *names, last, value = path

    def change(found):
        part = found
        for name in names:
            part = part[name]
        part[last] = value

    return change


FACTS = ("network", "facts")
SCALING = (*FACTS, "scaling")


@pytest.mark.parametrize(
    "path",
    [
        ("parameters", "quantiles", [0.9, 0.1]),
        ("parameters", "quantiles", [[0.1]]),
        ("parameters", "quantiles", [0.1, 0.2, 0.9]),
        ("parameters", "past", ["x"]),
        ("parameters", "calendar", {"month": 1}),
        ("parameters", "horizon", 10**9),
        ("parameters", "hidden_size", 10**9),
        ("parameters", "members", 10**9),
        ("parameters", "cell", "gru"),
        ("network", "series", 10**12),
        ("network", "names", -1),
        ("network", "states", 3),
        ("network", "width", 99),
        ("network", "facts", None),
        (*FACTS, "usual", [0.0]),
        (*FACTS, "usual", [0.0, "x", 1.0]),
        (*FACTS, "past", [[0.0, 1.0]]),
        (*FACTS, "calendar", ["moon"]),
        (*FACTS, "freq", {"unit": "day", "count": 0, "day": 1}),
        (*FACTS, "freq", {"unit": "parsec", "count": 1, "day": 1}),
        (*FACTS, "stamp", {}),
        (*FACTS, "columns", ["a"]),
        (*FACTS, "more", 1),
        (*SCALING, "season", 0),
        (*SCALING, "season", 10**9),
        (*SCALING, "base", "none"),
        (*SCALING, "line", []),
        (*SCALING, "line", [1e400]),
        (*SCALING, "line", [0.0, 1e40]),
        (*SCALING, "prior", 1e308),
        (*FACTS, "stamp", "zone", "F64"),
        (*SCALING, "prior", -1.0),
        (*SCALING, "least", 0.0),
        (*SCALING, "log", 1),
    ],
)
def test_a_config_that_lies(folder, tmp_path, path):
    bad(changed(folder, tmp_path, put(*path)), r".")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ends.ids", 34), ("ends.lengths", -1), ("ends.sums", -1.0), ("spread", 0.0), ("factor", -1.0),
     ("linkage", 1.0), ("ends.now", np.nan)],
)  # fmt: skip
def test_tensors_that_lie(folder, tmp_path, name, value):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    tensors = load_file(copy / "model.safetensors")
    tensors[name][...] = value
    save_file(tensors, copy / "model.safetensors")
    seal(copy)
    bad(copy, r".")


def test_any_value_changed_is_refused_or_harmless(folder, tmp_path):
    """As in malformed.py: nothing but an InputError, or a model that answers."""
    draw = random.Random(0)
    strange = (None, True, -1, 0, 2**31, 2**70, 1.5, "", "x", [], {}, [[]], {"a": 1})
    whole = config(folder)["network"]
    places = [(), *_places(whole)]
    for number, place in enumerate(draw.sample(places[1:], min(40, len(places) - 1))):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        found = config(copy)
        part = found["network"]
        for name in place[:-1]:
            part = part[name]
        part[place[-1]] = draw.choice(strange)
        seal(copy, json.loads(json.dumps(found)))
        try:
            model = load(copy)
        except InputError:
            continue
        assert values(model.predict()).shape == (12, 3)


def _places(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in items:
        yield (*path, name)
        if isinstance(part, dict | list) and part:
            yield from _places(part, (*path, name))
