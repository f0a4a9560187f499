"""What the tests with Windows' Python rest on: real interpreters, run in a prefix of their own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cpythons import fault, good
from wine import windows_path
from winepython import PYTHONS, WindowsPython, windows_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> WindowsPython:
    return windows_python(request, request.param)


def test_it_is_cpython_of_python_org(python: WindowsPython) -> None:
    code = "import sys; print(sys.platform, sys.implementation.name, sys.version_info[:2], 'MSC v.19' in sys.version, 'AMD64' in sys.version)"
    assert good(python.run(code)) == f"win32 cpython ({python.version.replace('.', ', ')}) True True"


def test_folders_with_any_name(python: WindowsPython, tmp_path: Path) -> None:
    folder = tmp_path / "ü ö (x)"
    folder.mkdir()
    (folder / "mod.py").write_text("VALUE = 'grün'\n", encoding="utf-8")
    code = """
import mod
print(mod.VALUE, "two words", mod.__file__)
"""
    assert good(python.run(code, folder)) == f"grün two words {windows_path(folder / 'mod.py')}"


def test_variables_and_faults(python: WindowsPython) -> None:
    assert (
        fault(python.run("import os; raise ImportError(os.environ['NATIVEWHEEL_DEBUG'])", env={"NATIVEWHEEL_DEBUG": "grün"})) == "ImportError: grün"
    )


def test_nothing_of_the_host_is_found(python: WindowsPython, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("NATIVEWHEEL_SKIP", "1")
    code = "import os; print([name for name in os.environ if name.startswith('NATIVEWHEEL')], 'Z:' in os.environ['PATH'], os.listdir())"
    assert good(python.run(code)) == "[] False []"


def test_an_endless_program_is_ended(python: WindowsPython) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        python.run("import time; time.sleep(60)", timeout=2)
    assert good(python.run("print(1)")) == "1"
