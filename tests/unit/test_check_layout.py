"""NW105, NW107, NW108 and NW109: images where they must not be, and libraries that are there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checked import edited, found
from madeimages import content
from madeshares import CORE, PROGRAM, USER
from smallwheels import wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PURE, LINUX = "py3-none-any", "py3-none-manylinux_2_17_x86_64"
MODULE = {"small/_ext.abi3.so": USER}
LIBRARY = {"small/libntcore.so.1": CORE}
DLL = {"small/ntcore.dll": content("ntcore-1.2.7-py3-none-win_amd64.whl", "ntcore/lib/ntcore.dll")}
DYLIB = {"small/libntcore.dylib": content("ntcore-1.2.7-py3-none-macosx_11_0_arm64.whl", "ntcore/lib/libntcore.dylib")}


@pytest.mark.parametrize("files", [MODULE, LIBRARY, DLL, DYLIB, {"small-1.0.data/scripts/tool": PROGRAM}, {**MODULE, **DLL}])
def test_images_for_one_platform_under_a_pure_tag(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    (finding,) = found("NW105", wheel(tmp_path, PURE, files))
    assert finding.member == next(iter(files))
    assert finding.message.startswith("made for one platform (")


@pytest.mark.parametrize("files", [{"small/a.py": b""}, {**LIBRARY, **DLL}, {**LIBRARY, **DYLIB}, {"small/tool": PROGRAM}])
def test_images_for_several_platforms_and_data_may_be_under_a_pure_tag(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    assert found("NW105", wheel(tmp_path, PURE, files)) == []


def test_images_under_their_own_tag(tmp_path: Path) -> None:
    assert found("NW105", wheel(tmp_path, LINUX, MODULE)) == []


def test_library_in_data(tmp_path: Path) -> None:
    member = "small-1.0.data/data/lib/libntcore.so.1"
    (finding,) = found("NW107", wheel(tmp_path, LINUX, {member: CORE}))
    assert (finding.severity, finding.member) == ("error", member)


@pytest.mark.parametrize("member", ["small/libntcore.so.1", "small-1.0.data/platlib/small/libntcore.so.1"])
def test_library_elsewhere(tmp_path: Path, member: str) -> None:
    assert found("NW107", wheel(tmp_path, LINUX, {member: CORE})) == []


def test_programs_may_be_in_data(tmp_path: Path) -> None:
    assert found("NW107", wheel(tmp_path, LINUX, {"small-1.0.data/data/bin/ntprog": PROGRAM})) == []


def pure(data: bytes) -> bytes:
    return data.replace(b"Root-Is-Purelib: false", b"Root-Is-Purelib: True")


@pytest.mark.parametrize("member", ["small/libntcore.so.1", "small-1.0.data/purelib/small/libntcore.so.1"])
def test_images_in_purelib(tmp_path: Path, member: str) -> None:
    path = wheel(tmp_path, LINUX, {member: CORE})
    assert found("NW108", path) == []
    (finding,) = found("NW108", edited(path, {"/WHEEL": pure}))
    assert finding.member == member


def test_images_that_go_to_platlib_all_the_same(tmp_path: Path) -> None:
    assert found("NW108", edited(wheel(tmp_path, LINUX, {"small-1.0.data/platlib/small/libntcore.so.1": CORE}), {"/WHEEL": pure})) == []


def test_flattened_links(tmp_path: Path) -> None:
    names = ("libntcore.so", "libntcore.so.1", "libntcore.so.1.2")
    (finding,) = found("NW109", wheel(tmp_path, LINUX, {f"small/{name}": CORE for name in names}))
    assert (finding.severity, finding.member) == ("warning", "small/libntcore.so")
    assert finding.message == f"the same file as small/libntcore.so.1, small/libntcore.so.1.2 ({2 * len(CORE):,} bytes too much)"


def test_other_files_of_the_same_name(tmp_path: Path) -> None:
    other = content("ntcore-1.2.7-cp311-cp311-linux_x86_64.whl", "ntcore/lib/libntcore.so.1")
    assert other != CORE
    assert found("NW109", wheel(tmp_path, LINUX, {"a/libntcore.so.1": CORE, "b/libntcore.so.1": other, "c/data": b"", "d/data": b""})) == []
