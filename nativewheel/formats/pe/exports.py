"""The export directory: the symbols that an image offers, by name and by ordinal, and those that it forwards to other DLLs.

Source: Microsoft's "PE Format"; where the loader looks for the module that a forwarder names.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_EXPORT
from nativewheel.formats.pe.headers import NAME_LIMIT, SYMBOL_LIMIT, TEXT_BUDGET, PeFile, Rva

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPORT_DIRECTORY = Struct("<IIHH7I")
"""IMAGE_EXPORT_DIRECTORY: Characteristics, TimeDateStamp, MajorVersion, MinorVersion, Name, Base, NumberOfFunctions, NumberOfNames,
AddressOfFunctions, AddressOfNames, AddressOfNameOrdinals."""
NAME_FIELD = 12
"""Offset of Name."""
MOST_FUNCTIONS = 1 << 16
"""An ordinal has 16 bits, and so has the number that a name stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDirectory:
    """The export directory; ``address`` and ``size`` are of all of it, in which forwarders must be.

    ``functions`` and ``names`` are RVAs, ``ordinals`` the numbers of the functions that the names stand for; ``functions_address`` is where the
    first one is kept.
    """

    address: Rva
    size: int
    name: bytes
    name_address: Rva
    base: int
    functions_address: Rva
    functions: tuple[int, ...]
    names: tuple[int, ...]
    ordinals: tuple[int, ...]

    def is_forwarder(self, function: int) -> bool:
        """Whether the RVA of a function is that of a string which names another DLL's."""
        return self.address <= function < self.address + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One export; one that has several names is there several times, a nameless one has the name None."""

    name: bytes | None
    ordinal: int
    address: Rva
    forwarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarder:
    """One forwarder string, ``module.function`` or ``module.#ordinal``.

    ``field`` is the RVA of the entry in the table of functions, ``address`` that of the string.
    """

    field: Rva
    address: Rva
    text: bytes

    @property
    def module(self) -> bytes:
        """The name of the DLL, to which the loader adds ``.dll`` when it has no dot."""
        module = self.text.rpartition(b".")[0]
        return module if b"." in module else module + b".dll"

    @property
    def function(self) -> bytes:
        """What the DLL calls the symbol, or ``#`` and its ordinal."""
        return self.text.rpartition(b".")[2]


def read_directory(pe: PeFile) -> ExportDirectory | None:
    """Read the export directory, without the strings of its names.  Raises ``UnreadableError``."""
    directory = pe.directory(IMAGE_DIRECTORY_ENTRY_EXPORT)
    if directory is None:
        return None
    row = EXPORT_DIRECTORY.unpack(pe.take(directory.address, EXPORT_DIRECTORY.size, "the export directory"))
    name, base, function_count, name_count, functions, names, ordinals = row[4:]
    if max(function_count, name_count) > MOST_FUNCTIONS:
        raise UnreadableError(f"{function_count} exports with {name_count} names", where=("export directory",))
    found = ExportDirectory(
        address=directory.address,
        size=directory.size,
        name=pe.string(name, NAME_LIMIT, "the name in the export directory") if name else b"",
        name_address=Rva(name),
        base=base,
        functions_address=Rva(functions),
        functions=_table(pe, functions, function_count, "I"),
        names=_table(pe, names, name_count, "I"),
        ordinals=_table(pe, ordinals, name_count, "H"),
    )
    if any(number >= function_count for number in found.ordinals):
        raise UnreadableError("the name of an export that is not there", where=("export directory",))
    return found


def read_exports(pe: PeFile) -> Iterator[Export]:
    """Yield what the image offers: the named exports in the order of their names, then the nameless ones.  Raises ``UnreadableError``."""
    directory = read_directory(pe)
    if directory is None:
        return
    text = 0
    for pointer, number in zip(directory.names, directory.ordinals, strict=True):
        name = pe.string(pointer, SYMBOL_LIMIT, "the name of an export")
        text += len(name)
        if text > TEXT_BUDGET:
            raise UnreadableError("longer names than any image has", where=("export directory",))
        if directory.functions[number]:
            yield _export(directory, name, number)
    named = set(directory.ordinals)
    for number, function in enumerate(directory.functions):
        if function and number not in named:
            yield _export(directory, None, number)


def read_forwarders(pe: PeFile) -> tuple[Forwarder, ...]:
    """Read the exports that are another DLL's, in the order of their ordinals.  Raises ``UnreadableError``."""
    directory = read_directory(pe)
    if directory is None:
        return ()
    forwarders: list[Forwarder] = []
    text = 0
    for number, function in enumerate(directory.functions):
        if not directory.is_forwarder(function):
            continue
        string = pe.string(function, SYMBOL_LIMIT, "a forwarder")
        text += len(string)
        if text > TEXT_BUDGET or not string.rpartition(b".")[0]:
            raise UnreadableError("a forwarder that names no DLL", where=(f"RVA {function:#x}",))
        forwarders.append(Forwarder(field=Rva(directory.functions_address + 4 * number), address=Rva(function), text=string))
    return tuple(forwarders)


def _table(pe: PeFile, address: int, count: int, code: str) -> tuple[int, ...]:
    form = Struct(f"<{count}{code}")
    return form.unpack(pe.take(address, form.size, "a table of exports")) if count else ()


def _export(directory: ExportDirectory, name: bytes | None, number: int) -> Export:
    function = directory.functions[number]
    return Export(name=name, ordinal=directory.base + number, address=Rva(function), forwarded=directory.is_forwarder(function))
