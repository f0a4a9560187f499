"""Compare an edited ELF image with its source: what was asked must have happened, and nothing else.

patchelf has lost alignment, symbols and strings in the past, and a wheel with such a library crashes on import on some machines only.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.elf import renamed
from nativewheel.formats.elf.dynamic import (
    DT_GNU_HASH,
    DT_HASH,
    DT_JMPREL,
    DT_NEEDED,
    DT_REL,
    DT_RELA,
    DT_RELR,
    DT_RPATH,
    DT_RUNPATH,
    DT_SONAME,
    DT_STRSZ,
    DT_STRTAB,
    DT_SYMTAB,
    DT_VERDEF,
    DT_VERNEED,
    DT_VERSYM,
)
from nativewheel.formats.elf.layout import PT_LOAD, PT_NOTE
from nativewheel.formats.elf.snapshot import Snapshot, take
from nativewheel.formats.elf.symbols import SHN_LORESERVE, STT_SECTION

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.elf.dynamic import Dynamic
    from nativewheel.formats.image import Edit, Image

DT_IGNORE = 0x726E67
"""What patchelf writes over a DT_RUNPATH beside a DT_RPATH; loaders do not know the tag."""

EDITED = frozenset({DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH, DT_IGNORE})
MOVED = frozenset({DT_HASH, DT_GNU_HASH, DT_STRTAB, DT_STRSZ, DT_SYMTAB, DT_RELA, DT_REL, DT_RELR, DT_JMPREL, DT_VERSYM, DT_VERNEED, DT_VERDEF})
"""Tags whose tables patchelf may give another place."""

HINTS = {
    "patchelf": "try another version of patchelf",
    "strip": "do not strip: what strips can break a file that patchelf has edited before",
}
"""What to do about damage, by the program that did it."""


def verify(before: Snapshot, result: Buffer, edit: Edit, writer: str) -> Image:
    """Check that ``result`` is ``before`` with ``edit`` made, and return the model of it.

    Raises ``MachineError``, which says what is wrong; ``writer`` is the program that wrote the result.
    """
    try:
        after = take(result, before.name)
    except UnreadableError as error:
        raise _damage(str(error), writer) from error
    for problem in _problems(before, after, edit):
        raise _damage(problem, writer)
    return after.image


def _damage(problem: str, writer: str) -> MachineError:
    return MachineError(f"{writer} damaged the file: {problem}", hint=HINTS[writer])


def _problems(before: Snapshot, after: Snapshot, edit: Edit) -> Iterator[str]:
    yield from after.faults
    yield from _structure(before, after)
    yield from _asked(before, after, edit)
    yield from _tables(before, after)
    yield from renamed.problems(before, after, edit.rename_symbols) if edit.rename_symbols else _symbols(before, after)


def _structure(before: Snapshot, after: Snapshot) -> Iterator[str]:
    if before.header != after.header:
        yield "the type, the machine or the flags changed"
    old, new = (Counter(item.type for item in shot.segments if item.type not in {PT_LOAD, PT_NOTE}) for shot in (before, after))
    if old != new:
        yield f"there are other segments than before: {sorted(map(hex, (old - new) + (new - old)))}"
    if before.image.interpreter != after.image.interpreter:
        yield f"the program interpreter is {after.image.interpreter!r}"
    loads = {item.address: item.align for item in before.segments if item.type == PT_LOAD}
    largest = max(loads.values(), default=0)
    for item in after.segments:
        if item.type == PT_LOAD and item.align < loads.get(item.address, largest):
            yield f"the segment at address {item.address:#x} is aligned to {item.align:#x} only"


def _asked(before: Snapshot, after: Snapshot, edit: Edit) -> Iterator[str]:
    image, source = after.image, before.image
    identity = source.identity if edit.identity is None else edit.identity
    if image.identity != identity:
        yield f"DT_SONAME is {image.identity!r} and not {identity!r}"
    names: dict[str, str] = dict(edit.replace)
    needed = [names.get(name, name) for name in (before.dynamic.needed if before.dynamic else ()) if name not in edit.remove]
    found = list(after.dynamic.needed) if after.dynamic else []
    if found != needed:
        yield f"DT_NEEDED is {', '.join(found)} and not {', '.join(needed)}"
    paths = (source.rpaths, source.inherited_rpaths) if edit.rpaths is None else (edit.rpaths, bool(edit.rpaths))
    if (image.rpaths, image.inherited_rpaths) != paths:
        yield f"the library search path is {':'.join(image.rpaths)!r} and not {':'.join(paths[0])!r}"
    if [(names.get(need.file, need.file), need.version, need.index) for need in before.needs] != [
        (need.file, need.version, need.index) for need in after.needs
    ]:
        yield "the wanted symbol versions (DT_VERNEED) changed"


def _tables(before: Snapshot, after: Snapshot) -> Iterator[str]:
    yield from _tags(before.dynamic, after.dynamic)
    kept = {
        "the defined symbol versions (DT_VERDEF)": before.definitions == after.definitions,
        "names in the dynamic string table (DT_STRTAB)": _same_strings(before, after),
    }
    yield from (f"{table} changed" for table, same in kept.items() if not same)


def _symbols(before: Snapshot, after: Snapshot) -> Iterator[str]:
    kept = {
        "the symbol versions (DT_VERSYM)": before.versions == after.versions,
        "the symbol hash table (DT_GNU_HASH)": before.hashes == after.hashes,
        "the symbol hash table (DT_HASH)": before.chains == after.chains,
        "the relocations": before.relocations == after.relocations,
        "the dynamic symbol table (DT_SYMTAB)": _same_symbols(before, after),
    }
    yield from (f"{table} changed" for table, same in kept.items() if not same)


def _tags(before: Dynamic | None, after: Dynamic | None) -> Iterator[str]:
    old, new = ({tag: dynamic.values[tag] for tag in dynamic.tags if tag not in EDITED} if dynamic else {} for dynamic in (before, after))
    if list(old) != list(new):
        yield f"there are other dynamic tags than before: {', '.join(map(hex, set(old) ^ set(new)))}"
    for tag, value in old.items():
        if tag not in MOVED and new.get(tag) != value:
            yield f"the dynamic tag {tag:#x} changed"


def _same_symbols(before: Snapshot, after: Snapshot) -> bool:
    if before.symbols == after.symbols:
        return True
    if len(before.symbols) != len(after.symbols):
        return False
    old, new = _without_sections(before), _without_sections(after)
    # Both programs renumber sections; a symbol must stay defined, undefined or absolute.
    return old[0] == new[0] and all(
        one == two or (0 < one < SHN_LORESERVE and 0 < two < SHN_LORESERVE) for one, two in set(zip(old[1], new[1], strict=True))
    )


def _without_sections(shot: Snapshot) -> tuple[bytes, array[int]]:
    """Return the symbols without their section numbers, and those numbers; the symbols of sections themselves are blanked, because they move."""
    columns = shot.layout.columns
    raw = bytearray(shot.symbols)
    sections = shot.layout.numbers(shot.symbols, 2)[columns.section // 2 :: columns.stride // 2]
    blank = bytes(len(sections))
    raw[columns.section :: columns.stride] = blank
    raw[columns.section + 1 :: columns.stride] = blank
    for index, info in enumerate(shot.symbols[columns.info :: columns.stride]):
        if info & 15 == STT_SECTION:
            raw[index * columns.stride : (index + 1) * columns.stride] = bytes(columns.stride)
    return bytes(raw), sections


def _same_strings(before: Snapshot, after: Snapshot) -> bool:
    """Tell whether every name is still there.

    patchelf appends new names and overwrites an old search path, which damages each name that shares its tail with the path.
    """
    old, new = bytearray(before.strings), bytearray(after.strings[: len(before.strings)])
    if old == new or before.dynamic is None:
        return old == new
    columns = before.layout.columns
    names = before.layout.numbers(before.symbols, 4)[columns.name // 4 :: columns.stride // 4]
    for tag in (DT_RPATH, DT_RUNPATH):
        if tag not in before.dynamic.values:
            continue
        start = before.dynamic.values[tag]
        end = old.find(b"\0", start)
        first = old.rfind(b"\0", 0, start) + 1
        if any(first <= name <= end for name in names if name):
            continue
        old[start:end] = new[start:end] = bytes(end - start)
    return old == new
