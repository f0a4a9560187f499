"""Bind opcodes: every table comes back, rows of pointers take few bytes, and endless ones are refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.bindopcodes import Bind, BindTable, decode, encode, encode_weak

NAMES = st.sampled_from([b"_a", b"_foo_add", b"__ZN2cv3MatD1Ev", b"_\xff", b""])
OFFSETS = st.one_of(st.integers(0, 40).map(lambda value: value * 8), st.integers(0, 2**64 - 1), st.integers(0, 3000))
BIND = st.tuples(
    st.sampled_from([-3, -2, -1, 0, 1, 15, 16, 300]),
    NAMES,
    st.sampled_from([0, 1, 8]),
    st.sampled_from([1, 2, 3]),
    st.one_of(st.just(0), st.integers(-(2**63), 2**63 - 1)),
    st.integers(0, 5),
    OFFSETS,
).map(Bind._make)


@given(st.lists(BIND, max_size=60))
def test_binds_come_back_sorted(binds: list[Bind]) -> None:
    assert decode(encode(binds)).binds == sorted(binds)


@given(st.lists(st.integers(0, 200), max_size=80))
def test_any_row_of_pointers_comes_back(places: list[int]) -> None:
    binds = [Bind(1, b"_a", 0, 1, 0, 2, place * 4) for place in places]
    assert decode(encode(binds)).binds == sorted(binds)


@given(st.lists(BIND, max_size=30), st.lists(st.tuples(NAMES, st.just(8)), max_size=3))
def test_weak_tables_come_back_sorted_by_name(binds: list[Bind], strong: list[tuple[bytes, int]]) -> None:
    binds = [bind._replace(ordinal=0) for bind in binds]
    symbols = {(bind.name, bind.flags) for bind in binds} | set(strong)
    found = decode(encode_weak(binds, symbols))
    assert found.symbols == sorted(symbols)
    assert found.binds == sorted(binds)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, lazy: bool) -> None:  # noqa: FBT001  (hypothesis gives it by name)
    try:
        table = decode(data, lazy=lazy)
    except UnreadableError:
        return
    assert decode(encode(table.binds)).binds == sorted(table.binds)


def test_rows_take_few_bytes() -> None:
    row = [Bind(1, b"_a", 0, 1, 0, 2, place * 16) for place in range(1000)]
    assert encode(row) == b"\x11\x40_a\0\x51\x72\0\xc0\xe8\x07\x08\0"
    near = [Bind(1, b"_a", 0, 1, 0, 2, place) for place in (0, 8, 48, 1048)]
    assert encode(near) == b"\x11\x40_a\0\x51\x72\0\x90\xb4\xa0\xe0\x07\x90\0"


def test_no_binds_take_no_bytes() -> None:
    assert encode([]) == b""
    assert encode_weak([], []) == b""
    assert decode(b"") == BindTable([], [])


def test_flat_lookup_and_high_ordinals() -> None:
    assert encode([Bind(-2, b"_a", 1, 1, 0, 1, 0), Bind(56, b"_b", 0, 1, -8, 1, 8)]) == (b"\x3e\x41_a\0\x51\x71\0\x90\x20\x38\x40_b\0\x60\x78\x90\0")


def test_all_opcodes() -> None:
    data = b"\x11\x48_a\0\x52\x60\x7f\x73\x10\x90\xa0\x08\xb1\x80\x08\xc0\x02\x10\x30\x3f\x20\x05\x90\0\x13"
    offsets = [0x10, 0x18, 0x28, 0x40, 0x58]
    assert decode(data).binds == [
        *(Bind(1, b"_a", 8, 2, -1, 3, offset) for offset in offsets),
        Bind(5, b"_a", 8, 2, -1, 3, 0x70),
    ]


def test_a_lazy_table_goes_on_behind_an_entry() -> None:
    data = b"\x72\x10\x11\x40_a\0\x90\0\x72\x18\x12\x41_b\0\x90\0\0\0"
    assert decode(data, lazy=True).binds == [Bind(1, b"_a", 0, 1, 0, 2, 0x10), Bind(2, b"_b", 1, 1, 0, 2, 0x18)]
    assert decode(data).binds == [Bind(1, b"_a", 0, 0, 0, 2, 0x10)]


def test_offsets_wrap_as_in_dyld() -> None:
    data = b"\x11\x40_a\0\x51\x72\x10\x80\xf8\xff\xff\xff\xff\xff\xff\xff\xff\x01\x90\0"
    assert decode(data).binds == [Bind(1, b"_a", 0, 1, 0, 2, 8)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x90", "without a symbol"),
        (b"\x40_a\0\x90", "without a symbol or a place"),
        (b"\xd0", "arm64e"),
        (b"\xe0", "unknown bind opcode 0xe0"),
        (b"\x40_a", "does not end"),
        (b"\x40" + b"a" * (1 << 16) + b"\0", "does not end"),
        (b"\x72\x80", "ULEB128"),
        (b"\x40_a\0\x72\0\xc0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", "more than"),
    ],
)
def test_what_no_linker_writes(data: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        decode(data)


def test_no_more_symbols_than_pointers() -> None:
    assert len(decode(b"\x40a\0" * 10, most=10).symbols) == 10
    with pytest.raises(UnreadableError, match="more than 10 symbols"):
        decode(b"\x40a\0" * 11, most=10)


def test_a_hundred_thousand_binds_take_moments() -> None:
    binds = [Bind(number % 30, b"_symbol_%d" % (number % 5000), 0, 1, 0, 2, number * 24) for number in range(100_000)]
    start = time.perf_counter()
    assert len(decode(encode(binds)).binds) == len(binds)
    assert time.perf_counter() - start < 10
