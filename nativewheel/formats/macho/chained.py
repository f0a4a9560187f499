"""LC_DYLD_CHAINED_FIXUPS: the symbols that the pointers of a chain refer to by number.

The chains themselves are in the data, and none of their words changes as long as the imports keep their order and count.  Source:
mach-o/fixup-chains.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from nativewheel.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = Struct("<7I")
IMPORT = Struct("<I")
IMPORT_ADDEND = Struct("<Ii")
IMPORT_ADDEND64 = Struct("<QQ")
FORMS = {1: IMPORT, 2: IMPORT_ADDEND, 3: IMPORT_ADDEND64}
"""DYLD_CHAINED_IMPORT, DYLD_CHAINED_IMPORT_ADDEND and DYLD_CHAINED_IMPORT_ADDEND64."""

SMALL_POOL = 1 << 23
LAST_SMALL_ORDINAL = 0xF0
LAST_LARGE_ORDINAL = 0xFFF0
"""The numbers above are negative ordinals, which mean something else than a library."""

NAMES_BUDGET = 1 << 28
"""Most bytes of all names together: many imports may share one long name."""


class ChainedImport(NamedTuple):
    """One symbol, at the number by which pointers refer to it; ``addend`` is signed in all formats."""

    ordinal: int
    weak: bool
    name: bytes
    addend: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedFixups:
    """The whole blob: ``starts`` as it is, from the dyld_chained_starts_in_image on."""

    starts: bytes
    imports_format: int
    imports: tuple[ChainedImport, ...]


def decode(data: bytes) -> ChainedFixups:
    """Take the blob apart.  Raises ``UnreadableError``, also for compressed names, which no released dyld reads."""
    if len(data) < HEADER.size:
        raise UnreadableError("the chained fixups end inside their header")
    version, starts, imports, symbols, count, imports_format, symbols_format = HEADER.unpack_from(data)
    if version or symbols_format or imports_format not in FORMS:
        problem = f"chained fixups of version {version}, with imports of format {imports_format} and names of format {symbols_format}"
        raise UnreadableError(problem, where=("LC_DYLD_CHAINED_FIXUPS",))
    end = min((place for place in (imports, symbols, len(data)) if place >= starts), default=0)
    form = FORMS[imports_format]
    if not (HEADER.size <= starts <= end and imports + count * form.size <= len(data) and symbols <= len(data)):
        raise UnreadableError("the parts of the chained fixups reach past their end", where=("LC_DYLD_CHAINED_FIXUPS",))
    table = form.iter_unpack(data[imports : imports + count * form.size])
    return ChainedFixups(
        starts=data[starts:end],
        imports_format=imports_format,
        imports=_imports([fields if len(fields) > 1 else (*fields, 0) for fields in table], imports_format, data[symbols:]),
    )


def _imports(table: list[tuple[int, ...]], imports_format: int, pool: bytes) -> tuple[ChainedImport, ...]:
    imports: list[ChainedImport] = []
    left = NAMES_BUDGET
    for number, (word, addend) in enumerate(table):
        if imports_format == 3:  # noqa: PLR2004  (DYLD_CHAINED_IMPORT_ADDEND64)
            ordinal, last, start = word & 0xFFFF, LAST_LARGE_ORDINAL, word >> 32
            weak, bits = word >> 16 & 1, 16
            signed = addend - (addend >> 63 << 64)
        else:
            ordinal, last, start = word & 0xFF, LAST_SMALL_ORDINAL, word >> 9
            weak, bits = word >> 8 & 1, 8
            signed = addend
        stop = pool.find(b"\0", start)
        left -= stop - start
        if stop < 0 or left < 0:
            raise UnreadableError("the name of an import does not end, or all are too long", where=(f"chained import {number}",))
        imports.append(ChainedImport(ordinal - (1 << bits) if ordinal > last else ordinal, bool(weak), pool[start:stop], signed))
    return tuple(imports)


def encode(fixups: ChainedFixups) -> bytes:
    """Put the blob together: starts, imports, names; in a format with larger fields when the imports do not fit into theirs."""
    offsets: dict[bytes, int] = {}
    # An empty name at the start, as linkers write it.
    pool = bytearray(b"\0")
    for item in fixups.imports:
        if item.name not in offsets:
            offsets[item.name] = len(pool)
            pool += item.name + b"\0"
    imports_format = _format(fixups, len(pool))
    places = [offsets[item.name] for item in fixups.imports]
    table = _table(fixups.imports, places, imports_format)
    start = (HEADER.size + 7) // 8 * 8
    alignment = 8 if FORMS[imports_format] is IMPORT_ADDEND64 else 4
    starts = fixups.starts.ljust(-(-len(fixups.starts) // alignment) * alignment, b"\0")
    imports = start + len(starts)
    header = HEADER.pack(0, start, imports, imports + len(table), len(fixups.imports), imports_format, 0)
    return header.ljust(start, b"\0") + starts + table + pool


def _format(fixups: ChainedFixups, pool: int) -> int:
    small = pool <= SMALL_POOL and all(item.ordinal <= LAST_SMALL_ORDINAL for item in fixups.imports)
    return fixups.imports_format if small else 3


def _table(imports: Sequence[ChainedImport], places: list[int], imports_format: int) -> bytes:
    match imports_format:
        case 1:
            rows = (IMPORT.pack(item.ordinal & 0xFF | item.weak << 8 | place << 9) for item, place in zip(imports, places, strict=True))
        case 2:
            rows = (
                IMPORT_ADDEND.pack(item.ordinal & 0xFF | item.weak << 8 | place << 9, item.addend)
                for item, place in zip(imports, places, strict=True)
            )
        case _:
            rows = (
                IMPORT_ADDEND64.pack(item.ordinal & 0xFFFF | item.weak << 16 | place << 32, item.addend & (1 << 64) - 1)
                for item, place in zip(imports, places, strict=True)
            )
    return b"".join(rows)
