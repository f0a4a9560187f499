"""Reading symbol tables: which symbols an image wants and offers there, and tables that lead outside the file."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeslices import Macho, command, nlist

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.slices import parse
from nativewheel.formats.macho.symtab import SymbolTable, library_ordinal, read_symbols

STRINGS = b" \0_mine\0_theirs\0_hidden\0_local\0"
MINE, THEIRS, HIDDEN, LOCAL = (STRINGS.index(name) for name in (b"_mine", b"_theirs", b"_hidden", b"_local"))
MADE = Macho(
    symbols=(
        nlist(MINE, 0x64, 0, 1),  # N_SO of the debugger
        nlist(LOCAL, 0x0E, 0, 1),
        nlist(HIDDEN, 0x1F, 0, 1),
        nlist(MINE, 0x0F, 0x80, 0x1234567890),
        nlist(MINE, 0x03, 0, 5),  # absolute
        nlist(THEIRS, 0x01, 0xFE40),
        nlist(THEIRS, 0x0D, 0x0200),  # prebound
    ),
    strings=STRINGS,
)


def table(made: Macho) -> SymbolTable:
    return read_symbols(parse(made.build()).slices[0])


def test_columns_and_names() -> None:
    symbols = table(MADE)
    assert symbols.values[3] == 0x1234567890
    assert (symbols.descriptions[3], symbols.descriptions[5]) == (0x80, 0xFE40)
    assert symbols.sections == b"\1\1\1\1\1\0\0"
    assert list(symbols.texts(range(7))) == [b"_mine", b"_local", b"_hidden", b"_mine", b"_mine", b"_theirs", b"_theirs"]
    assert symbols.exported == [3, 4]
    assert symbols.undefined == [5, 6]


def test_no_symbol_table() -> None:
    symbols = table(Macho())
    assert (symbols.exported, symbols.undefined, symbols.strings) == ([], [], b"")


@pytest.mark.parametrize(("description", "ordinal"), [(0x0000, 0), (0x0140, 1), (0xFD00, 253), (0xFE40, -2), (0xFF00, -1)])
def test_ordinals(description: int, ordinal: int) -> None:
    assert library_ordinal(description) == ordinal


@pytest.mark.parametrize("strx", [len(STRINGS), 0xFFFFFFFF])
def test_names_outside_the_string_table(strx: int) -> None:
    symbols = table(replace(MADE, symbols=(nlist(MINE, 0x0F, 0, 1), nlist(strx, 0x0F, 0, 1))))
    with pytest.raises(UnreadableError, match="outside the string table") as caught:
        list(symbols.texts(symbols.exported))
    assert caught.value.where == ("symbol 1",)


def test_names_that_together_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nativewheel.formats.macho.symtab.TEXT_BUDGET", 10)
    symbols = table(MADE)
    assert list(symbols.texts([3, 4])) == [b"_mine", b"_mine"]
    with pytest.raises(UnreadableError, match="more than 10 bytes"):
        list(symbols.texts([3, 4, 3]))


@pytest.mark.parametrize("fields", [(0x10000, 1, 0, 0), (0, 0xFFFFFFFF, 0, 0), (0, 0, 0xFFFFFFFF, 1), (0, 0, 0, 0xFFFFFFFF)])
def test_tables_outside_the_file(fields: tuple[int, int, int, int]) -> None:
    (image,) = parse(Macho(commands=(command(0x2, struct.pack("<4I", *fields)),)).build()).slices
    with pytest.raises(UnreadableError, match="reaches past the end"):
        read_symbols(image)


ENTRIES = st.tuples(st.integers(0, 40), st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 2**64 - 1))


@given(st.lists(ENTRIES, min_size=1, max_size=20), st.binary(max_size=40))
def test_any_table_is_read_or_refused(entries: list[tuple[int, int, int, int]], strings: bytes) -> None:
    symbols = table(Macho(symbols=tuple(nlist(*entry) for entry in entries), strings=strings + b"\0"))
    fields = zip(symbols.names, symbols.types, symbols.descriptions, symbols.values, strict=True)
    assert list(fields) == entries
    assert not set(symbols.exported) & set(symbols.undefined)
    for index, (strx, *_) in enumerate(entries):
        if strx <= len(strings):
            assert next(symbols.texts([index])) == (strings + b"\0")[strx:].partition(b"\0")[0]
