"""Headers of PE files, and where the loader takes the bytes of an RVA from."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepe import ADDRESS, AMD64, BASE, DOS, I386, IMPORT, OFFSET, SECURITY, Pe

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.headers import opened

OPTIONAL = DOS + 24
SECTIONS = {AMD64: OPTIONAL + 112 + 128, I386: OPTIONAL + 96 + 128}
SECTION_TABLE = SECTIONS[AMD64]


def changed(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def word(value: int) -> bytes:
    return struct.pack("<I", value)


@pytest.mark.parametrize("machine", [AMD64, I386])
def test_headers(machine: int) -> None:
    with opened(Pe(machine=machine, certificate=b"sign", overlay=b"more").build()) as pe:
        assert (pe.machine, pe.is_plus, pe.pointer_size) == (machine, machine == AMD64, 8 if machine == AMD64 else 4)
        assert (pe.coff_header, pe.optional_header, pe.section_table) == (DOS + 4, OPTIONAL, SECTIONS[machine])
        assert (pe.is_dll, pe.linker, pe.image_base, pe.subsystem, pe.dll_characteristics) == (True, (14, 36), BASE, 2, 0x160)
        assert (pe.section_alignment, pe.file_alignment, pe.size_of_image, pe.size_of_headers, pe.checksum) == (0x1000, 0x200, 0x2000, OFFSET, 0)
        (section,) = pe.sections
        assert (section.header, section.name, section.address, section.raw_offset) == (pe.section_table, b".rdata", ADDRESS, OFFSET)
        assert (section.virtual_size, section.raw_size, section.mapped_size, section.file_size) == (0x10, 0x200, 0x1000, 0x200)
        assert pe.sections_end == OFFSET + 0x200
        assert pe.certificates == (OFFSET + 0x204, 4)
        assert pe.directory(IMPORT) is None
        assert pe.directory(16) is None


def test_bytes_of_an_address() -> None:
    data = bytearray(Pe(virtual_size=0x2100).build())
    data[OFFSET : OFFSET + 6] = b"abcdef"
    data[OFFSET + 0x1FC : OFFSET + 0x200] = b"last"
    with opened(bytes(data)) as pe:
        assert pe.take(ADDRESS + 2, 3, "it") == b"cde"
        assert pe.take(ADDRESS + 0x1FC, 8, "it") == b"last\0\0\0\0"  # the file has no more
        assert pe.take(ADDRESS + 0x2000, 0x1000, "it") == bytes(0x1000)  # whole pages are mapped
        assert pe.take(0, 2, "it") == b"MZ"  # the headers are mapped, too
        assert pe.offset(ADDRESS + 0x1FC, 4, "it") == OFFSET + 0x1FC
        assert pe.string(ADDRESS, 100, "it") == b"abcdef"
        assert pe.string(ADDRESS, 6, "it") == b"abcdef"
        assert pe.string(ADDRESS + 0x1FC, 4, "it") == b"last"  # ended by a zero that only the memory has
        assert pe.string(ADDRESS + 0x1000, 4, "it") == b""
        assert pe.section_at(ADDRESS + 0x2FFF) is pe.sections[0]
        assert pe.section_at(ADDRESS + 0x3000) is pe.section_at(0) is None
        for address, size in ((ADDRESS - 1, 1), (ADDRESS + 0x2FFF, 2), (ADDRESS + 0x3000, 1), (-1, 1), (OFFSET - 1, 2), (1 << 40, 1)):
            with pytest.raises(UnreadableError, match=r"it is outside|it reaches past"):
                pe.take(address, size, "it")
        with pytest.raises(UnreadableError, match="it is not in the file"):
            pe.offset(ADDRESS + 0x1FC, 5, "it")
        with pytest.raises(UnreadableError, match="it does not end within 5 bytes"):
            pe.string(ADDRESS, 5, "it")
        with pytest.raises(UnreadableError, match="it does not end within 3 bytes"):
            pe.string(ADDRESS + 0x1FC, 3, "it")


def test_a_string_that_the_section_cuts() -> None:
    data = changed(Pe(virtual_size=0x1000).build(), SECTION_TABLE + 16, word(0x1000)).ljust(OFFSET + 0x1000, b"x")
    with opened(data) as pe, pytest.raises(UnreadableError, match="it does not end"):
        pe.string(ADDRESS + 0xFF0, 512, "it")


def test_the_offset_of_a_section_is_rounded_down() -> None:
    data = changed(Pe().build(), SECTION_TABLE + 20, word(OFFSET + 0x10))
    data = changed(changed(data, SECTION_TABLE + 16, word(0x1F0)), OFFSET, b"start")
    with opened(data) as pe:
        assert pe.string(ADDRESS, 9, "it") == b"start"
        assert pe.sections[0].file_size == 0x200
        assert pe.sections_end == OFFSET + 0x200


def test_a_section_without_bytes_in_the_file() -> None:
    data = changed(Pe(virtual_size=0x30).build(), SECTION_TABLE + 16, word(0) + word(0xFFFFFFFF))
    with opened(data) as pe:
        assert pe.take(ADDRESS, 0x30, "it") == bytes(0x30)
        assert pe.sections_end == OFFSET


GOOD = Pe().build()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PE file"),
        (b"MZ" + bytes(61), "not a PE file"),
        (b"ZM" + GOOD[2:], "not a PE file"),
        (GOOD[:DOS], "no PE header"),
        (GOOD[: OPTIONAL + 1], "no PE header"),
        (changed(GOOD, 0x3C, word(0xFFFFFFFF)), "no PE header"),
        (changed(GOOD, DOS, b"NE\0\0"), "no PE header"),
        (changed(GOOD, OPTIONAL, b"\x07\x01"), "unknown kind 0x107"),
        (changed(GOOD, DOS + 20, b"\0\0"), "inside its headers"),
        (changed(GOOD, DOS + 6, b"\xff\xff"), "inside its headers"),
        (GOOD[: SECTION_TABLE + 39], "inside its headers"),
        (changed(GOOD, OPTIONAL + 32, word(0x200)), "SectionAlignment"),
        (changed(GOOD, OPTIONAL + 60, word(1 << 31)), "SizeOfHeaders"),
        (changed(GOOD, DOS + 20, struct.pack("<H", 232)), "data directories do not fit"),
        (GOOD[:-1], "shorter than its sections"),
        (changed(GOOD, SECTION_TABLE + 20, word(0xFFFFFE00)), "shorter than its sections"),
        (changed(GOOD, SECTION_TABLE + 12, word(0x1200)), "do not begin on a page"),
        (changed(GOOD, SECTION_TABLE + 8, word(0xFFFFFFFF)), "past the address space"),
        (changed(changed(GOOD, DOS + 6, b"\2\0"), SECTION_TABLE + 40, GOOD[SECTION_TABLE : SECTION_TABLE + 40]), "overlap"),
    ],
)
def test_hostile_headers(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message), opened(data):
        pass


def test_certificates_outside_the_file() -> None:
    with opened(Pe(directories=((SECURITY, 0x500, 0x1000),)).build()) as pe, pytest.raises(UnreadableError, match="certificates reach past"):
        assert pe.certificates
    with opened(Pe(directories=((SECURITY, 0x500, 0),)).build()) as pe:
        assert pe.certificates is None


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8), st.integers(0, 1 << 32))
def test_any_change_is_read_or_refused(offset: int, value: bytes, address: int) -> None:
    try:
        with opened(changed(GOOD, offset, value)[: len(GOOD)]) as pe:
            assert len(pe.take(address, 4, "it")) == 4
    except UnreadableError as error:
        assert error.message  # noqa: PT017  (either outcome is right)


def test_no_view_is_left() -> None:
    data = bytearray(GOOD)
    with pytest.raises(UnreadableError) as caught, opened(data) as pe:
        pe.take(0x9999999, 1, "it")
    data.append(0)  # a bytearray with views of it cannot grow, and the error holds the frames
    assert caught.value.where == ("RVA 0x9999999",)
