"""Defects of single images, in all three formats."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepe import ARM64 as PE_ARM64
from madepe import I386, Pe, load_config
from madeshares import CORE, USER, changed
from madeslices import ARM64, X86_64, Macho, dylib, fat, named
from spoiled import SHA1, SHA3, signed, with_alignment, with_dynamic, with_offset_address, with_stack, without_stack

from nativewheel import formats
from nativewheel.errors import UnreadableError
from nativewheel.formats.defects import Defect, DefectKind, defects
from nativewheel.formats.image import Arch

if TYPE_CHECKING:
    from pathlib import Path

AARCH64, PPC64LE = 183, 21


def found(data: bytes, name: str = "libmade.so.1") -> list[tuple[DefectKind, str]]:
    return [(item.kind, item.detail) for item in defects(data, formats.read(data, name))]


def kinds(data: bytes, name: str = "libmade.so.1") -> list[DefectKind]:
    return [kind for kind, _ in found(data, name)]


def for_machine(data: bytes, machine: int) -> bytes:
    return data[:18] + struct.pack("<H", machine) + data[20:]


def test_sound_elf_images() -> None:
    assert kinds(CORE) == []
    assert kinds(USER, "_ext.abi3.so") == [DefectKind.HOST_RUNPATH, DefectKind.NO_SONAME]


@pytest.mark.parametrize(
    ("paths", "reported"),
    [
        ("$ORIGIN:${ORIGIN}/../x", []),
        ("$ORIGIN/../../..", []),
        ("/opt/lib:$ORIGIN:/opt/lib", ["/opt/lib"]),
        ("lib::$ORIGIN", ["lib", ""]),
        ("$LIB/x", ["$LIB/x"]),
    ],
)
def test_search_paths(tmp_path: Path, paths: str, reported: list[str]) -> None:
    data = changed(tmp_path, CORE, "--set-rpath", paths)
    assert found(data) == [(DefectKind.HOST_RUNPATH, entry) for entry in reported]


def test_paths_in_needed(tmp_path: Path) -> None:
    data = changed(tmp_path, CORE, "--add-needed", "build/lib/libfoo.so")
    assert found(data) == [(DefectKind.PATH_NEEDED, "build/lib/libfoo.so")]


def test_stacks() -> None:
    assert kinds(with_stack(CORE, 7)) == [DefectKind.EXECUTABLE_STACK]
    assert kinds(without_stack(CORE)) == [DefectKind.EXECUTABLE_STACK]
    assert DefectKind.EXECUTABLE_STACK not in kinds(for_machine(without_stack(CORE), PPC64LE)), "its ABI never wanted one"


def test_a_link_stub_is_not_loaded() -> None:
    image = formats.read(CORE, "libntcore.so.1")
    assert image.identity is not None
    assert kinds(formats.link_stub(CORE, identity=image.identity), "libntcore.so") == []


@pytest.mark.parametrize(("tag", "value"), [(22, 0), (30, 4), (30, 12)])
def test_text_relocations(tag: int, value: int) -> None:
    assert kinds(with_dynamic(CORE, tag, value)) == [DefectKind.TEXT_RELOCATIONS]


def test_other_flags_are_fine() -> None:
    assert kinds(with_dynamic(CORE, 30, 8)) == []


@pytest.mark.parametrize("align", [0, 1, 0x200, 0x1800])
def test_alignments_that_no_kernel_can_map(align: int) -> None:
    assert kinds(with_alignment(CORE, align)) == [DefectKind.MISALIGNED_SEGMENT]


def test_an_address_that_does_not_fit_the_offset() -> None:
    assert kinds(with_offset_address(CORE)) == [DefectKind.MISALIGNED_SEGMENT]


def test_pages_of_64_kib() -> None:
    assert set(kinds(for_machine(CORE, AARCH64))) == {DefectKind.MISALIGNED_SEGMENT}


def macho(**fields: object) -> Macho:
    return replace(Macho(cpu=ARM64, commands=(dylib(0xD, "@rpath/libmade.dylib"),), symbols=(bytes(16),) * 600, signed=True), **fields)  # type: ignore[arg-type]


def test_sound_macho_images() -> None:
    assert kinds(macho().build()) == []
    assert kinds(macho(cpu=X86_64, signed=False).build()) == []


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("/usr/local/lib/libmade.dylib", True),
        ("/Users/runner/libmade.dylib", True),
        ("/DLC/made/.dylibs/libmade.dylib", False),
        ("/usr/lib/libmade.dylib", False),
        ("@loader_path/libmade.dylib", False),
        ("libmade.dylib", False),
    ],
)
def test_install_names(name: str, *, reported: bool) -> None:
    data = macho(commands=(dylib(0xD, name),)).build()
    assert found(data, "libmade.dylib") == ([(DefectKind.HOST_INSTALL_NAME, name)] if reported else [])


@pytest.mark.parametrize(
    ("entry", "reported"), [("/opt/homebrew/lib", True), ("/usr/lib/swift", False), ("/usr/lib", False), ("@loader_path", False)]
)
def test_lc_rpath(entry: str, *, reported: bool) -> None:
    data = macho(commands=(dylib(0xD, "@rpath/libmade.dylib"), named(0x8000001C, entry))).build()
    assert found(data) == ([(DefectKind.HOST_LC_RPATH, entry)] if reported else [])


def test_signatures_slice_by_slice() -> None:
    intel, unsigned = macho(cpu=X86_64, signed=False).build(), macho(signed=False).build()
    data = fat((X86_64, intel), (ARM64, unsigned))
    (defect,) = defects(data, formats.read(data, "libmade.dylib"))
    assert defect == Defect(kind=DefectKind.UNSIGNED, arch=Arch.AARCH64)
    damaged = bytearray(macho().build())
    damaged[0x500] ^= 1
    assert found(bytes(damaged)) == [(DefectKind.FALSE_SIGNATURE, "the hash of the page at offset 0x0 is wrong")]


@pytest.mark.parametrize("machine", [I386, PE_ARM64])
def test_sound_pe_images(machine: int) -> None:
    assert kinds(Pe(machine=machine, imports=(("vcruntime140.dll", ("memcpy",)),)).build(), "made.dll") == []


@pytest.mark.parametrize("name", ["VCRUNTIME140D.dll", "msvcp140d.dll", "ucrtbased.dll"])
def test_debug_runtimes(name: str) -> None:
    assert found(Pe(imports=((name, ("f",)),)).build(), "made.dll") == [(DefectKind.DEBUG_RUNTIME, name)]


@pytest.mark.parametrize(("flags", "reported"), [(0x800, True), (0x100, True), (0x1000, True), (0x1100, False), (0x2000, False), (0x500, False)])
def test_load_flags(flags: int, *, reported: bool) -> None:
    data = Pe(load_config=load_config(dependent_load_flags=flags)).build()
    assert found(data, "made.dll") == ([(DefectKind.LOAD_FLAGS, f"{flags:#x}")] if reported else [])


def test_bound_imports() -> None:
    assert kinds(Pe(directories=((11, 0x200, 8),)).build(), "made.dll") == [DefectKind.BOUND_IMPORTS]


@pytest.mark.parametrize("overlay", [b"", b"more"])
@pytest.mark.parametrize("algorithm", ["608648016503040201", SHA1])
def test_true_certificates(algorithm: str, overlay: bytes) -> None:
    assert kinds(signed(Pe(overlay=overlay).build(), algorithm=algorithm), "made.dll") == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (signed(Pe().build(), digest=bytes(32)), "its sha256 hash is not that of the file"),
        (signed(Pe().build(), algorithm=SHA3), "the signature has a hash of an unknown kind"),
        (signed(Pe().build(), content="2b0601040182370a0301"), "the signature is not one of a PE file"),
        (Pe(certificate=struct.pack("<IHH", 9, 0x200, 2) + bytes(8)).build(), "the signature ends inside a value"),
        (Pe(certificate=struct.pack("<IHH", 48, 0x200, 2) + b"\x30\x26" + 19 * b"\x05\0").build(), "the signature is not as Authenticode has it"),
        (Pe(certificate=struct.pack("<IHH", 4000, 0x200, 2) + bytes(8)).build(), "a certificate reaches past the end of their table"),
    ],
)
def test_false_certificates(data: bytes, problem: str) -> None:
    assert found(data, "made.dll") == [(DefectKind.FALSE_CERTIFICATE, problem)]


def test_certificates_of_other_kinds_are_passed_over() -> None:
    assert kinds(signed(Pe().build(), digest=bytes(32), kind=1), "made.dll") == []


def test_an_edit_after_signing() -> None:
    data = bytearray(signed(Pe(exports=(("made", None),)).build()))
    data[0x400] ^= 1
    assert kinds(bytes(data), "made.dll") == [DefectKind.FALSE_CERTIFICATE]
    checksum = bytearray(signed(Pe().build()))
    checksum[0x80 + 24 + 64] ^= 1
    assert kinds(bytes(checksum), "made.dll") == [], "the checksum is written after signing"


@given(st.data())
def test_damaged_certificates_are_findings_and_no_errors(data: st.DataObject) -> None:
    whole = bytearray(signed(Pe().build()))
    start = len(Pe().build())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(start, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert set(kinds(bytes(whole), "made.dll")) <= {DefectKind.FALSE_CERTIFICATE}


@given(st.sampled_from([CORE, macho().build(), signed(Pe(load_config=load_config()).build())]), st.data())
def test_damage_is_told_of_in_one_way(whole: bytes, data: st.DataObject) -> None:
    image = formats.read(whole, "libmade.so.1")
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, min(len(whole), 2048) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableError):
        list(defects(bytes(damaged[: data.draw(st.integers(0, len(whole)))]), image))


def test_what_cannot_be_read_is_an_error() -> None:
    image = formats.read(CORE, "libntcore.so.1")
    with pytest.raises(UnreadableError):
        list(defects(CORE[:200], image))
