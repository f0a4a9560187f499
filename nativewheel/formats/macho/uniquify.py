"""Which exported symbols of a library can have unique names, and which ones its code may ask for by their old name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.macho import bindopcodes, chained, trie
from nativewheel.formats.macho.constants import BIND_SPECIAL_DYLIB_WEAK_LOOKUP, SECTION_TYPE
from nativewheel.formats.macho.linkedit import Piece, read_pieces
from nativewheel.formats.macho.slices import opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.macho.slices import Slice

S_CSTRING_LITERALS = 2
SWIFT_PREFIXES = (b"_$s", b"_$S", b"_$e")
OBJECTIVE_C_PREFIX = b"_OBJC_"


def kept_names(data: Buffer, *, rename_weak: bool = False) -> frozenset[str]:
    """Return the exported symbols that must keep their names, with the leading underscore.

    Those are weak definitions and what takes part in the search for them, because all images of a process are to agree on one (C++ templates,
    inline functions, `operator new`), and classes of Objective-C, which the runtime registers by name.  With ``rename_weak``, weak definitions are
    the library's own, and only what takes the place of others' stays.  Raises ``UnreadableError``, and
    ``LinkageError`` for a library in Swift, whose metadata hold names that nobody can change.
    """
    with opened(data) as file:
        return frozenset(name.decode("utf-8", "backslashreplace") for image in file.slices for name in _kept(image, rename_weak=rename_weak))


def _kept(image: Slice, *, rename_weak: bool) -> Iterator[bytes]:
    pieces = read_pieces(image)
    shared = _looked_up_weakly(image, pieces)
    for piece in (Piece.EXPORT, Piece.EXPORTS_TRIE):
        for item in trie.decode(pieces.get(piece, b"")):
            if item.name.startswith(SWIFT_PREFIXES):
                raise LinkageError("the symbols of a library in Swift cannot get other names", hint="share it by its install name")
            weak = bool(item.flags & trie.WEAK_DEFINITION)
            if item.name.startswith(OBJECTIVE_C_PREFIX) or (not rename_weak if weak else item.name in shared):
                yield item.name


def _looked_up_weakly(image: Slice, pieces: dict[Piece, bytes]) -> set[bytes]:
    table = bindopcodes.decode(pieces.get(Piece.WEAK_BIND, b""), most=len(image.data) // bindopcodes.POINTER)
    names = {name for name, _ in table.symbols}
    if Piece.CHAINED_FIXUPS in pieces:
        imports = chained.decode(pieces[Piece.CHAINED_FIXUPS]).imports
        names |= {item.name for item in imports if item.ordinal == BIND_SPECIAL_DYLIB_WEAK_LOOKUP}
    return names


def named_in_strings(data: Buffer, names: Iterable[str]) -> frozenset[str]:
    """Return those of ``names`` that are literals in the code, without the leading underscore, as arguments of `dlsym` are.

    Such a call finds nothing any more when the symbol has another name.  Raises ``UnreadableError``.
    """
    wanted = {name.removeprefix("_").encode(): name for name in names}
    found: set[str] = set()
    with opened(data) as file:
        for image in file.slices:
            for literal in _literals(image):
                if literal in wanted:
                    found.add(wanted[literal])
    return frozenset(found)


def _literals(image: Slice) -> Iterator[bytes]:
    for segment in image.segments:
        for section in segment.sections:
            if section.flags & SECTION_TYPE == S_CSTRING_LITERALS:
                yield from bytes(image.take(section.offset, section.size, "a section of strings")).split(b"\0")
