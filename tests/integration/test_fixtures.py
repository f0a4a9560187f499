"""The committed fixtures: reproducible, well-formed, and of the properties that the other tests build on."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

FIXTURES = Path(__file__).parents[2] / "fixtures"
WHEELS = sorted((FIXTURES / "wheels").glob("*.whl"))
LIBRARIES = sorted(path for path in (FIXTURES / "lib").rglob("*") if path.is_file())
GLIBC_MACHINES = ("x86_64", "aarch64", "i686", "armv7l")
MUSL_MACHINES = ("x86_64", "aarch64")

# The oldest version of each architecture's glibc, which all of abort, strcmp and strlen have.
OLDEST_GLIBC = {"x86_64": "GLIBC_2.2.5", "aarch64": "GLIBC_2.17", "i686": "GLIBC_2.0", "armv7l": "GLIBC_2.4"}
ELF_MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64", "i686": "EM_386", "armv7l": "EM_ARM"}

LINUX = [("glibc", machine) for machine in GLIBC_MACHINES] + [("musl", machine) for machine in MUSL_MACHINES]
linux = pytest.mark.parametrize(("libc", "machine"), LINUX, ids=["-".join(pair) for pair in LINUX])


class Elf(NamedTuple):
    """What the tests want to know of an ELF file."""

    machine: str
    needed: list[str]
    soname: str | None
    rpath: str | None
    runpath: str | None
    versions: set[str]


def read_elf(content: bytes) -> Elf:
    elf = ELFFile(io.BytesIO(content))
    dynamic = next(section for section in elf.iter_sections() if isinstance(section, DynamicSection))
    tags: list[Any] = list(dynamic.iter_tags())

    def single(tag: str, attribute: str) -> str | None:
        return next((getattr(entry, attribute) for entry in tags if entry.entry.d_tag == tag), None)

    needs = [need for section in elf.iter_sections() if isinstance(section, GNUVerNeedSection) for need in section.iter_versions()]
    return Elf(
        machine=elf["e_machine"],
        needed=[entry.needed for entry in tags if entry.entry.d_tag == "DT_NEEDED"],
        soname=single("DT_SONAME", "soname"),
        rpath=single("DT_RPATH", "rpath"),
        runpath=single("DT_RUNPATH", "runpath"),
        versions={auxiliary.name for _, auxiliaries in needs for auxiliary in auxiliaries},
    )


def libc_name(libc: str, machine: str) -> str:
    return "libc.so.6" if libc == "glibc" else f"libc.musl-{machine}.so.1"


def libc_versions(libc: str, machine: str) -> set[str]:
    return {OLDEST_GLIBC[machine]} if libc == "glibc" else set()


def wheel_path(distribution: str, libc: str, machine: str) -> Path:
    tag = "cp311-cp311" if libc == "musl" else "py3-none" if distribution == "ntcore" else "cp38-abi3"
    version = {"ntcore": "1.2.7", "ntuser": "0.4.0", "ntvendor": "0.1.0"}[distribution]
    return FIXTURES / "wheels" / f"{distribution}-{version}-{tag}-linux_{machine}.whl"


def extension(distribution: str, libc: str, machine: str) -> Elf:
    name = {"ntuser": "ntuser/_ext", "ntvendor": "ntvendor/_vend"}[distribution]
    suffix = ".abi3.so" if libc == "glibc" else f".cpython-311-{machine}-linux-musl.so"
    with zipfile.ZipFile(wheel_path(distribution, libc, machine)) as archive:
        return read_elf(archive.read(name + suffix))


def test_every_platform_is_there() -> None:
    tags = {tuple(path.stem.split("-")[i] for i in (0, 4)) for path in WHEELS if "cp311" not in path.name}
    others = ["win_amd64", "win32", "win_arm64", "macosx_11_0_x86_64", "macosx_11_0_arm64", "macosx_11_0_universal2"]
    linux_tags = [f"linux_{machine}" for machine in GLIBC_MACHINES]
    expected = {(distribution, tag) for distribution in ("ntcore", "ntuser") for tag in linux_tags + others}
    assert tags == expected | {("ntvendor", tag) for tag in linux_tags}
    musl = {path for path in WHEELS if "cp311" in path.name}
    assert musl == {wheel_path(distribution, "musl", machine) for distribution in ("ntcore", "ntuser", "ntvendor") for machine in MUSL_MACHINES}


def test_small_enough_to_be_committed() -> None:
    assert max(path.stat().st_size for path in WHEELS + LIBRARIES) < 15_000
    assert sum(path.stat().st_size for path in WHEELS + LIBRARIES) < 300_000


def test_build_makes_the_committed_bytes() -> None:
    pytest.importorskip("ziglang")
    command = [sys.executable, str(FIXTURES / "build.py"), "--check", "--only", "linux-x86_64-glibc"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_check_names_what_differs(tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    copy = tmp_path / "fixtures"
    for path in [*FIXTURES.glob("*.py"), *(FIXTURES / "src").rglob("*.*"), *FIXTURES.glob("lib/linux-i686-glibc/*"), *WHEELS]:
        target = copy / path.relative_to(FIXTURES)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    source = copy / "src/ntinner.c"
    source.write_text(source.read_text().replace("2 * n", "5 * n"))
    (copy / "lib/linux-i686-glibc/libntcore.so.1").unlink()
    command = [sys.executable, str(copy / "build.py"), "--check", "--only", "linux-i686-glibc"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stderr
    assert result.stdout.splitlines() == ["missing: lib/linux-i686-glibc/libntcore.so.1", "different: lib/linux-i686-glibc/libntinner.so.1"]


@pytest.mark.parametrize("path", WHEELS, ids=lambda path: path.name)
def test_record_lists_exactly_the_members(path: Path) -> None:
    distribution, version, tag = path.stem.split("-", 2)
    dist_info = f"{distribution}-{version}.dist-info"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        assert archive.namelist()[-3:] == [f"{dist_info}/{name}" for name in ("METADATA", "WHEEL", "RECORD")]
        assert {info.date_time for info in archive.infolist()} == {(2020, 1, 1, 0, 0, 0)}
    rows = {name: (digest, size) for name, digest, size in csv.reader(members[f"{dist_info}/RECORD"].decode().splitlines())}
    assert rows.pop(f"{dist_info}/RECORD") == ("", "")
    del members[f"{dist_info}/RECORD"]
    digests = {name: base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=") for name, content in members.items()}
    assert rows == {name: (f"sha256={digests[name]}", str(len(content))) for name, content in members.items()}
    assert f"Tag: {tag}\n".encode() in members[f"{dist_info}/WHEEL"]


@linux
def test_core_library(libc: str, machine: str) -> None:
    with zipfile.ZipFile(wheel_path("ntcore", libc, machine)) as archive:
        content = archive.read("ntcore/lib/libntcore.so.1")
        assert not [name for name in archive.namelist() if name.endswith(".so")]
    needed = [libc_name(libc, machine)]
    assert read_elf(content) == Elf(ELF_MACHINES[machine], needed, "libntcore.so.1", None, None, libc_versions(libc, machine))
    assert (FIXTURES / f"lib/linux-{machine}-{libc}/libntcore.so.1").read_bytes() == content


@linux
def test_user_extension_has_the_rpath_of_its_build_host(libc: str, machine: str) -> None:
    elf = extension("ntuser", libc, machine)
    assert elf.needed == ["libntcore.so.1", libc_name(libc, machine)]
    assert (elf.rpath, elf.runpath) == (("/build/ntcore/lib", None) if libc == "glibc" else (None, "/build/ntcore/lib"))
    assert (elf.machine, elf.soname, elf.versions) == (ELF_MACHINES[machine], None, libc_versions(libc, machine))


@linux
def test_vendor_extension_needs_libraries_of_libraries(libc: str, machine: str) -> None:
    folder = FIXTURES / f"lib/linux-{machine}-{libc}"
    emachine, versions, own_libc = ELF_MACHINES[machine], libc_versions(libc, machine), libc_name(libc, machine)
    assert extension("ntvendor", libc, machine) == Elf(emachine, ["libntouter.so.2", own_libc], None, None, None, versions)
    outer = read_elf((folder / "libntouter.so.2").read_bytes())
    assert outer == Elf(emachine, ["libntinner.so.1", own_libc], "libntouter.so.2", None, None, versions)
    inner = read_elf((folder / "libntinner.so.1").read_bytes())
    assert inner == Elf(emachine, [own_libc], "libntinner.so.1", None, None, {"GLIBC_2.17"} if libc == "glibc" else set())


@linux
def test_program_is_in_one_wheel_and_executable(libc: str, machine: str) -> None:
    with zipfile.ZipFile(wheel_path("ntvendor", libc, machine)) as archive:
        programs = [info for info in archive.infolist() if "/scripts/" in info.filename]
        if (libc, machine) != ("glibc", "x86_64"):
            assert programs == []
            return
        assert [(info.filename, oct(info.external_attr >> 16)) for info in programs] == [("ntvendor-0.1.0.data/scripts/ntprog", "0o100755")]
        assert read_elf(archive.read(programs[0])).needed == ["libntouter.so.2", "libc.so.6"]


def test_wheels_work_in_this_interpreter(tmp_path: Path) -> None:
    # Only glibc's wheels can be told to run from the platform module: libc_ver() says nothing of musl.
    machine, bits = platform.machine(), sys.maxsize.bit_length() + 1
    if platform.libc_ver()[0] != "glibc" or (machine, bits) not in {("x86_64", 64), ("aarch64", 64), ("armv7l", 32), ("i686", 32)}:
        pytest.skip(f"no fixture wheels for {sys.platform} on {machine}")
    for distribution in ("ntuser", "ntvendor"):
        with zipfile.ZipFile(wheel_path(distribution, "glibc", machine)) as archive:
            archive.extractall(tmp_path)
    code = (
        "import ntuser, ntvendor\n"
        "print(ntuser.add(2, 3), ntuser.version(), ntuser.as_built(), ntvendor.outer(20), ntvendor.name())\n"
        "try:\n    ntuser.add('2', 3)\nexcept TypeError:\n    print('TypeError')\n"
    )
    environment = os.environ | {"LD_LIBRARY_PATH": str(FIXTURES / f"lib/linux-{machine}-glibc"), "PYTHONPATH": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stdout) == (0, "5 1.2.7 True 41 ntouter\nTypeError\n"), result.stderr


def test_universal_binary_holds_the_thin_ones() -> None:
    def library(architecture: str) -> bytes:
        with zipfile.ZipFile(FIXTURES / f"wheels/ntcore-1.2.7-py3-none-macosx_11_0_{architecture}.whl") as archive:
            return archive.read("ntcore/lib/libntcore.dylib")

    universal = library("universal2")
    words = [int.from_bytes(universal[i : i + 4]) for i in range(0, 48, 4)]
    assert words[:2] == [0xCAFEBABE, 2]
    slices = [words[2:7], words[7:12]]
    assert [cpu for cpu, *_ in slices] == [0x01000007, 0x0100000C]
    assert [universal[offset : offset + size] for _, _, offset, size, _ in slices] == [library("x86_64"), library("arm64")]
    assert all(offset % (1 << alignment) == 0 for _, _, offset, _, alignment in slices)
