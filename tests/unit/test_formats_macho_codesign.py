"""Ad-hoc signatures: against the bytes that codesign writes, and against what checks them."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeslices import code_signature

from nativewheel.formats.macho.codesign import sign, size


@given(st.integers(0, 20000), st.binary(max_size=20).filter(lambda name: b"\0" not in name))
def test_the_size_is_known_before(length: int, identifier: bytes) -> None:
    assert len(sign(memoryview(bytes(length)), identifier, (0, 0), is_program=False)) == size(length, identifier)


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 12288])
def test_as_codesign_without_the_bounds_of_the_text(length: int) -> None:
    code = bytes(number % 251 for number in range(length))
    assert sign(memoryview(code), b"libfoo.dylib", (0, 0), is_program=False) == code_signature(code, identifier=b"libfoo.dylib")


def test_every_field() -> None:
    code = b"code" * 2000
    signature = sign(memoryview(code), b"libfoo.dylib", (0x1000, 0x3000), is_program=True)
    assert struct.unpack_from(">5I", signature) == (0xFADE0CC0, len(signature), 1, 0, 20)
    directory = struct.unpack_from(">9I4B4IQ3Q", signature, 20)
    assert directory[:9] == (0xFADE0C02, len(signature) - 20, 0x20400, 2, 88 + 13, 88, 0, 2, 8000)
    assert directory[9:13] == (32, 2, 0, 12)
    assert directory[13:] == (0, 0, 0, 0, 0, 0x1000, 0x3000, 1)
    assert signature[108:121] == b"libfoo.dylib\0"
    assert signature[121:] == hashlib.sha256(code[:4096]).digest() + hashlib.sha256(code[4096:]).digest()
