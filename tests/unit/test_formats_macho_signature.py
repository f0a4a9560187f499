"""Checking code signatures: who made them, and every page; damage is a finding, and no error."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeslices import ARM64, Macho, code_signature, command, dylib

from nativewheel.formats.macho.commands import Linkedit
from nativewheel.formats.macho.signature import SignatureState, Signer, certified, signed_name, verify
from nativewheel.formats.macho.slices import Slice, parse

MADE = Macho(cpu=ARM64, commands=(dylib(0xD, "libmade.dylib"),), symbols=(bytes(16),) * 600, signed=True)
GOOD = MADE.build()


def image(data: bytes | bytearray) -> Slice:
    return parse(data).slices[0]


def start(data: bytes) -> int:
    place = image(data).code_signature
    assert place is not None
    return place.offset


def resigned(signature: bytes) -> Slice:
    """Return the image with other bytes in the place of its signature, and with a load command that says so."""
    offset = start(GOOD)
    data = GOOD[:offset] + signature
    old = struct.pack("<IIII", 0x1D, 16, offset, len(GOOD) - offset)
    new = struct.pack("<IIII", 0x1D, 16, offset, len(signature))
    linkedit = struct.pack("<QQQQ", 0x400, len(GOOD) - 0x400, 0x400, len(GOOD) - 0x400)
    assert old in data
    assert linkedit in data
    size = len(data) - 0x400
    return image(data.replace(old, new).replace(linkedit, struct.pack("<QQQQ", 0x400, size, 0x400, size)))


def test_an_unsigned_image() -> None:
    assert verify(image(replace(MADE, signed=False).build())) == SignatureState(signer=Signer.NOBODY)
    assert signed_name(image(replace(MADE, signed=False).build())) is None
    assert not certified(image(replace(MADE, signed=False).build()))


def test_an_ad_hoc_signature() -> None:
    assert start(GOOD) > 2 * 4096
    assert verify(image(GOOD)) == SignatureState(signer=Signer.AD_HOC, identifier="made")
    assert signed_name(image(GOOD)) == "made"
    assert not certified(image(GOOD))


def test_a_certificate_is_seen_whatever_the_hashes_say() -> None:
    assert certified(resigned(code_signature(GOOD[:4096], wrapper=b"a CMS message")))
    assert not certified(resigned(code_signature(GOOD[:4096], wrapper=b"")))


@pytest.mark.parametrize("place", [24, 0x400, 4095, 4096, 8192, start(GOOD) - 1])
def test_one_wrong_bit_in_what_is_signed(place: int) -> None:
    broken = bytearray(GOOD)
    broken[place] ^= 1
    problem = f"the hash of the page at offset {place & ~4095:#x} is wrong"
    assert verify(image(broken)) == SignatureState(signer=Signer.AD_HOC, identifier="made", problem=problem)


@pytest.mark.parametrize(
    ("signature", "problem"),
    [
        (b"", "ends inside its header"),
        (bytes(12), "magic 0x0"),
        (struct.pack(">III", 0xFADE0CC0, 100, 0), "100 bytes"),
        (struct.pack(">III", 0xFADE0CC0, 12, 1000), "1000 parts"),
        (struct.pack(">III", 0xFADE0CC0, 12, 1), "index of the code signature"),
        (struct.pack(">III", 0xFADE0CC0, 12, 0), "no code directory"),
        (struct.pack(">IIIII", 0xFADE0CC0, 20, 1, 0, 20), "is outside it"),
        (struct.pack(">IIIIIII", 0xFADE0CC0, 28, 1, 0, 20, 0xFADE0C02, 9), "past its end"),
        (struct.pack(">IIIIIII", 0xFADE0CC0, 28, 1, 0, 20, 0xFADE0C02, 0), "past its end"),
        (struct.pack(">IIIIIII", 0xFADE0CC0, 28, 1, 0, 20, 0xFADE0C02, 8), "no code directory"),
        (code_signature(GOOD[:4096]), "covers 4096 bytes, not"),
    ],
)
def test_signatures_that_no_kernel_takes(signature: bytes, problem: str) -> None:
    damaged = resigned(signature)
    state = verify(damaged)
    assert state.problem is not None
    assert problem in state.problem
    assert state.signer is Signer.AD_HOC
    assert not certified(damaged)


DIRECTORY = 20
"""Where the code directory begins in a signature that has no other part."""


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (0, b"\0\0\0\0", "code directory with magic 0x0"),
        (16, b"\0\1\0\0", "page hashes reach past the end"),
        (20, b"\0\1\0\0", "identifier in the code directory does not end"),
        (28, b"\0\0\0\1", "1 page hashes for"),
        (28, b"\xff\xff\xff\xff", "page hashes reach past the end"),
        (36, b"\x14", "hashes of 20 bytes"),
        (37, b"\x09", "hash type 9"),
        (39, b"\xff", r"pages of 2^255 bytes"),
    ],
)
def test_code_directories_that_no_kernel_takes(place: int, value: bytes, problem: str) -> None:
    broken = bytearray(GOOD)
    at = start(GOOD) + DIRECTORY + place
    broken[at : at + len(value)] = value
    state = verify(image(broken))
    assert state.problem is not None
    assert problem in state.problem


def test_a_signature_that_is_outside_the_image() -> None:
    data = Macho(commands=(command(0x1D, struct.pack("<II", 0x10000, 100)),)).build()
    state = verify(image(data))
    assert state.problem is not None
    assert "reaches past the end" in state.problem
    assert not certified(image(data))
    assert signed_name(image(data)) is None


def test_the_maker_and_the_page_size() -> None:
    plain = Macho(commands=(command(0x1D, struct.pack("<II", 0x400, 0)),)).build()

    def with_signature(page: int, wrapper: bytes) -> SignatureState:
        size = len(code_signature(plain, page=page, wrapper=wrapper))
        place = Linkedit(offset=len(plain), size=size)
        code = plain.replace(struct.pack("<IIII", 0x1D, 16, 0x400, 0), struct.pack("<IIII", 0x1D, 16, place.offset, place.size))
        return verify(image(code + code_signature(code, page=page, wrapper=wrapper)))

    assert with_signature(14, b"") == SignatureState(signer=Signer.AD_HOC, identifier="made")
    assert with_signature(12, b"a CMS message") == SignatureState(signer=Signer.CERTIFICATE, identifier="made")


@given(st.binary(min_size=1, max_size=8), st.integers(0, len(GOOD) - start(GOOD)))
def test_damage_in_a_signature_is_a_finding(noise: bytes, place: int) -> None:
    broken = bytearray(GOOD)
    at = min(start(GOOD) + place, len(GOOD) - len(noise))
    broken[at : at + len(noise)] = noise
    state = verify(image(broken))
    hashes = start(GOOD) + DIRECTORY + 88 + len(b"made\0")
    if at >= hashes and broken != GOOD:
        assert state.problem is not None
        assert "the hash of the page" in state.problem
