"""The requirement that a consumer gains: the three templates of the pynativelib thread, pip's resolver, markers, what is recorded."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from command import nativewheel
from cpythons import good, run
from sharedwheels import PURE, config, core_wheel, export, needs_linux, pip, repaired, requirements_of, text_of, unpacked, user_wheel
from smallwheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_linux
TEMPLATES = {
    "=={major}.{minor}.*,>={version}": "ntcore==1.2.*,>=1.2.7",
    "=={major}.*,>={version}": "ntcore==1.*,>=1.2.7",
    "=={version}": "ntcore==1.2.7",
}
VERSIONS = ("1.2.6", "1.2.7", "1.2.9", "1.3.0", "2.0.0")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with five versions of the provider, and with a consumer of 1.2.7 for each template."""
    folder = tmp_path_factory.mktemp("index")
    for version in VERSIONS:
        repaired([core_wheel(folder, version)], folder / version, export("ntcore"))
    found = folder / "index"
    found.mkdir()
    for number, template in enumerate(TEMPLATES):
        outputs = repaired([core_wheel(folder), user_wheel(folder, f"ntuser{number}")], folder / f"set{number}", export("ntcore", template))
        outputs[f"ntuser{number}"].rename(found / outputs[f"ntuser{number}"].name)
    for version in VERSIONS:
        (path,) = (folder / version).glob("ntcore-*.whl")
        path.rename(found / path.name)
    return found


@pytest.mark.parametrize(("number", "line"), list(enumerate(TEMPLATES.values())))
def test_the_three_templates(index: Path, number: int, line: str) -> None:
    (user,) = index.glob(f"ntuser{number}-*.whl")
    assert requirements_of(user) == [line]


def resolved(index: Path, *wanted: str, status: int = 0) -> dict[str, str]:
    """Return the versions that pip would install."""
    said = pip("install", "-q", "--dry-run", "--ignore-installed", "--find-links", index, "--report", "-", *wanted, status=status)
    if status:
        return {"": said}
    return {item["metadata"]["name"]: item["metadata"]["version"] for item in json.loads(said)["install"]}


@pytest.mark.parametrize(("number", "version"), [(0, "1.2.9"), (1, "1.3.0"), (2, "1.2.7")])
def test_pip_takes_the_newest_that_the_range_allows(index: Path, number: int, version: str) -> None:
    assert resolved(index, f"ntuser{number}") == {f"ntuser{number}": "1.0", "ntcore": version}


def test_pip_refuses_what_the_ranges_exclude(index: Path) -> None:
    assert "conflict" in resolved(index, "ntuser1", "ntcore==2.0.0", status=1)[""]
    assert resolved(index, "ntuser0", "ntuser1", "ntuser2")["ntcore"] == "1.2.7"


def test_a_newer_provider_in_the_range_works(cpython: Path, index: Path, tmp_path: Path) -> None:
    (provider,), (user,) = index.glob("ntcore-1.3.0-*.whl"), index.glob("ntuser1-*.whl")
    folders = [unpacked(path, tmp_path / path.name.partition("-")[0]) for path in (provider, user)]
    assert good(run(cpython, "import ntuser1; print(ntuser1.five(), ntuser1.release())", *folders)) == "5 10300"


def test_a_marker_goes_into_every_wheel_of_the_distribution(tmp_path: Path) -> None:
    naming = """[tool.nativewheel.providers]\n"libntcore.so.1" = { dist = "ntcore", marker = "sys_platform == 'linux'" }"""
    pure = wheel(tmp_path, PURE, {"ntuser/__init__.py": b"five = lambda: 5\n"}, name="ntuser")
    other = wheel(tmp_path, "cp38-abi3-win_amd64", {"ntuser/__init__.py": b"five = lambda: 5\n"}, name="ntuser")
    stranger = wheel(tmp_path, PURE, {"stranger.py": b""}, name="stranger")
    wheels = [core_wheel(tmp_path), user_wheel(tmp_path), pure, other, stranger]
    nativewheel("repair", "-w", tmp_path / "out", "--config", config(tmp_path, export("ntcore"), naming), *wheels)
    lines = {path.name: requirements_of(path) for path in (tmp_path / "out").glob("*.whl")}
    assert len(lines) == 5
    for name, found in lines.items():
        assert found == (['ntcore==1.*,>=1.2.7; sys_platform == "linux"'] if name.startswith("ntuser-") else []), name
    assert (tmp_path / "out" / stranger.name).read_bytes() == stranger.read_bytes()


def test_the_manifests_say_it_too(index: Path) -> None:
    (user,) = index.glob("ntuser0-*.whl")
    (provider,) = index.glob("ntcore-1.2.7-*.whl")
    (consumed,) = json.loads(text_of(user, "/nativewheel.json"))["consumes"]
    assert consumed == {
        "provider": "ntcore",
        "version": "1.2.7",
        "original": "libntcore.so.1",
        "identity": "libnw_ntcore__ntcore.so.1",
        "requires": "==1.2.*,>=1.2.7",
    }
    (exported,) = json.loads(text_of(provider, "/nativewheel.json"))["exports"]
    assert exported["requires"] == "=={major}.*,>={version}"
    assert exported["member"] == "ntcore/lib/libnw_ntcore__ntcore.so.1"
    assert "[nativewheel.provider]\nntcore = nw_ntcore\n" in text_of(provider, "/entry_points.txt")


def test_what_a_provider_asks_for_at_run_time(index: Path, tmp_path: Path) -> None:
    (provider,) = index.glob("ntcore-1.2.7-*.whl")
    site = unpacked(provider, tmp_path)
    code = """
import nw_ntcore, os
assert nw_ntcore.install_requires() == ["ntcore==1.*,>=1.2.7"]
assert nw_ntcore.enable == nw_ntcore.load
assert nw_ntcore.library_name("ntcore") == nw_ntcore.library_name("libntcore.so.1") == "libnw_ntcore__ntcore.so.1"
assert os.path.isabs(nw_ntcore.path("libntcore")) and os.path.isfile(nw_ntcore.path("libntcore"))
try:
    nw_ntcore.load(["libm.so.6"])
except ValueError as error:
    assert "libm.so.6" in str(error) and "libntcore.so.1" in str(error)
else:
    raise SystemExit("an unknown name")
"""
    good(run(sys.executable, code, site))
