"""Chained imports: every format comes back bit by bit, and what does not fit goes into a larger one."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho import chained
from nativewheel.formats.macho.chained import ChainedFixups, ChainedImport, decode, encode

NAMES = st.sampled_from([b"_a", b"_foo_add", b"__ZN2cv3MatD1Ev", b"_\xff", b""])
SMALL = st.integers(-15, 0xF0)
LARGE = st.integers(-15, 0xFFF0)


def tables(imports_format: int, ordinals: st.SearchStrategy[int], addends: st.SearchStrategy[int]) -> st.SearchStrategy[ChainedFixups]:
    row = st.builds(ChainedImport, ordinals, st.booleans(), NAMES, addends)
    starts = st.binary(max_size=5).map(lambda words: words * 4)
    return st.builds(
        lambda begin, rows: ChainedFixups(starts=begin, imports_format=imports_format, imports=tuple(rows)),
        starts,
        st.lists(row, max_size=30),
    )


FIXUPS = st.one_of(
    tables(1, SMALL, st.just(0)),
    tables(2, SMALL, st.integers(-(2**31), 2**31 - 1)),
    tables(3, LARGE, st.integers(-(2**63), 2**63 - 1)),
)


@given(FIXUPS)
def test_imports_come_back_in_order(fixups: ChainedFixups) -> None:
    data = encode(fixups)
    found = decode(data)
    assert found.imports == fixups.imports
    assert found.imports_format == fixups.imports_format
    assert found.starts.startswith(fixups.starts)
    assert not found.starts[len(fixups.starts) :].strip(b"\0")
    assert encode(found) == data
    imports, alignment = struct.unpack_from("<I", data, 8)[0], 8 if fixups.imports_format == 3 else 4
    assert imports % alignment == 0


@given(st.binary(max_size=60), st.integers(1, 3), st.lists(st.integers(0, 80), min_size=4, max_size=4))
def test_any_bytes_are_read_or_refused(rest: bytes, imports_format: int, places: list[int]) -> None:
    try:
        found = decode(struct.pack("<7I", 0, *places, imports_format, 0) + rest)
    except UnreadableError:
        return
    assert decode(encode(found)).imports == found.imports


@pytest.mark.parametrize(("imports_format", "addend"), [(1, 0), (2, -8)])
def test_ordinals_that_do_not_fit_take_the_large_format(imports_format: int, addend: int) -> None:
    imports = (ChainedImport(0xF1, weak=True, name=b"_a", addend=addend), ChainedImport(-2, weak=False, name=b"_b", addend=addend))
    found = decode(encode(ChainedFixups(starts=b"", imports_format=imports_format, imports=imports)))
    assert found.imports_format == 3
    assert found.imports == imports


@pytest.mark.parametrize(("imports_format", "addend"), [(1, 0), (2, -8)])
def test_names_that_do_not_fit_take_the_large_format(imports_format: int, addend: int) -> None:
    names = tuple(ChainedImport(-2, weak=False, name=b"%06d" % number + b"a" * 8000, addend=addend) for number in range(1048))
    small = ChainedFixups(starts=b"", imports_format=imports_format, imports=names[:1047])
    assert decode(encode(small)).imports_format == imports_format
    large = replace(small, imports=names)
    assert decode(encode(large)).imports_format in {imports_format, 3}
    larger = replace(small, imports=(*names, ChainedImport(1, weak=False, name=b"b" * 9000, addend=addend)))
    assert decode(encode(larger)) == replace(larger, imports_format=3)


def test_bits_of_format_1() -> None:
    data = encode(ChainedFixups(starts=b"abcd", imports_format=1, imports=(ChainedImport(-2, weak=True, name=b"_a"),)))
    assert data == struct.pack("<7I", 0, 32, 36, 40, 1, 1, 0) + bytes(4) + b"abcd" + struct.pack("<I", 0xFE | 1 << 8 | 1 << 9) + b"\0_a\0"


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ((1, 28, 28, 28, 0, 1, 0), "version 1"),
        ((0, 28, 28, 28, 0, 4, 0), "imports of format 4"),
        ((0, 28, 28, 28, 0, 1, 1), "names of format 1"),
        ((0, 27, 28, 28, 0, 1, 0), "reach past"),
        ((0, 90, 28, 28, 0, 1, 0), "reach past"),
        ((0, 28, 28, 28, 2**32 - 1, 1, 0), "reach past"),
        ((0, 28, 28, 33, 0, 1, 0), "reach past"),
        ((0, 28, 28, 32, 1, 1, 0), "chained import 0"),
    ],
)
def test_what_no_linker_writes(header: tuple[int, ...], problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        decode(struct.pack("<7I", *header) + b"\xff" * 4)


def test_a_blob_without_its_header() -> None:
    with pytest.raises(UnreadableError, match="inside their header"):
        decode(bytes(27))


def test_names_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chained, "NAMES_BUDGET", 100)
    imports = (ChainedImport(1, weak=False, name=b"_" * 30),) * 4
    with pytest.raises(UnreadableError, match="too long"):
        decode(encode(ChainedFixups(starts=b"", imports_format=1, imports=imports)))
