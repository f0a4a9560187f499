"""Which machine an image is made for, and whether wheels for Windows exist for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import ForeignImageError, UnreadableError
from nativewheel.formats.image import Arch
from nativewheel.formats.pe.constants import (
    COMIMAGE_FLAGS_ILONLY,
    IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR,
    IMAGE_FILE_MACHINE_AMD64,
    IMAGE_FILE_MACHINE_ARM64,
    IMAGE_FILE_MACHINE_ARMNT,
    IMAGE_FILE_MACHINE_I386,
    IMAGE_FILE_MACHINE_IA64,
    IMAGE_SUBSYSTEM_EFI,
    IMAGE_SUBSYSTEM_NATIVE,
)
from nativewheel.formats.pe.loadconfig import read_loadconfig

if TYPE_CHECKING:
    from nativewheel.formats.pe.headers import PeFile

_ARCHS = {
    (IMAGE_FILE_MACHINE_AMD64, True): Arch.X86_64,
    (IMAGE_FILE_MACHINE_I386, False): Arch.I686,
    (IMAGE_FILE_MACHINE_ARM64, True): Arch.AARCH64,
}
_MACHINES = {
    IMAGE_FILE_MACHINE_I386: "x86",
    IMAGE_FILE_MACHINE_AMD64: "x86-64",
    IMAGE_FILE_MACHINE_ARM64: "ARM64",
    IMAGE_FILE_MACHINE_ARMNT: "32-bit ARM",
    IMAGE_FILE_MACHINE_IA64: "Itanium",
}
_CLR_HEADER_SIZE, _CLR_FLAGS = 72, 16


def architecture(pe: PeFile) -> Arch:
    """Return the architecture of an image.

    An ARM64X image, which has code for ARM64 and for ARM64EC, counts as ARM64: to a Python for ARM64 it is nothing else, and Microsoft's C++ runtime
    is made so.  One with ARM64EC alone is for processes that emulate x86-64 on ARM64, for which there is no platform tag.  Raises
    ``ForeignImageError``, also for .NET assemblies, drivers and UEFI programs; and ``UnreadableError``.
    """
    name = _MACHINES.get(pe.machine, f"machine {pe.machine:#x}")
    if _is_managed(pe):
        raise ForeignImageError("a .NET assembly without native code, which is the CLR's to load", where=("COM descriptor",))
    if pe.subsystem == IMAGE_SUBSYSTEM_NATIVE or pe.subsystem in IMAGE_SUBSYSTEM_EFI:
        raise ForeignImageError("made for the kernel or the firmware, not for a process of Windows", where=("optional header",))
    if pe.machine not in {IMAGE_FILE_MACHINE_I386, IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM64}:
        raise ForeignImageError(f"made for {name}, for which nativewheel repairs no wheels", where=("COFF header",))
    arch = _ARCHS.get((pe.machine, pe.is_plus))
    if arch is None:
        raise UnreadableError(f"the optional header is not of the kind that {name} has", where=("optional header",))
    if arch is Arch.X86_64 and is_hybrid(pe):
        raise ForeignImageError("made for ARM64EC, for which nativewheel repairs no wheels", where=("load configuration",))
    return arch


def is_hybrid(pe: PeFile) -> bool:
    """Whether the image holds code for ARM64EC; then its headers, imports and exports have a second form that the loader makes from relocations."""
    config = read_loadconfig(pe)
    return config is not None and config.is_hybrid


def _is_managed(pe: PeFile) -> bool:
    """Whether all code is for the CLR; C++/CLI has native code, too."""
    directory = pe.directory(IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR)
    if directory is None:
        return False
    header = pe.take(directory.address, _CLR_HEADER_SIZE, "the CLR header")
    return bool(int.from_bytes(header[_CLR_FLAGS : _CLR_FLAGS + 4], "little") & COMIMAGE_FLAGS_ILONLY)
