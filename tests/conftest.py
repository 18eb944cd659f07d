"""What every test runs under: repeatable draws, and few threads on shared machines."""

import functools
import gc
import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # for `subjects`, which the laws are run over
torch.set_num_threads(min(2, int(os.environ.get("OMP_NUM_THREADS", "2"))))

# torch.manual_seed notes, for each sort of device that is not there, where it was called from: a
# traceback that takes longer than many a test.
for device in (torch.cuda, torch.xpu, torch.mtia):
    if not device.is_available():
        device.manual_seed_all = lambda seed: None

# "ci" draws the same examples every time. "search" looks further, for a quiet hour:
#   CLEW_HYPOTHESIS=search pytest tests/laws.py
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("CLEW_HYPOTHESIS", "ci"))


def pytest_collection_finish():
    """Garbage is collected without looking through seven thousand tests and all of torch."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch):
    """The picture in a model's folder is drawn once, and written into every folder after.

    It would take longer than many a small fit. What it shows is tested in tasks/test_estimator.py.
    """
    tasks = sys.modules.get("clew.tasks._estimator")
    if tasks is None:
        return
    draw = tasks.learning_curve

    @functools.wraps(draw)
    def drawn(curve, figure, baseline):
        if figure not in _DRAWN:
            _DRAWN[figure] = draw(curve, figure, baseline)
        return _DRAWN[figure]

    monkeypatch.setattr(tasks, "learning_curve", drawn)


_DRAWN: dict[str, bytes] = {}
