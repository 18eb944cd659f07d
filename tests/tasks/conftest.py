"""Lets these tests, and the processes they start, import the modules beside them; a saved model."""

import shutil
import sys
from pathlib import Path

import pytest

from clew.tasks.classify import Classifier

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def fitted():
    from folders import LABELS, TEXTS

    model = Classifier(embedding_size=4, hidden_size=4, epochs=1, baseline=False, device="cpu")
    model.fit(TEXTS, LABELS)
    return model


@pytest.fixture(scope="session")
def saved(fitted, tmp_path_factory):
    target = tmp_path_factory.mktemp("models") / "text"
    fitted.save(target)
    return target


@pytest.fixture
def folder(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "model"))
