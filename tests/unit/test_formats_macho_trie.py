"""Export tries: what is written is found by dyld's search, and what no linker writes is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho import trie
from nativewheel.formats.macho.trie import Export, decode, encode
from nativewheel.formats.macho.uleb import read_uleb

SYMBOL = st.lists(st.sampled_from([b"_", b"a", b"b", b"foo", b"\xff", b"_ZN2cv3MatE"]), max_size=9).map(b"".join)
NUMBER = st.integers(0, 2**64 - 1)
EXPORT = st.one_of(
    st.tuples(SYMBOL, st.sampled_from([0, 1, 2, 4, 0x20]), NUMBER, st.just(b""), st.just(0)),
    st.tuples(SYMBOL, st.sampled_from([8, 12]), st.integers(0, 300), st.one_of(SYMBOL, st.just(b"_long" * 60)), st.just(0)),
    st.tuples(SYMBOL, st.just(0x10), NUMBER, st.just(b""), NUMBER),
).map(Export._make)
TABLE = st.lists(EXPORT, max_size=60, unique_by=lambda export: export.name)


def found_by_dyld(data: bytes, wanted: bytes) -> int | None:
    """Search as dyld does: the first label that fits is taken, whatever comes behind it."""
    offset = 0
    while True:
        size, start = read_uleb(data, offset)
        if not wanted and size:
            return start
        place = start + size
        count, place = data[place], place + 1
        for _ in range(count):
            stop = data.index(b"\0", place)
            label = data[place:stop]
            offset, place = read_uleb(data, stop + 1)
            if wanted.startswith(label):
                wanted = wanted[len(label) :]
                break
        else:
            return None


@given(TABLE)
def test_symbols_come_back_sorted(exports: list[Export]) -> None:
    assert decode(encode(exports)) == sorted(exports)


@given(TABLE, st.randoms(use_true_random=False))
def test_the_order_of_symbols_makes_no_difference(exports: list[Export], random: object) -> None:
    shuffled = list(exports)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert encode(shuffled) == encode(exports)


@given(TABLE.filter(bool), SYMBOL)
def test_dyld_finds_the_symbols_and_no_others(exports: list[Export], other: bytes) -> None:
    data = encode(exports)
    names = {export.name for export in exports}
    assert all(found_by_dyld(data, name) for name in names)
    assert (found_by_dyld(data, other) is not None) == (other in names)


@pytest.mark.parametrize("count", [9, 10, 11, 12, 13, 900, 1000, 1100, 1200, 1300])
def test_offsets_of_several_bytes(count: int) -> None:
    exports = sorted(Export(b"_symbol_%d" % value, 0, value << 20) for value in range(count))
    data = encode(exports)
    assert len(data) > trie.WIDTHS[0] or count < 12
    assert decode(data) == exports
    assert all(found_by_dyld(data, export.name) for export in exports)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        exports = decode(data)
    except UnreadableError:
        return
    assert all(found_by_dyld(data, export.name) for export in exports)


def test_no_trie_has_no_symbols() -> None:
    assert decode(b"") == []
    assert decode(encode([])) == []
    assert decode(bytes(8)) == []


def test_a_name_of_its_own_and_as_beginning_of_others() -> None:
    exports = [Export(b"_a", 0, 1), Export(b"_ab", 4, 2), Export(b"_b", 1, 3)]
    assert encode(exports) == b"\0\1_\0\5" + b"\0\2a\0\x0db\0\x18" + b"\2\0\1\1b\0\x14" + b"\2\4\2\0" + b"\2\1\3\0"
    assert decode(encode(exports)) == exports


def test_empty_labels_are_followed() -> None:
    data = b"\0\1_f\0\x06" + b"\0\2a\0\x0d" + b"\0\x11" + b"\2\0\7\0" + b"\2\0\x09\0"
    assert decode(data) == [Export(b"_fa", 0, 7), Export(b"_f", 0, 9)]


def test_what_an_empty_label_hides_is_not_exported() -> None:
    data = b"\0\1_f\0\x06" + b"\0\2\0\x0d" + b"a\0\x11" + b"\2\0\7\0" + b"\2\0\x09\0"
    assert decode(data) == [Export(b"_f", 0, 7)]
    assert found_by_dyld(data, b"_fa") is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\0\1a\0\0", "two ways lead to one node"),
        (b"\0\2a\0\x08b\0\x08\2\0\0\0", "two ways lead to one node"),
        (b"\0\1\0\0", "two ways lead to one node"),
        (b"\0", "past the end"),
        (b"\x05\0\0", "past the end"),
        (b"\0\1abc", "a label of the export trie does not end"),
        (b"\0\1a\0\x7f", "does not end"),
        (b"\3\x08\1a\0\0", "re-exported symbol does not end"),
        (b"\1\0\0\0", "larger than its node"),
        (b"\0\1" + b"a" * (1 << 16) + b"\0\0", "a label of the export trie does not end"),
    ],
)
def test_what_no_linker_writes(data: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        decode(data)


def test_names_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trie, "MAX_NAMES", 20000)
    chain = b"".join(b"\0\1" + b"a" * 100 + b"\0" + bytes([end & 0x7F | 0x80, end >> 7]) for end in range(105, 105 * 100, 105))
    with pytest.raises(UnreadableError, match="too long"):
        decode(chain + bytes(2))


def test_empty_labels_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trie, "MAX_NAMES", 5000)
    chain = b"".join(b"\0\1\0" + bytes([end & 0x7F | 0x80, end >> 7]) for end in range(5, 5 * 100, 5))
    with pytest.raises(UnreadableError, match="too long"):
        decode(chain + bytes(2))
