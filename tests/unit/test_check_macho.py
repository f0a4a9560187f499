"""NW301 to NW304: images for macOS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checked import everything, found
from mademacs import ARM, BOTH, INTEL, consumer, core, edited, provider, user
from madeshares import repaired
from madeslices import ARM64, X86_64, Macho, build_version, dylib, fat
from smallwheels import wheel

from nativewheel.formats.image import Edit, Identity
from nativewheel.repair.options import ExportRule, RepairOptions

if TYPE_CHECKING:
    from pathlib import Path

ARM_TAG, BOTH_TAG = "cp38-abi3-macosx_11_0_arm64", "cp38-abi3-macosx_11_0_universal2"
LIBRARY, MODULE = "small/lib/libntcore.dylib", "small/_ext.abi3.so"
SYSTEM = "/usr/lib/libSystem.B.dylib"


def image(*, cpu: tuple[int, int] = ARM64, minimum: int = 0x0B0000, signed: bool = True) -> bytes:
    """Make a library that states its minimum as 0xMMmmpp."""
    commands = (dylib(0xD, "@rpath/libmade.dylib"), dylib(0xC, SYSTEM), build_version(minimum))
    return Macho(cpu=cpu, commands=commands, symbols=(bytes(16),) * 600, signed=signed).build()


def test_an_image_without_signature(tmp_path: Path) -> None:
    (finding,) = found("NW301", wheel(tmp_path, ARM_TAG, {LIBRARY: image(signed=False)}))
    assert (finding.severity, finding.member) == ("error", LIBRARY)
    assert finding.message == "the slice for arm64 has no code signature"
    assert found("NW301", wheel(tmp_path, ARM_TAG, {LIBRARY: image()})) == []


def test_intel_macs_want_no_signature(tmp_path: Path) -> None:
    assert found("NW301", wheel(tmp_path, "cp38-abi3-macosx_11_0_x86_64", {LIBRARY: image(cpu=X86_64, signed=False)})) == []


def test_a_signature_of_other_bytes(tmp_path: Path) -> None:
    data = bytearray(core())
    data[-1 - data[::-1].index(b"add"[::-1])] ^= 1
    (finding,) = found("NW301", wheel(tmp_path, ARM_TAG, {LIBRARY: bytes(data)}))
    assert finding.member == LIBRARY
    assert finding.message.startswith("the code signature of the slice for arm64 does not fit: the hash of the page at offset ")


def test_an_install_name_of_the_build_host(tmp_path: Path) -> None:
    spoiled = edited(tmp_path / "x", core(), Edit(identity=Identity("/usr/local/lib/libntcore.dylib")))
    (finding,) = found("NW302", wheel(tmp_path, ARM_TAG, {LIBRARY: spoiled}))
    assert (finding.severity, finding.member) == ("error", LIBRARY)
    assert finding.message == "the install name /usr/local/lib/libntcore.dylib is a path of the build host"
    assert found("NW302", wheel(tmp_path, ARM_TAG, {LIBRARY: core()})) == []


def test_a_search_path_of_the_build_host(tmp_path: Path) -> None:
    (finding,) = found("NW302", wheel(tmp_path, ARM_TAG, {MODULE: user(), LIBRARY: core()}))
    assert (finding.severity, finding.member) == ("error", MODULE)
    assert finding.message == "the search path has /build/ntcore/lib, of the build host"
    sound = edited(tmp_path / "x", user(), Edit(rpaths=("@loader_path/lib",)))
    assert found("NW302", wheel(tmp_path, ARM_TAG, {MODULE: sound, LIBRARY: core()})) == []


def test_a_search_path_that_nothing_uses_is_a_warning(tmp_path: Path) -> None:
    settled = edited(tmp_path / "x", user(), Edit(replace=((Identity("@rpath/libntcore.dylib"), Identity("@loader_path/lib/libntcore.dylib")),)))
    (finding,) = found("NW302", wheel(tmp_path, ARM_TAG, {MODULE: settled, LIBRARY: core()}))
    assert (finding.severity, finding.member) == ("warning", MODULE)


@pytest.mark.parametrize(
    ("tag", "minimum", "promised"),
    [("macosx_11_0_arm64", 0x0C0000, "11.0"), ("macosx_13_0_arm64", 0x0E0200, "13.0"), ("macosx_10_9_universal2", 0x0C0000, "11.0")],
)
def test_a_newer_macos_than_the_tag_promises(tmp_path: Path, tag: str, minimum: int, promised: str) -> None:
    data = {
        LIBRARY: image(minimum=minimum) if "arm64" in tag else fat((ARM64, image(minimum=minimum)), (X86_64, image(cpu=X86_64, minimum=0x0A0900)))
    }
    path = wheel(tmp_path, f"py3-none-{tag}", data)
    (finding,) = found("NW303", path)
    assert (finding.severity, finding.member) == ("error", LIBRARY)
    assert finding.message == f"needs macOS {minimum >> 16}.{minimum >> 8 & 255} on arm64, and {tag} promises {promised}"
    assert found("NW104", path) == [], "one finding is enough"


@pytest.mark.parametrize(
    ("tag", "minimum"),
    [("macosx_11_0_arm64", 0x0B0300), ("macosx_11_0_arm64", 0x0A0F00), ("macosx_12_0_arm64", 0x0B0000), ("macosx_10_9_universal2", 0x0B0000)],
)
def test_a_macos_that_the_tag_promises(tmp_path: Path, tag: str, minimum: int) -> None:
    data = image(minimum=minimum) if "arm64" in tag else fat((ARM64, image(minimum=minimum)), (X86_64, image(cpu=X86_64, minimum=0x0A0900)))
    assert found("NW303", wheel(tmp_path, f"py3-none-{tag}", {LIBRARY: data})) == []


def test_images_that_need_the_same_are_reported_once(tmp_path: Path) -> None:
    both = fat((ARM64, image(minimum=0x0E0000)), (X86_64, image(cpu=X86_64, minimum=0x0E0000)))
    files = {LIBRARY: both, "small/libtwo.dylib": both, "small/libthree.dylib": core(BOTH)}
    (finding,) = found("NW303", wheel(tmp_path, "py3-none-macosx_11_0_universal2", files))
    assert finding.member == LIBRARY
    assert finding.message == "needs macOS 14.0 on arm64 and x86_64, and macosx_11_0_universal2 promises 11.0 (so does 1 more image)"


def test_a_slice_is_missing(tmp_path: Path) -> None:
    path = wheel(tmp_path, BOTH_TAG, {MODULE: user(ARM), LIBRARY: core(BOTH)})
    (finding,) = found("NW304", path)
    assert (finding.severity, finding.member) == ("error", MODULE)
    assert finding.message == "has arm64 only, and the wheel is for x86_64 as well (macosx_11_0_universal2)"
    assert found("NW106", path) == [], "one finding is enough"
    assert found("NW304", wheel(tmp_path, BOTH_TAG, {MODULE: user(BOTH), LIBRARY: core(BOTH)})) == []


@pytest.mark.parametrize("module", [ARM, INTEL])
def test_no_image_fits_the_tag(tmp_path: Path, module: tuple[object, ...]) -> None:
    tag = BOTH_TAG if module is ARM else ARM_TAG
    path = wheel(tmp_path, tag, {MODULE: user(module)})  # type: ignore[arg-type]
    assert [finding.member for finding in found("NW304", path)] == [MODULE]
    library = wheel(tmp_path / "library", tag, {LIBRARY: core(module)})  # type: ignore[arg-type]
    assert [finding.member for finding in found("NW304", library)] == [LIBRARY]


def test_a_file_for_each_architecture_is_fine(tmp_path: Path) -> None:
    files = {MODULE: user(BOTH), "small/arm64/libattach.dylib": core(ARM), "small/x86_64/libattach.dylib": core(INTEL)}
    assert found("NW304", wheel(tmp_path, BOTH_TAG, files)) == []


def test_a_file_for_another_machine_is_data(tmp_path: Path) -> None:
    assert found("NW304", wheel(tmp_path, ARM_TAG, {MODULE: user(ARM), "small/data/libattach.dylib": core(INTEL)})) == []


@pytest.mark.parametrize("archs", [ARM, BOTH])
def test_what_repair_makes_is_sound(tmp_path: Path, archs: tuple[object, ...]) -> None:
    rule = ExportRule(library=("*/libntcore*.dylib",), distribution="core", requires="=={major}.*,>={version}")
    wheels = [provider(tmp_path, archs=archs), consumer(tmp_path, archs=archs)]  # type: ignore[arg-type]
    assert everything(*repaired(wheels, tmp_path / "out", RepairOptions(sysroot=tmp_path, export=(rule,)))) == []
