"""Local headers and data descriptors: each must tell the same story as the directory."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.wheel import zipformat as z
from nativewheel.wheel.directory import widen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.wheel.directory import Directory, DirectoryEntry, Pread

_USUAL_EXTRA = 64
_COMPARED_FLAGS = z.FLAG_ENCRYPTED | z.FLAG_DESCRIPTOR | z.FLAG_PATCH | z.FLAG_STRONG_ENCRYPTION | z.FLAG_UTF8 | z.FLAG_MASKED_HEADERS

_DESCRIPTOR_LIMIT = 28
"""Bytes of the longest data descriptor and the signature of what follows."""


def locate_data(pread: Pread, directory: Directory) -> tuple[int, ...]:
    """Return the file offset of each entry's compressed data, in the order of the directory.

    Raises ``UnreadableError`` when a local header or descriptor contradicts the directory, and when the members don't fill the file from its
    first byte to the directory without gap or overlap: bytes that belong to no member are read by unpackers that scan the file.
    """
    offsets = [0] * len(directory.entries)
    expected = 0
    for index in sorted(range(len(offsets)), key=lambda index: directory.entries[index].header_offset):
        entry = directory.entries[index]
        try:
            offsets[index] = _check_header(pread, entry, expected, directory.offset)
            expected = _end_of(pread, entry, offsets[index], directory.offset)
        except UnreadableError as error:
            raise error.within(entry.name) from None
    if expected != directory.offset:
        raise UnreadableError("bytes between the last member and the zip directory belong to neither", where=(f"offset {expected}",))
    return tuple(offsets)


def locate_member(pread: Pread, entry: DirectoryEntry, limit: int) -> int:
    """Return the file offset of one entry's compressed data; ``limit`` is that of the zip directory.

    Only this entry's local header is compared with the directory.  Raises ``UnreadableError`` as `locate_data` does.
    """
    offset = _check_header(pread, entry, entry.header_offset, limit)
    if offset + entry.compressed_size > limit:
        raise UnreadableError("the member's data goes past the start of the zip directory")
    return offset


def _check_header(pread: Pread, entry: DirectoryEntry, expected: int, limit: int) -> int:
    """Compare the local header, due at offset ``expected``, with the directory's; return where the data starts."""
    start = entry.header_offset
    if start != expected:
        reason = "the member overlaps another one" if start < expected else "bytes before the member belong to none"
        raise UnreadableError(reason, where=(f"offset {start}",))
    name_start = z.LOCAL.size
    if start + name_start + len(entry.raw_name) > limit:
        raise UnreadableError("the local header is not in the file", where=(f"offset {start}",))
    block = pread(start, min(name_start + len(entry.raw_name) + _USUAL_EXTRA, limit - start))
    signature, _, flags, method, _, _, crc, compressed_size, size, name_size, extra_size = z.LOCAL.unpack_from(block)
    end: int = name_start + name_size + extra_size
    if signature != z.LOCAL_SIGNATURE or start + end > limit:
        raise UnreadableError("there is no local header", where=(f"offset {start}",))
    if end > len(block):
        block = pread(start, end)
    if (block[name_start : name_start + name_size], method) != (entry.raw_name, entry.method) or (flags ^ entry.flags) & _COMPARED_FLAGS:
        raise UnreadableError("the local header's name, method or flags contradict the directory")
    extra = block[name_start + name_size : end]
    size, compressed_size = widen(entry.raw_name, extra, (size, compressed_size), (z.MAX32, z.MAX32))
    stated = (crc, size, compressed_size)
    wanted = (entry.crc32, entry.size, entry.compressed_size)
    # With a data descriptor, a writer that cannot seek leaves zeros here (APPNOTE 4.4.4, bit 3).
    unknown = flags & z.FLAG_DESCRIPTOR
    if any(value != want and not (unknown and value == 0) for value, want in zip(stated, wanted, strict=True)):
        raise UnreadableError("the local header's CRC or sizes contradict the directory")
    return start + end


def _end_of(pread: Pread, entry: DirectoryEntry, data_offset: int, limit: int) -> int:
    """Return where the member ends, its data descriptor included."""
    end = data_offset + entry.compressed_size
    if end > limit:
        raise UnreadableError("the member's data goes past the start of the zip directory")
    if not entry.flags & z.FLAG_DESCRIPTOR:
        return end
    block = pread(end, min(_DESCRIPTOR_LIMIT, limit - end))
    # A reader has to guess: the signature is optional, and the widths follow a zip64 record that may be in the local header only.  The right
    # layout is the one that leads to the next record.
    for record in _descriptors(entry):
        if block.startswith(record) and (end + len(record) == limit or block[len(record) :].startswith(z.LOCAL_SIGNATURE)):
            return end + len(record)
    raise UnreadableError("the data descriptor contradicts the directory")


def _descriptors(entry: DirectoryEntry) -> Iterator[bytes]:
    """Render the descriptor of ``entry`` in the four layouts of APPNOTE 4.3.9: plain or zip64, with or without a signature."""
    sizes = (entry.compressed_size, entry.size)
    for layout in ("<I2I", "<I2Q") if max(sizes) <= z.MAX32 else ("<I2Q",):
        record = struct.pack(layout, entry.crc32, *sizes)
        yield z.DESCRIPTOR_SIGNATURE + record
        yield record
