"""Options that users of delvewheel know, and what becomes of the names of DLLs: both tools side by side on one wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import pefile
import pytest
from command import nativewheel, repair
from madepe import Pe
from smallwheels import wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

TAG = "cp311-cp311-win_amd64"
MODULE = "pkg/_x.cp311-win_amd64.pyd"


class Build(NamedTuple):
    """A wheel as a build leaves it, and the folder with the DLLs of the host."""

    wheel: Path
    libraries: Path


def pe(*needed: str, delayed: str | None = None, exports: str = "made") -> bytes:
    late = ((delayed, ("made",)),) if delayed else ()
    return Pe(imports=tuple((name, ("made",)) for name in needed), delay_imports=late, exports=((exports, None),)).build()


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    root = tmp_path_factory.mktemp("build")
    libraries = root / "lib"
    libraries.mkdir()
    dlls = {
        "Outer.dll": pe("inner.dll", "KERNEL32.dll", delayed="LATE.dll"),
        "inner.dll": pe("MSVCP140.dll"),
        "late.dll": pe("KERNEL32.dll"),
        "msvcp140.dll": pe("VCRUNTIME140.dll", delayed="CONCRT140.dll"),
        "concrt140.dll": pe("VCRUNTIME140.dll"),
        "plugin.dll": pe("KERNEL32.dll"),
    }
    for name, data in dlls.items():
        (libraries / name).write_bytes(data)
    files = {"pkg/__init__.py": b"", MODULE: pe("OUTER.dll", "python311.dll", exports="PyInit__x")}
    return Build(wheel=wheel(root / "dist", TAG, files), libraries=libraries)


def theirs(build: Build, folder: Path, *options: str) -> Path:
    command = ["repair", "--add-path", str(build.libraries), "-w", str(folder), *options, str(build.wheel)]
    subprocess.run([sys.executable, "-m", "delvewheel", *command], capture_output=True, check=True)
    (output,) = folder.iterdir()
    return output


def dlls(path: Path) -> dict[str, set[str]]:
    """Return what each image of a wheel asks for beyond Windows and Python: names in small letters, ``#`` in the place of a hash."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.endswith((".dll", ".pyd")):
                found[_shown(member)] = {_shown(name) for name in _needed(archive.read(member)) if not re.match(r"kernel32|python|vcruntime", name)}
    return found


def _needed(data: bytes) -> set[str]:
    image = pefile.PE(data=data)
    entries = [*getattr(image, "DIRECTORY_ENTRY_IMPORT", ()), *getattr(image, "DIRECTORY_ENTRY_DELAY_IMPORT", ())]
    return {entry.dll.decode().lower() for entry in entries}


def _shown(name: str) -> str:
    return re.sub(r"-([0-9a-f]{8}|[0-9a-f]{32})(?=\.dll$)", "-#", name.lower())


@pytest.mark.parametrize(
    ("own", "known"),
    [
        ((), ()),
        (("--exclude", "INNER.dll"), ("--exclude", "inner.dll")),
        (("--exclude", "msvc*.DLL", "--exclude", "late.dll"), ("--exclude", "msvc*.dll;late.dll".replace(";", ":"))),
        (("--no-mangle", "Outer.dll"), ("--no-mangle", "outer.dll")),
        (("--no-mangle", "*"), ("--no-mangle-all",)),
        (("-L", ".dlls"), ("-L", ".dlls")),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_what_is_taken_in_and_what_it_is_called(build: Build, tmp_path: Path, own: Sequence[str], known: Sequence[str]) -> None:
    ours = dlls(repair(build.wheel, tmp_path / "ours", "--lib-path", build.libraries, *own))
    assert ours == dlls(theirs(build, tmp_path / "theirs", *known))
    assert len(ours) > 1


def test_a_library_that_code_opens(build: Build, tmp_path: Path) -> None:
    ours = dlls(repair(build.wheel, tmp_path / "ours", "--lib-path", build.libraries, "--add-library", build.libraries / "plugin.dll"))
    assert ours == dlls(theirs(build, tmp_path / "theirs", "--include", "plugin.dll"))
    assert "small.libs/plugin.dll" in ours


def test_a_library_that_code_opens_can_be_put_into_a_package(build: Build, tmp_path: Path) -> None:
    plugin = build.libraries / "Outer.dll"
    ours = dlls(repair(build.wheel, tmp_path / "ours", "--lib-path", build.libraries, "--add-library", f"{plugin}=pkg/plugins"))
    assert ours["pkg/plugins/outer.dll"] == {"inner-#.dll", "late-#.dll"}
    assert ours[MODULE] == {"outer.dll"}


def test_the_folder_of_the_dlls_is_named_before_the_first_of_them_is_wanted(build: Build, tmp_path: Path) -> None:
    with zipfile.ZipFile(repair(build.wheel, tmp_path / "ours", "--lib-path", build.libraries)) as archive:
        names = archive.namelist()
        assert "nw_small" in archive.read("pkg/__init__.py").decode()
    assert {PurePosixPath(name).parent.name for name in names if name.endswith(".dll")} == {"small.libs"}


def test_what_is_missing(build: Build, tmp_path: Path) -> None:
    done = nativewheel("repair", "-w", tmp_path / "out", build.wheel, status=4)
    assert "a DLL was not found: outer.dll (wanted by pkg/_x.cp311-win_amd64.pyd)" in done.stderr
    assert "--lib-path" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [("--allow-missing", "OUTER.*"), ("--exclude", "outer.dll")])
def test_a_wheel_that_may_lack_a_dll_is_copied(build: Build, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert repair(build.wheel, tmp_path / "out", *options).read_bytes() == build.wheel.read_bytes()


def test_a_repaired_wheel_and_one_of_delvewheel_are_copied(build: Build, tmp_path: Path) -> None:
    for repaired in (repair(build.wheel, tmp_path / "ours", "--lib-path", build.libraries), theirs(build, tmp_path / "theirs")):
        assert repair(repaired, tmp_path / "again" / repaired.parent.name).read_bytes() == repaired.read_bytes()
