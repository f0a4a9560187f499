"""Which architecture, in the sense of Linux platform tags, an ELF image is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import ForeignImageError
from nativewheel.formats.elf.attributes import arm_attributes
from nativewheel.formats.image import Arch

if TYPE_CHECKING:
    from nativewheel.formats.elf.file import ElfFile

EM_386 = 3
EM_ARM = 40

EF_ARM_EABIMASK = 0xFF000000
EF_ARM_EABI_VER5 = 0x05000000
EF_ARM_ABI_FLOAT_SOFT = 0x200
EF_ARM_ABI_FLOAT_HARD = 0x400

TAG_CPU_ARCH = 6
TAG_ABI_VFP_ARGS = 28
CPU_ARCH_V6K = 9
"""Tag_CPU_arch of the last ARMv6 variant for application processors; ARMv7 is 10, and some micro-controllers have higher ARMv6 numbers."""

ARCHITECTURES = {
    # e_machine, 64-bit, byte order
    (EM_386, False, "<"): Arch.I686,
    (21, True, ">"): Arch.PPC64,
    (21, True, "<"): Arch.PPC64LE,
    (22, True, ">"): Arch.S390X,
    (EM_ARM, False, "<"): Arch.ARMV7L,
    (62, True, "<"): Arch.X86_64,
    (183, True, "<"): Arch.AARCH64,
    (243, True, "<"): Arch.RISCV64,
    (258, True, "<"): Arch.LOONGARCH64,
}

MACHINES = {
    2: "SPARC",
    EM_386: "Intel 80386",
    4: "Motorola 68000",
    8: "MIPS",
    15: "HP PA-RISC",
    18: "SPARC v8plus",
    20: "PowerPC",
    21: "PowerPC 64",
    22: "IBM S/390",
    EM_ARM: "ARM",
    42: "SuperH",
    43: "SPARC v9",
    50: "Intel IA-64",
    62: "x86-64",
    183: "AArch64",
    189: "MicroBlaze",
    190: "NVIDIA CUDA",
    195: "ARC",
    224: "AMD GPU",
    243: "RISC-V",
    247: "eBPF",
    252: "C-SKY",
    258: "LoongArch",
    0x9026: "Alpha",
}
"""Names for messages, by e_machine."""


def architecture(elf: ElfFile) -> Arch:
    """Return the architecture.

    Raises ``ForeignImageError`` for a machine, word size, byte order or calling convention that no Linux platform tag stands for.
    """
    layout = elf.layout
    arch = ARCHITECTURES.get((elf.machine, layout.wide, layout.order))
    if arch is None:
        name = MACHINES.get(elf.machine, f"machine {elf.machine}")
        variant = f"{64 if layout.wide else 32}-bit, {'little' if layout.order == '<' else 'big'}-endian"
        raise ForeignImageError(f"made for {name} ({variant}), for which no wheel platform exists", where=("e_machine",))
    return _arm(elf) if elf.machine == EM_ARM else arch


def _arm(elf: ElfFile) -> Arch:
    attributes = arm_attributes(elf)
    # Linkers before binutils 2.23 set neither float flag.
    soft = elf.flags & EF_ARM_ABI_FLOAT_SOFT or not (elf.flags & EF_ARM_ABI_FLOAT_HARD or attributes.get(TAG_ABI_VFP_ARGS))
    if elf.flags & EF_ARM_EABIMASK != EF_ARM_EABI_VER5 or soft:
        raise ForeignImageError(
            f"made for an ARM calling convention that is unsupported (e_flags {elf.flags:#x}): wheel platforms need EABI 5 with hard float",
            where=("e_flags",),
        )
    return Arch.ARMV6L if attributes.get(TAG_CPU_ARCH, CPU_ARCH_V6K + 1) <= CPU_ARCH_V6K else Arch.ARMV7L
