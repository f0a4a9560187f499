"""A Mach-O file taken apart: the slices of a universal file or the only one of a thin file, each with its load commands.

Source: mach-o/loader.h and mach-o/fat.h, and what dyld refuses to load.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.errors import ForeignImageError, NotLoadedError, UnreadableError
from nativewheel.formats.macho import commands as command_types
from nativewheel.formats.macho.commands import DYLIB_KINDS, BuildVersion, DyldInfo, Dylib, Dysymtab, Linkedit, LoadCommand, Segment, Symtab
from nativewheel.formats.macho.constants import (
    CPU_SUBTYPE_MASK,
    FAT_MAGIC,
    FAT_MAGIC_64,
    LC_BUILD_VERSION,
    LC_CODE_SIGNATURE,
    LC_DYLD_INFO,
    LC_DYLD_INFO_ONLY,
    LC_DYSYMTAB,
    LC_ID_DYLIB,
    LC_RPATH,
    LC_SEGMENT_64,
    LC_SYMTAB,
    LC_UUID,
    LC_VERSION_MIN_IPHONEOS,
    LC_VERSION_MIN_MACOSX,
    LC_VERSION_MIN_TVOS,
    LC_VERSION_MIN_WATCHOS,
    MH_BUNDLE,
    MH_DYLIB,
    MH_EXECUTE,
    PLATFORM_MACOS,
    PLATFORMS,
)
from nativewheel.formats.macho.machine import architecture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.image import Arch

HEADER = Struct("<IIIIIIII")
FAT_HEADER = Struct(">II")
FAT_ARCH = Struct(">IIIII")
MOST_SLICES = 43
"""With more, the magic is that of a Java class file."""
MOST_ALIGN = 15
"""Largest fat_arch.align (a power of two's exponent) that lipo and the linkers take."""
COMMAND_BUDGET = 1 << 20
"""Most bytes of load commands; real images have a few thousand."""
ARCHIVE_MAGIC = b"!<arch>\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One image for one architecture.

    ``data`` is the slice alone: every offset of its structures counts from its start.  ``fat_offset`` and ``fat_align`` (a power of two's exponent)
    tell where it is in a universal file; both are 0 in a thin one.
    """

    data: memoryview
    fat_offset: int
    fat_align: int
    arch: Arch
    cputype: int
    cpusubtype: int
    filetype: int
    flags: int
    commands: tuple[LoadCommand, ...]
    segments: tuple[Segment, ...]
    dylibs: tuple[Dylib, ...]
    build: BuildVersion | None

    @property
    def commands_end(self) -> int:
        """Offset behind the last load command."""
        return HEADER.size + sum(command.size for command in self.commands)

    @property
    def header_limit(self) -> int:
        """Offset of the first byte that is no room for load commands: the first content of a section, or of a segment that has no sections."""
        starts = [section.offset for segment in self.segments for section in segment.sections if section.in_file]
        starts += [segment.fileoff for segment in self.segments if not segment.sections and segment.filesize and segment.fileoff]
        return min(starts, default=len(self.data))

    @property
    def id_dylib(self) -> str | None:
        """The install name."""
        command = self.one(LC_ID_DYLIB)
        return command_types.dylib_name(command) if command else None

    @property
    def rpaths(self) -> tuple[str, ...]:
        """The search path, unexpanded."""
        return tuple(command_types.rpath(command) for command in self.commands if command.cmd == LC_RPATH)

    @property
    def uuid(self) -> bytes | None:
        """The 16 bytes of LC_UUID."""
        command = self.one(LC_UUID)
        return command_types.uuid(command) if command else None

    @property
    def symtab(self) -> Symtab | None:
        """LC_SYMTAB."""
        command = self.one(LC_SYMTAB)
        return command_types.symtab(command) if command else None

    @property
    def dysymtab(self) -> Dysymtab | None:
        """LC_DYSYMTAB."""
        command = self.one(LC_DYSYMTAB)
        return command_types.dysymtab(command) if command else None

    @property
    def dyld_info(self) -> DyldInfo | None:
        """LC_DYLD_INFO or LC_DYLD_INFO_ONLY."""
        command = self.one(LC_DYLD_INFO, LC_DYLD_INFO_ONLY)
        return command_types.dyld_info(command) if command else None

    @property
    def code_signature(self) -> Linkedit | None:
        """Where the code signature is."""
        return self.linkedit(LC_CODE_SIGNATURE)

    def linkedit(self, cmd: int) -> Linkedit | None:
        """Return what the ``linkedit_data_command`` of that number points at; whether it is inside the slice, ``take`` checks."""
        command = self.one(cmd)
        return command_types.linkedit(command) if command else None

    def one(self, *cmds: int) -> LoadCommand | None:
        """Return the only load command of these numbers."""
        found = [command for command in self.commands if command.cmd in cmds]
        if len(found) > 1:
            raise UnreadableError("a load command that may be there once is there twice", where=found[1].place)
        return found[0] if found else None

    def segment(self, name: str) -> Segment | None:
        """Return the segment of that name."""
        return next((segment for segment in self.segments if segment.name == name), None)

    def take(self, offset: int, size: int, what: str) -> bytes:
        """Copy ``size`` bytes from ``offset`` of the slice; no view of it may outlive the file."""
        if not 0 <= offset <= offset + size <= len(self.data):
            raise UnreadableError(f"{what} reaches past the end of the image", where=(f"offset {offset:#x}, {size} bytes",))
        return bytes(self.data[offset : offset + size])


@dataclass(frozen=True, slots=True, kw_only=True)
class MachFile:
    """A Mach-O file; ``is_fat`` also for a universal file of a single slice."""

    slices: tuple[Slice, ...]
    is_fat: bool


@contextmanager
def opened(data: Buffer) -> Iterator[MachFile]:
    """Parse ``data``, and release the views of it at the end, so that a memory map can be closed although an error is still alive."""
    parts: list[memoryview] = []
    with memoryview(data) as whole, whole.cast("B") as view:
        try:
            yield _parse(view, parts)
        finally:
            for part in parts:
                part.release()


def parse(data: Buffer) -> MachFile:
    """Take a whole file apart; the slices keep views of ``data``.

    Raises ``UnreadableError``, also for a universal file some slices of which nativewheel cannot read, and ``ForeignImageError`` for a sound one
    that is made only for other machines, for another system than macOS, or that nothing loads (a universal static library).
    """
    return _parse(memoryview(data).cast("B"), [])


def _parse(view: memoryview, parts: list[memoryview]) -> MachFile:
    """Parse a file, and add the views of its slices to ``parts``, also those of slices that are refused."""
    if len(view) < HEADER.size:
        raise UnreadableError("the file ends inside the Mach-O header")
    magic, count = FAT_HEADER.unpack_from(view)
    if magic == FAT_MAGIC_64:
        raise UnreadableError(
            "a universal file with 64-bit offsets, which older versions of macOS do not load",
            where=("fat_header",),
            hint="write it again with lipo -create, without -fat64",
        )
    if magic != FAT_MAGIC:
        parts.append(view[:])
        return MachFile(slices=(_slice(parts[0], 0, 0),), is_fat=False)
    if not 0 < count <= MOST_SLICES or FAT_HEADER.size + count * FAT_ARCH.size > len(view):
        raise UnreadableError(f"a universal file of {count} slices", where=("fat_header",))
    table = bytes(view[FAT_HEADER.size : FAT_HEADER.size + count * FAT_ARCH.size])
    return MachFile(slices=_fat_slices(view, tuple(FAT_ARCH.iter_unpack(table)), parts), is_fat=True)


def _fat_slices(view: memoryview, table: tuple[tuple[int, int, int, int, int], ...], parts: list[memoryview]) -> tuple[Slice, ...]:
    end = FAT_HEADER.size + len(table) * FAT_ARCH.size
    for _, _, offset, size, align in sorted(table, key=lambda row: row[2]):
        if not end <= offset <= offset + size <= len(view) or align > MOST_ALIGN or offset % (1 << align):
            raise UnreadableError("a slice is outside the file, overlaps another one or is not aligned", where=(f"slice at {offset:#x}",))
        end = offset + size
    slices: list[Slice] = []
    foreign: list[ForeignImageError] = []
    for cputype, cpusubtype, offset, size, align in table:
        try:
            parts.append(view[offset : offset + size])
            image = _slice(parts[-1], offset, align)
        except ForeignImageError as error:
            foreign.append(error)
            continue
        except UnreadableError as error:
            raise error.within(f"slice at {offset:#x}") from error.__cause__
        if (cputype, cpusubtype & CPU_SUBTYPE_MASK) != (image.cputype, image.cpusubtype & CPU_SUBTYPE_MASK):
            raise UnreadableError("the slice is for another machine than the universal header says", where=(f"slice at {offset:#x}",))
        slices.append(image)
    if not slices:
        raise foreign[0]
    if foreign:
        raise UnreadableError(f"one slice of the universal file is {foreign[0].message}", hint="take it out with lipo -remove")
    if len({image.arch for image in slices}) < len(slices):
        raise UnreadableError("a universal file with two slices for the same machine", where=("fat_header",))
    return tuple(slices)


def _slice(data: memoryview, fat_offset: int, fat_align: int) -> Slice:
    if len(data) >= len(ARCHIVE_MAGIC) and bytes(data[: len(ARCHIVE_MAGIC)]) == ARCHIVE_MAGIC:
        raise NotLoadedError("a static library, which nothing loads")
    if len(data) < HEADER.size:
        raise UnreadableError("the file ends inside the Mach-O header")
    arch = architecture(bytes(data[: HEADER.size]))
    _, cputype, cpusubtype, filetype, ncmds, sizeofcmds, flags, _ = HEADER.unpack_from(data)
    if filetype not in {MH_EXECUTE, MH_DYLIB, MH_BUNDLE}:
        raise ForeignImageError(f"neither a program, a library nor a bundle (filetype {filetype})", where=("mach_header",))
    commands = _commands(data, ncmds, sizeofcmds)
    named = [command for command in commands if command.cmd in DYLIB_KINDS]
    return Slice(
        data=data,
        fat_offset=fat_offset,
        fat_align=fat_align,
        arch=arch,
        cputype=cputype,
        cpusubtype=cpusubtype,
        filetype=filetype,
        flags=flags,
        commands=commands,
        segments=_segments(commands, len(data)),
        dylibs=tuple(command_types.dylib(command, ordinal) for ordinal, command in enumerate(named, 1)),
        build=_build(commands),
    )


def _commands(data: memoryview, ncmds: int, sizeofcmds: int) -> tuple[LoadCommand, ...]:
    end = HEADER.size + sizeofcmds
    if end > len(data) or sizeofcmds > COMMAND_BUDGET:
        raise UnreadableError(f"{sizeofcmds} bytes of load commands reach past the end of the image", where=("mach_header",))
    table = bytes(data[:end])
    commands: list[LoadCommand] = []
    offset = HEADER.size
    for number in range(ncmds):
        cmd, size = int.from_bytes(table[offset : offset + 4], "little"), int.from_bytes(table[offset + 4 : offset + 8], "little")
        if size < 8 or size % 4 or offset + size > end:  # noqa: PLR2004  (cmd and cmdsize)
            raise UnreadableError(f"a load command of {size} bytes", where=(f"load command number {number} at offset {offset:#x}",))
        commands.append(LoadCommand(cmd=cmd, offset=offset, size=size, body=table[offset : offset + size]))
        offset += size
    if offset != end:
        raise UnreadableError(f"{end - offset} of the {sizeofcmds} bytes of load commands belong to none", where=("mach_header",))
    return tuple(commands)


def _segments(commands: tuple[LoadCommand, ...], size: int) -> tuple[Segment, ...]:
    segments = tuple(command_types.segment(command) for command in commands if command.cmd == LC_SEGMENT_64)
    for segment in segments:
        if segment.fileoff + segment.filesize > size or segment.filesize > segment.vmsize or segment.vmaddr + segment.vmsize > 1 << 64:
            raise UnreadableError(f"the image is shorter than its segment {segment.name}", where=segment.command.place)
    return segments


def _build(commands: tuple[LoadCommand, ...]) -> BuildVersion | None:
    """Return what the slice says of the system that it is made for; an image for Mac Catalyst, too, says so for each of the two systems."""
    others = {LC_VERSION_MIN_IPHONEOS: "iOS", LC_VERSION_MIN_TVOS: "tvOS", LC_VERSION_MIN_WATCHOS: "watchOS"}
    versions = [command_types.build_version(command) for command in commands if command.cmd in {LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX}]
    for version in versions:
        if version.platform == PLATFORM_MACOS:
            return version
    names = [PLATFORMS.get(version.platform, f"platform {version.platform}") for version in versions]
    names += [others[command.cmd] for command in commands if command.cmd in others]
    if names:
        raise ForeignImageError(f"made for {names[0]}, for which nativewheel repairs no wheels", where=("LC_BUILD_VERSION",))
    return None
