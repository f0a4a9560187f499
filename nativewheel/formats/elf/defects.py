"""What is wrong with an ELF image for the loaders of today, whatever linker made it.

Source: glibc's `elf/dl-load.c` (_dl_map_object_from_fd), which refuses segments that it cannot map, and from 2.41 on libraries that want an
executable stack; the gABI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.defects import Defect, DefectKind
from nativewheel.formats.elf import conventions
from nativewheel.formats.elf.dynamic import read_dynamic
from nativewheel.formats.elf.file import opened
from nativewheel.formats.elf.layout import PT_GNU_STACK, PT_LOAD
from nativewheel.formats.image import Arch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.elf.dynamic import Dynamic
    from nativewheel.formats.elf.file import ElfFile
    from nativewheel.formats.image import Image

PF_X = 1
DT_TEXTREL = 22
DT_FLAGS = 30
DF_TEXTREL = 4

_PAGES = {Arch.AARCH64: 0x10000, Arch.PPC64LE: 0x10000, Arch.PPC64: 0x10000, Arch.LOONGARCH64: 0x4000}
"""The largest page that kernels in use have, where it is more than 4 KiB: Red Hat's for AArch64 and PowerPC have 64 KiB, LoongArch's 16 KiB."""
_PAGE = 0x1000
_STACK_BY_DEFAULT = frozenset({Arch.X86_64, Arch.I686, Arch.AARCH64, Arch.ARMV7L, Arch.ARMV6L, Arch.S390X})
"""Where glibc takes a file without PT_GNU_STACK for one of the time when code on the stack was usual (DEFAULT_STACK_PERMS in its stackinfo.h)."""


def defects(data: Buffer, image: Image) -> Iterator[Defect]:
    """Yield what is wrong with an image.  Raises ``UnreadableError``."""
    yield from (
        Defect(kind=DefectKind.HOST_RUNPATH, detail=entry) for entry in dict.fromkeys(image.rpaths) if not conventions.is_relative_rpath(entry)
    )
    yield from (Defect(kind=DefectKind.PATH_NEEDED, detail=item.name) for item in image.dependencies if "/" in item.name)
    with opened(data) as elf:
        dynamic = read_dynamic(elf)
        if dynamic is not None and dynamic.soname is None:
            yield Defect(kind=DefectKind.NO_SONAME)
        if dynamic is not None and _writes_code(dynamic):
            yield Defect(kind=DefectKind.TEXT_RELOCATIONS)
        yield from _stack(elf, image.archs[0])
        yield from _segments(elf, _PAGES.get(image.archs[0], _PAGE))


def _writes_code(dynamic: Dynamic) -> bool:
    return DT_TEXTREL in dynamic.values or bool(dynamic.values.get(DT_FLAGS, 0) & DF_TEXTREL)


def _stack(elf: ElfFile, arch: Arch) -> Iterator[Defect]:
    stack = elf.first(PT_GNU_STACK)
    if stack is not None and stack.flags & PF_X:
        yield Defect(kind=DefectKind.EXECUTABLE_STACK, detail="PT_GNU_STACK has the flag for executable")
    elif stack is None and arch in _STACK_BY_DEFAULT and elf.loads:
        yield Defect(kind=DefectKind.EXECUTABLE_STACK, detail="there is no PT_GNU_STACK, which loaders take for a wish to have one")


def _segments(elf: ElfFile, page: int) -> Iterator[Defect]:
    for segment in elf.segments:
        if segment.type != PT_LOAD:
            continue
        if segment.align % page or (not segment.align and segment.address != segment.offset):
            detail = f"the segment at address {segment.address:#x} is aligned to {segment.align:#x}, less than pages of {page:#x} bytes ask for"
            yield Defect(kind=DefectKind.MISALIGNED_SEGMENT, detail=detail)
        elif (segment.address - segment.offset) % max(segment.align, page):
            detail = f"the address {segment.address:#x} of a segment and its file offset {segment.offset:#x} differ by no multiple of its alignment"
            yield Defect(kind=DefectKind.MISALIGNED_SEGMENT, detail=detail)
