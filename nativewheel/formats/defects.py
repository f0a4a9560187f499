"""What is wrong with a native file, told by the file alone: a kind of defect that no caller needs to know the format for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from nativewheel.formats.image import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.image import Arch, Image


class DefectKind(StrEnum):
    """What can be wrong, whether or not it does harm where the file is."""

    NO_SONAME = "no-soname"
    """ELF: no DT_SONAME, so a loader that has the file already does not know it by any name."""
    HOST_RUNPATH = "host-runpath"
    """ELF: an entry of DT_RPATH or DT_RUNPATH that does not depend on where the file is."""
    EXECUTABLE_STACK = "executable-stack"
    """ELF: PT_GNU_STACK asks for it, or is not there to refuse it."""
    TEXT_RELOCATIONS = "text-relocations"
    """ELF: the loader has to write into code (DT_TEXTREL)."""
    MISALIGNED_SEGMENT = "misaligned-segment"
    """ELF: a PT_LOAD that cannot be mapped with the pages of some kernels for the machine."""
    PATH_NEEDED = "path-needed"
    """ELF: a DT_NEEDED with a slash."""
    UNSIGNED = "unsigned"
    """Mach-O: a slice for arm64 without a code signature."""
    FALSE_SIGNATURE = "false-signature"
    """Mach-O: a slice whose code signature does not fit it."""
    HOST_INSTALL_NAME = "host-install-name"
    """Mach-O: a library that is to be found in a folder of the build host."""
    HOST_LC_RPATH = "host-lc-rpath"
    """Mach-O: an LC_RPATH that leads to a folder of the build host."""
    DEBUG_RUNTIME = "debug-runtime"
    """PE: a dependency on the debug version of Visual C++'s runtime."""
    FALSE_CERTIFICATE = "false-certificate"
    """PE: an Authenticode signature that does not fit the file."""
    BOUND_IMPORTS = "bound-imports"
    """PE: addresses of other DLLs' functions, as they were on the build host."""
    LOAD_FLAGS = "load-flags"
    """PE: the file itself says that its dependencies are in certain folders only (DependentLoadFlags)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One thing that is wrong with a file; ``detail`` is the name, the path or the number in question, or says more; ``arch`` is a slice's."""

    kind: DefectKind
    detail: str = ""
    arch: Arch | None = None


def defects(data: Buffer, image: Image) -> Iterator[Defect]:
    """Yield what is wrong with the file ``data``, of which ``image`` is the model.  Raises ``UnreadableError``."""
    match image.format:
        case Format.ELF:
            from nativewheel.formats.elf import defects as elf  # noqa: PLC0415  (a wheel is for one system)

            yield from elf.defects(data, image)
        case Format.MACHO:
            from nativewheel.formats.macho import defects as macho  # noqa: PLC0415

            yield from macho.defects(data, image)
        case Format.PE:
            from nativewheel.formats.pe import defects as pe  # noqa: PLC0415

            yield from pe.defects(data, image)
