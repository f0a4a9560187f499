"""Native file formats: each reads an image into the model of `image.py` and applies an `Edit` to one.

Whoever uses these functions does not ask for the format: they find it by the magic of the file.  Their errors say where in a file something is
wrong; which file it was, the caller knows best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.detect import detect, of_platform
from nativewheel.formats.elf import conventions as _elf_conventions
from nativewheel.formats.elf import reader as _elf
from nativewheel.formats.image import Format, PeBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from typing_extensions import Buffer

    from nativewheel.formats.conventions import Conventions
    from nativewheel.formats.image import Edit, Identity, Image, Symbol

__all__ = [
    "HEAD",
    "anchor",
    "apply",
    "conventions",
    "detect",
    "exports",
    "imports",
    "kept_names",
    "link_stub",
    "named_in_strings",
    "named_libraries",
    "of_platform",
    "ordinals",
    "read",
    "rename_dlls",
    "writer_version",
]

HEAD = 4096
"""Bytes at the start of a file that `detect` wants."""


def read(data: Buffer, name: str) -> Image:
    """Read the image that the whole file ``data`` (bytes or a memory map) holds; ``name`` is its file name as Python would import it.

    The name tells extension modules from libraries, and sometimes the C library.  Symbols are not read.  Raises ``UnreadableError``.
    """
    return _reader(data).read(data, name)


def imports(data: Buffer) -> tuple[Symbol, ...]:
    """Read the dynamic symbols that an image wants, with the library where the file tells it."""
    return _reader(data).imports(data)


def exports(data: Buffer) -> tuple[Symbol, ...]:
    """Read the dynamic symbols that an image offers."""
    return _reader(data).exports(data)


def named_libraries(data: Buffer) -> frozenset[str]:
    """Return the libraries that an image names where no edit changes it: in strings of its code and in its manifest.  Only DLLs are looked for."""
    if _format(data) is not Format.PE:
        return frozenset()
    from nativewheel.formats.pe import literals, resources  # noqa: PLC0415  (for Windows only)

    # Only who imports LoadLibrary (and its forms for one or two bytes a character, and with flags) can load by a string.
    loads = any(symbol.name.startswith("LoadLibrary") for symbol in imports(data))
    return frozenset(resources.manifest_names(data)) | (literals.literal_names(data) if loads else frozenset())


def ordinals(data: Buffer) -> frozenset[str]:
    """Read by which numbers an image offers symbols, whether or not these have names: ``#12``.  Only DLLs have such."""
    if _format(data) is not Format.PE:
        return frozenset()
    from nativewheel.formats.pe import reader as pe  # noqa: PLC0415  (for Windows only)

    return pe.ordinals(data)


def apply(source: Path, edit: Edit, destination: Path, backend: PeBackend = PeBackend.NATIVEWHEEL) -> Image:
    """Write the image ``source`` with ``edit`` made to ``destination`` (mode 755), read it back, check it, and return the model of the result.

    ``source`` is only read.  After an error there is no ``destination``.  ``backend`` counts for PE images.  Raises ``UnreadableError``;
    ``MachineError`` when a program is missing, fails or damages the file; ``LinkageError`` for a dependency that cannot be dropped and for a symbol
    that cannot be renamed.
    """
    try:
        with source.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise MachineError(f"cannot read the file: {error.strerror}") from error
    return _writer(_format(head), backend)(source, edit, destination)


def conventions(found: Format) -> Conventions:
    """Return how images of a format name libraries and symbols."""
    if found is Format.ELF:
        return _elf_conventions
    if found is Format.MACHO:
        from nativewheel.formats.macho import conventions as macho  # noqa: PLC0415  (a wheel is for one system)

        return macho
    from nativewheel.formats.pe import conventions as pe  # noqa: PLC0415

    return pe


def kept_names(library: Buffer, *, rename_weak: bool = False) -> frozenset[str]:
    """Return the exported symbols that must keep their names when the others get unique ones.

    With ``rename_weak``, the weak definitions of a Mach-O library are not among them.  Raises ``UnreadableError``, and ``LinkageError`` for a library
    whose symbols cannot have other names at all.
    """
    if _format(library) is Format.MACHO:
        from nativewheel.formats.macho import uniquify  # noqa: PLC0415  (for repair only)

        return uniquify.kept_names(library, rename_weak=rename_weak)
    # C++ templates and inline functions are weak, and two images are to agree on one copy of each.
    return frozenset(symbol.name for symbol in exports(library) if symbol.weak)


def named_in_strings(library: Buffer, names: Iterable[str]) -> frozenset[str]:
    """Return those of the symbols ``names`` that the code also has as literals, as arguments of dlsym are.  Mach-O only, else none are found."""
    if _format(library) is not Format.MACHO:
        return frozenset()
    from nativewheel.formats.macho import uniquify  # noqa: PLC0415  (for repair only)

    return uniquify.named_in_strings(library, names)


def rename_dlls(library: bytes, names: Mapping[str, str]) -> bytes:
    """Give the DLLs (old, new) in an import library other names; any other file stays as it is.

    Raises ``UnreadableError``, and ``LinkageError`` for an import library that cannot be changed.
    """
    from nativewheel.formats.pe import archive, importlibrary  # noqa: PLC0415  (for repair only)

    return importlibrary.rename_dlls(library, names) if library.startswith(archive.MAGIC) else library


def anchor(library: Buffer, identity: Identity) -> bytes:
    """Write the anchor of an exported library: a file to put beside it, and to load after it.

    Loading it makes ``identity`` known to musl's loader, and keeps another library of that name out of glibc's.  ``library`` is an image for the
    same machine.  Raises ``UnreadableError``, also for a format whose loader needs no anchor.
    """
    from nativewheel.formats.elf import anchor as elf  # noqa: PLC0415  (for repair only)

    if _format(library) is not Format.ELF:
        raise UnreadableError("anchors are for libraries of Linux")
    return elf.anchor(library, identity)


def link_stub(library: Buffer, *, identity: Identity, plain_names: Mapping[str, str] | None = None) -> bytes:
    """Write what stands for an exported library where others are linked with it: a file without code that offers the same symbols.

    What is linked with it needs ``identity``.  ``plain_names`` gives the name that a symbol has in the stub, and the one that it has in
    ``library``.  No loader takes the stub.  Raises ``UnreadableError``.
    """
    found = _format(library)
    if found is Format.ELF:
        from nativewheel.formats.elf import stub as elf  # noqa: PLC0415  (for repair only)

        return elf.link_stub(library, identity, plain_names or {})
    if found is Format.MACHO:
        from nativewheel.formats.macho import stub as macho  # noqa: PLC0415

        return macho.link_stub(library, identity, plain_names or {})
    raise UnreadableError("DLLs have no link stubs: import libraries keep the plain names")


def writer_version(found: Format, backend: PeBackend = PeBackend.NATIVEWHEEL) -> str:
    """Name the program that ``apply`` uses for images of that format, with its version: equal edits give equal bytes only with equal programs.

    ``backend`` counts for PE images.  Raises ``MachineError`` when it is missing.
    """
    if found is Format.MACHO:
        from nativewheel.formats.macho import writer  # noqa: PLC0415  (for repair only)

        return f"nativewheel/macho {writer.REVISION}"
    if found is Format.PE:
        from nativewheel.formats.pe import writer as pe  # noqa: PLC0415

        return f"{backend}/pe {pe.REVISION}"
    from nativewheel.formats.elf import patchelf  # noqa: PLC0415

    return f"patchelf {patchelf.version()}"


class _Reader(Protocol):
    """What each format's reader offers."""

    def read(self, data: Buffer, name: str) -> Image: ...

    def imports(self, data: Buffer) -> tuple[Symbol, ...]: ...

    def exports(self, data: Buffer) -> tuple[Symbol, ...]: ...


def _reader(data: Buffer) -> _Reader:
    found = _format(data)
    if found is Format.ELF:
        return _elf
    if found is Format.MACHO:
        from nativewheel.formats.macho import reader as macho  # noqa: PLC0415  (a wheel is for one system, and the others' readers cost time to load)

        return macho
    from nativewheel.formats.pe import reader as pe  # noqa: PLC0415

    return pe


def _writer(found: Format, backend: PeBackend) -> Callable[[Path, Edit, Path], Image]:
    if found is Format.ELF:
        from nativewheel.formats.elf import writer as elf  # noqa: PLC0415  (writers are needed for repair only, and only one of them)

        return elf.apply
    if found is Format.MACHO:
        from nativewheel.formats.macho import writer as macho  # noqa: PLC0415

        return macho.apply
    if backend is PeBackend.MACHOMACHOMANGLER:
        from nativewheel.formats.pe import backend as other  # noqa: PLC0415

        return other.apply
    from nativewheel.formats.pe import writer as pe  # noqa: PLC0415

    return pe.apply


def _format(data: Buffer) -> Format:
    with memoryview(data) as whole, whole.cast("B") as view:
        found = detect(bytes(view[:HEAD]))
    if found is None:
        raise UnreadableError("not a native image")
    return found
