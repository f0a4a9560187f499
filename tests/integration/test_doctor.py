"""`nativewheel doctor` on the fixtures, repaired and installed: what real shims load."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from command import CONFIG, ROOT, fixture, nativewheel
from madeproviders import install

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="the fixtures that are loaded are for Linux on x86_64"
)
UNIQUE = "libnw_ntcore__ntcore.so.1"


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repair a provider and its consumer."""
    folder = tmp_path_factory.mktemp("repaired")
    nativewheel("repair", "--config", CONFIG, "-w", folder, fixture("ntcore", "py3-none-linux_x86_64"), fixture("ntuser", "cp38-abi3-linux_x86_64"))
    return folder


@pytest.fixture
def site(repaired: Path, tmp_path: Path) -> Path:
    """Install both."""
    folder = tmp_path / "a folder é"
    for path in repaired.glob("*.whl"):
        install(path, folder)
    return folder


def doctor(site: Path, status: int, **environment: str) -> dict[str, list[dict[str, object]]]:
    env = {"PYTHONPATH": os.pathsep.join((str(site), str(ROOT))), **environment}
    document: dict[str, list[dict[str, object]]] = json.loads(nativewheel("doctor", "--format", "json", status=status, env=env).stdout)
    return document


def test_repaired_wheels_are_well(site: Path) -> None:
    library = str(site / "ntcore" / "lib" / UNIQUE)
    found = doctor(site, 0)
    assert found["problems"] == []
    assert {
        "dist": "ntcore",
        "version": "1.2.7",
        "namespace": "nw_ntcore",
        "libraries": [{"identity": UNIQUE, "path": library, "loaded": library}],
    } in found["providers"]
    assert {"dist": "ntuser", "needs": [{"provider": "ntcore", "range": "==1.*,>=1.2.7", "found": "1.2.7", "ok": True}]} in found["consumers"]


def test_a_second_copy_on_the_search_path_of_the_loader(site: Path, tmp_path: Path) -> None:
    (tmp_path / UNIQUE).write_bytes((site / "ntcore" / "lib" / UNIQUE).read_bytes())
    found = doctor(site, 1, LD_LIBRARY_PATH=str(tmp_path))
    assert [problem["code"] for problem in found["problems"]] == ["library-shadowed"]
    assert found["providers"][0]["libraries"] == [
        {"identity": UNIQUE, "path": str(site / "ntcore" / "lib" / UNIQUE), "loaded": str(site / "ntcore" / "lib" / UNIQUE)}
    ]


def test_a_library_that_is_no_library(site: Path) -> None:
    (site / "ntcore" / "lib" / UNIQUE).write_text("not a library\n")
    found = doctor(site, 1)
    assert [problem["code"] for problem in found["problems"]] == ["library-changed", "load-failed"]
    assert UNIQUE in str(found["problems"][1]["message"])


def test_a_provider_that_was_uninstalled(site: Path) -> None:
    for file in (site / "ntcore-1.2.7.dist-info").iterdir():
        file.unlink()
    found = doctor(site, 1)
    assert [problem["code"] for problem in found["problems"]] == ["provider-missing"]
    assert found["problems"][0]["fix"] == 'python -m pip install "ntcore==1.*,>=1.2.7"'
