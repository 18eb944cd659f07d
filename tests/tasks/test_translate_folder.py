"""Model folders of translators that were harmed: refused with a reason, or equal in meaning."""

import random
import shutil

import pytest
from malformed import edit_json, edit_sealed, flip, truncate
from translators import TINY, pairs

from clew.errors import InputError
from clew.tasks import load
from clew.tasks.translate import Translator


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("harm", [flip, truncate, edit_json, edit_sealed])
def test_harmed_folders_are_refused_or_mean_the_same(tmp_path, harm, shared):
    X, y = pairs(24)
    options = {**TINY, "epochs": 1, "hidden_size": 3, "embedding_size": 3, "shared": shared}
    good = Translator(**options).fit(X, y, out=tmp_path / "good")
    answers = good.candidates(["red Tom.", ""], n_best=2)
    draw = random.Random(7)
    refused = said = 0
    for _ in range(60 if harm is edit_sealed else 15):
        shutil.rmtree(tmp_path / "bad", ignore_errors=True)
        shutil.copytree(tmp_path / "good", tmp_path / "bad")
        harm(draw, tmp_path / "bad")
        try:
            model = load(tmp_path / "bad")
        except InputError as error:
            refused += str(tmp_path / "bad") in str(error)
            said += 1
        else:
            found = model.candidates(["red Tom.", ""], n_best=2)
            assert harm is edit_sealed or found == answers
    assert refused == said >= 5
