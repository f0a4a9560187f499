"""macOS wheels of well-known projects as they were before delocate: repaired here as repairwheel does it, and loaded by the emulated dyld."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import machobinding
import pytest
from command import nativewheel, platforms, repair, vendored, without_hash
from machopython import Python
from macresults import check_by_apple_platform, check_layouts, image, images, load_everything, unpacked, unsigned
from macwheels import Undelocated, undelocated
from realwheels import MACOS, published

pytestmark = pytest.mark.network
CASES = (
    *((project, "arm64") for project in ("h5py", "opencv_python_headless", "pillow", "psycopg2_binary", "shapely")),
    ("pillow", "x86_64"),
    ("psycopg2_binary", "x86_64"),
)
HOST_RPATHS = {"pillow": "/Users/runner/work/Pillow/Pillow/build/deps/darwin/lib", "pyzmq": "/tmp/zmq/lib"}  # noqa: S108  (not ours)
"""Published wheels that hold a search path of the machine that built them."""
CHANGED = {
    *(name for name in MACOS if name.startswith(tuple(HOST_RPATHS))),
    # Its tag promises macOS 10.9, and its module for x86_64 needs 10.13.
    "cryptography-44.0.3-cp39-abi3-macosx_10_9_universal2.whl",
    # Its RECORD has another size for WHEEL.
    "opencv_python_headless-4.11.0.86-cp37-abi3-macosx_13_0_x86_64.whl",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One wheel, repaired by both programs, and ours unpacked; the build host's libraries are gone by then."""

    before: Undelocated
    arch: str
    ours: Path
    theirs: Path
    folder: Path


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    project, arch = request.param
    (filename,) = (name for name in MACOS if name.startswith(project) and name.endswith(f"{arch}.whl"))
    root = tmp_path_factory.mktemp(project)
    before = undelocated(filename, root / "host")
    ours = repair(before.wheel, root / "ours")
    assert repair(before.wheel, root / "again", "--jobs", 1).read_bytes() == ours.read_bytes()
    command = [sys.executable, "-m", "repairwheel", "-o", str(root / "theirs"), str(before.wheel)]
    subprocess.run(command, check=True, capture_output=True)
    (theirs,) = (root / "theirs").iterdir()
    shutil.rmtree(before.libraries)
    return Pair(before=before, arch=arch, ours=ours, theirs=theirs, folder=unpacked(ours, root / "unpacked"))


def leaves(wheel: Path) -> list[str]:
    """Return the names of a wheel's dynamic libraries, without hashes."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(PurePosixPath(name).name for name in without_hash(set(archive.namelist())) if name.endswith(".dylib"))


def test_the_tag_is_that_of_repairwheel(pair: Pair) -> None:
    assert platforms(pair.ours) == platforms(pair.theirs)
    assert pair.ours.name == pair.theirs.name == pair.before.wheel.name


def test_the_vendored_libraries_are_those_of_repairwheel(pair: Pair) -> None:
    assert leaves(pair.ours) == leaves(pair.theirs)
    assert len(vendored(pair.ours)) == len(leaves(pair.ours)) > 1


def test_the_wheel_is_not_larger_than_that_of_repairwheel(pair: Pair) -> None:
    assert pair.ours.stat().st_size <= pair.theirs.stat().st_size


def test_every_other_file_is_there_with_its_mode(pair: Pair) -> None:
    with zipfile.ZipFile(pair.before.wheel) as before, zipfile.ZipFile(pair.ours) as after:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in after.infolist()}
        for info in (info for info in before.infolist() if not info.filename.endswith("/RECORD")):
            assert modes[info.filename] == info.external_attr >> 16 & 0o777, info.filename


def test_every_image_loads_with_the_libraries_of_the_wheel(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    opencv = (pair.folder / "cv2").is_dir()
    if opencv:
        # It has libraries without MH_TWOLEVEL: what they want of macOS is supplied as what others want of Python is.
        monkeypatch.setattr(machobinding, "PYTHON", "_")
    loaded = load_everything(pair.folder, Python(pair.arch, any_system=True), initialize=not opencv)
    assert vendored(pair.ours) <= loaded.keys()


def test_signatures_are_valid(pair: Pair, tmp_path: Path) -> None:
    """What was not signed for x86_64 still is not."""
    nobody = unsigned(pair.folder)
    assert nobody == unsigned(unpacked(pair.before.wheel, tmp_path))
    assert bool(nobody) == ((pair.folder / "PIL").is_dir() and pair.arch == "x86_64")
    check_by_apple_platform(path for path in images(pair.folder) if path.relative_to(pair.folder).as_posix() not in nobody)


def test_layouts_are_valid(pair: Pair) -> None:
    with zipfile.ZipFile(pair.before.wheel) as archive:
        before = {archive.read(name) for name in archive.namelist() if name.endswith(".so")}
    changed = [path for path in images(pair.folder) if path.read_bytes() not in before]
    assert len(changed) > len(vendored(pair.ours))
    check_layouts(changed)


def test_show_finds_everything_in_the_wheel(pair: Pair) -> None:
    shown = json.loads(nativewheel("show", "--format", "json", pair.ours).stdout)
    assert shown["platform"]["tag"] == platforms(pair.ours)[0]
    assert {dependency["kind"] for image in shown["images"] for dependency in image["dependencies"]} == {"system", "vendored"}


def test_a_second_repair_changes_nothing(pair: Pair, tmp_path: Path) -> None:
    assert repair(pair.ours, tmp_path).read_bytes() == pair.ours.read_bytes()


def test_search_paths_of_the_host_are_gone(pair: Pair) -> None:
    rpaths = {entry for path in images(pair.folder) for entry in image(path, pair.arch).rpaths}
    assert rpaths <= {"@loader_path/../lib"}


@pytest.mark.parametrize("filename", sorted(set(MACOS) - CHANGED))
def test_a_repaired_wheel_is_copied(filename: str, tmp_path: Path) -> None:
    source = published(filename)
    assert repair(source, tmp_path).read_bytes() == source.read_bytes()


@pytest.mark.parametrize("filename", [name for name in MACOS if name.startswith(tuple(HOST_RPATHS))])
def test_a_search_path_of_the_host_is_dropped_from_a_repaired_wheel(filename: str, tmp_path: Path) -> None:
    source = published(filename)
    done = nativewheel("repair", "-w", tmp_path / "out", source)
    place = HOST_RPATHS[filename.partition("-")[0]]
    (warning,) = (line for line in done.stderr.splitlines() if line.startswith("warning: "))
    assert place in warning
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(tmp_path / "out" / filename) as after:
        (changed,) = (name for name in before.namelist() if name.endswith((".so", ".dylib")) and before.read(name) != after.read(name))
        assert changed in warning
        assert place.encode() in before.read(changed)
        assert place.encode() not in after.read(changed)
        (added,) = set(after.namelist()) - set(before.namelist())
        assert added.endswith(".dist-info/nativewheel.json")


def test_a_tag_that_promises_too_much_is_raised(tmp_path: Path) -> None:
    (source,) = (published(name) for name in MACOS if name.startswith("cryptography"))
    done = nativewheel("repair", "-w", tmp_path, source)
    assert [platforms(path) for path in tmp_path.iterdir()] == [["macosx_10_13_universal2"]]
    assert "_rust.abi3.so needs macOS 10.13" in done.stderr


def test_a_wrong_record_is_refused(tmp_path: Path) -> None:
    (source,) = (published(name) for name in CHANGED if name.startswith("opencv"))
    assert "RECORD has another size" in nativewheel("repair", "-w", tmp_path, source, status=3).stderr
