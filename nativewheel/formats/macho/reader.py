"""Read a Mach-O file into the format-neutral model: all slices of a universal file together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Arch, Dependency, Format, Identity, Image, Requirement
from nativewheel.formats.macho import symbols
from nativewheel.formats.macho.classify import kind
from nativewheel.formats.macho.signature import certified
from nativewheel.formats.macho.slices import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer

    from nativewheel.formats.image import Symbol
    from nativewheel.formats.macho.slices import MachFile, Slice

FIRMNESS = (Requirement.REEXPORT, Requirement.REQUIRED, Requirement.UPWARD, Requirement.WEAK, Requirement.DELAYED)
"""Which kind counts when several commands name one library."""

FIRST_ARM64_SYSTEM = (11, 0, 0)


def read(data: Buffer, name: str) -> Image:
    """Read the whole file ``data``; ``name`` is its file name, which tells extension modules from libraries.

    Dependencies and search paths are those of all slices; the symbols are not read, but for a search for Python's hook.  Raises
    ``UnreadableError``.
    """
    with opened(data) as file:
        return model(file, name)


def imports(data: Buffer) -> tuple[Symbol, ...]:
    """Read the symbols that an image wants of others, in any of its slices, with the leading underscore."""
    with opened(data) as file:
        return _of_slices(file, symbols.imports)


def exports(data: Buffer) -> tuple[Symbol, ...]:
    """Read the symbols that an image offers, in any of its slices, with the leading underscore."""
    with opened(data) as file:
        return _of_slices(file, symbols.exports)


def _of_slices(file: MachFile, read: Callable[[Slice], Iterable[Symbol]]) -> tuple[Symbol, ...]:
    """Read the symbols of each slice, and say of those that not all of them have which ones do."""
    found: dict[Symbol, list[Arch]] = {}
    for image in file.slices:
        for symbol in dict.fromkeys(read(image)):
            found.setdefault(symbol, []).append(image.arch)
    every = len(file.slices)
    return tuple(symbol if len(archs) == every else replace(symbol, archs=tuple(archs)) for symbol, archs in found.items())


def model(file: MachFile, name: str) -> Image:
    """Build the model of an opened file."""
    first = file.slices[0]
    names = {image.id_dylib for image in file.slices}
    if len(names) > 1:
        raise UnreadableError("the slices of the universal file have different install names", where=("LC_ID_DYLIB",))
    return Image(
        format=Format.MACHO,
        archs=tuple(image.arch for image in file.slices),
        kind=kind(first, name),
        identity=Identity(first.id_dylib) if first.id_dylib is not None else None,
        dependencies=_dependencies(file.slices),
        rpaths=tuple(dict.fromkeys(entry for image in file.slices for entry in image.rpaths)),
        inherited_rpaths=any(image.rpaths for image in file.slices),
        minimum_os=minimum_os(file.slices),
        minimums=tuple(version_text(image.build.minos) if image.build else None for image in file.slices),
        signed=any(image.code_signature is not None for image in file.slices),
        certified=any(certified(image) for image in file.slices),
    )


def minimum_os(slices: Iterable[Slice]) -> str | None:
    """Return the macOS version that a tag for all the slices must state, which is the highest of theirs.

    Beside a slice for x86_64, the version 11.0 of one for arm64 says nothing: no Mac with such a processor has an older system.
    """
    stated = [(image.arch, image.build.minos) for image in slices if image.build is not None]
    low = [version for arch, version in stated if arch is not Arch.AARCH64 or version > FIRST_ARM64_SYSTEM]
    versions = low or [version for _, version in stated]
    return version_text(max(versions)) if versions else None


def version_text(version: tuple[int, int, int]) -> str:
    """Write a version as tags do, with the patch number only where there is one."""
    major, minor, patch = version
    return f"{major}.{minor}.{patch}" if patch else f"{major}.{minor}"


def _dependencies(slices: Iterable[Slice]) -> tuple[Dependency, ...]:
    kinds: dict[str, Requirement] = {}
    for image in slices:
        for dylib in image.dylibs:
            kinds[dylib.name] = min(dylib.kind, kinds.get(dylib.name, dylib.kind), key=FIRMNESS.index)
    return tuple(Dependency(name=Identity(name), requirement=requirement) for name, requirement in kinds.items())
