"""Which machine a slice is made for, and whether wheels for macOS exist for it."""

from __future__ import annotations

from struct import Struct

from nativewheel.errors import ForeignImageError, UnreadableError
from nativewheel.formats.image import Arch
from nativewheel.formats.macho.constants import (
    CPU_SUBTYPE_ARM64_ALL,
    CPU_SUBTYPE_ARM64_V8,
    CPU_SUBTYPE_ARM64E,
    CPU_SUBTYPE_MASK,
    CPU_SUBTYPE_X86_64_ALL,
    CPU_SUBTYPE_X86_64_H,
    CPU_TYPE_ARM,
    CPU_TYPE_ARM64,
    CPU_TYPE_ARM64_32,
    CPU_TYPE_I386,
    CPU_TYPE_POWERPC,
    CPU_TYPE_POWERPC64,
    CPU_TYPE_X86_64,
    MH_MAGIC_64,
    MH_MAGICS,
)

_START = {"<": Struct("<III"), ">": Struct(">III")}

_ARCHS = {
    (CPU_TYPE_X86_64, CPU_SUBTYPE_X86_64_ALL): Arch.X86_64,
    (CPU_TYPE_ARM64, CPU_SUBTYPE_ARM64_ALL): Arch.AARCH64,
    (CPU_TYPE_ARM64, CPU_SUBTYPE_ARM64_V8): Arch.AARCH64,
}
_VARIANTS = {(CPU_TYPE_ARM64, CPU_SUBTYPE_ARM64E): "arm64e", (CPU_TYPE_X86_64, CPU_SUBTYPE_X86_64_H): "x86_64h (Haswell)"}
_MACHINES = {
    CPU_TYPE_I386: "i386",
    CPU_TYPE_X86_64: "x86_64",
    CPU_TYPE_ARM: "32-bit ARM",
    CPU_TYPE_ARM64: "arm64",
    CPU_TYPE_ARM64_32: "arm64_32",
    CPU_TYPE_POWERPC: "PowerPC",
    CPU_TYPE_POWERPC64: "64-bit PowerPC",
}


def architecture(header: bytes) -> Arch:
    """Return the architecture of the slice that begins with ``header``.

    arm64e, whose pointers are signed, is none: its ABI is not stable, and macOS loads such code from Apple only.  Raises ``ForeignImageError``, and
    ``UnreadableError`` if it is no Mach-O header.
    """
    little = _START["<"].unpack_from(header)
    magic, cputype, cpusubtype = little if little[0] in {0xFEEDFACE, MH_MAGIC_64} else _START[">"].unpack_from(header)
    if magic not in MH_MAGICS:
        raise UnreadableError("not a Mach-O file", where=("mach_header",))
    subtype = cpusubtype & CPU_SUBTYPE_MASK
    arch = _ARCHS.get((cputype, subtype))
    if arch is None:
        name = _VARIANTS.get((cputype, subtype)) or _MACHINES.get(cputype) or f"CPU type {cputype:#x}"
        raise ForeignImageError(f"made for {name}, for which nativewheel repairs no wheels", where=("mach_header",))
    if little[0] != MH_MAGIC_64:
        raise UnreadableError(f"an {arch} image in a 32-bit or big-endian container", where=("mach_header",))
    return arch
