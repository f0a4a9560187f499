"""Images of the fixtures with one thing changed in their headers, as careless tools leave them, and wheels with members changed or gone."""

from __future__ import annotations

import hashlib
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from smallwheels import record

from nativewheel.formats.elf.dynamic import read_dynamic
from nativewheel.formats.elf.file import opened
from nativewheel.formats.elf.layout import PT_DYNAMIC, PT_GNU_STACK, PT_LOAD
from nativewheel.formats.pe import headers as pe
from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_SECURITY

if TYPE_CHECKING:
    from collections.abc import Callable

PT_NULL = 0
DT_FLAGS = 30
SPC_INDIRECT_DATA, SIGNED_DATA = "2b060104018237020104", "2a864886f70d010702"
SHA256, SHA1, SHA3 = "608648016503040201", "2b0e03021a", "608648016503040208"


def spoiled(source: Path, members: dict[str, bytes | Callable[[bytes], bytes] | None]) -> Path:
    """Write a wheel anew, beside the old one, with members changed, added or (None) taken out, and with a right RECORD."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name, change in members.items():
        if change is None:
            del files[name]
        else:
            files[name] = change if isinstance(change, bytes) else change(files[name])
    listing = next(name for name in files if name.endswith(".dist-info/RECORD"))
    del files[listing]
    target = Path(tempfile.mkdtemp(dir=source.parent)) / source.name
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, listing: record(files, listing)}.items():
            archive.writestr(name, data)
    return target


def _with_segment(data: bytes, kind: int, *, number: int = 0, **fields: int) -> bytes:
    """Change fields of the ``number``-th segment of a type."""
    with opened(data) as elf:
        layout, (start, _) = elf.layout, elf.table
        index = [place for place, segment in enumerate(elf.segments) if segment.type == kind][number]
        row = layout.packed(elf.segments[index]._replace(**fields))
    place = start + index * layout.segment.size
    return data[:place] + row + data[place + len(row) :]


def with_stack(data: bytes, flags: int) -> bytes:
    """Give PT_GNU_STACK other flags."""
    return _with_segment(data, PT_GNU_STACK, flags=flags)


def without_stack(data: bytes) -> bytes:
    """Take PT_GNU_STACK away."""
    return _with_segment(data, PT_GNU_STACK, type=PT_NULL)


def with_alignment(data: bytes, align: int) -> bytes:
    """Give the last PT_LOAD another alignment."""
    return _with_segment(data, PT_LOAD, number=-1, align=align)


def with_offset_address(data: bytes) -> bytes:
    """Move the PT_LOAD with the code in memory, but not in the file."""
    with opened(data) as elf:
        address = elf.loads[1].address
    return _with_segment(data, PT_LOAD, number=1, address=address + 0x10)


def with_dynamic(data: bytes, tag: int, value: int, *, instead_of: int = DT_FLAGS) -> bytes:
    """Put another entry in the place of one of the dynamic section."""
    with opened(data) as elf:
        dynamic, segment, form = read_dynamic(elf), elf.first(PT_DYNAMIC), elf.layout.dynamic
    assert dynamic is not None
    assert segment is not None
    place = segment.offset + dynamic.tags.index(instead_of) * form.size
    return data[:place] + form.pack(tag, value) + data[place + form.size :]


def signed(data: bytes, *, algorithm: str = SHA256, content: str = SPC_INDIRECT_DATA, digest: bytes | None = None, kind: int = 2) -> bytes:
    """Sign a PE image without certificates as Authenticode does, but for the certificate: ``digest`` in place of the right hash."""
    place = len(data) + -len(data) % 8
    body = _signature(algorithm, content, bytes(20 if algorithm == SHA1 else 32))
    table = struct.pack("<IHH", 8 + len(body), 0x200, kind) + body
    table += bytes(-len(table) % 8)
    with pe.opened(data) as image:
        entry, checksum = image.directories[IMAGE_DIRECTORY_ENTRY_SECURITY].entry, image.optional_header + pe.CHECKSUM_OFFSET
    whole = data.ljust(place, b"\0")
    whole = whole[:entry] + struct.pack("<II", place, len(table)) + whole[entry + 8 :]
    hashed = whole[:checksum] + whole[checksum + 4 : entry] + whole[entry + 8 :]
    found = hashlib.sha1(hashed, usedforsecurity=False).digest() if algorithm == SHA1 else hashlib.sha256(hashed).digest()
    return whole + table.replace(body, _signature(algorithm, content, digest or found))


def _signature(algorithm: str, content: str, digest: bytes) -> bytes:
    """Write the ContentInfo around a hash."""
    info = _der(0x30, _der(0x30, _oid(algorithm), _der(0x05)), _der(0x04, digest))
    data = _der(0x30, _der(0x30, _oid("2b06010401823702010f"), _der(0x30)), info)
    inner = _der(0x30, _oid(content), _der(0xA0, data))
    # Long enough for a length of several bytes, as certificates make it.
    return _der(0x30, _oid(SIGNED_DATA), _der(0xA0, _der(0x30, _der(0x02, b"\1"), _der(0x31), inner, _der(0x04, bytes(300)))))


def _oid(hexadecimal: str) -> bytes:
    return _der(0x06, bytes.fromhex(hexadecimal))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x80 | -(-size.bit_length() // 8)]) + size.to_bytes(-(-size.bit_length() // 8), "big")
    return bytes([tag]) + length + content
