"""The checksum of a PE file."""

from __future__ import annotations

import struct

import pefile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepe import Pe

from nativewheel.formats.pe.checksum import checksum

HEADER, CHECKSUM = 0x80, 0x80 + 24 + 64


def words_summed(data: bytes) -> int:
    """Return the checksum as documented: words with the carry of each addition added in."""
    total = 0
    for (word,) in struct.iter_unpack("<H", data + bytes(len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(data)


@given(st.lists(st.binary(max_size=12).map(lambda chunk: chunk[: len(chunk) & ~1]), max_size=6), st.binary(max_size=9), st.integers(0, 60))
def test_chunks_are_summed_as_words_without_the_field(chunks: list[bytes], last: bytes, field: int) -> None:
    data = bytearray(b"".join([*chunks, last]))
    data[field : field + 4] = bytes(len(data[field : field + 4]))
    assert checksum([*chunks, last], field) == words_summed(bytes(data))


@pytest.mark.parametrize("data", [b"", bytes(8), b"\xff\xff", b"\xff\xff\xff\xff\xff", b"\x01\x00\xfe\xff", b"\1"])
def test_sums_that_wrap(data: bytes) -> None:
    assert checksum([data], 100) == words_summed(data)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 5])
def test_pefile_agrees(length: int) -> None:
    data = Pe(imports=(("one.dll", ("a", "b")),), overlay=bytes(range(length))).build()
    assert checksum([data], CHECKSUM) == pefile.PE(data=data).generate_checksum()
