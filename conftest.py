"""What holds for every test: one thread of arithmetic each, and no silent skips in CI."""

import os
from collections.abc import Generator
from typing import Any

import pytest

# Before torch is imported: tests run beside each other, and more threads only get in their way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def _refuse(report: Any, what: str) -> None:
    report.outcome = "failed"
    report.longrepr = (
        f"{what} was skipped in CI: {report.longrepr}\n"
        "Every test is essential there. Mark it `hardware` only if an ordinary machine may lack "
        "the part that it needs."
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    may_skip = hasattr(report, "wasxfail") or item.get_closest_marker("hardware")
    if IN_CI and report.skipped and not may_skip:
        _refuse(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.skipped:
        _refuse(report, collector.nodeid)
    return report
