"""The rules for the layout of an image that dyld enforces, some of them by the SDK it was built with; strip and codesign want a few more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nativewheel.formats.image import Arch
from nativewheel.formats.macho.constants import (
    LC_CODE_SIGNATURE,
    LC_DATA_IN_CODE,
    LC_DYLD_CHAINED_FIXUPS,
    LC_DYLD_EXPORTS_TRIE,
    LC_DYLIB_CODE_SIGN_DRS,
    LC_FUNCTION_STARTS,
    LC_LINKER_OPTIMIZATION_HINT,
    LC_SEGMENT_SPLIT_INFO,
)
from nativewheel.formats.macho.slices import HEADER
from nativewheel.formats.macho.symtab import NLIST_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.formats.macho.commands import Segment
    from nativewheel.formats.macho.slices import Slice

COMMANDS_IN_LINKEDIT = {
    "chained fixups": LC_DYLD_CHAINED_FIXUPS,
    "exports trie": LC_DYLD_EXPORTS_TRIE,
    "split info": LC_SEGMENT_SPLIT_INFO,
    "function starts": LC_FUNCTION_STARTS,
    "data in code": LC_DATA_IN_CODE,
    "linker optimization hints": LC_LINKER_OPTIMIZATION_HINT,
    "code sign DRs": LC_DYLIB_CODE_SIGN_DRS,
}
SIGNATURE_ALIGNMENT = 16
PAGE_SIZES = {Arch.AARCH64: 0x4000, Arch.X86_64: 0x1000}
"""What the size of __LINKEDIT in memory is a multiple of."""
READ_ONLY = 1
UNIQUE_DYLIBS_SDK = (26, 0, 0)
"""From this SDK on, dyld refuses an image that names one library twice."""


def layout_problems(image: Slice) -> Iterator[str]:
    """Yield what dyld or the programs of Xcode would take offence at in one slice."""
    yield from _command_problems(image)
    segment = image.segment("__LINKEDIT")
    if segment is None:
        yield "there is no __LINKEDIT segment"
        return
    yield from _segment_problems(image, segment)
    reached, before = segment.fileoff, "the start"
    for offset, size, alignment, name in sorted(_pieces(image)):
        if offset % alignment:
            yield f"{name} at {offset:#x} is not aligned to {alignment} bytes"
        if offset < reached:
            yield f"{name} at {offset:#x} is over {before}, which reaches to {reached:#x}"
        reached, before = offset + size, name
    if reached > segment.fileoff + segment.filesize:
        yield f"{before} reaches past the end of __LINKEDIT"
    elif reached != segment.fileoff + segment.filesize:
        yield f"{segment.fileoff + segment.filesize - reached} bytes at the end of __LINKEDIT belong to nothing"


def _command_problems(image: Slice) -> Iterator[str]:
    if image.commands_end > image.header_limit:
        yield "the load commands reach into the first section"
    yield from (f"load command {command.cmd:#x} has {command.size} bytes" for command in image.commands if command.size % 8)
    if len({command.offset for command in image.commands}) != len(image.commands) or image.commands[0].offset != HEADER.size:
        yield "the load commands do not follow the header"
    names = Counter(dylib.name for dylib in image.dylibs)
    if image.build is not None and image.build.sdk >= UNIQUE_DYLIBS_SDK:
        yield from (f"{name} is there {count} times" for name, count in names.items() if count > 1)


def _segment_problems(image: Slice, segment: Segment) -> Iterator[str]:
    page = PAGE_SIZES[image.arch]
    if segment.vmsize != -(-segment.filesize // page) * page:
        yield f"__LINKEDIT has {segment.filesize:#x} bytes in the file and {segment.vmsize:#x} in memory"
    if segment.initprot != READ_ONLY:
        yield "__LINKEDIT is not read-only"
    if any(
        other.vmaddr + other.vmsize > segment.vmaddr or other.fileoff + other.filesize > segment.fileoff
        for other in image.segments
        if other is not segment
    ):
        yield "__LINKEDIT is not the last segment"
    if segment.fileoff + segment.filesize != len(image.data):
        yield "the image does not end with __LINKEDIT"


def _pieces(image: Slice) -> Iterator[tuple[int, int, int, str]]:
    """Yield offset, size, alignment and name of everything in __LINKEDIT that is not empty."""
    found: list[tuple[int, int, int, str]] = []
    if info := image.dyld_info:
        tables = {"rebase": info.rebase, "bind": info.bind, "weak bind": info.weak_bind, "lazy bind": info.lazy_bind, "export": info.export}
        found += [(item.offset, item.size, 8, f"{name} table") for name, item in tables.items()]
    for name, cmd in COMMANDS_IN_LINKEDIT.items():
        if item := image.linkedit(cmd):
            found.append((item.offset, item.size, 8, name))
    if symtab := image.symtab:
        found.append((symtab.symoff, symtab.nsyms * NLIST_SIZE, 8, "symbol table"))
        found.append((symtab.stroff, symtab.strsize, 1, "string table"))
    if dysymtab := image.dysymtab:
        found.append((dysymtab.indirectsymoff, dysymtab.nindirectsyms * 4, 4, "indirect symbol table"))
        found.append((dysymtab.extreloff, dysymtab.nextrel * 8, 8, "external relocations"))
        found.append((dysymtab.locreloff, dysymtab.nlocrel * 8, 8, "local relocations"))
    if signature := image.linkedit(LC_CODE_SIGNATURE):
        found.append((signature.offset, signature.size, SIGNATURE_ALIGNMENT, "signature"))
    yield from (item for item in found if item[1])
