"""A second reader of Mach-O, for the emulator: it shares no code with nativewheel, so that it shares no mistakes with it."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import machobind
import machochain

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU_TYPES = {"x86_64": 0x01000007, "arm64": 0x0100000C}
HASHES = {1: "sha1", 2: "sha256"}
MH_BUNDLE = 8
MH_WEAK_DEFINES = 0x8000
LC_SEGMENT_64, LC_ID_DYLIB, LC_UUID, LC_RPATH, LC_BUILD_VERSION = 0x19, 0xD, 0x1B, 0x8000001C, 0x32
LC_DYLD_INFO, LC_CODE_SIGNATURE, LC_TRIE, LC_CHAINED = (0x22, 0x80000022), 0x1D, 0x80000033, 0x80000034
DYLIBS = {0xC: "load", 0x80000018: "weak", 0x8000001F: "reexport", 0x80000023: "upward"}


class MalformedError(Exception):
    """What dyld would not load, or what no image of today's linkers has."""


class Segment(NamedTuple):
    """A segment; its protection is r=1, w=2, x=4."""

    name: str
    address: int
    size: int
    offset: int
    file_size: int
    protection: int


class Section(NamedTuple):
    """A section; its kind is the low byte of its flags."""

    name: str
    address: int
    size: int
    offset: int
    kind: int


class Dylib(NamedTuple):
    """A library that an image asks for; ordinals count from 1 in this order."""

    name: str
    kind: str


class Export(NamedTuple):
    """An entry of the export trie; one that is re-exported has the ordinal of a library and a name there."""

    address: int
    flags: int
    ordinal: int
    imported: str

    @property
    def weak(self) -> bool:
        return bool(self.flags & 4)

    @property
    def reexported(self) -> bool:
        return bool(self.flags & 8)

    @property
    def absolute(self) -> bool:
        return self.flags & 3 == 2


@dataclass(frozen=True, slots=True)
class Fixups:
    """What an image's pointers are to hold: addresses of its own (place, target), and those of symbols."""

    rebases: list[tuple[int, int]]
    binds: list[machobind.Bind]


def slice_for(data: bytes, arch: str) -> bytes:
    """Return the thin image for ``arch`` of a file."""
    (magic,) = struct.unpack_from(">I", data)
    if magic != 0xCAFEBABE:
        return data
    count = struct.unpack_from(">I", data, 4)[0]
    for index in range(count):
        cpu, _, offset, size, _ = struct.unpack_from(">5I", data, 8 + 20 * index)
        if cpu == CPU_TYPES[arch]:
            return data[offset : offset + size]
    raise MalformedError(f"no slice for {arch}")


class MachO:
    """A thin 64-bit image."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        magic, self.cpu, _, self.filetype, count, size, self.flags, _ = struct.unpack_from("<8I", data)
        if magic != 0xFEEDFACF:
            raise MalformedError("not a 64-bit Mach-O")
        self.commands: list[tuple[int, int, int]] = []
        position = 32
        for _ in range(count):
            command, length = struct.unpack_from("<2I", data, position)
            if length % 8 or length < 8:
                raise MalformedError(f"load command {command:#x} of {length} bytes")
            self.commands.append((command, position, length))
            position += length
        if position != 32 + size:
            raise MalformedError("sizeofcmds is not the sum of the load commands")

    @cached_property
    def segments(self) -> list[Segment]:
        found = []
        for _, at, _ in self._all(LC_SEGMENT_64):
            name, address, size, offset, file_size, _, initial = struct.unpack_from("<16s4QII", self.data, at + 8)
            if offset + file_size > len(self.data) or size < file_size:
                raise MalformedError(f"segment {name!r} goes past the end of the file")
            found.append(Segment(_text(name), address, size, offset, file_size, initial))
        return found

    @cached_property
    def sections(self) -> list[Section]:
        found = []
        for _, at, length in self._all(LC_SEGMENT_64):
            for place in range(at + 72, at + length, 80):
                name, _, address, size, offset, _, _, _, flags = struct.unpack_from("<16s16s2Q5I", self.data, place)
                found.append(Section(_text(name), address, size, offset, flags & 0xFF))
        return found

    @property
    def preferred(self) -> int:
        """The address of the Mach-O header that the image was linked for."""
        return next(segment.address for segment in self.segments if segment.offset == 0 and segment.file_size)

    @property
    def end(self) -> int:
        """The address after the last segment."""
        return max(segment.address + segment.size for segment in self.segments)

    @property
    def header_padding(self) -> int:
        """How many bytes the load commands may grow."""
        _, at, length = self.commands[-1]
        return min(section.offset for section in self.sections if section.offset) - at - length

    @cached_property
    def dylibs(self) -> list[Dylib]:
        return [Dylib(self._string(at, length), DYLIBS[command]) for command, at, length in self.commands if command in DYLIBS]

    @property
    def identity(self) -> str | None:
        return next((self._string(at, length) for _, at, length in self._all(LC_ID_DYLIB)), None)

    @property
    def rpaths(self) -> list[str]:
        return [self._string(at, length) for _, at, length in self._all(LC_RPATH)]

    @property
    def uuid(self) -> bytes | None:
        return next((self.data[at + 8 : at + 24] for _, at, _ in self._all(LC_UUID)), None)

    @cached_property
    def exports(self) -> dict[str, Export]:
        offset, size = self._linkedit(LC_TRIE) or self._dyld_info()[4]
        return dict(_trie(self.data[offset : offset + size]))

    @cached_property
    def fixups(self) -> Fixups:
        """Places and targets as addresses that the image was linked for."""
        if chained := self._linkedit(LC_CHAINED):
            content = self.data[chained[0] : chained[0] + chained[1]]
            rebases, binds = machochain.read(content, self.data, self.preferred, self._offset)
            return Fixups(rebases, binds)
        rebase, bind, weak, lazy, _ = ((self.data[offset : offset + size]) for offset, size in self._dyld_info())
        starts = [segment.address for segment in self.segments]
        places = machobind.rebases(rebase, starts)
        rebases = [(place, struct.unpack_from("<Q", self.data, self._offset(place))[0]) for place in places]
        return Fixups(
            rebases, [item for name, table in (("regular", bind), ("lazy", lazy), ("weak", weak)) for item in machobind.binds(table, starts, name)]
        )

    @property
    def chained(self) -> tuple[int, set[int]] | None:
        """The formats of imports and of pointers, None without chained fixups."""
        found = self._linkedit(LC_CHAINED)
        return machochain.formats(self.data[found[0] : found[0] + found[1]]) if found else None

    def signature_fault(self) -> str | None:
        """Say what the kernel of an arm64 Mac would kill a process for, None if nothing."""
        blob = self._linkedit(LC_CODE_SIGNATURE)
        if blob is None:
            return "not signed"
        magic, _, count = struct.unpack_from(">3I", self.data, blob[0])
        if magic != 0xFADE0CC0:
            return "no SuperBlob"
        for index in range(count):
            slot, offset = struct.unpack_from(">2I", self.data, blob[0] + 12 + 8 * index)
            if slot == 0:
                return self._page_fault(blob[0] + offset, blob[0])
        return "no CodeDirectory"

    def _page_fault(self, directory: int, signature: int) -> str | None:
        _, _, _, _, hashes, _, _, pages, limit, size, kind, _, shift = struct.unpack_from(">9I4B", self.data, directory)
        if limit != signature or kind not in HASHES or pages != -(-limit >> shift):
            return "CodeDirectory does not cover the file up to the signature"
        for page in range(pages):
            start = page << shift
            found = hashlib.new(HASHES[kind], self.data[start : min(limit, start + (1 << shift))]).digest()
            place = directory + hashes + size * page
            if found != self.data[place : place + size]:
                return f"page {page} does not have its hash"
        return None

    def _all(self, wanted: int) -> Iterator[tuple[int, int, int]]:
        return (item for item in self.commands if item[0] == wanted)

    def _string(self, at: int, length: int) -> str:
        (offset,) = struct.unpack_from("<I", self.data, at + 8)
        return _text(self.data[at + offset : at + length])

    def _linkedit(self, command: int) -> tuple[int, int] | None:
        for _, at, _ in self._all(command):
            offset, size = struct.unpack_from("<2I", self.data, at + 8)
            if offset + size > len(self.data):
                raise MalformedError(f"load command {command:#x} points past the end of the file")
            return offset, size
        return None

    def _dyld_info(self) -> list[tuple[int, int]]:
        for command, at, _ in self.commands:
            if command in LC_DYLD_INFO:
                values = struct.unpack_from("<10I", self.data, at + 8)
                return list(zip(values[::2], values[1::2], strict=True))
        raise MalformedError("neither LC_DYLD_INFO nor chained fixups")

    def _offset(self, address: int) -> int:
        for segment in self.segments:
            if segment.address <= address < segment.address + segment.file_size:
                return segment.offset + address - segment.address
        raise MalformedError(f"address {address:#x} is not in the file")


def _trie(data: bytes) -> Iterator[tuple[str, Export]]:
    pending = [(0, "")] if data else []
    while pending:
        position, name = pending.pop()
        size, position = machobind.uleb(data, position)
        if size:
            yield name, _export(data, position)
        position += size
        children, position = data[position], position + 1
        for _ in range(children):
            end = data.index(0, position)
            label = data[position:end].decode()
            child, position = machobind.uleb(data, end + 1)
            pending.append((child, name + label))


def _export(data: bytes, position: int) -> Export:
    flags, position = machobind.uleb(data, position)
    value, position = machobind.uleb(data, position)
    if flags & 8:
        return Export(0, flags, value, data[position : data.index(0, position)].decode())
    if flags & 0x10:
        raise MalformedError("an export with a resolver")
    return Export(value, flags, 0, "")


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode()
