"""Import libraries: give the DLLs in them other names, in Microsoft's short and long form and in GNU's; what is linked with them asks for those.

Source: Microsoft's "PE Format", "Import Library Format"; the labels that dlltool and ld of binutils write.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.archive import changed, read_archive, write_archive
from nativewheel.formats.pe.coffobject import read_object, write_object
from nativewheel.formats.pe.names import decoded, folded
from nativewheel.formats.pe.renaming import dll_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.pe.archive import Archive, Member

SHORT_MAGIC = b"\0\0\xff\xff\0\0"
"""IMAGE_FILE_MACHINE_UNKNOWN and 0xFFFF where an object file has its machine and its number of sections, then a version that objects with very many
sections (/bigobj) do not have."""
SHORT_HEADER_SIZE = 20
SIZE_OF_DATA = slice(12, 16)
MICROSOFT_NAME, GNU_NAME = b".idata$6", b".idata$7"
"""Sections of a long-form descriptor and of the last object of a GNU library, whose content is the name of the DLL."""
MACHINES = frozenset({b"\x4c\x01", b"\x64\x86", b"\x64\xaa", b"\xc4\x01"})
"""I386, AMD64, ARM64 and ARMNT, at the start of an object file."""
MOST_BYTES = 1 << 16
"""Of an object file that names a DLL or is wanted by those of its symbols: it holds one name and one symbol.  Larger ones are code."""
DESCRIPTOR = b".idata$2"
HEAD = re.compile(rb"(_*head_)_*(.+)", re.DOTALL)
LAST = re.compile(rb"(_*)(.+)_iname", re.DOTALL)
"""Symbols of GNU's libraries: all of a DLL's objects want its first one by _head_LABEL, and that the last one by LABEL_iname."""


def dll_names(data: bytes) -> frozenset[str]:
    """Return the DLLs that a library imports from, none if it holds only code.  Raises ``UnreadableError`` and ``LinkageError``."""
    return frozenset(decoded(name) for member in read_archive(data).members if (name := _dll(member)) is not None)


def rename_dlls(data: bytes, names: Mapping[str, str]) -> bytes:
    """Return the library with other names for DLLs; without one of them in it, as it was.

    Symbols that linkers find the parts of a DLL by follow its name: two DLLs that had one name can be linked into one image.  Raises
    ``UnreadableError``, and ``LinkageError`` for a name that no DLL can have and for a library that cannot be changed.
    """
    archive = read_archive(data)
    wanted = {folded(old): dll_name(new) for old, new in names.items()}
    found = {
        name: wanted[folded(decoded(name))] for member in archive.members if (name := _dll(member)) is not None and folded(decoded(name)) in wanted
    }
    if not found:
        return data
    symbols = _symbol_names(archive, found)

    def renamed(symbol: bytes) -> bytes:
        return symbols.get(symbol, symbol)

    members = [_rename(member, found, symbols) for member in archive.members]
    return write_archive(changed(archive, members, renamed))


def _dll(member: Member) -> bytes | None:
    """Return the DLL that a member names; None for one of code, and for the parts of a long form that name none."""
    if member.content.startswith(SHORT_MAGIC):
        return _short_strings(member)[1]
    if not _is_object(member) or (MICROSOFT_NAME not in member.content and GNU_NAME not in member.content):
        return None
    sections = {section.name: section for section in read_object(member.content).sections}
    place = MICROSOFT_NAME if DESCRIPTOR in sections else GNU_NAME
    section = sections.get(place)
    if section is None or section.relocations:
        return None
    return section.content.partition(b"\0")[0] or None


def _is_object(member: Member) -> bool:
    """Whether a member can be one of the object files that import libraries are made of."""
    return member.content[:2] in MACHINES and len(member.content) <= MOST_BYTES


def _short_strings(member: Member) -> list[bytes]:
    """Return the symbol, the DLL, and what there is behind them: sometimes the name that the DLL exports."""
    strings = member.content[SHORT_HEADER_SIZE:].split(b"\0", 2)
    if len(strings) < 3 or len(member.content) < SHORT_HEADER_SIZE:  # noqa: PLR2004  (two strings, each with its end)
        raise UnreadableError("a damaged member of an import library", where=(decoded(member.name), f"file offset {member.offset:#x}"))
    return strings


def _symbol_names(archive: Archive, found: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the new names of the symbols that stand for the DLLs themselves."""
    symbols: dict[bytes, bytes] = {}
    for old, new in found.items():
        before, after = (name.rpartition(b".")[0] or name for name in (old, new))
        symbols[b"__IMPORT_DESCRIPTOR_" + before] = b"__IMPORT_DESCRIPTOR_" + after
        symbols[b"\x7f" + before + b"_NULL_THUNK_DATA"] = b"\x7f" + after + b"_NULL_THUNK_DATA"
    labels: dict[bytes, bytes] = {}
    defined = dict(archive.symbols)
    for name, number in defined.items():
        match = LAST.fullmatch(name)
        dll = _dll(archive.members[number]) if match else None
        if match and dll is not None and dll in found:
            labels[match[2]] = re.sub(rb"[^0-9A-Za-z]", b"_", found[dll])
            symbols[name] = match[1] + labels[match[2]] + b"_iname"
    for name in defined:
        match = HEAD.fullmatch(name)
        if match and match[2] in labels:
            symbols[name] = match[1] + labels[match[2]]
    return symbols


def _rename(member: Member, found: Mapping[bytes, bytes], symbols: Mapping[bytes, bytes]) -> Member:
    name = found.get(member.name, member.name)
    if member.content.startswith(SHORT_MAGIC):
        symbol, dll, rest = _short_strings(member)
        new = found.get(dll)
        if new is None:
            return member
        strings = b"\0".join((symbol, new, rest))
        header = bytearray(member.content[:SHORT_HEADER_SIZE])
        header[SIZE_OF_DATA] = len(strings).to_bytes(4, "little")
        return replace(member, name=name, content=bytes(header) + strings)
    if not _is_object(member) or not any(symbol in member.content for symbol in symbols):
        return replace(member, name=name)
    source = read_object(member.content)
    contents: dict[int, bytes] = {}
    named = _dll(member)
    if named is not None and named in found:
        place = MICROSOFT_NAME if any(section.name == DESCRIPTOR for section in source.sections) else GNU_NAME
        new = found[named] + b"\0"
        contents = {number: new + bytes(len(new) % 2) for number, section in enumerate(source.sections) if section.name == place}
    return replace(member, name=name, content=write_object(source, contents, lambda symbol: symbols.get(symbol, symbol)))
