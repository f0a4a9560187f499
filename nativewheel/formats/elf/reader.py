"""Read an ELF image into the format-neutral model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.elf import classify, symbols
from nativewheel.formats.elf.dynamic import NAME_LIMIT, Dynamic, read_dynamic
from nativewheel.formats.elf.file import ElfFile, opened
from nativewheel.formats.elf.layout import PT_INTERP
from nativewheel.formats.elf.machine import architecture
from nativewheel.formats.elf.notes import isa_level
from nativewheel.formats.elf.versions import Need, read_needs
from nativewheel.formats.image import Arch, Dependency, Format, Identity, Image, IsaLevel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

    from nativewheel.formats.image import Symbol


def read(data: Buffer, name: str) -> Image:
    """Read the whole file ``data``; ``name`` is its file name, which helps to tell what it is.

    The symbol table is touched only when the string table holds a name that Python looks for in an extension module.  Raises
    ``UnreadableError``.
    """
    with opened(data) as elf:
        return model(elf, read_dynamic(elf), name)


def imports(data: Buffer) -> tuple[Symbol, ...]:
    """Read the dynamic symbols that an image wants."""
    with opened(data) as elf:
        dynamic = read_dynamic(elf)
        return tuple(symbols.imports(elf, dynamic)) if dynamic is not None else ()


def exports(data: Buffer) -> tuple[Symbol, ...]:
    """Read the dynamic symbols that an image offers."""
    with opened(data) as elf:
        dynamic = read_dynamic(elf)
        return tuple(symbols.exports(elf, dynamic)) if dynamic is not None else ()


def model(elf: ElfFile, dynamic: Dynamic | None, name: str) -> Image:
    """Build the model of an opened file."""
    arch = architecture(elf)
    interpreter = read_interpreter(elf)
    needs = read_needs(elf, dynamic) if dynamic is not None else ()
    needed = dynamic.needed if dynamic is not None else ()
    return Image(
        format=Format.ELF,
        archs=(arch,),
        kind=classify.kind(elf, dynamic, interpreter, name),
        identity=Identity(dynamic.soname) if dynamic is not None and dynamic.soname is not None else None,
        dependencies=_dependencies(needed, needs),
        unlisted=_dependencies((need.file for need in needs if need.file not in needed), needs),
        rpaths=dynamic.rpaths if dynamic is not None else (),
        inherited_rpaths=dynamic is not None and dynamic.inherited_rpaths,
        interpreter=interpreter,
        libc=classify.libc(dynamic, interpreter, needs, name),
        isa=isa_level(elf) if arch is Arch.X86_64 else IsaLevel.BASELINE,
    )


def read_interpreter(elf: ElfFile) -> str | None:
    """Return the program interpreter, which for a program is the dynamic loader."""
    segment = elf.first(PT_INTERP)
    if segment is None or not segment.filesz:
        return None
    elf.take(segment.offset, min(segment.filesz, NAME_LIMIT), "the program interpreter")
    return elf.text(segment.offset, segment.offset + segment.filesz, NAME_LIMIT, "the program interpreter")


def _dependencies(names: Iterable[str], needs: tuple[Need, ...]) -> tuple[Dependency, ...]:
    versions: dict[str, dict[str, None]] = {}
    for need in needs:
        versions.setdefault(need.file, {})[need.version] = None
    return tuple(Dependency(name=Identity(name), versions=tuple(versions.get(name, ()))) for name in dict.fromkeys(names))
