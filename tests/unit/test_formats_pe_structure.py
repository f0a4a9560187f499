"""The structure that every loader and tool wants a PE file to have."""

from __future__ import annotations

import struct

import pytest
from madepe import Pe

from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.structure import structure_problems

COFF, OPTIONAL = 0x84, 0x80 + 24
DEBUG = 6


def problems(data: bytes) -> list[str]:
    with opened(data) as pe:
        return list(structure_problems(pe))


def put(data: bytes, offset: int, content: bytes) -> bytes:
    return data[:offset] + content + data[offset + len(content) :]


def table(data: bytes) -> int:
    with opened(data) as pe:
        return pe.section_table


DATA = Pe(imports=(("one.dll", ("a",)),)).build()
TABLE = table(DATA)


def test_a_sound_image() -> None:
    assert problems(DATA) == []


@pytest.mark.parametrize(
    ("offset", "content", "problem"),
    [
        (OPTIONAL + 36, struct.pack("<I", 0x800), "SizeOfHeaders is no multiple of FileAlignment"),
        (OPTIONAL + 36, struct.pack("<I", 0), "SizeOfHeaders is no multiple of FileAlignment"),
        (OPTIONAL + 56, struct.pack("<I", 0x2001), "SizeOfImage is not where the sections end"),
        (OPTIONAL + 60, struct.pack("<I", 0x100), "SizeOfHeaders is less than the headers"),
        (OPTIONAL + 112 + 8 * 5, struct.pack("<II", 0x1FF0, 0x20), "data directory 5 is not inside a section"),
        (OPTIONAL + 112 + 8 * 11, struct.pack("<II", 0x300, 0x200), "data directory 11 is not inside a section"),
        (TABLE + 20, struct.pack("<I", 0x3FF), "section .rdata is not aligned in the file"),
        (TABLE + 20, struct.pack("<I", 0), "section .rdata shares bytes of the file with another one or with the headers"),
        (COFF + 8, struct.pack("<II", 0x500, 100), "the COFF symbols are not in the file"),
    ],
)
def test_problems(offset: int, content: bytes, problem: str) -> None:
    assert problem in problems(put(DATA, offset, content))


def test_a_directory_of_bound_imports_may_be_in_the_headers() -> None:
    assert problems(put(DATA, OPTIONAL + 112 + 8 * 11, struct.pack("<II", 0x300, 0x20))) == []


def test_a_gap_between_sections() -> None:
    second = put(DATA[TABLE : TABLE + 40], 8, struct.pack("<IIII", 0x10, 0x3000, 0, 0))
    data = put(put(DATA, TABLE + 40, second), COFF + 2, b"\2")
    assert "there is a gap behind section .rdata" in problems(put(data, OPTIONAL + 56, struct.pack("<I", 0x4000)))


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ((14, 0x1000, 0x401), "a debug entry has another place in the file than in memory"),
        ((0x9000, 0, 0x400), "debug data are not in the file"),
        ((14, 0x1000, 0x400), None),
        ((0, 0x1000, 0), None),
    ],
)
def test_debug_data(entry: tuple[int, int, int], problem: str | None) -> None:
    made = Pe(resources=struct.pack("<IIHHIIII", 0, 0, 0, 0, 2, *entry))
    with opened(made.build()) as pe:
        address = pe.directories[2].address
    data = Pe(resources=made.resources, directories=((DEBUG, address, 28), (2, 0, 0))).build()
    assert problems(data) == ([problem] if problem else [])


def test_certificates_are_aligned() -> None:
    assert problems(Pe(certificate=b"certificate").build()) == []
    assert problems(Pe(overlay=b"odd", certificate=b"certificate").build()) == ["the certificates are not aligned"]
