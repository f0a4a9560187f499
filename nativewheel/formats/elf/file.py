"""An ELF file's header and segments, and checked access to its bytes by file offset and by virtual address."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from mmap import mmap
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.elf.layout import EI_CLASS, EI_DATA, ET_DYN, ET_EXEC, IDENT_SIZE, LAYOUTS, MAGIC, PN_XNUM, PT_LOAD, Layout, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from struct import Struct

    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfFile:
    """One ELF image.

    Only program headers are used to find things, as the loader does: section headers may be stripped.  No view of the data outlives a call, so
    that the caller can close a memory map although an error (with its frames) is still alive.
    """

    source: Buffer
    data: memoryview
    layout: Layout
    type: int
    machine: int
    flags: int
    table: tuple[int, int]
    sections: tuple[int, int, int]
    segments: tuple[Segment, ...]
    loads: tuple[Segment, ...]

    def take(self, offset: int, size: int, what: str) -> bytes:
        """Copy ``size`` bytes from file ``offset``."""
        if not 0 <= offset <= offset + size <= len(self.data):
            raise UnreadableError(f"{what} reaches past the end of the file", where=(f"file offset {offset:#x}, {size} bytes",))
        return bytes(self.data[offset : offset + size])

    def unpack(self, form: Struct, offset: int, what: str) -> tuple[int, ...]:
        """Decode one structure at file ``offset``."""
        if not 0 <= offset <= len(self.data) - form.size:
            raise UnreadableError(f"{what} reaches past the end of the file", where=(f"file offset {offset:#x}",))
        return form.unpack_from(self.data, offset)

    def extent(self, address: int, what: str) -> tuple[int, int]:
        """Return the file offset of a virtual ``address`` and the file offset where the bytes of its segment end.

        Later segments win, because the loader maps them over earlier ones.
        """
        for load in reversed(self.loads):
            if load.address <= address < load.address + load.filesz:
                return load.offset + address - load.address, load.offset + load.filesz
        raise UnreadableError(f"{what} is not in a segment that the file holds", where=(f"address {address:#x}",))

    def locate(self, address: int, size: int, what: str) -> int:
        """Return the file offset of ``size`` bytes at a virtual ``address``."""
        offset, end = self.extent(address, what)
        if size > end - offset:
            raise UnreadableError(f"{what} reaches past the end of its segment", where=(f"address {address:#x}, {size} bytes",))
        return offset

    def find(self, needle: bytes, start: int, end: int) -> int:
        """Return the file offset of the first ``needle`` between two file offsets, or -1."""
        if isinstance(self.source, bytes | bytearray | mmap):
            return self.source.find(needle, start, end)
        found = bytes(self.data[start:end]).find(needle)
        return found if found < 0 else start + found

    def text(self, offset: int, end: int, limit: int, what: str) -> str:
        """Read the string at file ``offset``, which must end before ``end`` and have at most ``limit`` bytes.

        Names are bytes to the loader; those that are not UTF-8 are shown with escapes and match nothing on the host.
        """
        if not 0 <= offset < end:
            raise UnreadableError(f"{what} is outside its string table", where=(f"file offset {offset:#x}",))
        stop = self.find(b"\0", offset, min(end, offset + limit + 1))
        if stop < 0:
            raise UnreadableError(f"{what} does not end within {limit} bytes or within its table", where=(f"file offset {offset:#x}",))
        return str(self.data[offset:stop], "utf-8", "backslashreplace")

    def first(self, segment_type: int) -> Segment | None:
        """Return the first segment of a type."""
        return next((segment for segment in self.segments if segment.type == segment_type), None)


@contextmanager
def opened(data: Buffer) -> Iterator[ElfFile]:
    """Read the header and the segments of the image that ``data`` holds; release the data at the end."""
    with memoryview(data) as whole, whole.cast("B") as view:
        yield _parse(data, view)


def _parse(source: Buffer, data: memoryview) -> ElfFile:
    if bytes(data[:4]) != MAGIC:
        raise UnreadableError("not an ELF file")
    if len(data) < IDENT_SIZE:
        raise UnreadableError("the file ends inside the ELF header")
    layout = LAYOUTS.get((data[EI_CLASS], data[EI_DATA]))
    if layout is None:
        raise UnreadableError(f"unknown ELF class {data[EI_CLASS]} or byte order {data[EI_DATA]}", where=("e_ident",))
    if len(data) < IDENT_SIZE + layout.header.size:
        raise UnreadableError("the file ends inside the ELF header")
    header = layout.header.unpack_from(data, IDENT_SIZE)
    kind, machine, _, _, phoff, shoff, flags, _, phentsize, phnum, shentsize, shnum, _ = header
    if kind not in {ET_EXEC, ET_DYN}:
        raise UnreadableError(f"neither a program nor a shared object (e_type {kind})", where=("e_type",))
    segments = _segments(data, layout, phoff, phentsize, phnum)
    loads = tuple(segment for segment in segments if segment.type == PT_LOAD)
    for load in loads:
        if load.offset + load.filesz > len(data):
            raise UnreadableError("the file is shorter than its segments", where=(f"segment at address {load.address:#x}",))
    return ElfFile(
        source=source,
        data=data,
        layout=layout,
        type=kind,
        machine=machine,
        flags=flags,
        table=(phoff, phentsize * phnum),
        sections=(shoff, shentsize, shnum),
        segments=segments,
        loads=loads,
    )


def _segments(data: memoryview, layout: Layout, phoff: int, phentsize: int, phnum: int) -> tuple[Segment, ...]:
    if not phnum:
        return ()
    if phnum == PN_XNUM:
        raise UnreadableError("too many program headers", where=("e_phnum",))
    if phentsize != layout.segment.size:
        raise UnreadableError(f"program headers of {phentsize} bytes, not {layout.segment.size}", where=("e_phentsize",))
    size = phnum * phentsize
    if phoff + size > len(data):
        raise UnreadableError("the program headers reach past the end of the file", where=(f"e_phoff {phoff:#x}",))
    table = bytes(data[phoff : phoff + size])
    return tuple(map(layout.program_header, layout.segment.iter_unpack(table)))
