"""What an edit makes of each reference to a symbol and of each symbol that an image offers: the rules, for tries, binds and symbol tables alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Requirement
from nativewheel.formats.macho.constants import BIND_SPECIAL_DYLIB_FLAT_LOOKUP, BIND_SPECIAL_DYLIB_SELF, BIND_SPECIAL_DYLIB_WEAK_LOOKUP
from nativewheel.formats.macho.trie import REEXPORT, Export

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.formats.image import Edit
    from nativewheel.formats.macho.slices import Slice

FLAT_KINDS = {Requirement.REQUIRED, Requirement.WEAK, Requirement.UPWARD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What happens to the references to one library; ``flat`` if they no longer name it."""

    renames: Mapping[bytes, bytes]
    flat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """The new names of one slice.

    ``own`` are symbols that the image offers, ``libraries`` those of others by ordinal.  ``flat`` are the names that references without a library
    may mean, each with the only new name or None if there are two; ``weak_names`` are those of them that the library has as a weak definition;
    ``defined`` are names that the image itself offers.
    """

    own: Mapping[bytes, bytes]
    libraries: Mapping[int, Library]
    flat: Mapping[bytes, bytes | None]
    defined: frozenset[bytes]
    weak_names: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.own or self.libraries)

    def reference(self, ordinal: int, name: bytes) -> tuple[int, bytes]:
        """Return the library and the name of a reference from now on.  Raises ``LinkageError`` for one that may mean two symbols."""
        library = self.libraries.get(ordinal)
        if library is not None:
            return BIND_SPECIAL_DYLIB_FLAT_LOOKUP if library.flat else ordinal, library.renames.get(name, name)
        if ordinal == BIND_SPECIAL_DYLIB_SELF:
            return ordinal, self.own.get(name, name)
        if ordinal == BIND_SPECIAL_DYLIB_FLAT_LOOKUP:
            return ordinal, self._flat(name)
        if ordinal == BIND_SPECIAL_DYLIB_WEAK_LOOKUP:
            return ordinal, self.weak(name)
        return ordinal, name

    def weak(self, name: bytes, *, overrides: bool = False) -> bytes:
        """Return the name of a weak definition, which the images of a process share; another one only if its library gives it one, or this image.

        With ``overrides`` it is a strong one that takes the place of all those.
        """
        if overrides:
            if name in self.own:
                raise LinkageError(f"{_text(name)} takes the place of other images' weak definitions, and so must keep its name")
            return name
        if name in self.own:
            return self.own[name]
        if name in self.flat and name not in self.defined:
            if name in self.weak_names:
                return self._flat(name)
            raise LinkageError(
                f"{_text(name)} is wanted as a weak definition, and the library that has it gives it another name",
                hint="leave the library's weak definitions their names",
            )
        return name

    def export(self, item: Export) -> Export:
        """Return what an exported symbol is from now on.  Raises ``LinkageError`` for one that is passed on from a library no longer bound to."""
        name = self.own.get(item.name, item.name)
        if not item.flags & REEXPORT:
            return item._replace(name=name)
        target = item.target or item.name
        if item.value in self.libraries and self.libraries[item.value].flat:
            raise LinkageError(
                f"{_text(item.name)} is re-exported from a library of another wheel, which flat binding cannot do",
                hint="share the library by its install name",
            )
        _, new_target = self.reference(item.value, target)
        # An empty target means the name of the symbol itself, which is another one now.
        return item._replace(name=name, target=item.target if (target, item.name) == (new_target, name) else new_target)

    def _flat(self, name: bytes) -> bytes:
        own = self.own.get(name)
        if name not in self.flat:
            return name if own is None else own
        new = self.flat[name]
        if new is None or (new != own and (own is not None or name in self.defined)):
            raise LinkageError(
                f"{_text(name)} is looked up in the flat namespace, and more than one library has it",
                hint="link the extension without -flat_namespace and -undefined dynamic_lookup",
            )
        return new


def plan(image: Slice, edit: Edit, defined: Iterable[bytes]) -> Renaming:
    """Find what ``edit`` means for one slice.

    ``defined`` are the names that the slice offers.  Raises ``LinkageError`` for a library that cannot be bound to in the flat namespace.
    """
    libraries: dict[int, Library] = {}
    flat: dict[bytes, bytes | None] = {}
    bindings: dict[str, dict[bytes, bytes]] = {binding.dependency: _encoded(binding.renames) for binding in edit.flat}
    names: dict[str, dict[bytes, bytes]] = {name: _encoded(renames) for name, renames in edit.rename_imports}
    for dylib in image.dylibs:
        if dylib.name in bindings:
            if dylib.kind not in FLAT_KINDS:
                raise LinkageError(
                    f"{dylib.name} cannot be bound to in the flat namespace: it is a {dylib.kind} dependency", where=dylib.command.place
                )
            libraries[dylib.ordinal] = Library(renames=bindings[dylib.name], flat=True)
        elif dylib.name in names:
            libraries[dylib.ordinal] = Library(renames=names[dylib.name], flat=False)
    for library in libraries.values():
        for old, new in library.renames.items():
            flat[old] = new if flat.get(old, new) == new else None
    return Renaming(
        own=_encoded(edit.rename_symbols),
        libraries=libraries,
        flat=flat,
        defined=frozenset(defined),
        weak_names=frozenset(name.encode() for name in edit.rename_weak),
    )


def _encoded(renames: Iterable[tuple[str, str]]) -> dict[bytes, bytes]:
    encoded: dict[bytes, bytes] = {}
    for old, new in renames:
        if not new or "\0" in new or not (old + new).isprintable():
            raise LinkageError(f"cannot rename the symbol {old!r} to {new!r}: no symbol can be called so")
        if encoded.setdefault(old.encode(), new.encode()) != new.encode():
            raise LinkageError(f"cannot rename the symbol {old!r} to {new!r} and to another name")
    return encoded


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
