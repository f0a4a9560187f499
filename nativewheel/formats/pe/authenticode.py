"""Authenticode: whether the hash in an image's signature is that of the image.  Who signed, and whether to trust them, is not asked.

Source: Microsoft's "Windows Authenticode Portable Executable Signature Format"; PKCS #7 (RFC 2315); X.690 for DER.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.constants import CERTIFICATE_ALIGNMENT, IMAGE_DIRECTORY_ENTRY_SECURITY
from nativewheel.formats.pe.headers import CHECKSUM_OFFSET, DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.formats.pe.headers import PeFile

CHUNK = 1 << 20
CERTIFICATE_HEADER = 8
"""Bytes before a certificate: dwLength, wRevision, wCertificateType."""
WIN_CERT_TYPE_PKCS_SIGNED_DATA = 2
MOST_CERTIFICATES = 16
MOST_VALUES = 16
"""In one of the sequences that are read, of which SignedData is the longest with six."""

_SEQUENCE, _OCTET_STRING, _OBJECT_IDENTIFIER, _EXPLICIT = 0x30, 0x04, 0x06, 0xA0
_LONGEST_LENGTH = 4
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_SPC_INDIRECT_DATA = bytes.fromhex("2b060104018237020104")
_HASHES = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
    bytes.fromhex("2a864886f70d0205"): "md5",
}
"""By their object identifiers."""


class _Value(NamedTuple):
    """One DER value."""

    tag: int
    content: bytes


def problem(pe: PeFile) -> str | None:
    """Say what is wrong with the signatures of an image; None when all fit, or when there are none."""
    if pe.certificates is None:
        return None
    start, size = pe.certificates
    try:
        for place, blob in _certificates(pe, start, start + size):
            algorithm, expected = _digest(blob)
            if _hash(pe, algorithm, start, start + size) != expected:
                return f"its {algorithm} hash is not that of the file"
            if place % CERTIFICATE_ALIGNMENT:
                return "the certificates are not aligned"
    except UnreadableError as error:
        return error.message
    return None


def _certificates(pe: PeFile, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the signatures, each with its file offset; those of other kinds are passed over."""
    place = start
    for _ in range(MOST_CERTIFICATES):
        if place + CERTIFICATE_HEADER > end:
            return
        header = bytes(pe.data[place : place + CERTIFICATE_HEADER])
        length, kind = int.from_bytes(header[:4], "little"), int.from_bytes(header[6:], "little")
        if not length and place > start:
            return  # padding
        if not CERTIFICATE_HEADER <= length <= end - place:
            raise UnreadableError("a certificate reaches past the end of their table")
        if kind == WIN_CERT_TYPE_PKCS_SIGNED_DATA:
            yield place, bytes(pe.data[place + CERTIFICATE_HEADER : place + length])
        place += length + -length % CERTIFICATE_ALIGNMENT


def _hash(pe: PeFile, algorithm: str, start: int, end: int) -> bytes:
    """Hash the whole file but for its CheckSum, the directory entry of the certificates and their table, from ``start`` to ``end``."""
    checksum, entry = pe.optional_header + CHECKSUM_OFFSET, pe.directories[IMAGE_DIRECTORY_ENTRY_SECURITY].entry
    parts = ((0, checksum), (checksum + 4, entry), (entry + DIRECTORY.size, start), (end, len(pe.data)))
    result = hashlib.new(algorithm, usedforsecurity=False)
    for first, last in parts:
        for place in range(first, last, CHUNK):
            result.update(pe.data[place : min(place + CHUNK, last)])
    return result.digest()


def _digest(blob: bytes) -> tuple[str, bytes]:
    """Return the algorithm and the hash that a signature speaks of: ContentInfo, SignedData, SpcIndirectDataContent, DigestInfo."""
    info = _values(_first(blob, _SEQUENCE))
    if len(info) < 2 or info[0] != (_OBJECT_IDENTIFIER, _SIGNED_DATA):  # noqa: PLR2004  (the type and the content)
        raise UnreadableError("the certificate is no signature after PKCS #7")
    signed = _values(_first(info[1].content, _SEQUENCE))
    content = _values(signed[2].content) if len(signed) > 2 and signed[2].tag == _SEQUENCE else []  # noqa: PLR2004  (version, algorithms)
    if len(content) < 2 or content[0] != (_OBJECT_IDENTIFIER, _SPC_INDIRECT_DATA) or content[1].tag != _EXPLICIT:  # noqa: PLR2004
        raise UnreadableError("the signature is not one of a PE file")
    data = _values(_first(content[1].content, _SEQUENCE))
    pair = _values(data[1].content) if len(data) > 1 and data[1].tag == _SEQUENCE else []
    kinds = _values(pair[0].content) if pair and pair[0].tag == _SEQUENCE else []
    if len(pair) < 2 or pair[1].tag != _OCTET_STRING or not kinds:  # noqa: PLR2004  (algorithm and hash)
        raise UnreadableError("the signature holds no hash of the file")
    algorithm = _HASHES.get(kinds[0].content)
    if algorithm is None:
        raise UnreadableError("the signature has a hash of an unknown kind")
    return algorithm, pair[1].content


def _first(data: bytes, tag: int) -> bytes:
    """Return the content of the value that ``data`` starts with."""
    value, _ = _value(data, 0)
    if value.tag != tag:
        raise UnreadableError("the signature is not as DER has it")
    return value.content


def _values(data: bytes) -> list[_Value]:
    values: list[_Value] = []
    place = 0
    while place < len(data):
        if len(values) == MOST_VALUES:
            raise UnreadableError("the signature is not as Authenticode has it")
        value, place = _value(data, place)
        values.append(value)
    return values


def _value(data: bytes, place: int) -> tuple[_Value, int]:
    """Return the value at ``place``, and where the next one begins."""
    if place + 2 > len(data):
        raise UnreadableError("the signature ends inside a value")
    tag, length = data[place], data[place + 1]
    begin = place + 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= _LONGEST_LENGTH or begin + count > len(data):
            raise UnreadableError("the signature is not as DER has it")
        length, begin = int.from_bytes(data[begin : begin + count], "big"), begin + count
    if begin + length > len(data):
        raise UnreadableError("the signature ends inside a value")
    return _Value(tag, data[begin : begin + length]), begin + length
