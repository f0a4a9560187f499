"""Dynamic symbols that get other names: which those are, and whether an image is as it was but for them.

The renamed symbols have other places in DT_GNU_HASH, which is sorted by hash; so the symbol table, DT_VERSYM and the relocations are in another
order, too.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.elf.dynamic import DT_PLTREL, DT_RELA
from nativewheel.formats.elf.hashing import gnu_problem, sysv_problem
from nativewheel.formats.elf.symbols import SHN_LORESERVE, STB_LOCAL, STT_SECTION, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nativewheel.formats.elf.layout import Layout
    from nativewheel.formats.elf.snapshot import Snapshot

    Row = tuple[bytes, int, bytes, int]
    """Name, section, the other fields, and index in DT_VERSYM of one symbol."""


def selected(shot: Snapshot, renames: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return those of ``renames`` (old, new) that an image has symbols for.

    Raises ``LinkageError`` when two symbols would have one name, and for names that no symbol can have.
    """
    names = set(symbol_names(shot))
    chosen: dict[str, str] = {}
    for old, new in renames:
        if not old or old == new or old.encode("utf-8", "replace") not in names:
            continue
        if chosen.setdefault(old, new) != new:
            raise LinkageError(f"cannot rename the symbol {old!r} to both {chosen[old]!r} and {new!r}")
        # An @ stands before a version, and patchelf reads its list of names word by word.
        both = old + new
        if not new or not both.isprintable() or " " in both or "@" in both:
            raise LinkageError(f"cannot rename the symbol {old!r} to {new!r}: no symbol can be called so")
    taken = {name: name for name in (name.decode("utf-8", "backslashreplace") for name in names) if name not in chosen}
    for old, new in chosen.items():
        other = taken.setdefault(new, old)
        if other != old:
            raise LinkageError(f"cannot rename the symbol {old!r} to {new!r}: the symbol {other!r} would have the same name")
    return chosen


def symbol_names(shot: Snapshot) -> list[bytes]:
    """Return the name of each dynamic symbol."""
    columns = shot.layout.columns
    return list(texts(shot.strings, enumerate(shot.layout.numbers(shot.symbols, 4)[columns.name // 4 :: columns.stride // 4])))


def problems(before: Snapshot, after: Snapshot, renames: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Say what differs between two images beyond the names of symbols that ``renames`` gives (old, new)."""
    old, new = _rows(before, {one.encode(): two.encode() for one, two in renames}), _rows(after, {})
    if Counter(old) != Counter(new):
        yield "the dynamic symbols (DT_SYMTAB, DT_VERSYM) are not those that were asked for"
        return
    if not all(_same_relocations(*pair, old, new) for pair in zip(_relocations(before), _relocations(after), strict=True)):
        yield "the relocations changed"
    yield from _hash_problems(before, after, old, new)


def _rows(shot: Snapshot, renames: Mapping[bytes, bytes]) -> list[Row]:
    """Describe the symbols; sections are 1 for any, because programs that write ELF files renumber them."""
    columns = shot.layout.columns
    raw, stride = bytearray(shot.symbols), columns.stride
    sections = shot.layout.numbers(shot.symbols, 2)[columns.section // 2 :: stride // 2]
    for field in (columns.name, columns.name + 1, columns.name + 2, columns.name + 3, columns.section, columns.section + 1):
        raw[field::stride] = bytes(len(sections))
    fixed = bytes(raw)
    versions = shot.layout.numbers(shot.versions, 2) if shot.versions else [0] * len(sections)
    return [
        (renames.get(name, name), section if section >= SHN_LORESERVE else min(section, 1), fixed[at : at + stride], version)
        if fixed[at + columns.info] & 15 != STT_SECTION
        else (b"", 1, b"", version)
        for name, section, at, version in zip(symbol_names(shot), sections, range(0, len(fixed), stride), versions, strict=True)
    ]


def _relocations(shot: Snapshot) -> Iterator[tuple[list[int], bytes]]:
    """Yield the symbol index of each relocation, and the rest of it, for each table."""
    rela, rel, plt, relr = shot.relocations
    lazy = shot.dynamic is not None and shot.dynamic.values.get(DT_PLTREL) == DT_RELA
    for table, addend in ((rela, True), (rel, False), (plt, lazy)):
        yield _split(shot.layout, table, 3 if addend else 2)
    yield [], relr


def _split(layout: Layout, table: bytes, fields: int) -> tuple[list[int], bytes]:
    stride = fields * (8 if layout.wide else 4)
    rest = bytearray(table[: len(table) - len(table) % stride])
    words = layout.numbers(bytes(rest), 4)
    # r_info: in ELF64 the symbol is the upper 32 bits, in ELF32 the upper 24.
    if layout.wide:
        at = 3 if layout.order == "<" else 2
        symbols = list(words[at :: stride // 4])
        places = range(4 * at, 4 * at + 4)
    else:
        symbols = [info >> 8 for info in words[1 :: stride // 4]]
        places = range(5, 8) if layout.order == "<" else range(4, 7)
    for place in places:
        rest[place::stride] = bytes(len(symbols))
    return symbols, bytes(rest)


def _same_relocations(before: tuple[list[int], bytes], after: tuple[list[int], bytes], old: list[Row], new: list[Row]) -> bool:
    return before[1] == after[1] and all(
        one < len(old) and two < len(new) and old[one] == new[two] for one, two in set(zip(before[0], after[0], strict=True))
    )


def _hash_problems(before: Snapshot, after: Snapshot, old: list[Row], new: list[Row]) -> Iterator[str]:
    names = [row[0] for row in new]
    if after.hashes:
        first = after.layout.numbers(after.hashes[4:8], 4)[0]
        problem = gnu_problem(after.layout, after.hashes, names)
        if before.layout.numbers(before.hashes[:16], 4) != after.layout.numbers(after.hashes[:16], 4) or old[:first] != new[:first]:
            problem = "it is for other symbols"
        if problem:
            yield f"the symbol hash table (DT_GNU_HASH) is wrong: {problem}"
    if after.chains is not None:
        info = after.layout.columns.info
        problem = sysv_problem(after.chains, names, [bool(name and section and fixed[info] >> 4 != STB_LOCAL) for name, section, fixed, _ in new])
        if problem:
            yield f"the symbol hash table (DT_HASH) is wrong: {problem}"
