"""COFF objects: other contents, other names."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madelib import coff

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.coffobject import read_object, write_object

NAMES = st.text(alphabet="abcdefgh_", min_size=1, max_size=14).map(str.encode)
SECTIONS = st.lists(
    st.tuples(NAMES.map(lambda name: name[:8]), st.binary(min_size=1, max_size=9), st.integers(0, 3).map(lambda count: bytes(10 * count))),
    min_size=1,
    max_size=4,
    unique_by=lambda section: section[0],
)
SYMBOLS = st.lists(st.tuples(NAMES, st.integers(-1, 3), st.just(2), st.integers(0, 2).map(lambda count: bytes(range(18)) * count)), max_size=5)
Sections = list[tuple[bytes, bytes, bytes]]
Symbols = list[tuple[bytes, int, int, bytes]]


@given(SECTIONS, SYMBOLS)
def test_objects_are_written_as_they_were_read(sections: Sections, symbols: Symbols) -> None:
    data = coff(sections, symbols)
    assert write_object(read_object(data), {}, lambda symbol: symbol) == data


@given(SECTIONS, SYMBOLS, st.binary(min_size=1, max_size=20))
def test_other_contents_and_names(sections: Sections, symbols: Symbols, content: bytes) -> None:
    name, _, relocations = sections[0]
    expected = coff([(name, content, relocations), *sections[1:]], [(b"nw_" + symbol, *rest) for symbol, *rest in symbols])  # type: ignore[misc]
    assert write_object(read_object(coff(sections, symbols)), {0: content}, lambda symbol: b"nw_" + symbol) == expected


def test_the_size_in_the_symbol_of_a_section_follows() -> None:
    record = struct.pack("<IHHIHB3x", 4, 1, 0, 0, 0, 0)
    data = coff([(b".idata$7", b"old\0", b"")], [(b".idata$7", 1, 3, record), (b"other", 1, 3, record)])
    changed = coff([(b".idata$7", b"longer\0", b"")], [(b".idata$7", 1, 3, b"\7" + record[1:]), (b"other", 1, 3, record)])
    assert write_object(read_object(data), {0: b"longer\0"}, lambda symbol: symbol) == changed


def test_every_cut_is_noticed() -> None:
    data = coff([(b".idata$7", b"content\0", bytes(10))], [(b"symbol-in-the-strings", 1, 2, b"")])
    for size in range(len(data)):
        with pytest.raises(UnreadableError):
            read_object(data[:size])


def test_objects_of_another_form() -> None:
    data = bytearray(coff([(b".text", b"content\0", b"")], []))
    lines = bytes(data[:54]) + b"\1" + bytes(data[55:])
    optional = bytes(data[:16]) + b"\1" + bytes(data[17:])
    for broken in (lines, optional):
        with pytest.raises(UnreadableError, match="unknown form"):
            read_object(broken)
