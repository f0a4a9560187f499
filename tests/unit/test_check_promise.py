"""NW104 and NW106: images that need more than the tag promises, or something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checked import found
from madeimages import content, for_gpu
from madeshares import CORE, PROGRAM, USER
from smallwheels import compiled, wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MUSL = content("ntuser-0.4.0-cp311-cp311-linux_x86_64.whl", "ntuser/_ext.cpython-311-x86_64-linux-musl.so")
ARM = content("ntuser-0.4.0-cp38-abi3-linux_aarch64.whl", "ntuser/_ext.abi3.so")
ARM_CORE = content("ntcore-1.2.7-py3-none-linux_aarch64.whl", "ntcore/lib/libntcore.so.1")
ARMV7 = content("ntuser-0.4.0-cp38-abi3-linux_armv7l.whl", "ntuser/_ext.abi3.so")
WIN, WIN_ARM = (content(f"ntuser-0.4.0-cp38-abi3-{platform}.whl", "ntuser/_ext.pyd") for platform in ("win_amd64", "win_arm64"))
MAC = content("ntuser-0.4.0-cp38-abi3-macosx_11_0_arm64.whl", "ntuser/_ext.abi3.so")
MODULE = "small/_ext.abi3.so"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a library that needs glibc 2.34, of which `dlsym` and `pthread_create` are new symbol versions."""
    source = "void *dlsym(void *, const char *); int pthread_create(); void *f(void) { pthread_create(); return dlsym(0, 0); }"
    return compiled(tmp_path_factory.mktemp("newer"), "libnewer.so", source, "-lc", target="x86_64-linux-gnu.2.34").read_bytes()


@pytest.mark.parametrize(
    "tag", ["manylinux_2_17_x86_64", "manylinux2014_x86_64.manylinux_2_17_x86_64", "manylinux_2_28_x86_64.manylinux_2_34_x86_64"]
)
def test_symbols_that_are_too_new(tmp_path: Path, newer: bytes, tag: str) -> None:
    (finding,) = found("NW104", wheel(tmp_path, f"py3-none-{tag}", {"small/libnewer.so": newer}))
    assert (finding.severity, finding.member) == ("error", "small/libnewer.so")
    assert "asks libc.so.6 for GLIBC_2.34 (" in finding.message
    assert finding.message.endswith("; manylinux_2_34_x86_64 would hold")


@pytest.mark.parametrize("tag", ["manylinux_2_34_x86_64", "manylinux_2_35_x86_64", "linux_x86_64", "manylinux_2_99_x86_64"])
def test_symbols_that_are_promised(tmp_path: Path, newer: bytes, tag: str) -> None:
    assert found("NW104", wheel(tmp_path, f"py3-none-{tag}", {"small/libnewer.so": newer})) == []


@pytest.mark.parametrize(
    ("tag", "files", "member"),
    [
        ("manylinux_2_17_aarch64", {MODULE: USER}, MODULE),
        ("manylinux_2_17_x86_64", {MODULE: ARM}, MODULE),
        ("musllinux_1_2_x86_64", {MODULE: USER}, MODULE),
        ("manylinux_2_17_x86_64", {"small/_ext.cpython-311-x86_64-linux-musl.so": MUSL}, "small/_ext.cpython-311-x86_64-linux-musl.so"),
        ("manylinux_2_17_x86_64", {"small/_a.abi3.so": USER, MODULE: ARM}, MODULE),
        ("manylinux_2_17_x86_64", {"small/_a.abi3.so": USER, "small/_a.pyd": WIN}, "small/_a.pyd"),
        ("manylinux_2_17_x86_64", {MODULE: USER, "small/libntcore.so.1": ARM_CORE}, "small/libntcore.so.1"),
        ("manylinux_2_17_aarch64", {"small/tool": PROGRAM}, "small/tool"),
        ("win_amd64", {"small/_ext.pyd": WIN_ARM}, "small/_ext.pyd"),
        ("win_amd64", {MODULE: USER}, MODULE),
        ("macosx_11_0_arm64", {MODULE: ARM}, MODULE),
    ],
)
def test_images_for_something_else(tmp_path: Path, tag: str, files: Mapping[str, bytes], member: str) -> None:
    (finding,) = found("NW106", wheel(tmp_path, f"cp311-abi3-{tag}", files))
    assert (finding.severity, finding.member) == ("error", member)
    assert finding.message.startswith("made for ")
    assert tag in finding.message


@pytest.mark.parametrize(
    ("tag", "files"),
    [
        ("manylinux_2_17_x86_64", {MODULE: USER}),
        ("linux_x86_64", {"small/_ext.cpython-311-x86_64-linux-musl.so": MUSL}),
        ("linux_armv6l", {MODULE: ARMV7}),
        ("manylinux_2_17_x86_64", {MODULE: USER, "small/libntcore.so.1": CORE, "small/other/libntcore.so.1": ARM_CORE}),
        ("manylinux_2_17_x86_64", {MODULE: USER, "small/libhelper.so": ARM_CORE, "small/kernel.bin": for_gpu(USER)}),
        ("win_amd64", {"small/_ext.pyd": WIN}),
        ("macosx_11_0_arm64", {MODULE: MAC}),
        ("macosx_11_0_x86_64", {MODULE: MAC}),  # which is NW304
        ("any", {MODULE: USER, "small/_ext.pyd": WIN}),
    ],
)
def test_images_that_fit_and_data(tmp_path: Path, tag: str, files: Mapping[str, bytes]) -> None:
    assert found("NW106", wheel(tmp_path, f"cp311-abi3-{tag}", files)) == []


def test_tags_for_several_architectures(tmp_path: Path) -> None:
    (finding,) = found("NW106", wheel(tmp_path, "cp311-abi3-linux_x86_64.linux_aarch64", {MODULE: USER}))
    assert (finding.member, finding.message) == (None, "its tags name several architectures: aarch64, x86_64")
