"""Ad-hoc code signatures: the hash of every page, without a certificate, which is what an arm64 Mac wants of each image.

Source: kern/cs_blobs.h; all numbers are big-endian.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.formats.macho.constants import CS_ADHOC, CSMAGIC_CODEDIRECTORY, CSMAGIC_EMBEDDED_SIGNATURE, CSSLOT_CODEDIRECTORY

if TYPE_CHECKING:
    from collections.abc import Sequence

SUPER_BLOB = Struct(">5I")
CODE_DIRECTORY = Struct(">9I4B3IIQ3Q")
VERSION = 0x20400
"""The first one with the bounds of the executable segment."""
PAGE_BITS = 12
HASH_SIZE, HASH_SHA256 = 32, 2
EXECSEG_MAIN_BINARY = 1
"""For programs, which the kernel itself starts."""


def size(limit: int, identifier: bytes) -> int:
    """Return how many bytes the signature of ``limit`` bytes takes."""
    return SUPER_BLOB.size + CODE_DIRECTORY.size + len(identifier) + 1 + HASH_SIZE * _pages(limit)


def sign(code: memoryview, identifier: bytes, text: tuple[int, int], *, is_program: bool) -> bytes:
    """Return the signature of all that stands before it; ``text`` is the file offset and size of __TEXT."""
    length = size(len(code), identifier)
    directory = CODE_DIRECTORY.pack(
        *(CSMAGIC_CODEDIRECTORY, length - SUPER_BLOB.size, VERSION, CS_ADHOC),
        *(CODE_DIRECTORY.size + len(identifier) + 1, CODE_DIRECTORY.size, 0, _pages(len(code)), len(code)),
        *(HASH_SIZE, HASH_SHA256, 0, PAGE_BITS),
        *(0, 0, 0, 0),  # spare2, scatterOffset, teamOffset, spare3
        0,  # codeLimit64
        *(*text, EXECSEG_MAIN_BINARY if is_program else 0),
    )
    start = SUPER_BLOB.pack(CSMAGIC_EMBEDDED_SIGNATURE, length, 1, CSSLOT_CODEDIRECTORY, SUPER_BLOB.size)
    return b"".join((start, directory, identifier, b"\0", *_hashes(code)))


def _pages(limit: int) -> int:
    return -(-limit // (1 << PAGE_BITS))


def _hashes(code: memoryview) -> Sequence[bytes]:
    page = 1 << PAGE_BITS
    return [sha256(code[start : start + page]).digest() for start in range(0, len(code), page)]
