"""Variable-length numbers: all of 64 bits come back, longer ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.uleb import read_sleb, read_uleb, sleb, uleb


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3))
def test_unsigned_numbers_come_back(value: int, rest: bytes) -> None:
    encoded = uleb(value)
    assert read_uleb(b"\x80" + encoded + rest, 1) == (value, 1 + len(encoded))
    assert len(encoded) == max(1, -(-value.bit_length() // 7))


@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=3))
def test_signed_numbers_come_back(value: int, rest: bytes) -> None:
    encoded = sleb(value)
    assert read_sleb(encoded + rest, 0) == (value, len(encoded))


def test_padding_is_accepted() -> None:
    assert read_uleb(b"\x85\x80\x00", 0) == (5, 3)
    assert read_sleb(b"\xff\xff\x7f", 0) == (-1, 3)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80" * 11, b"\xff" * 9 + b"\x02", b"\xff" * 9 + b"\x7f"])
def test_endless_and_large_unsigned_numbers_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="ULEB128"):
        read_uleb(data, 0)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80" * 11, b"\xff" * 9 + b"\x01", b"\x80" * 9 + b"\x3f"])
def test_endless_and_large_signed_numbers_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="SLEB128"):
        read_sleb(data, 0)
