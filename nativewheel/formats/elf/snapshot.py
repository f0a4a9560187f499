"""All of an ELF image that an edit must bring about or leave alone, copied out of the file for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.formats.elf.dynamic import (
    DT_GNU_HASH,
    DT_HASH,
    DT_JMPREL,
    DT_PLTRELSZ,
    DT_REL,
    DT_RELA,
    DT_RELASZ,
    DT_RELR,
    DT_RELRSZ,
    DT_RELSZ,
    DT_SYMTAB,
    Dynamic,
    read_dynamic,
)
from nativewheel.formats.elf.file import opened
from nativewheel.formats.elf.hashing import GNU_HASH_HEADER
from nativewheel.formats.elf.layout import PT_DYNAMIC, PT_LOAD, PT_PHDR, Layout, Segment
from nativewheel.formats.elf.reader import model
from nativewheel.formats.elf.symbols import count_hashed, count_symbols, hash_chains, symbol_bytes, version_bytes
from nativewheel.formats.elf.versions import Need, read_definitions, read_needs

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.elf.file import ElfFile
    from nativewheel.formats.image import Image

RELOCATIONS = ((DT_RELA, DT_RELASZ), (DT_REL, DT_RELSZ), (DT_JMPREL, DT_PLTRELSZ), (DT_RELR, DT_RELRSZ))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One ELF image: its model, its structure, and the raw tables that an edit leaves alone.

    ``hashes`` is DT_GNU_HASH, ``chains`` DT_HASH.  ``faults`` says what would keep a loader from mapping the file.
    """

    name: str
    image: Image
    layout: Layout
    header: tuple[int, int, int]
    segments: tuple[Segment, ...]
    dynamic: Dynamic | None
    needs: tuple[Need, ...]
    definitions: dict[int, str]
    strings: bytes
    symbols: bytes
    versions: bytes
    relocations: tuple[bytes, ...]
    hashes: bytes
    chains: array[int] | None
    faults: tuple[str, ...]


def take(data: Buffer, name: str) -> Snapshot:
    """Read the whole file ``data``; ``name`` is its file name.  Raises ``UnreadableError``."""
    with opened(data) as elf:
        dynamic = read_dynamic(elf)
        values = dynamic.values if dynamic is not None else {}
        count = count_symbols(elf, dynamic) if dynamic is not None and DT_SYMTAB in values else 0
        return Snapshot(
            name=name,
            image=model(elf, dynamic, name),
            layout=elf.layout,
            header=(elf.type, elf.machine, elf.flags),
            segments=elf.segments,
            dynamic=dynamic,
            needs=read_needs(elf, dynamic) if dynamic is not None else (),
            definitions=read_definitions(elf, dynamic) if dynamic is not None else {},
            strings=elf.take(dynamic.strings[0], dynamic.strings[1] - dynamic.strings[0], "the string table") if dynamic is not None else b"",
            symbols=symbol_bytes(elf, dynamic, count) if dynamic is not None else b"",
            versions=version_bytes(elf, dynamic, count) if dynamic is not None else b"",
            relocations=tuple(_table(elf, values, at, size) for at, size in RELOCATIONS),
            hashes=_hashes(elf, values),
            chains=hash_chains(elf, dynamic) if dynamic is not None and DT_HASH in values else None,
            faults=tuple(_faults(elf)),
        )


def _table(elf: ElfFile, values: dict[int, int], at: int, size: int) -> bytes:
    if at not in values or not values.get(size):
        return b""
    return elf.take(elf.locate(values[at], values[size], "a relocation table"), values[size], "a relocation table")


def _hashes(elf: ElfFile, values: dict[int, int]) -> bytes:
    """Return the header, the Bloom filter, the buckets and the chains of the GNU hash table."""
    if DT_GNU_HASH not in values:
        return b""
    what = "the symbol hash table (DT_GNU_HASH)"
    count = count_hashed(elf, values[DT_GNU_HASH])
    buckets, first, bloom, _ = elf.layout.numbers(elf.take(elf.locate(values[DT_GNU_HASH], GNU_HASH_HEADER, what), GNU_HASH_HEADER, what), 4)
    size = GNU_HASH_HEADER + bloom * (8 if elf.layout.wide else 4) + 4 * (buckets + max(count - first, 0))
    return elf.take(elf.locate(values[DT_GNU_HASH], size, what), size, what)


def _faults(elf: ElfFile) -> Iterator[str]:
    """Say why a loader would refuse the segments, or map one over another.

    Source: glibc's `_dl_map_object_from_fd`, Linux's `elf_load`; segments ascend by p_vaddr as gABI asks.
    """
    end = 0
    for load in elf.loads:
        place = f"the segment at address {load.address:#x}"
        if load.align > 1 and (load.align & (load.align - 1) or (load.address - load.offset) % load.align):
            yield f"{place} is not aligned to {load.align:#x}: its file offset is {load.offset:#x}"
        if load.address < end:
            yield f"{place} overlaps the one before it"
        if load.filesz > load.memsz:
            yield f"{place} is larger in the file than in memory"
        end = load.address + load.memsz
    for segment in elf.segments:
        if segment.type in {PT_DYNAMIC, PT_PHDR} and segment.filesz and not _is_mapped(segment, elf.loads):
            yield f"the {'dynamic section' if segment.type == PT_DYNAMIC else 'program header table'} is not in a segment that is loaded"
        if segment.type == PT_PHDR and segment.offset != elf.table[0]:
            yield "the program headers are not where PT_PHDR says"


def _is_mapped(segment: Segment, loads: tuple[Segment, ...]) -> bool:
    return any(
        load.type == PT_LOAD
        and load.offset <= segment.offset
        and segment.offset + segment.filesz <= load.offset + load.filesz
        and segment.address - segment.offset == load.address - load.offset
        for load in loads
    )
