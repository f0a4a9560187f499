"""Symbol versions: what an image wants of its dependencies (verneed) and what it offers (verdef).

Source: Linux Standard Base, "Symbol Versioning".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.elf.dynamic import DT_VERDEF, DT_VERNEED, NAME_LIMIT, Dynamic

if TYPE_CHECKING:
    from nativewheel.formats.elf.file import ElfFile

VERSION_NAME_LIMIT = 1024
"""Longest version name, bytes; real ones have a few dozen."""

RECORD_LIMIT = 1 << 15
"""Most version records: an index in DT_VERSYM has 15 bits."""

VER_FLG_BASE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One version that an image wants of the library ``file``; ``index`` is how DT_VERSYM refers to it."""

    file: str
    version: str
    index: int


def read_needs(elf: ElfFile, dynamic: Dynamic) -> tuple[Need, ...]:
    """Read every verneed record, whether or not DT_NEEDED names its file."""
    if DT_VERNEED not in dynamic.values:
        return ()
    position, limit = elf.extent(dynamic.values[DT_VERNEED], "the version needs (DT_VERNEED)")
    needs: list[Need] = []
    files: dict[int, str] = {}
    start, end = dynamic.strings
    for _ in range(RECORD_LIMIT):
        _, _, file, first, following = elf.unpack(elf.layout.need, _inside(position, limit), "a version need")
        if file not in files:
            files[file] = elf.text(start + file, end, NAME_LIMIT, "the library of a version need")
        auxiliary = position + first
        while True:
            _, _, index, name, after = elf.unpack(elf.layout.need_aux, _inside(auxiliary, limit), "a wanted version")
            version = elf.text(start + name, end, VERSION_NAME_LIMIT, "the name of a wanted version")
            needs.append(Need(file=files[file], version=version, index=index & 0x7FFF))
            if len(needs) > RECORD_LIMIT:
                raise UnreadableError(f"more than {RECORD_LIMIT} version records", where=("DT_VERNEED",))
            if not after:
                break
            auxiliary += after
        if not following:
            return tuple(needs)
        position += following
    raise UnreadableError(f"more than {RECORD_LIMIT} version records", where=("DT_VERNEED",))


def read_definitions(elf: ElfFile, dynamic: Dynamic) -> dict[int, str]:
    """Read the versions that an image defines, by their index in DT_VERSYM; the base version, which names the file itself, is left out."""
    if DT_VERDEF not in dynamic.values:
        return {}
    position, limit = elf.extent(dynamic.values[DT_VERDEF], "the version definitions (DT_VERDEF)")
    start, end = dynamic.strings
    definitions: dict[int, str] = {}
    for _ in range(RECORD_LIMIT):
        _, flags, index, _, _, first, following = elf.unpack(elf.layout.definition, _inside(position, limit), "a version definition")
        if not flags & VER_FLG_BASE:
            name, _ = elf.unpack(elf.layout.definition_aux, _inside(position + first, limit), "the name of a version definition")
            definitions[index & 0x7FFF] = elf.text(start + name, end, VERSION_NAME_LIMIT, "the name of a version definition")
        if not following:
            return definitions
        position += following
    raise UnreadableError(f"more than {RECORD_LIMIT} version records", where=("DT_VERDEF",))


def _inside(position: int, limit: int) -> int:
    # Links are unsigned and relative, so a chain can only run forward, and this ends it.
    if position >= limit:
        raise UnreadableError("a version record is outside its segment", where=(f"file offset {position:#x}",))
    return position
