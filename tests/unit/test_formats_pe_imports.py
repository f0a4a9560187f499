"""Import tables and delay-import tables."""

from __future__ import annotations

import struct
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepe import ADDRESS, AMD64, ARM64, BASE, DELAY_IMPORT, DOS, I386, IMPORT, OFFSET, Imports, Pe

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe import imports as module
from nativewheel.formats.pe.headers import Rva, opened
from nativewheel.formats.pe.imports import read_delay_imports, read_imports, read_symbols

NAMES = st.text(alphabet="abcXYZ_09.", min_size=1, max_size=20)
SYMBOLS = st.lists(NAMES | st.integers(0, 0xFFFF), min_size=1, max_size=5).map(tuple)
TABLES = st.lists(st.tuples(NAMES, SYMBOLS), max_size=4).map(tuple)


def read(data: bytes) -> tuple[list[tuple[str, tuple[str | int, ...]]], list[tuple[str, tuple[str | int, ...]]]]:
    with opened(data) as pe:
        tables = [
            [
                (
                    descriptor.name.decode(),
                    tuple(found.ordinal if found.name is None else found.name.decode() for found in read_symbols(pe, (descriptor,))),
                )
                for descriptor in descriptors
            ]
            for descriptors in (read_imports(pe), read_delay_imports(pe))
        ]
    return tables[0], tables[1]


@given(st.sampled_from([I386, AMD64, ARM64]), TABLES, TABLES, st.booleans(), st.booleans())
def test_tables_are_read_as_they_were_written(machine: int, now: Imports, later: Imports, only_thunks: bool, virtual: bool) -> None:  # noqa: FBT001
    virtual = virtual and machine == I386
    data = Pe(machine=machine, imports=now, delay_imports=later, only_thunks=only_thunks, virtual_delays=virtual).build()
    assert read(data) == (list(now), list(later))


def test_places_of_descriptors() -> None:
    data = Pe(machine=I386, imports=(("one.dll", ("a",)), ("Two.dll", (1,))), delay_imports=(("late.dll", ("b",)),), virtual_delays=True).build()
    with opened(data) as pe:
        descriptors = read_imports(pe)
        assert [descriptor.delayed or descriptor.is_virtual for descriptor in descriptors] == [False, False]
        assert descriptors[1].address == descriptors[0].address + 20
        (late,) = read_delay_imports(pe)
        assert late.delayed
        assert late.is_virtual
        for descriptor in (*descriptors, late):
            pointer = int.from_bytes(pe.take(descriptor.name_field, 4, "it"), "little")
            assert pointer - (BASE if descriptor.is_virtual else 0) == descriptor.name_address
            assert pe.string(descriptor.name_address, 20, "it") == descriptor.name


def test_no_tables() -> None:
    assert read(Pe().build()) == ([], [])


def table(rows: bytes, number: int = IMPORT, virtual_size: int | None = None) -> bytes:
    """Make an image whose section begins with ``rows``."""
    data = bytearray(Pe(machine=I386, directories=((number, ADDRESS, 20),), virtual_size=virtual_size).build())
    data[OFFSET : OFFSET + 0x200] = rows.ljust(0x200, b"\0")
    return bytes(data)


NAME = ADDRESS + 0x100


def row(lookup: int = 0, name: int = NAME, thunks: int = ADDRESS + 0x120, chain: int = 0) -> bytes:
    return struct.pack("<5I", lookup, 0, chain, name, thunks)


NAMED = (bytes(0x100) + b"foo.dll").ljust(0x200, b"\0")


@pytest.mark.parametrize(
    ("end", "count"),
    [(row(name=0), 1), (row(thunks=0), 1), (row(lookup=0) + row(name=0), 2), (bytes(20), 1)],
)
def test_where_the_table_ends(end: bytes, count: int) -> None:
    rows = row(lookup=ADDRESS + 0x120) + end
    with opened(table(rows + NAMED[len(rows) :])) as pe:
        assert [descriptor.name for descriptor in read_imports(pe)] == [b"foo.dll"] * count


def test_a_table_that_ends_in_memory_only() -> None:
    rows = (bytes(0x1EC) + row(name=ADDRESS)).ljust(0x200, b"\0")
    data = bytearray(table(b"foo.dll" + rows[7:], virtual_size=0x400))
    place = data.index(struct.pack("<II", ADDRESS, 20))
    data[place : place + 4] = struct.pack("<I", ADDRESS + 0x1EC)
    with opened(bytes(data)) as pe:
        assert [descriptor.name for descriptor in read_imports(pe)] == [b"foo.dll"]


def full(rows: bytes) -> bytes:
    """Make an image whose section is a page of ``rows``, over and over."""
    data = Pe(machine=I386, virtual_size=0x1000, directories=((IMPORT, ADDRESS, 20),)).build()
    size = data.index(b".rdata") + 16
    page = (rows * (0x1000 // len(rows) + 1))[:0x1000]
    return data[:size] + struct.pack("<I", 0x1000) + data[size + 4 : OFFSET] + page


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Pe(directories=((IMPORT, 0x5000, 20),)).build(), "import table is outside"),
        (Pe(directories=((DELAY_IMPORT, 0x1FF0, 20),)).build(), "delay-import table reaches past"),
        (table(row(name=0x7000)), "name of an imported DLL is outside"),
        (table(struct.pack("<8I", 0, 0x10, 0, 0, 0, 0, 0, 0), DELAY_IMPORT), "name of a delay-loaded DLL is outside"),
        (table((row() + NAMED[20:0x120] + struct.pack("<I", 0x7000)).ljust(0x200, b"\0")), "imported symbol is outside"),
        (table(row(thunks=0x7000) + NAMED[20:]), "table of imported symbols is outside"),
        (table(row(thunks=0x1FFE) + NAMED[20:]), "table of imported symbols does not end"),
        (full(row(name=ADDRESS + 4)), "the import table reaches past"),
        (full(struct.pack("<I", 0x80000001)), "name of an imported DLL is outside"),
    ],
)
def test_hostile_tables(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        read(data)


def test_thunks_without_end() -> None:
    data = bytearray(full(struct.pack("<I", 0x80000001)))
    data[OFFSET : OFFSET + 48] = (row(name=ADDRESS + 40) + bytes(20)).ljust(48, b"\0")
    with opened(bytes(data)) as pe, pytest.raises(UnreadableError, match="a table of imported symbols is outside the sections"):
        tuple(read_symbols(pe, read_imports(pe)))


def test_one_number_as_an_rva_and_as_a_virtual_address() -> None:
    data = bytearray(Pe(machine=I386, imports=(("a.dll", ("front", "second")),)).build())
    image_base = DOS + 24 + 28
    data[image_base : image_base + 4] = struct.pack("<I", 4)
    with opened(bytes(data)) as pe:
        (descriptor,) = read_imports(pe)
        virtual = replace(descriptor, is_virtual=True, lookup=Rva(descriptor.lookup + 4))
        assert [found.name for found in read_symbols(pe, (descriptor, virtual))] == [b"front", b"second", b"t"]


def test_many_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DESCRIPTORS", 3)
    assert len(read(Pe(imports=(("a.dll", (1,)),) * 2).build())[0]) == 2
    with pytest.raises(UnreadableError, match="more than 3 entries"):
        read(Pe(imports=(("a.dll", (1,)),) * 3).build())


@pytest.mark.parametrize(("limit", "symbols"), [("MOST_SYMBOLS", ("a", "b")), ("MOST_SYMBOLS", (1, 2)), ("TEXT_BUDGET", ("a", "b"))])
def test_many_symbols(limit: str, symbols: tuple[str | int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    data = Pe(imports=(("a.dll", symbols), ("b.dll", symbols))).build()
    monkeypatch.setattr(module, limit, 4)
    assert len(read(data)[0]) == 2
    monkeypatch.setattr(module, limit, 3)
    with opened(data) as pe, pytest.raises(UnreadableError, match="more imported symbols"):
        tuple(read_symbols(pe, read_imports(pe)))


def test_names_that_overlap_take_bounded_time() -> None:
    """All symbols of all DLLs end at the same zero: a quadratic amount of text."""
    text = 1 << 16
    thunks = b"".join(struct.pack("<I", ADDRESS + 0x1000 + offset) for offset in range(text)) + bytes(4)
    rows = b"".join(row(name=ADDRESS + 0x800, thunks=ADDRESS + 0x12000) for _ in range(30)) + bytes(20)
    content = (rows.ljust(0x800, b"\0") + b"foo.dll").ljust(0x1000, b"\0") + b"x" * (text - 1) + b"\0" * 0x1001 + thunks
    content += bytes(-len(content) % 0x200)
    data = Pe(machine=I386, virtual_size=len(content), directories=((IMPORT, ADDRESS, 20),)).build()
    size = data.index(b".rdata") + 16
    data = data[:size] + struct.pack("<I", len(content)) + data[size + 4 : OFFSET] + content
    start = time.process_time()
    with opened(data) as pe, pytest.raises(UnreadableError, match="more imported symbols"):
        for _ in read_symbols(pe, read_imports(pe)):
            pass
    assert time.process_time() - start < 2
