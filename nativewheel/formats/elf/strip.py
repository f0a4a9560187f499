"""Programs that strip ELF files of the static symbol table and of debug information."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.errors import MachineError
from nativewheel.formats.image import Arch
from nativewheel.formats.process import run

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRIPLETS = {
    Arch.X86_64: "x86_64-linux-gnu",
    Arch.I686: "i686-linux-gnu",
    Arch.AARCH64: "aarch64-linux-gnu",
    Arch.ARMV7L: "arm-linux-gnueabihf",
    Arch.ARMV6L: "arm-linux-gnueabihf",
    Arch.PPC64LE: "powerpc64le-linux-gnu",
    Arch.PPC64: "powerpc64-linux-gnu",
    Arch.S390X: "s390x-linux-gnu",
    Arch.RISCV64: "riscv64-linux-gnu",
    Arch.LOONGARCH64: "loongarch64-linux-gnu",
}


def strip(source: Path, arch: Arch, destination: Path) -> None:
    """Write ``source`` without static symbols and debug sections to ``destination``.

    Raises ``MachineError`` when no program for the architecture is there, or when it fails.
    """
    program = next(_programs(arch), None)
    if program is None:
        raise MachineError(f"no program to strip {arch} images is there", hint="install binutils for the architecture, or llvm")
    run(program, ["-s", "-o", str(destination.absolute()), str(source.absolute())], source)


def _programs(arch: Arch) -> Iterator[Path]:
    # The strip of GNU binutils knows the architectures that it was built for, mostly one; that of LLVM knows all.
    names = [f"{_TRIPLETS[arch]}-strip", "llvm-strip"]
    if platform.system() == "Linux" and (platform.machine() == arch or (platform.machine(), arch) == ("x86_64", Arch.I686)):
        names.insert(0, "strip")
    for name in names:
        found = shutil.which(name)
        if found is not None:
            yield Path(found)
