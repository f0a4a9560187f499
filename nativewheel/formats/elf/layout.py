"""How the structures of an ELF file lie in memory: word size and byte order, resolved once for each file.

Source: the System V gABI, "Object Files" and "Program Loading and Dynamic Linking"; the version structures are those of the Linux Standard Base.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from struct import Struct
from typing import Literal, NamedTuple

MAGIC = b"\x7fELF"
IDENT_SIZE = 16
EI_CLASS, EI_DATA = 4, 5
ELFCLASS32, ELFCLASS64 = 1, 2
ELFDATA2LSB, ELFDATA2MSB = 1, 2

ET_EXEC, ET_DYN = 2, 3

PT_LOAD = 1
PT_DYNAMIC = 2
PT_INTERP = 3
PT_NOTE = 4
PT_PHDR = 6
PT_GNU_PROPERTY = 0x6474E553
PT_GNU_STACK = 0x6474E551

PN_XNUM = 0xFFFF
"""e_phnum of a file with more segments than the field can hold; linkers write it for core files only."""


class Segment(NamedTuple):
    """A program header, with the fields in the same order for both word sizes; offsets and sizes in bytes, ``address`` is virtual."""

    type: int
    flags: int
    offset: int
    address: int
    filesz: int
    memsz: int
    align: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where the fields of a symbol lie: the stride in bytes and the byte offsets in it."""

    stride: int
    name: int
    info: int
    other: int
    section: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The structures of one word size and byte order.

    ``header`` starts behind e_ident; ``need``, ``need_aux``, ``definition`` and ``definition_aux`` are Verneed, Vernaux, Verdef and Verdaux.
    """

    wide: bool
    order: Literal["<", ">"]
    header: Struct
    segment: Struct
    section: Struct
    dynamic: Struct
    columns: Columns
    word: Struct
    need: Struct
    need_aux: Struct
    definition: Struct
    definition_aux: Struct

    def program_header(self, fields: tuple[int, ...]) -> Segment:
        """Name the fields of an unpacked Phdr; ELF32 keeps p_flags further back than ELF64."""
        if self.wide:
            kind, flags, offset, address, _, filesz, memsz, align = fields
        else:
            kind, offset, address, _, filesz, memsz, flags, align = fields
        return Segment(kind, flags, offset, address, filesz, memsz, align)

    def packed(self, segment: Segment) -> bytes:
        """Encode a program header; the physical address, which no loader reads, is the virtual one."""
        kind, flags, offset, address, filesz, memsz, align = segment
        if self.wide:
            return self.segment.pack(kind, flags, offset, address, address, filesz, memsz, align)
        return self.segment.pack(kind, offset, address, address, filesz, memsz, flags, align)

    def numbers(self, raw: bytes, size: Literal[2, 4, 8]) -> array[int]:
        """Decode ``raw`` as unsigned integers of ``size`` bytes; a rest that is too short for one is left out."""
        values = array({2: "H", 4: "I", 8: "Q"}[size], raw[: len(raw) - len(raw) % size])
        if (self.order == "<") != (sys.byteorder == "little"):
            values.byteswap()
        return values


def _layout(*, wide: bool, order: Literal["<", ">"]) -> Layout:
    return Layout(
        wide=wide,
        order=order,
        header=Struct(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")),
        segment=Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII")),
        section=Struct(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII")),
        dynamic=Struct(order + ("QQ" if wide else "II")),
        columns=Columns(stride=24, name=0, info=4, other=5, section=6) if wide else Columns(stride=16, name=0, info=12, other=13, section=14),
        word=Struct(order + "I"),
        need=Struct(order + "HHIII"),
        need_aux=Struct(order + "IHHII"),
        definition=Struct(order + "HHHHIII"),
        definition_aux=Struct(order + "II"),
    )


LAYOUTS = {
    (ELFCLASS32, ELFDATA2LSB): _layout(wide=False, order="<"),
    (ELFCLASS32, ELFDATA2MSB): _layout(wide=False, order=">"),
    (ELFCLASS64, ELFDATA2LSB): _layout(wide=True, order="<"),
    (ELFCLASS64, ELFDATA2MSB): _layout(wide=True, order=">"),
}
"""By (EI_CLASS, EI_DATA)."""
