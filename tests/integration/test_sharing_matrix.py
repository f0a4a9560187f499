"""The cases of native_lib_loader's own tests (N-41): each works, or fails with a message where the mechanism forbids it.

Some stand elsewhere: colliding packages in test_sharing_layouts, as do editable installations; "env" and a library that is there at build time
only in test_sharing_failures; modules that are imported with RTLD_GLOBAL in test_sharing_processes.  Windows and macOS have their own.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from command import dynamic, nativewheel
from cpythons import everywhere
from sharedwheels import LIBRARY, MODULE, config, export, library, module, needs_linux, repaired, unpacked
from smallwheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = [needs_linux, pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf program")]


def pair(folder: Path, libraries: dict[str, Path], declarations: str, value: str, *flags: object) -> dict[str, Path]:
    """Repair a provider with these libraries (by file name) and a consumer of them, and unpack each into a folder of its own."""
    image = module(folder / "build", "_ext", declarations, {"value": value}, *flags, "-Wl,--allow-shlib-undefined")
    wheels = [
        wheel(folder, LIBRARY, {f"many/lib/{name}": path.read_bytes() for name, path in libraries.items()}, name="many"),
        wheel(folder, MODULE, {"one/__init__.py": b"from ._ext import value\n", "one/_ext.abi3.so": image}, name="one"),
    ]
    return {name: unpacked(path, folder / name) for name, path in repaired(wheels, folder / "out", export("many")).items()}


def computed(folders: Iterable[Path]) -> str:
    return everywhere("import one; print(one.value())", *folders)


@pytest.mark.parametrize("extra", [(), ("-Wl,-rpath,$ORIGIN/../many/lib",), ("-Wl,-rpath,/build/many/lib",)], ids=["basic", "rpath", "host rpath"])
def test_a_search_path_changes_nothing(tmp_path: Path, extra: tuple[str, ...]) -> None:
    path = library(tmp_path / "lib", "libmany.so.1", "int many(void) { return 1; }")
    folders = pair(tmp_path, {"libmany.so.1": path}, "int many(void);", "many()", path, *extra)
    assert computed(folders.values()) == "1"
    found = dynamic(folders["one"] / "one/_ext.abi3.so")
    assert not found.get("RPATH", []) + found.get("RUNPATH", [])
    for path in folders.values():
        shutil.copytree(path, tmp_path / "site", dirs_exist_ok=True)
    assert computed([tmp_path / "site"]) == "1"


def test_two_libraries_in_one_package(tmp_path: Path) -> None:
    """The one needs the other, and the consumer names both in the wrong order."""
    lower = library(tmp_path / "lib", "liblower.so.1", "int lower(void) { return 1; }")
    upper = library(tmp_path / "lib", "libabove.so.1", "int lower(void); int above(void) { return lower() + 1; }", lower)
    libraries = {path.name: path for path in (upper, lower)}
    folders = pair(tmp_path, libraries, "int lower(void); int above(void);", "10 * above() + lower()", upper, lower)
    assert computed(folders.values()) == "21"
    assert dynamic(folders["many"] / "many/lib/libnw_many__above.so.1")["NEEDED"][0] == "libnw_many__lower.so.1"


def test_only_the_library_that_is_used_is_loaded(tmp_path: Path) -> None:
    used = library(tmp_path / "lib", "libused.so.1", "int used(void) { return 1; }")
    other = library(tmp_path / "lib", "libother.so.1", "int other(void) { return 2; }")
    folders = pair(tmp_path, {path.name: path for path in (used, other)}, "int used(void);", "used()", used)
    code = "import one; maps = open('/proc/self/maps').read(); print('libnw_many__used' in maps, 'libnw_many__other' in maps)"
    assert everywhere(code, *folders.values()) == "True False"


@pytest.mark.parametrize("slash", [False, True])
def test_a_library_without_a_name_of_its_own(tmp_path: Path, *, slash: bool) -> None:
    """Linkers write the name of the file then, or the whole path where one was given."""
    path = library(tmp_path / "lib", None, "int bare(void) { return 4; }", name="libbare.so")
    folders = pair(tmp_path, {"libbare.so": path}, "int bare(void);", "bare()", *([path] if slash else [f"-L{path.parent}", "-lbare"]))
    assert dynamic(folders["many"] / "many/lib/libnw_many__bare.so")["SONAME"] == ["libnw_many__bare.so"]
    assert "libnw_many__bare.so" in dynamic(folders["one"] / "one/_ext.abi3.so")["NEEDED"]
    assert computed(folders.values()) == "4"


def test_a_library_whose_name_is_a_path(tmp_path: Path) -> None:
    """glibc takes a name with a slash for the path of a file, so no library that was loaded before can stand for it."""
    path = library(tmp_path / "lib", "/fake/path/libfake.so.1", "int fake(void) { return 5; }", name="libfake.so.1")
    source = wheel(tmp_path, LIBRARY, {"many/lib/libfake.so.1": path.read_bytes()}, name="many")
    done = nativewheel("repair", "-w", tmp_path / "out", "--config", config(tmp_path, export("many")), source, status=4)
    assert "many/lib/libfake.so.1: its identity cannot be the name of a file: /fake/path/libfake.so.1" in done.stderr


def test_a_versioned_library(tmp_path: Path) -> None:
    script = tmp_path / "symbols.map"
    script.write_text("VER_1 { global: versioned; };")
    path = library(tmp_path / "lib", "libversioned.so.1", "int versioned(void) { return 6; }", f"-Wl,--version-script={script}")
    folders = pair(tmp_path, {path.name: path}, "int versioned(void);", "versioned()", path)
    assert computed(folders.values()) == "6"
