"""Write small ELF shared objects that hold no code: only a dynamic section and the tables that it names.

Source: the gABI; for what the loaders insist on, glibc's `elf/dl-load.c` and musl's `ldso/dynlink.c`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.formats.elf.layout import ET_DYN, IDENT_SIZE, PT_DYNAMIC, PT_GNU_STACK, PT_LOAD, Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativewheel.formats.elf.file import ElfFile

SHT_STRTAB = 3
SHT_DYNAMIC = 6
SHT_NOBITS = 8
SHT_DYNSYM = 11
SHT_GNU_HASH = 0x6FFFFFF6
SHT_GNU_VERDEF = 0x6FFFFFFD
SHT_GNU_VERSYM = 0x6FFFFFFF

SHF_WRITE, SHF_ALLOC = 1, 2
PF_R, PF_W = 4, 2

EV_CURRENT = 1
WORD_ALIGN = 8
LARGEST_PAGE = 0x10000
"""The kernels of AArch64, PowerPC and LoongArch may have pages of 64 KiB, and none has larger ones; loaders refuse less alignment than a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section: its ``content``, or for SHT_NOBITS its place (``address``, ``size``); ``link`` is the name of another section."""

    name: str
    type: int
    flags: int = SHF_ALLOC
    content: bytes = b""
    address: int = 0
    size: int = 0
    link: str = ""
    info: int = 0
    align: int = WORD_ALIGN
    entry: int = 0


class Strings:
    """A string table that grows."""

    def __init__(self) -> None:
        self._content = bytearray(1)
        self._places: dict[bytes, int] = {b"": 0}

    def add(self, text: bytes) -> int:
        """Return the offset of ``text``, which is appended when it is new."""
        place = self._places.setdefault(text, len(self._content))
        if place == len(self._content):
            self._content += text + b"\0"
        return place

    def content(self) -> bytes:
        """Return the table."""
        return bytes(self._content)


def assemble(like: ElfFile, sections: Sequence[Section], dynamic: Sequence[tuple[int, int | str]], *, loadable: bool) -> bytes:
    """Write a shared object for the same machine and calling convention as the image ``like``.

    ``dynamic`` are the tags with their values, where the name of a section stands for its address.  Without program headers (``loadable``) only
    linkers take the file, because loaders read nothing else.
    """
    layout = like.layout
    count = 3 if loadable else 0
    start = IDENT_SIZE + layout.header.size + count * layout.segment.size
    places, end = _places(sections, start)
    addresses = {section.name: place for section, place in zip(sections, places, strict=True)}
    tags = b"".join(layout.dynamic.pack(tag, addresses[value] if isinstance(value, str) else value) for tag, value in (*dynamic, (0, 0)))
    table = Section(name=".dynamic", type=SHT_DYNAMIC, flags=SHF_ALLOC | SHF_WRITE, content=tags, link=".dynstr", entry=layout.dynamic.size)
    names = Strings()
    for name in (*(section.name for section in sections), ".dynamic", ".shstrtab"):
        names.add(name.encode())
    everything = [*sections, table, Section(name=".shstrtab", type=SHT_STRTAB, flags=0, content=names.content(), align=1)]
    places, shoff = _places(everything, start)
    headers = _headers(like, end, len(tags)) if loadable else b""
    body = bytearray(_ident(like, shoff, count, len(everything) + 1) + headers)
    for section, place in zip(everything, places, strict=True):
        if section.type != SHT_NOBITS:
            body += bytes(place - len(body)) + section.content
    return bytes(body) + bytes(shoff - len(body)) + _section_headers(like, everything, places, names)


def _places(sections: Sequence[Section], start: int) -> tuple[list[int], int]:
    """Return the file offset of each section, which is its address, too, and the end of the last, aligned."""
    places = []
    for section in sections:
        start += -start % section.align if section.type != SHT_NOBITS else 0
        places.append(start)
        start += len(section.content)
    return places, start + -start % WORD_ALIGN


def _ident(like: ElfFile, shoff: int, phnum: int, shnum: int) -> bytes:
    layout, ident = like.layout, like.take(0, IDENT_SIZE, "the ELF header")
    size = IDENT_SIZE + layout.header.size
    phoff, phentsize = size if phnum else 0, layout.segment.size
    return ident + layout.header.pack(
        ET_DYN, like.machine, EV_CURRENT, 0, phoff, shoff, like.flags, size, phentsize, phnum, layout.section.size, shnum, shnum - 1
    )


def _headers(like: ElfFile, dynamic: int, size: int) -> bytes:
    # Writable, because glibc before 2.35 puts the addresses in the dynamic section where it is, and all else shares its page.
    segments = (
        Segment(PT_LOAD, PF_R | PF_W, 0, 0, dynamic + size, dynamic + size, LARGEST_PAGE),
        Segment(PT_DYNAMIC, PF_R | PF_W, dynamic, dynamic, size, size, WORD_ALIGN),
        # Without it, old loaders make the stack executable.
        Segment(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 16),
    )
    return b"".join(map(like.layout.packed, segments))


def _section_headers(like: ElfFile, sections: Sequence[Section], places: Sequence[int], names: Strings) -> bytes:
    form = like.layout.section
    numbers = {section.name: index for index, section in enumerate(sections, 1)} | {"": 0}
    rows = [bytes(form.size)]
    for section, place in zip(sections, places, strict=True):
        virtual = section.type == SHT_NOBITS
        address = section.address if virtual else place if section.flags & SHF_ALLOC else 0
        size = section.size if virtual else len(section.content)
        rows.append(
            form.pack(
                names.add(section.name.encode()),
                section.type,
                section.flags,
                address,
                place,
                size,
                numbers[section.link],
                section.info,
                section.align,
                section.entry,
            )
        )
    return b"".join(rows)
