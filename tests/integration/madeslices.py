"""Mach-O images that are put together byte by byte: what linkers write, what old ones wrote, and what nobody should."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

X86_64, ARM64 = (0x01000007, 3), (0x0100000C, 0)
EXECUTE, DYLIB, BUNDLE = 2, 6, 8
BASE = 0x400
"""Where __LINKEDIT begins; __TEXT is before it."""


def padded(data: bytes, multiple: int = 8) -> bytes:
    return data + bytes(-len(data) % multiple)


def command(cmd: int, body: bytes) -> bytes:
    return struct.pack("<II", cmd, 8 + len(padded(body))) + padded(body)


def named(cmd: int, name: str, *fields: int) -> bytes:
    """Build a command with a string, which comes behind the offset of the string and ``fields``."""
    fixed = struct.pack(f"<I{len(fields)}I", 12 + 4 * len(fields), *fields)
    return command(cmd, fixed + name.encode() + b"\0")


def dylib(cmd: int, name: str) -> bytes:
    return named(cmd, name, 2, 0x10000, 0x10000)


def build_version(minimum: int, platform: int = 1) -> bytes:
    return command(0x32, struct.pack("<IIII", platform, minimum, 0xF0000, 0))


def segment(name: str, address: int, size: int, offset: int, sections: tuple[tuple[str, int, int], ...] = ()) -> bytes:
    """Build LC_SEGMENT_64; a section is (name, offset, size)."""
    body = struct.pack("<16sQQQQiiII", name.encode(), address, size, offset, size, 5, 5, len(sections), 0)
    for title, start, length in sections:
        body += struct.pack("<16s16sQQ8I", title.encode(), name.encode(), address + start - offset, length, start, 2, 0, 0, 0, 0, 0, 0)
    return command(0x19, body)


def nlist(strx: int, kind: int, desc: int, value: int = 0) -> bytes:
    return struct.pack("<IBBHQ", strx, kind, 1 if value else 0, desc, value)


@dataclass(kw_only=True)
class Macho:
    """A slice to be built: ``commands`` as they are, then those for what is in __LINKEDIT."""

    cpu: tuple[int, int] = X86_64
    filetype: int = DYLIB
    flags: int = 0x85
    commands: tuple[bytes, ...] = ()
    trie: bytes = b""
    bind: bytes = b""
    weak_bind: bytes = b""
    lazy_bind: bytes = b""
    chained: bytes = b""
    symbols: tuple[bytes, ...] = ()
    strings: bytes = b"\0"
    signed: bool = False
    magic: int = 0xFEEDFACF
    places: dict[str, int] = field(default_factory=dict)

    def build(self) -> bytes:
        linkedit = b""

        def put(name: str, data: bytes) -> tuple[int, int]:
            nonlocal linkedit
            linkedit = padded(linkedit, 16)
            self.places[name] = BASE + len(linkedit)
            linkedit += data
            return (self.places[name], len(data)) if data else (0, 0)

        commands = list(self.commands)
        if self.chained:
            commands.append(command(0x80000034, struct.pack("<II", *put("chained", self.chained))))
            commands.append(command(0x80000033, struct.pack("<II", *put("trie", self.trie))))
        elif self.trie or self.bind or self.lazy_bind or self.weak_bind:
            pieces = (*put("bind", self.bind), *put("weak", self.weak_bind), *put("lazy", self.lazy_bind), *put("trie", self.trie))
            commands.append(command(0x80000022, struct.pack("<10I", 0, 0, *pieces)))
        if self.symbols:
            symoff, _ = put("symbols", b"".join(self.symbols))
            commands.append(command(0x2, struct.pack("<IIII", symoff, len(self.symbols), *put("strings", self.strings))))
        linkedit = padded(linkedit, 16)
        signature = BASE + len(linkedit)
        blob_size = len(code_signature(bytes(signature)))
        if self.signed:
            commands.append(command(0x1D, struct.pack("<II", signature, blob_size)))
        commands.append(segment("__TEXT", 0, BASE, 0, (("__text", BASE - 16, 16),)))
        commands.append(segment("__LINKEDIT", BASE, len(linkedit) + self.signed * blob_size, BASE))
        header = struct.pack("<8I", self.magic, *self.cpu, self.filetype, len(commands), len(b"".join(commands)), self.flags, 0)
        whole = (header + b"".join(commands)).ljust(BASE, b"\0") + linkedit
        assert len(whole) == signature, "too many load commands for BASE"
        return whole + (code_signature(whole) if self.signed else b"")


def code_signature(code: bytes, *, wrapper: bytes = b"", identifier: bytes = b"made", page: int = 12) -> bytes:
    """Sign ``code`` as codesign does ad hoc, or with ``wrapper`` as the CMS message."""
    hashes = [hashlib.sha256(code[start : start + (1 << page)]).digest() for start in range(0, len(code), 1 << page)]
    name = identifier + b"\0"
    size = 88 + len(name) + 32 * len(hashes)
    directory = struct.pack(">9I4BI", 0xFADE0C02, size, 0x20400, 2, 88 + len(name), 88, 0, len(hashes), len(code), 32, 2, 0, page, 0)
    directory = directory.ljust(88, b"\0") + name + b"".join(hashes)
    blobs = [(0, directory), *([(0x10000, struct.pack(">II", 0xFADE0B01, 8 + len(wrapper)) + wrapper)] if wrapper else [])]
    index, body = b"", b""
    for slot, blob in blobs:
        index += struct.pack(">II", slot, 12 + 8 * len(blobs) + len(body))
        body += blob
    return struct.pack(">III", 0xFADE0CC0, 12 + len(index) + len(body), len(blobs)) + index + body


def fat(*slices: tuple[tuple[int, int], bytes], align: int = 12, magic: int = 0xCAFEBABE) -> bytes:
    table, body = struct.pack(">II", magic, len(slices)), b""
    start = 1 << align
    for cpu, data in slices:
        table += struct.pack(">5I", *cpu, start + len(body), len(data), align)
        body += padded(data, start)
    return table.ljust(start, b"\0") + body
