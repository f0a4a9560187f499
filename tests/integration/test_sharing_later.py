"""Consumers that are built after their provider was repaired: linked with its plain name against the installed wheel, by every linker."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import ROOT, dynamic
from cpythons import everywhere
from sharedwheels import (
    LIBRARY,
    MODULE,
    NT_ADD,
    core_wheel,
    export,
    library,
    module_source,
    needs_linux,
    repaired,
    requirements_of,
    unpacked,
)
from smallwheels import GLIBC, wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [needs_linux, pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf program")]
PC = b"""\
prefix=${pcfiledir}/../..
libdir=${prefix}/lib

Name: ntcore
Description: adds
Version: 1.2.7
Libs: -L${libdir} -l:libntcore.so.1
"""
LINKERS = ("GNU ld", "lld", "zig")
NEEDED = {"ntcore": "libnw_ntcore__ntcore.so.1", "ntuniq": "libnw_ntuniq__ntuniq.so.1"}


def linker(name: str, folder: Path) -> list[str]:
    """Return the command that compiles and links with one linker."""
    if name == "zig":
        pytest.importorskip("ziglang", reason="no C compiler: ziglang has no wheel for this machine")
        return [sys.executable, "-m", "ziglang", "cc", "-target", GLIBC]
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("no gcc program")
    if name == "GNU ld":
        return [gcc, "-fuse-ld=bfd"]
    lld = shutil.which("ld.lld") or shutil.which("ld.lld-19")
    if lld is None:
        pytest.skip("no ld.lld program (Debian: lld)")
    (folder / "ld.lld").symlink_to(lld)
    return [gcc, "-fuse-ld=lld", f"-B{folder}"]


def linked(folder: Path, command: list[str], source: str, *flags: object) -> Path:
    """Build an extension module with a compiler that has no Python headers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_ext.c").write_text("void abort(void); void (*nt_needs_libc)(void) = abort;\n" + source)
    options = ["-shared", "-fPIC", "-O1", "-g0", "-nostdlib", f"-I{ROOT / 'fixtures/src'}", "-o", folder / "_ext.abi3.so", folder / "_ext.c"]
    done = subprocess.run([str(item) for item in (*command, *options, *flags, "-lc")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "_ext.abi3.so"


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site-packages of an environment with two repaired providers, one with unique symbols; the wheels lie in a folder beside it."""
    folder = tmp_path_factory.mktemp("providers")
    uniq = library(folder / "lib", "libntuniq.so.1", "int uniq_answer(void) { return 13; }").read_bytes()
    inputs = [
        core_wheel(folder, files={"ntcore/lib/pkgconfig/ntcore.pc": PC}),
        wheel(folder, LIBRARY, {"ntuniq/lib/libntuniq.so": uniq, "ntuniq/lib/libntuniq.so.1": uniq}, name="ntuniq"),
    ]
    for path in repaired(inputs, folder / "out", export("ntcore"), export("ntuniq", uniquify=True)).values():
        unpacked(path, folder / "site-packages")
    return folder / "site-packages"


def tried(site: Path, image: Path, folder: Path, provider: str) -> str:
    """Repair a consumer with this extension module, install it elsewhere, and return what it computes and requires."""
    files = {"later/__init__.py": b"from ._ext import value\n", "later/_ext.abi3.so": image.read_bytes()}
    outputs = repaired([wheel(folder, MODULE, files, name="later")], folder / "out", options=["--provider", site])
    assert NEEDED[provider] in dynamic(unpacked(outputs["later"], folder / "elsewhere") / "later/_ext.abi3.so")["NEEDED"]
    for path in (site.parent / "out").glob("*.whl"):
        unpacked(path, folder / "other")
    value = everywhere("import later; print(later.value())", folder / "elsewhere", folder / "other")
    return f"{value} {requirements_of(outputs['later'])}"


@pytest.mark.parametrize("name", LINKERS)
def test_a_plain_name(providers: Path, tmp_path: Path, name: str) -> None:
    command = linker(name, tmp_path)
    source = module_source("_ext", NT_ADD, {"value": "nt_add(2, 3)"})
    image = linked(tmp_path / "build", command, source, f"-L{providers / 'ntcore/lib'}", "-lntcore")
    assert tried(providers, image, tmp_path, "ntcore") == "5 ['ntcore==1.*,>=1.2.7']"


@pytest.mark.parametrize("name", LINKERS)
def test_unique_symbols(providers: Path, tmp_path: Path, name: str) -> None:
    command = linker(name, tmp_path)
    source = module_source("_ext", "int uniq_answer(void);", {"value": "uniq_answer()"})
    image = linked(tmp_path / "build", command, source, f"-L{providers / 'ntuniq/lib'}", "-lntuniq")
    assert tried(providers, image, tmp_path, "ntuniq") == "13 ['ntuniq==1.*,>=1.0']"


@pytest.mark.parametrize("name", LINKERS)
def test_the_file_of_pkg_config(providers: Path, tmp_path: Path, name: str) -> None:
    if shutil.which("pkg-config") is None:
        pytest.skip("no pkg-config program (Debian: pkgconf)")
    command = linker(name, tmp_path)
    asked = ["pkg-config", "--libs", str(providers / "ntcore/lib/pkgconfig/ntcore.pc")]
    flags = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    assert flags[-1] == "-l:libntcore.so"
    image = linked(tmp_path / "build", command, module_source("_ext", NT_ADD, {"value": "nt_add(2, 3)"}), *flags)
    assert tried(providers, image, tmp_path, "ntcore") == "5 ['ntcore==1.*,>=1.2.7']"


def test_the_wheel_of_the_provider_will_do(providers: Path, tmp_path: Path) -> None:
    image = linked(
        tmp_path / "build",
        linker("zig", tmp_path),
        module_source("_ext", NT_ADD, {"value": "nt_add(2, 3)"}),
        f"-L{providers / 'ntcore/lib'}",
        "-lntcore",
    )
    files = {"later/_ext.abi3.so": image.read_bytes(), "later/__init__.py": b""}
    source = wheel(tmp_path, MODULE, files, name="later")
    (core,) = (providers.parent / "out").glob("ntcore-*.whl")
    for index, given in enumerate((core, core.parent, providers)):
        outputs = repaired([source], tmp_path / f"out{index}", options=["--provider", given])
        assert requirements_of(outputs["later"]) == ["ntcore==1.*,>=1.2.7"]
