"""NW601 to NW604: wheels that are checked together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checked import found
from madeimages import content
from madeshares import CORE, changed
from smallwheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

TAG = "py3-none-manylinux_2_17_x86_64"
DYLIB = content("ntcore-1.2.7-py3-none-macosx_11_0_arm64.whl", "ntcore/lib/libntcore.dylib")


@pytest.fixture(scope="module")
def other_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a library of the same name that is another file."""
    return changed(tmp_path_factory.mktemp("other"), CORE, "--set-rpath", "$ORIGIN")


def with_library(folder: Path, name: str, tag: str = TAG, data: bytes = CORE, file: str = "libntcore.so.1") -> Path:
    return wheel(folder, tag, {f"{name}/{file}": data}, name=name)


@pytest.mark.parametrize("word", ["another", "the same"])
def test_one_identity_in_two_distributions(tmp_path: Path, other_bytes: bytes, word: str) -> None:
    other = with_library(tmp_path, "eggs", data=other_bytes if word == "another" else CORE)
    (finding,) = found("NW601", with_library(tmp_path, "spam"), other)
    assert (finding.severity, finding.wheel, finding.member) == ("error", f"spam-1.0-{TAG}.whl", "spam/libntcore.so.1")
    assert finding.message == f"{other.name} has {word} library called libntcore.so.1"


def test_one_identity_in_wheels_that_never_meet(tmp_path: Path, other_bytes: bytes) -> None:
    arm = content("ntcore-1.2.7-py3-none-linux_aarch64.whl", "ntcore/lib/libntcore.so.1")
    wheels = [
        with_library(tmp_path, "spam"),
        with_library(tmp_path, "spam", "py3-none-linux_x86_64", other_bytes),
        with_library(tmp_path, "eggs", "py3-none-manylinux_2_17_aarch64", arm),
        with_library(tmp_path, "ham", "py3-none-macosx_11_0_arm64", DYLIB, "libntcore.so.1.dylib"),
    ]
    assert found("NW601", *wheels) == []


def test_names_with_a_hash_mean_equal_files(tmp_path: Path, other_bytes: bytes) -> None:
    hashed = [changed(tmp_path, data, "--set-soname", "libntcore-1a2b3c4d.so.1") for data in (CORE, other_bytes)]
    names = [with_library(tmp_path, name, data=data, file="libntcore-1a2b3c4d.so.1") for name, data in zip(("spam", "eggs"), hashed, strict=True)]
    assert found("NW601", *names) == []
    (finding,) = found("NW604", *names)
    assert finding.member == "spam/libntcore-1a2b3c4d.so.1"


def test_one_library_in_two_distributions(tmp_path: Path) -> None:
    wheels = [with_library(tmp_path, name) for name in ("spam", "eggs", "ham")]
    (finding,) = found("NW604", *wheels)
    assert (finding.severity, finding.wheel, finding.member) == ("warning", wheels[0].name, "spam/libntcore.so.1")
    assert finding.message == f"also in {wheels[1].name}, {wheels[2].name} ({2 * len(CORE):,} bytes that sharing would save)"


def test_many_libraries_in_the_same_wheels_are_one_finding(tmp_path: Path, other_bytes: bytes) -> None:
    data = {"libntcore.so.1": CORE, "libother.so.1": other_bytes, "libthird.so.1": changed(tmp_path, CORE, "--set-rpath", "$ORIGIN/..")}
    wheels = [wheel(tmp_path, TAG, {f"{name}/{file}": content for file, content in data.items()}, name=name) for name in ("spam", "eggs")]
    (finding,) = found("NW604", *wheels)
    largest = max(data, key=lambda file: len(data[file]))
    assert finding.member == f"spam/{largest}"
    saved = sum(map(len, data.values()))
    assert finding.message == f"also in {wheels[1].name}, as are 2 other libraries ({saved:,} bytes that sharing would save)"


def test_one_library_in_wheels_of_one_release(tmp_path: Path) -> None:
    assert found("NW604", with_library(tmp_path, "spam"), with_library(tmp_path, "spam", "py3-none-linux_x86_64")) == []


@pytest.mark.parametrize("file", ["libstdc++-5d72f927.so.6.0.33", "libgfortran.so.5", "msvcp140-0fa7eb79.dll", "libgcc_s.1.dylib"])
def test_runtimes_of_compilers_stay_where_they_are(tmp_path: Path, file: str) -> None:
    assert found("NW604", *(with_library(tmp_path, name, file=file) for name in ("spam", "eggs"))) == []


def requiring(folder: Path, name: str, *lines: str, tag: str = "py3-none-any", version: str = "1.0") -> Path:
    return wheel(folder, tag, {}, name=name, requires=lines, version=version)


def test_ranges_without_a_version(tmp_path: Path) -> None:
    wheels = [requiring(tmp_path, "spam", "ntcore>=1.2,<2"), requiring(tmp_path, "eggs", "NTcore>=2")]
    (finding,) = found("NW602", *wheels)
    assert (finding.severity, finding.wheel, finding.member) == ("error", wheels[0].name, None)
    assert finding.message == f"requires ntcore<2,>=1.2, and {wheels[1].name} requires NTcore>=2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ntcore>=1.2,<2",), ("ntcore>=1.5",)),
        (("ntcore<2",), ("ntcore>=2; sys_platform == 'win32'",)),
        (("ntcore<2; extra == 'a'",), ("ntcore>=2; extra == 'a'",)),
        (("ntcore<2",), ("other>=2",)),
        (("ntcore<2",), ("not a requirement",)),
    ],
)
def test_ranges_that_go_together(tmp_path: Path, one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert found("NW602", requiring(tmp_path, "spam", *one), requiring(tmp_path, "eggs", *other)) == []


def test_thousands_of_ranges_are_not_compared_each_with_each(tmp_path: Path) -> None:
    many = requiring(tmp_path, "spam", *(f"ntcore=={number}" for number in range(3000)))
    assert len(found("NW602", many, requiring(tmp_path, "eggs", "ntcore==1"))) < 150


def test_ranges_of_wheels_that_never_meet(tmp_path: Path) -> None:
    old, new = (requiring(tmp_path, name, f"ntcore=={tag[2:]}", tag=f"{tag}-none-any") for name, tag in (("spam", "cp39"), ("eggs", "cp312")))
    assert found("NW602", old, new) == []


def test_requirements_that_differ_within_a_release(tmp_path: Path) -> None:
    wheels = [requiring(tmp_path, "spam", "ntcore>=1", "a"), requiring(tmp_path, "spam", "a", "b", tag="py2-none-any")]
    (finding,) = found("NW603", *wheels)
    assert (finding.severity, finding.wheel, finding.member) == ("warning", wheels[1].name, None)
    assert finding.message == f"lacks ntcore>=1, which {wheels[0].name} requires; requires b, which {wheels[0].name} does not"


def test_requirements_that_are_spelled_differently(tmp_path: Path) -> None:
    wheels = [requiring(tmp_path, "spam", "NT.core >=1,<2", "a"), requiring(tmp_path, "spam", "a", "nt-core<2,>=1", tag="py2-none-any")]
    assert found("NW603", *wheels, requiring(tmp_path, "spam", version="2.0")) == []
