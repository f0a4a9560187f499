"""What every test shares: with NATIVEWHEEL_REQUIRE_ALL=1 a skipped test is a failed one, so that CI skips nothing silently."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

pytest_plugins = ["sharedfixtures"]
REQUIRE_ALL = os.environ.get("NATIVEWHEEL_REQUIRE_ALL") == "1"


def _demand(report: pytest.TestReport | pytest.CollectReport) -> None:
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"NATIVEWHEEL_REQUIRE_ALL=1 forbids skipping: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _demand(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _demand(report)
    return report
