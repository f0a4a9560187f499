"""A plugin of pytest: what several test modules start from, and tests that run in every interpreter."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from cpythons import cpythons
from madeimages import MadeHost
from sharedwheels import SET_CONFIG, SharedSet, all_layouts, apart, by_name, repaired

if TYPE_CHECKING:
    from pathlib import Path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that wants a ``cpython`` in each of them."""
    if "cpython" in metafunc.fixturenames:
        found = cpythons() if sys.platform == "linux" else {}
        metafunc.parametrize("cpython", [pytest.param(path, id=version) for version, path in found.items()])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in which interpreters wheels were tried, if any were."""
    if cpythons.cache_info().currsize:
        terminalreporter.write_line(f"interpreters for wheels that share libraries: CPython {', '.join(cpythons())}")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> SharedSet:
    """Every layout of providers and consumers, repaired by one command."""
    folder: Path = tmp_path_factory.mktemp("shared")
    all_layouts(folder / "dist")
    inputs = by_name(folder / "dist")
    outputs = repaired(sorted(inputs.values(), reverse=True), folder / "out", *SET_CONFIG)
    return SharedSet(inputs=inputs, outputs=outputs, folders=apart(outputs, folder / "apart"))


@pytest.fixture
def no_library_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search as the loader does where nobody has set LD_LIBRARY_PATH."""
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)


@pytest.fixture
def host() -> MadeHost:
    """A host without libraries."""
    return MadeHost()
