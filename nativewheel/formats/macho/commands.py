"""What the load commands of a slice say, one immutable type for each kind that matters, and checked decoders for them."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Requirement
from nativewheel.formats.macho.constants import (
    DYLIB_USE_DELAYED_INIT,
    DYLIB_USE_MARKER,
    DYLIB_USE_REEXPORT,
    DYLIB_USE_UPWARD,
    DYLIB_USE_WEAK_LINK,
    LC_LAZY_LOAD_DYLIB,
    LC_LOAD_DYLIB,
    LC_LOAD_UPWARD_DYLIB,
    LC_LOAD_WEAK_DYLIB,
    LC_REEXPORT_DYLIB,
    LC_VERSION_MIN_MACOSX,
    PLATFORM_MACOS,
    S_GB_ZEROFILL,
    S_THREAD_LOCAL_ZEROFILL,
    S_ZEROFILL,
    SECTION_TYPE,
)

DYLIB_KINDS = {
    LC_LOAD_DYLIB: Requirement.REQUIRED,
    LC_LOAD_WEAK_DYLIB: Requirement.WEAK,
    LC_REEXPORT_DYLIB: Requirement.REEXPORT,
    LC_LOAD_UPWARD_DYLIB: Requirement.UPWARD,
    LC_LAZY_LOAD_DYLIB: Requirement.DELAYED,
}
"""The commands that name a dependency; they, and no others, count for library ordinals."""

_SEGMENT = Struct("<8x16sQQQQiiII")
_SECTION = Struct("<16s16sQQIIIIIIII")
_DYLIB = Struct("<8xIIII")
_DYLIB_USE = Struct("<8xIIIII")
_OFFSET = Struct("<8xI")
_PAIR = Struct("<8xII")
_SYMTAB = Struct("<8xIIII")
_DYSYMTAB = Struct("<8x18I")
_DYLD_INFO = Struct("<8x10I")
_BUILD = Struct("<8xIII")
_UUID = Struct("<8x16s")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCommand:
    """One load command: ``offset`` from the start of the slice and ``size`` in bytes; ``body`` is all of it, with cmd and cmdsize."""

    cmd: int
    offset: int
    size: int
    body: bytes

    def unpack(self, form: Struct) -> tuple[int, ...]:
        """Decode the fields of the command."""
        if form.size > self.size:
            raise UnreadableError(f"a load command of {self.size} bytes, not {form.size}", where=self.place)
        return form.unpack_from(self.body)

    def text(self, start: int, fixed: int) -> str:
        """Read the string that starts at ``start`` in the command, behind ``fixed`` bytes of other fields.

        Names are bytes to dyld; those that are not UTF-8 are shown with escapes and match nothing on the host.
        """
        stop = self.body.find(b"\0", start)
        if start < fixed or stop < 0:
            raise UnreadableError("the name in a load command is outside it or does not end", where=self.place)
        return self.body[start:stop].decode("utf-8", "backslashreplace")

    @property
    def place(self) -> tuple[str, ...]:
        """Where it is, for errors."""
        return (f"load command {self.cmd:#x} at offset {self.offset:#x}",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of a segment: ``address`` is virtual, ``offset`` from the start of the slice, ``align`` a power of two's exponent."""

    segment: str
    name: str
    address: int
    size: int
    offset: int
    align: int
    flags: int
    reserved1: int
    reserved2: int

    @property
    def in_file(self) -> bool:
        """Whether the section has bytes in the file."""
        return self.size > 0 and self.flags & SECTION_TYPE not in {S_ZEROFILL, S_GB_ZEROFILL, S_THREAD_LOCAL_ZEROFILL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """LC_SEGMENT_64; ``fileoff`` counts from the start of the slice."""

    name: str
    vmaddr: int
    vmsize: int
    fileoff: int
    filesize: int
    maxprot: int
    initprot: int
    flags: int
    sections: tuple[Section, ...]
    command: LoadCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class Dylib:
    """A library that the image asks for; ``ordinal`` is the number, from 1, by which symbols refer to it."""

    ordinal: int
    name: str
    kind: Requirement
    command: LoadCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkedit:
    """A piece of __LINKEDIT: ``offset`` from the start of the slice, and ``size`` in bytes."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DyldInfo:
    """LC_DYLD_INFO or LC_DYLD_INFO_ONLY."""

    rebase: Linkedit
    bind: Linkedit
    weak_bind: Linkedit
    lazy_bind: Linkedit
    export: Linkedit


@dataclass(frozen=True, slots=True, kw_only=True)
class Symtab:
    """LC_SYMTAB: offsets from the start of the slice, ``nsyms`` entries, ``strsize`` bytes."""

    symoff: int
    nsyms: int
    stroff: int
    strsize: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dysymtab:
    """LC_DYSYMTAB: groups of the symbol table, and the offsets and entry counts of tables in __LINKEDIT."""

    ilocalsym: int
    nlocalsym: int
    iextdefsym: int
    nextdefsym: int
    iundefsym: int
    nundefsym: int
    tocoff: int
    ntoc: int
    modtaboff: int
    nmodtab: int
    extrefsymoff: int
    nextrefsyms: int
    indirectsymoff: int
    nindirectsyms: int
    extreloff: int
    nextrel: int
    locreloff: int
    nlocrel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildVersion:
    """LC_BUILD_VERSION, or LC_VERSION_MIN_MACOSX as if it were one; versions are (major, minor, patch)."""

    platform: int
    minos: tuple[int, int, int]
    sdk: tuple[int, int, int]
    command: LoadCommand


def segment(command: LoadCommand) -> Segment:
    """Decode LC_SEGMENT_64."""
    if command.size < _SEGMENT.size:
        raise UnreadableError("a segment command that ends inside its fields", where=command.place)
    name, vmaddr, vmsize, fileoff, filesize, maxprot, initprot, count, flags = _SEGMENT.unpack_from(command.body)
    end = _SEGMENT.size + count * _SECTION.size
    if end > command.size:
        raise UnreadableError(f"{count} sections do not fit into the segment command", where=command.place)
    return Segment(
        name=fixed_name(name),
        vmaddr=vmaddr,
        vmsize=vmsize,
        fileoff=fileoff,
        filesize=filesize,
        maxprot=maxprot,
        initprot=initprot,
        flags=flags,
        sections=tuple(_section(fields) for fields in _SECTION.iter_unpack(command.body[_SEGMENT.size : end])),
        command=command,
    )


def _section(fields: tuple[bytes, bytes, int, int, int, int, int, int, int, int, int, int]) -> Section:
    name, owner, address, size, offset, align, _, _, flags, reserved1, reserved2, _ = fields
    return Section(
        segment=fixed_name(owner),
        name=fixed_name(name),
        address=address,
        size=size,
        offset=offset,
        align=align,
        flags=flags,
        reserved1=reserved1,
        reserved2=reserved2,
    )


def fixed_name(raw: bytes) -> str:
    """Decode a name of up to 16 bytes that is padded with zeros."""
    return raw.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def dylib(command: LoadCommand, ordinal: int) -> Dylib:
    """Decode a command that names a dependency.

    A plain LC_LOAD_DYLIB or LC_LOAD_WEAK_DYLIB of macOS 15 may hold flags that say more (``dylib_use_command``).
    """
    start, marker, _, _ = command.unpack(_DYLIB)
    kind = DYLIB_KINDS[command.cmd]
    fixed = _DYLIB.size
    if marker == DYLIB_USE_MARKER and start == _DYLIB_USE.size:
        kind = _kind_of(command.unpack(_DYLIB_USE)[4], kind)
        fixed = _DYLIB_USE.size
    return Dylib(ordinal=ordinal, name=command.text(start, fixed), kind=kind, command=command)


def _kind_of(flags: int, otherwise: Requirement) -> Requirement:
    for flag, kind in (
        (DYLIB_USE_REEXPORT, Requirement.REEXPORT),
        (DYLIB_USE_WEAK_LINK, Requirement.WEAK),
        (DYLIB_USE_UPWARD, Requirement.UPWARD),
        (DYLIB_USE_DELAYED_INIT, Requirement.DELAYED),
    ):
        if flags & flag:
            return kind
    return otherwise


def dylib_name(command: LoadCommand) -> str:
    """Decode the name in LC_ID_DYLIB."""
    return command.text(command.unpack(_DYLIB)[0], _DYLIB.size)


def dylib_versions(command: LoadCommand) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Decode the current version and the compatibility version in a command that names a library."""
    _, _, current, compatibility = command.unpack(_DYLIB)
    return _version(current), _version(compatibility)


def rpath(command: LoadCommand) -> str:
    """Decode LC_RPATH."""
    return command.text(command.unpack(_OFFSET)[0], _OFFSET.size)


def linkedit(command: LoadCommand) -> Linkedit:
    """Decode a ``linkedit_data_command``."""
    offset, size = command.unpack(_PAIR)
    return Linkedit(offset=offset, size=size)


def dyld_info(command: LoadCommand) -> DyldInfo:
    """Decode LC_DYLD_INFO."""
    fields = command.unpack(_DYLD_INFO)
    rebase, bind, weak_bind, lazy_bind, export = (Linkedit(offset=fields[at], size=fields[at + 1]) for at in range(0, 10, 2))
    return DyldInfo(rebase=rebase, bind=bind, weak_bind=weak_bind, lazy_bind=lazy_bind, export=export)


def symtab(command: LoadCommand) -> Symtab:
    """Decode LC_SYMTAB."""
    symoff, nsyms, stroff, strsize = command.unpack(_SYMTAB)
    return Symtab(symoff=symoff, nsyms=nsyms, stroff=stroff, strsize=strsize)


def dysymtab(command: LoadCommand) -> Dysymtab:
    """Decode LC_DYSYMTAB."""
    return Dysymtab(**dict(zip(Dysymtab.__slots__, command.unpack(_DYSYMTAB), strict=True)))


def uuid(command: LoadCommand) -> bytes:
    """Decode LC_UUID."""
    if command.size < _UUID.size:
        raise UnreadableError("an LC_UUID without its 16 bytes", where=command.place)
    return command.body[8:24]


def build_version(command: LoadCommand) -> BuildVersion:
    """Decode LC_BUILD_VERSION or LC_VERSION_MIN_MACOSX."""
    if command.cmd == LC_VERSION_MIN_MACOSX:
        minos, sdk = command.unpack(_PAIR)
        return BuildVersion(platform=PLATFORM_MACOS, minos=_version(minos), sdk=_version(sdk), command=command)
    platform, minos, sdk = command.unpack(_BUILD)
    return BuildVersion(platform=platform, minos=_version(minos), sdk=_version(sdk), command=command)


def _version(packed: int) -> tuple[int, int, int]:
    """Split xxxx.yy.zz, a nibble a letter."""
    return packed >> 16, packed >> 8 & 0xFF, packed & 0xFF
