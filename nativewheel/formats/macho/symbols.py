"""The symbols that a slice wants and offers, from wherever dyld takes them: opcodes or chained fixups, trie or symbol table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Identity, Symbol
from nativewheel.formats.macho import bindopcodes, chained, trie
from nativewheel.formats.macho.classify import export_trie
from nativewheel.formats.macho.constants import (
    BIND_SPECIAL_DYLIB_FLAT_LOOKUP,
    BIND_SPECIAL_DYLIB_SELF,
    BIND_SPECIAL_DYLIB_WEAK_LOOKUP,
    BIND_SYMBOL_FLAGS_WEAK_IMPORT,
    EXPORT_SYMBOL_FLAGS_WEAK_DEFINITION,
    LC_DYLD_CHAINED_FIXUPS,
    LC_DYLD_EXPORTS_TRIE,
    MH_TWOLEVEL,
    N_WEAK_DEF,
    N_WEAK_REF,
)
from nativewheel.formats.macho.symtab import library_ordinal, read_symbols

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nativewheel.formats.macho.slices import Slice

Reference = tuple[bytes, int, bool]
"""The name of a symbol, an ordinal (negative for the special ones), and whether its absence is allowed (weak_import)."""


def imports(image: Slice) -> Iterator[Symbol]:
    """Yield the symbols that a slice wants of others, each once for each library, with the leading underscore.

    ``library`` is None for what dyld looks for in all images or in the program.  A symbol may be missing (``weak``) when all references to it allow
    that.  Left out are references to the slice itself: those that say so, and names that C++ shares between all images but that are here, too.
    Raises ``UnreadableError``.
    """
    wanted: dict[tuple[bytes, int], bool] = {}
    for name, ordinal, weak in references(image):
        wanted[name, ordinal] = weak and wanted.get((name, ordinal), True)
    own: set[bytes] = set()
    if any(ordinal == BIND_SPECIAL_DYLIB_WEAK_LOOKUP for _, ordinal in wanted):
        own = {export.name for export in exported(image)}
    libraries = [Identity(dylib.name) for dylib in image.dylibs]
    for (name, ordinal), weak in wanted.items():
        if ordinal > len(libraries):
            raise UnreadableError(f"a symbol of library {ordinal}, of {len(libraries)}", where=(_text(name),))
        if ordinal != BIND_SPECIAL_DYLIB_SELF and not (ordinal == BIND_SPECIAL_DYLIB_WEAK_LOOKUP and name in own):
            yield Symbol(name=_text(name), library=libraries[ordinal - 1] if ordinal > 0 else None, weak=weak)


def exports(image: Slice) -> Iterator[Symbol]:
    """Yield the symbols that a slice offers, with the leading underscore; ``weak`` ones are weak definitions.  Raises ``UnreadableError``."""
    for export in exported(image):
        yield Symbol(name=_text(export.name), weak=bool(export.flags & EXPORT_SYMBOL_FLAGS_WEAK_DEFINITION))


def references(image: Slice) -> Iterable[Reference]:
    """Return what the pointers of a slice refer to, repetitions included.

    The weak table of LC_DYLD_INFO is left out: a symbol in it is in the regular table, too, unless the image itself has it.
    """
    info, fixups = image.dyld_info, image.linkedit(LC_DYLD_CHAINED_FIXUPS)
    if fixups is not None:
        blob = chained.decode(image.take(fixups.offset, fixups.size, "the chained fixups"))
        return [(item.name, item.ordinal, item.weak) for item in blob.imports]
    if info is None:
        return _undefined(image)
    most = len(image.data) // bindopcodes.POINTER
    regular = bindopcodes.decode(image.take(info.bind.offset, info.bind.size, "the bind table"), most=most)
    lazy = bindopcodes.decode(image.take(info.lazy_bind.offset, info.lazy_bind.size, "the lazy bind table"), lazy=True, most=most)
    pointers = dict.fromkeys((bind.name, bind.ordinal, bind.flags) for table in (regular, lazy) for bind in table.binds)
    return [(name, ordinal, bool(flags & BIND_SYMBOL_FLAGS_WEAK_IMPORT)) for name, ordinal, flags in pointers]


def _undefined(image: Slice) -> Iterator[Reference]:
    """Yield what the symbol table of an image for Mac OS X 10.5 or older refers to, which has no table for dyld."""
    table = read_symbols(image)
    for index, name in zip(table.undefined, table.texts(table.undefined), strict=True):
        description = table.descriptions[index]
        ordinal = library_ordinal(description) if image.flags & MH_TWOLEVEL else BIND_SPECIAL_DYLIB_FLAT_LOOKUP
        yield name, ordinal, bool(description & N_WEAK_REF)


def exported(image: Slice) -> list[trie.Export]:
    """Return what a slice offers as dyld has it; only the name and the flags mean something when that is the symbol table.

    Raises ``UnreadableError``.
    """
    place = export_trie(image)
    if place is not None:
        return trie.decode(image.take(place.offset, place.size, "the export trie"))
    if image.dyld_info is not None or image.linkedit(LC_DYLD_EXPORTS_TRIE) is not None:
        return []
    table = read_symbols(image)
    flags = [EXPORT_SYMBOL_FLAGS_WEAK_DEFINITION if table.descriptions[index] & N_WEAK_DEF else 0 for index in table.exported]
    return [trie.Export(name, flag, 0) for name, flag in zip(table.texts(table.exported), flags, strict=True)]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
