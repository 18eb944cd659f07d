"""What every test runs under: repeatable draws, and few threads on shared machines."""

import os
import sys
from pathlib import Path

import torch
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # for `subjects`, which the laws are run over
torch.set_num_threads(min(2, int(os.environ.get("OMP_NUM_THREADS", "2"))))

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
