"""Patches of a file: what is written over, inserted and cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from nativewheel.formats.pe import patches as module
from nativewheel.formats.pe.patches import Patches

if TYPE_CHECKING:
    import pytest

WRITES = st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=10)), max_size=6)
INSERTIONS = st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=10)), max_size=3).map(lambda items: sorted(items, key=lambda item: item[0]))


@given(st.binary(min_size=50, max_size=60), WRITES, INSERTIONS, st.integers(40, 50), st.sampled_from([2, 3, 7, 1 << 20]))
def test_the_copy_has_all_changes(data: bytes, writes: list[tuple[int, bytes]], insertions: list[tuple[int, bytes]], end: int, chunk: int) -> None:
    expected = bytearray(data[:end])
    patches = Patches(end)
    for offset, written in writes:
        content = written[: end - offset]
        patches.put(offset, content)
        expected[offset : offset + len(content)] = content
    marked: list[int | bytes] = list(expected)
    for offset, content in reversed(insertions):
        marked.insert(offset, content)
    for offset, content in insertions:
        patches.insert(offset, content)
    old, module.CHUNK = module.CHUNK, chunk
    try:
        pieces = list(patches.copy(data))
    finally:
        module.CHUNK = old
    assert b"".join(pieces) == b"".join(item if isinstance(item, bytes) else bytes([item]) for item in marked)
    assert not any(len(piece) % 2 for piece in pieces[:-1])


def test_where_a_byte_is_afterwards() -> None:
    patches = Patches(10)
    patches.insert(4, b"xy")
    patches.insert(8, b"zzz")
    copy = b"".join(patches.copy(b"0123456789"))
    assert copy == b"0123xy4567zzz89"
    assert [copy[patches.moved(offset)] for offset in range(10)] == list(b"0123456789")


def test_numbers_are_little_endian() -> None:
    patches = Patches(6)
    patches.put_number(1, 0x01020304)
    patches.put_number(5, 7, 1)
    assert patches.patched(b"abcdef", 0, 6) == b"a\4\3\2\1\7"


def test_only_a_real_change_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    patches = Patches(3)
    assert not patches
    assert list(patches.copy(b"abc")) == [b"ab", b"", b"c"]
