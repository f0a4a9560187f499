"""A PE file's headers, and checked access to its bytes by file offset and by RVA, as the loader of Windows maps them.

pefile serves as the reference in tests only.  It reads all symbols where the names of DLLs are asked for (16 ms an image of scipy's, against 0.2 ms),
cuts symbols at 512 bytes, and takes an export table of more than 8192 for broken (pyarrow has images with either); where a table is really broken it
stops without an error, so that names would be missing.

Source: Microsoft's "PE Format", and what the loader refuses.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, NewType

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.constants import (
    IMAGE_DIRECTORY_ENTRY_SECURITY,
    IMAGE_FILE_DLL,
    IMAGE_NT_OPTIONAL_HDR32_MAGIC,
    IMAGE_NT_OPTIONAL_HDR64_MAGIC,
    IMAGE_NUMBEROF_DIRECTORY_ENTRIES,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

Rva = NewType("Rva", int)
"""An address that counts from where the image is loaded."""

DOS_HEADER_SIZE = 64
E_LFANEW = 0x3C
SIGNATURE = b"PE\0\0"
COFF_HEADER = Struct("<HHIIIHH")
OPTIONAL_HEADER = {
    IMAGE_NT_OPTIONAL_HDR32_MAGIC: Struct("<HBB6I" + "I" + "II6HIIIIHH4III"),
    IMAGE_NT_OPTIONAL_HDR64_MAGIC: Struct("<HBB5I" + "Q" + "II6HIIIIHH4QII"),
}
DIRECTORY = Struct("<II")
SECTION_HEADER = Struct("<8sIIIIIIHHI")

CHECKSUM_OFFSET = 64
"""Of the CheckSum in the optional header, in both its forms."""
SIZE_OF_IMAGE_OFFSET = 56
SIZE_OF_HEADERS_OFFSET = 60

PAGE = 0x1000
SECTOR = 0x200
"""The loader rounds the file offset of a section down to a multiple of this."""
MOST_MEMORY = 1 << 32

STRING_BLOCK = 256
"""Bytes in which most strings end."""
NAME_LIMIT = 512
"""Most bytes of a DLL's name; a path of Windows has 260."""
SYMBOL_LIMIT = 1 << 16
"""Most bytes of a symbol; those of C++ templates have thousands."""
TEXT_BUDGET = 1 << 26
"""Most bytes of all symbols of a table together; hostile ones could overlap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section; ``header`` is the file offset of its header."""

    header: int
    name: bytes
    virtual_size: int
    address: Rva
    raw_size: int
    raw_offset: int
    characteristics: int

    @property
    def mapped_size(self) -> int:
        """Bytes of memory, in whole pages."""
        return -(-(self.virtual_size or self.raw_size) // PAGE) * PAGE

    @property
    def file_start(self) -> int:
        """File offset of the byte at ``address``, which the loader rounds down."""
        return self.raw_offset - self.raw_offset % SECTOR

    @property
    def file_size(self) -> int:
        """Bytes of memory that come from the file; those behind them are zero."""
        return min(self.raw_size + self.raw_offset % SECTOR, self.mapped_size) if self.raw_size else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One data directory; ``entry`` is the file offset of its entry.  That of certificates has a file offset as its address."""

    entry: int
    address: Rva
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeFile:
    """One PE image.

    ``coff_header``, ``optional_header`` and ``section_table`` are file offsets.  ``symbol_table`` is the file offset of the COFF symbols (0 without
    any), which mingw leaves in an image.  No view of the data outlives a call, so that the caller can close a memory map although an error (with its
    frames) is still alive.
    """

    data: memoryview
    coff_header: int
    optional_header: int
    section_table: int
    machine: int
    characteristics: int
    symbol_table: int
    symbol_count: int
    is_plus: bool
    linker: tuple[int, int]
    image_base: int
    section_alignment: int
    file_alignment: int
    size_of_image: int
    size_of_headers: int
    checksum: int
    subsystem: int
    dll_characteristics: int
    directories: tuple[Directory, ...]
    sections: tuple[Section, ...]
    starts: tuple[Rva, ...]

    @property
    def is_dll(self) -> bool:
        """Whether IMAGE_FILE_DLL is set."""
        return bool(self.characteristics & IMAGE_FILE_DLL)

    @property
    def pointer_size(self) -> int:
        """Bytes of a pointer: 8 in PE32+, 4 in PE32."""
        return 8 if self.is_plus else 4

    @property
    def sections_end(self) -> int:
        """File offset behind the headers and all sections, where an overlay begins: COFF symbols, certificates and anything else."""
        ends = [section.raw_offset + section.raw_size for section in self.sections if section.raw_size]
        return max([*ends, self.size_of_headers, self.section_table + len(self.sections) * SECTION_HEADER.size])

    @property
    def certificates(self) -> tuple[int, int] | None:
        """File offset and size of the table of certificates (Authenticode)."""
        directory = self.directory(IMAGE_DIRECTORY_ENTRY_SECURITY)
        if directory is None or not directory.size:
            return None
        if directory.address + directory.size > len(self.data):
            raise UnreadableError("the certificates reach past the end of the file", where=(f"file offset {directory.address:#x}",))
        return directory.address, directory.size

    def directory(self, number: int) -> Directory | None:
        """Return the data directory of that number, None when the image has none.  The loader does not ask for the size of most."""
        found = self.directories[number] if number < len(self.directories) else None
        return found if found is not None and found.address else None

    def section_at(self, address: int) -> Section | None:
        """Return the section that an RVA is in; only the headers and gaps are in none."""
        number = bisect_right(self.starts, address) - 1
        if number < 0 or address >= self.sections[number].address + self.sections[number].mapped_size:
            return None
        return self.sections[number]

    def extent(self, address: int, what: str) -> tuple[int, int, int]:
        """Return the file offset of an RVA, how many bytes from there the file has, and how many more, all zero, only the memory has."""
        section = self.section_at(address)
        if section is not None:
            inside = address - section.address
            held = max(section.file_size - inside, 0)
            return section.file_start + inside, held, max(section.mapped_size - inside - held, 0)
        if 0 <= address < self.size_of_headers:
            return address, self.size_of_headers - address, 0
        raise UnreadableError(f"{what} is outside the sections", where=(f"RVA {address:#x}",))

    def offset(self, address: int, size: int, what: str) -> int:
        """Return the file offset of ``size`` bytes at an RVA, all of which the file has."""
        offset, held, _ = self.extent(address, what)
        if size > held:
            raise UnreadableError(f"{what} is not in the file", where=(f"RVA {address:#x}, {size} bytes",))
        return offset

    def take(self, address: int, size: int, what: str) -> bytes:
        """Copy ``size`` bytes of memory from an RVA, with zeros where the file has none."""
        offset, held, zeros = self.extent(address, what)
        if not 0 <= size <= held + zeros:
            raise UnreadableError(f"{what} reaches past the end of its section", where=(f"RVA {address:#x}, {size} bytes",))
        return bytes(self.data[offset : offset + min(size, held)]).ljust(size, b"\0")

    def string(self, address: int, limit: int, what: str) -> bytes:
        """Copy the string at an RVA, without its final NUL; it may have at most ``limit`` bytes."""
        offset, held, zeros = self.extent(address, what)
        for size in (min(STRING_BLOCK, limit + 1), limit + 1):
            text, end, _ = bytes(self.data[offset : offset + min(held, size)]).partition(b"\0")
            if end or (zeros and len(text) == held <= limit):
                return text
        raise UnreadableError(f"{what} does not end within {limit} bytes or within its section", where=(f"RVA {address:#x}",))


@contextmanager
def opened(data: Buffer) -> Iterator[PeFile]:
    """Read the headers of the image that ``data`` holds; release the data at the end.  Raises ``UnreadableError``."""
    with memoryview(data) as whole, whole.cast("B") as view:
        yield _parse(view)


def _parse(data: memoryview) -> PeFile:
    if len(data) < DOS_HEADER_SIZE or bytes(data[:2]) != b"MZ":
        raise UnreadableError("not a PE file")
    start = int.from_bytes(data[E_LFANEW : E_LFANEW + 4], "little")
    coff = start + len(SIGNATURE)
    optional = coff + COFF_HEADER.size
    if bytes(data[start:coff]) != SIGNATURE or optional + 2 > len(data):
        raise UnreadableError("no PE header where the DOS header says", where=(f"file offset {start:#x}",))
    machine, count, _, symbol_table, symbol_count, optional_size, characteristics = COFF_HEADER.unpack_from(data, coff)
    magic = int.from_bytes(data[optional : optional + 2], "little")
    form = OPTIONAL_HEADER.get(magic)
    if form is None:
        raise UnreadableError(f"an optional header of unknown kind {magic:#x}", where=(f"file offset {optional:#x}",))
    table = optional + optional_size
    if form.size > optional_size or table + count * SECTION_HEADER.size > len(data):
        raise UnreadableError("the file ends inside its headers", where=(f"file offset {optional:#x}",))
    fields = form.unpack_from(data, optional)
    # PE32+ lacks BaseOfData, so the fields that both have are counted from the end.
    image_base, section_alignment, file_alignment = fields[-21:-18]
    size_of_image, size_of_headers, checksum, subsystem, dll_characteristics = fields[-11:-6]
    if section_alignment < PAGE or size_of_headers > len(data):
        raise UnreadableError(f"SectionAlignment is {section_alignment:#x}, SizeOfHeaders {size_of_headers:#x}", where=("optional header",))
    number = min(fields[-1], IMAGE_NUMBEROF_DIRECTORY_ENTRIES)
    if form.size + number * DIRECTORY.size > optional_size:
        raise UnreadableError(f"{number} data directories do not fit into the optional header", where=("optional header",))
    sections = _sections(data, table, count)
    return PeFile(
        data=data,
        coff_header=coff,
        optional_header=optional,
        section_table=table,
        machine=machine,
        characteristics=characteristics,
        symbol_table=symbol_table,
        symbol_count=symbol_count,
        is_plus=magic == IMAGE_NT_OPTIONAL_HDR64_MAGIC,
        linker=(fields[1], fields[2]),
        image_base=image_base,
        section_alignment=section_alignment,
        file_alignment=file_alignment,
        size_of_image=size_of_image,
        size_of_headers=size_of_headers,
        checksum=checksum,
        subsystem=subsystem,
        dll_characteristics=dll_characteristics,
        directories=_directories(data, optional + form.size, number),
        sections=sections,
        starts=tuple(section.address for section in sections),
    )


def _directories(data: memoryview, start: int, number: int) -> tuple[Directory, ...]:
    entries = range(start, start + number * DIRECTORY.size, DIRECTORY.size)
    pairs = ((entry, DIRECTORY.unpack_from(data, entry)) for entry in entries)
    return tuple(Directory(entry=entry, address=Rva(address), size=size) for entry, (address, size) in pairs)


def _sections(data: memoryview, table: int, count: int) -> tuple[Section, ...]:
    sections: list[Section] = []
    end = 0
    for header in range(table, table + count * SECTION_HEADER.size, SECTION_HEADER.size):
        name, virtual_size, address, raw_size, raw_offset, _, _, _, _, characteristics = SECTION_HEADER.unpack_from(data, header)
        section = Section(
            header=header,
            name=name.rstrip(b"\0"),
            virtual_size=virtual_size,
            address=Rva(address),
            raw_size=raw_size,
            raw_offset=raw_offset,
            characteristics=characteristics,
        )
        if raw_size and raw_offset + raw_size > len(data):
            raise UnreadableError("the file is shorter than its sections", where=(f"section header at {header:#x}",))
        if address < end or address % PAGE:
            raise UnreadableError("the sections overlap, are not in order or do not begin on a page", where=(f"section header at {header:#x}",))
        end = address + section.mapped_size
        if end > MOST_MEMORY:
            raise UnreadableError("the sections reach past the address space", where=(f"section header at {header:#x}",))
        sections.append(section)
    return tuple(sections)
