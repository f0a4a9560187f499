"""Read a PE file into the format-neutral model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.image import Dependency, Format, Identity, Image, Requirement, Symbol
from nativewheel.formats.pe import classify, machine
from nativewheel.formats.pe.exports import read_directory, read_exports, read_forwarders
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.imports import read_delay_imports, read_imports, read_symbols
from nativewheel.formats.pe.names import decoded, folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.pe.headers import PeFile


def read(data: Buffer, name: str) -> Image:
    """Read the whole file ``data``; ``name`` is its file name, which is what dependents say to get it, and tells extension modules from libraries.

    No symbols are read, but for those that the image forwards to other DLLs.  Raises ``UnreadableError``.
    """
    with opened(data) as pe:
        return model(pe, name)


def imports(data: Buffer) -> tuple[Symbol, ...]:
    """Read the symbols that an image wants, also those of DLLs that are loaded later; ``#12`` is one by ordinal.

    A symbol that the image forwards to another DLL is one that it wants of it.
    """
    with opened(data) as pe:
        return tuple(dict.fromkeys(_wanted(pe)))


def exports(data: Buffer) -> tuple[Symbol, ...]:
    """Read the symbols that an image offers; ``#12`` is one without a name."""
    with opened(data) as pe:
        found = read_exports(pe)
        return tuple(dict.fromkeys(Symbol(name=decoded(export.name) if export.name is not None else f"#{export.ordinal}") for export in found))


def ordinals(data: Buffer) -> frozenset[str]:
    """Read by which ordinals an image offers symbols, those that have names too: ``#12``."""
    with opened(data) as pe:
        directory = read_directory(pe)
        functions = directory.functions if directory is not None else ()
        base = directory.base if directory is not None else 0
        return frozenset(f"#{base + number}" for number, function in enumerate(functions) if function)


def model(pe: PeFile, name: str) -> Image:
    """Build the model of an opened file."""
    arch = machine.architecture(pe)
    certified = pe.certificates is not None
    return Image(
        format=Format.PE,
        archs=(arch,),
        kind=classify.kind(pe, name),
        identity=Identity(name),
        dependencies=_dependencies(pe, name),
        signed=certified,
        certified=certified,
    )


def _dependencies(pe: PeFile, own: str) -> tuple[Dependency, ...]:
    """Return each DLL once, by the first spelling of its name and the firmest reference to it; the image itself is none."""
    found: dict[str, Dependency] = {}
    for requirement, names in (
        (Requirement.REQUIRED, (descriptor.name for descriptor in read_imports(pe))),
        (Requirement.DELAYED, (descriptor.name for descriptor in read_delay_imports(pe))),
        (Requirement.FORWARDED, dict.fromkeys(forwarder.module for forwarder in read_forwarders(pe))),
    ):
        for name in map(decoded, names):
            found.setdefault(folded(name), Dependency(name=Identity(name), requirement=requirement))
    found.pop(folded(own), None)
    return tuple(found.values())


def _wanted(pe: PeFile) -> Iterator[Symbol]:
    """Yield the symbols that the image asks for; each DLL has one spelling, that of the image's dependency."""
    spellings: dict[str, str] = {}

    def library(name: bytes) -> Identity:
        text = decoded(name)
        return Identity(spellings.setdefault(folded(text), text))

    descriptors = (*read_imports(pe), *read_delay_imports(pe))
    libraries = {descriptor.name: library(descriptor.name) for descriptor in descriptors}
    for symbol in read_symbols(pe, descriptors):
        name = decoded(symbol.name) if symbol.name is not None else f"#{symbol.ordinal}"
        yield Symbol(name=name, library=libraries[symbol.descriptor.name])
    for forwarder in read_forwarders(pe):
        yield Symbol(name=decoded(forwarder.function), library=library(forwarder.module))
