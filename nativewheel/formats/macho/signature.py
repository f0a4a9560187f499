"""The code signature, read and checked: who made it, and whether the hashes of the pages are right.

The kernel kills a process that touches a page with a wrong hash, and arm64 kernels load nothing without a signature.  Whether a certificate is
worth anything is not asked.  Source: kern/cs_blobs.h; all numbers are big-endian.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.constants import (
    CSMAGIC_BLOBWRAPPER,
    CSMAGIC_CODEDIRECTORY,
    CSMAGIC_EMBEDDED_SIGNATURE,
    CSSLOT_ALTERNATE_CODEDIRECTORIES,
    CSSLOT_CODEDIRECTORY,
    CSSLOT_SIGNATURESLOT,
)

if TYPE_CHECKING:
    from nativewheel.formats.macho.slices import Slice

_SUPER_BLOB = Struct(">III")
_INDEX = Struct(">II")
_BLOB = Struct(">II")
_CODE_DIRECTORY = Struct(">IIIIIIIIIBBBBI")
MOST_BLOBS = 64
NAME_LIMIT = 4096
LARGEST_PAGE = 24
"""As a power of two's exponent; 12 and 14 are what there is."""

_HASHES = {1: ("sha1", 20), 2: ("sha256", 32), 3: ("sha256", 20), 4: ("sha384", 48)}
"""By hashType: the algorithm, and how many bytes of its result are kept."""


class Signer(StrEnum):
    """Who signed."""

    NOBODY = "nobody"
    AD_HOC = "ad hoc"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureState:
    """What is known of the signature of one slice; ``problem`` says what the kernel would take offence at, None when all is well.

    An unsigned slice has no problem in itself.
    """

    signer: Signer
    identifier: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _CodeDirectory:
    identifier: str
    limit: int
    page: int
    algorithm: str
    hashes: tuple[bytes, ...]


def verify(image: Slice) -> SignatureState:
    """Check the signature of ``image``, with the hash of every page."""
    place = image.code_signature
    if place is None:
        return SignatureState(signer=Signer.NOBODY)
    signer, identifier = Signer.AD_HOC, None
    try:
        blobs = _blobs(image.take(place.offset, place.size, "the code signature"))
        signer = Signer.CERTIFICATE if _has_certificate(blobs) else Signer.AD_HOC
        directory = _code_directory(blobs.get(CSSLOT_CODEDIRECTORY, b""))
        identifier = directory.identifier
        _check_pages(image, directory, place.offset)
        for slot in blobs.keys() & set(CSSLOT_ALTERNATE_CODEDIRECTORIES):
            _check_pages(image, _code_directory(blobs[slot]), place.offset)
    except UnreadableError as error:
        return SignatureState(signer=signer, identifier=identifier, problem=error.message)
    return SignatureState(signer=signer, identifier=identifier)


def certified(image: Slice) -> bool:
    """Whether the signature of ``image`` has a certificate; hashes are not looked at, and what cannot be read has none."""
    place = image.code_signature
    if place is None:
        return False
    try:
        return _has_certificate(_blobs(image.take(place.offset, place.size, "the code signature")))
    except UnreadableError:
        return False


def signed_name(image: Slice) -> str | None:
    """Return what the signature of ``image`` calls it; None without a signature that can be read."""
    place = image.code_signature
    if place is None:
        return None
    try:
        return _code_directory(_blobs(image.take(place.offset, place.size, "the code signature")).get(CSSLOT_CODEDIRECTORY, b"")).identifier
    except UnreadableError:
        return None


def _blobs(signature: bytes) -> dict[int, bytes]:
    """Return the parts of a signature by their slots."""
    if len(signature) < _SUPER_BLOB.size:
        raise UnreadableError("the code signature ends inside its header")
    magic, length, count = _SUPER_BLOB.unpack_from(signature)
    if magic != CSMAGIC_EMBEDDED_SIGNATURE or length > len(signature) or count > MOST_BLOBS:
        raise UnreadableError(f"a code signature with magic {magic:#x}, {length} bytes and {count} parts")
    if _SUPER_BLOB.size + count * _INDEX.size > length:
        raise UnreadableError("the index of the code signature reaches past its end")
    blobs: dict[int, bytes] = {}
    for slot, offset in _INDEX.iter_unpack(signature[_SUPER_BLOB.size : _SUPER_BLOB.size + count * _INDEX.size]):
        if offset + _BLOB.size > length:
            raise UnreadableError("a part of the code signature is outside it")
        _, size = _BLOB.unpack_from(signature, offset)
        if not _BLOB.size <= size <= length - offset:
            raise UnreadableError("a part of the code signature reaches past its end")
        blobs.setdefault(slot, signature[offset : offset + size])
    return blobs


def _has_certificate(blobs: dict[int, bytes]) -> bool:
    """Whether there is a CMS message; for an ad-hoc signature codesign writes an empty one, and linkers none."""
    wrapper = blobs.get(CSSLOT_SIGNATURESLOT, b"")
    return len(wrapper) > _BLOB.size and _BLOB.unpack_from(wrapper)[0] == CSMAGIC_BLOBWRAPPER


def _code_directory(blob: bytes) -> _CodeDirectory:
    if len(blob) < _CODE_DIRECTORY.size:
        raise UnreadableError("the code signature has no code directory")
    magic, length, _, _, hashes, name, _, count, limit, size, kind, _, page, _ = _CODE_DIRECTORY.unpack_from(blob)
    algorithm, kept = _HASHES.get(kind, ("", 0))
    if magic != CSMAGIC_CODEDIRECTORY or length != len(blob) or kept != size or page > LARGEST_PAGE:
        raise UnreadableError(f"a code directory with magic {magic:#x}, hash type {kind}, hashes of {size} bytes and pages of 2^{page} bytes")
    if hashes + count * size > length:
        raise UnreadableError("the page hashes reach past the end of the code directory")
    stop = blob.find(b"\0", name, name + NAME_LIMIT)
    if stop < 0:
        raise UnreadableError("the identifier in the code directory does not end")
    return _CodeDirectory(
        identifier=blob[name:stop].decode("utf-8", "backslashreplace"),
        limit=limit,
        page=1 << page if page else max(limit, 1),
        algorithm=algorithm,
        hashes=tuple(blob[at : at + size] for at in range(hashes, hashes + count * size, size)),
    )


def _check_pages(image: Slice, directory: _CodeDirectory, end: int) -> None:
    """Compare every page with its hash; all that is before the signature must be covered."""
    if directory.limit != end:
        raise UnreadableError(f"the code signature covers {directory.limit} bytes, not {end}")
    if len(directory.hashes) != -(-directory.limit // directory.page):
        raise UnreadableError(f"{len(directory.hashes)} page hashes for {directory.limit} bytes")
    for start, expected in zip(range(0, end, directory.page), directory.hashes, strict=True):
        page = image.data[start : min(start + directory.page, end)]
        if hashlib.new(directory.algorithm, page, usedforsecurity=False).digest()[: len(expected)] != expected:
            raise UnreadableError(f"the hash of the page at offset {start:#x} is wrong")
