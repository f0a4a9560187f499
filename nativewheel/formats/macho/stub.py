"""Link stubs: text-based stubs (.tbd, version 4) that offer the symbols of a library to linkers, under the names that developers know.

Every linker of macOS reads version 4; LLVM's TextAPI and zig's parser are the public descriptions of it.  A symbol that is weak or thread-local is
in a list of its own, because linkers make other references to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Arch, Requirement
from nativewheel.formats.macho.commands import dylib_versions
from nativewheel.formats.macho.constants import (
    EXPORT_SYMBOL_FLAGS_KIND_MASK,
    EXPORT_SYMBOL_FLAGS_KIND_THREAD_LOCAL,
    EXPORT_SYMBOL_FLAGS_WEAK_DEFINITION,
    LC_ID_DYLIB,
)
from nativewheel.formats.macho.slices import opened
from nativewheel.formats.macho.symbols import exported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer

    from nativewheel.formats.image import Identity
    from nativewheel.formats.macho.slices import Slice

_Item = TypeVar("_Item", str, tuple[str, str])
Entry = tuple[str, str]
"""The list of an exports block that a name is in, and the name as it is written there."""

TARGETS = {Arch.X86_64: "x86_64-macos", Arch.AARCH64: "arm64-macos"}
LISTS = ("symbols", "objc-classes", "objc-eh-types", "objc-ivars", "weak-symbols", "thread-local-symbols")
CLASS, METACLASS = "_OBJC_CLASS_$_", "_OBJC_METACLASS_$_"
OBJC_PREFIXES = {"objc-classes": CLASS, "objc-eh-types": "_OBJC_EHTYPE_$_", "objc-ivars": "_OBJC_IVAR_$_"}
LINKER_DIRECTIVES = "$ld$"
"""How names begin that are no symbols: they tell linkers to use another install name, or to hide symbols, for some versions of the system."""
PLAIN = re.compile(r"_[A-Za-z0-9_.$]*", re.ASCII)
"""Texts that need no quotes in YAML, and that no YAML parser takes for a number or a word of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """What one slice has for linkers."""

    target: str
    entries: frozenset[Entry]
    reexported: frozenset[str]
    current: tuple[int, int, int]
    compatibility: tuple[int, int, int]


def link_stub(library: Buffer, identity: Identity, plain_names: Mapping[str, str]) -> bytes:
    """Write the stub of ``library``: linking with it gives LC_LOAD_DYLIB ``identity``.

    ``plain_names`` gives the name in the stub and the name in the library, with the leading underscore.  Names that are not UTF-8 are left out, as a
    text has no place for them.  Raises ``UnreadableError``, also for a program or a bundle, which nothing is linked with.
    """
    plain = {unique.encode(): name.encode() for name, unique in plain_names.items()}
    with opened(library) as file:
        return _write([_offer(image, plain) for image in file.slices], identity).encode()


def _offer(image: Slice, plain: Mapping[bytes, bytes]) -> _Offer:
    command = image.one(LC_ID_DYLIB)
    if command is None:
        raise UnreadableError("only libraries offer symbols to link with", where=("LC_ID_DYLIB",))
    current, compatibility = dylib_versions(command)
    symbols: dict[str, str] = {}
    for export in exported(image):
        try:
            name = plain.get(export.name, export.name).decode()
        except UnicodeDecodeError:
            continue
        if name and not name.startswith(LINKER_DIRECTIVES):
            symbols[name] = _list(export.flags)
    return _Offer(
        target=TARGETS[image.arch],
        entries=frozenset(_entries(symbols)),
        reexported=frozenset(dylib.name for dylib in image.dylibs if dylib.kind is Requirement.REEXPORT),
        current=current,
        compatibility=compatibility,
    )


def _list(flags: int) -> str:
    """Tell in which list a symbol is; linkers take a reference to a thread-local variable for an error if it is in no list of such."""
    if flags & EXPORT_SYMBOL_FLAGS_KIND_MASK == EXPORT_SYMBOL_FLAGS_KIND_THREAD_LOCAL:
        return "thread-local-symbols"
    return "weak-symbols" if flags & EXPORT_SYMBOL_FLAGS_WEAK_DEFINITION else "symbols"


def _entries(symbols: Mapping[str, str]) -> Iterator[Entry]:
    """Yield what to write of one slice: Objective-C names without their prefixes, one for both symbols of a class."""
    classes = {
        name.removeprefix(CLASS)
        for name, kind in symbols.items()
        if name.startswith(CLASS) and kind == symbols.get(METACLASS + name.removeprefix(CLASS)) == "symbols"
    }
    for name, kind in symbols.items():
        prefixed = next((item for item in OBJC_PREFIXES.items() if kind == "symbols" and name.startswith(item[1])), None)
        if name.startswith(METACLASS) and name.removeprefix(METACLASS) in classes:
            continue
        if prefixed is None or (prefixed[1] == CLASS and name.removeprefix(CLASS) not in classes):
            yield kind, name
        else:
            yield prefixed[0], name.removeprefix(prefixed[1])


def _write(offers: list[_Offer], identity: str) -> str:
    lines = [
        "--- !tapi-tbd",
        "tbd-version: 4",
        f"targets: {_flow([offer.target for offer in offers])}",
        f"install-name: {_scalar(identity)}",
        # One version for all slices: what is linked with the stub must not ask for more than any of them is.
        f"current-version: {_version(min(offer.current for offer in offers))}",
        f"compatibility-version: {_version(min(offer.compatibility for offer in offers))}",
    ]
    libraries = list(_blocks({offer.target: offer.reexported for offer in offers}))
    if libraries:
        lines.append("reexported-libraries:")
    for targets, names in libraries:
        lines += [f"  - targets: {_flow(targets)}", *_names("libraries", names)]
    exports = list(_blocks({offer.target: offer.entries for offer in offers}))
    if exports:
        lines.append("exports:")
    for targets, entries in exports:
        lines.append(f"  - targets: {_flow(targets)}")
        for kind in LISTS:
            lines += _names(kind, [name for home, name in entries if home == kind])
    return "\n".join([*lines, "...", ""])


def _blocks(offered: Mapping[str, frozenset[_Item]]) -> Iterator[tuple[list[str], list[_Item]]]:
    """Yield items by the targets that have them: first what all have, then what is missing somewhere."""
    groups: dict[tuple[bool, ...], list[_Item]] = {}
    for item in sorted(frozenset().union(*offered.values())):
        groups.setdefault(tuple(item in items for items in offered.values()), []).append(item)
    for present in sorted(groups, reverse=True):
        yield [target for target, here in zip(offered, present, strict=True) if here], groups[present]


def _names(key: str, names: Iterable[str]) -> list[str]:
    """Write a list, one name a line: linkers take lines of any length, but people look into stubs, too."""
    written = [f"      {_scalar(name)}," for name in names]
    return [f"    {key}: [", *written[:-1], f"{written[-1].removesuffix(',')} ]"] if written else []


def _flow(targets: Iterable[str]) -> str:
    return f"[ {', '.join(targets)} ]"


def _scalar(text: str) -> str:
    """Write a text as YAML.

    Only what cannot be printed is in double quotes, the escapes of which zig does not know all.
    """
    if PLAIN.fullmatch(text):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in '\\"' else character
    return f"\\U{ord(character):08X}"


def _version(version: tuple[int, int, int]) -> str:
    """Write a version with all three numbers, because zig takes two for a fraction, which 1.10 is not."""
    return ".".join(map(str, version))
