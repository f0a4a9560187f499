"""A CPU with memory, by unicorn: what the emulated dyld puts images into and calls functions on."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

unicorn = pytest.importorskip("unicorn", reason="no CPU emulator: unicorn has no wheel for this machine")
arm64, x86 = unicorn.arm64_const, unicorn.x86_const

PAGE = 0x4000
STACK, STACK_SIZE = 0x7000_0000, 0x10_0000
HEAP, HEAP_SIZE = 0x1_0000_0000, 0x400_0000
HOOKS, HOOKS_SIZE = 0x6000_0000, 0x10_0000
IMAGES = 0x2_0000_0000
STOP = HOOKS
MICROSECONDS = 20_000_000


class Abi(NamedTuple):
    """Where a function finds its arguments and leaves its result."""

    arch: int
    mode: int
    arguments: tuple[int, ...]
    result: int
    stack: int
    counter: int
    code: bytes
    """The instruction that returns to the caller."""


ABIS = {
    "x86_64": Abi(
        unicorn.UC_ARCH_X86,
        unicorn.UC_MODE_64,
        (x86.UC_X86_REG_RDI, x86.UC_X86_REG_RSI, x86.UC_X86_REG_RDX, x86.UC_X86_REG_RCX, x86.UC_X86_REG_R8, x86.UC_X86_REG_R9),
        x86.UC_X86_REG_RAX,
        x86.UC_X86_REG_RSP,
        x86.UC_X86_REG_RIP,
        b"\xc3",
    ),
    "arm64": Abi(
        unicorn.UC_ARCH_ARM64,
        unicorn.UC_MODE_ARM,
        tuple(arm64.UC_ARM64_REG_X0 + number for number in range(8)),
        arm64.UC_ARM64_REG_X0,
        arm64.UC_ARM64_REG_SP,
        arm64.UC_ARM64_REG_PC,
        b"\xc0\x03\x5f\xd6",
    ),
}


class CrashError(Exception):
    """The emulated process died, or called what it must not."""


class Processor:
    """One CPU; functions written in Python have addresses that emulated code can call."""

    def __init__(self, arch: str) -> None:
        self.arch = arch
        self.abi = ABIS[arch]
        self._uc = unicorn.Uc(self.abi.arch, self.abi.mode)
        if arch == "arm64":
            self._uc.ctl_set_cpu_model(arm64.UC_CPU_ARM64_MAX)  # Apple's have the atomic instructions of ARMv8.1
        for start, size in ((STACK, STACK_SIZE), (HEAP, HEAP_SIZE)):
            self._uc.mem_map(start, size, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self._uc.mem_map(HOOKS, HOOKS_SIZE, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self._uc.mem_write(HOOKS, self.abi.code.ljust(16, b"\0") * (HOOKS_SIZE // 16))
        self._uc.hook_add(unicorn.UC_HOOK_CODE, self._enter, begin=HOOKS + 16, end=HOOKS + HOOKS_SIZE)
        if arch == "arm64":
            self._uc.reg_write(arm64.UC_ARM64_REG_CPACR_EL1, 3 << 20)  # floating point and vectors
        self._functions: list[Callable[[], int | None]] = []
        self._heap = HEAP
        self._images = IMAGES
        self._stack = STACK + STACK_SIZE - 0x100

    def function(self, body: Callable[[], int | None]) -> int:
        """Give ``body`` an address; what it returns is the result, None leaves the register as it is."""
        self._functions.append(body)
        return HOOKS + 16 * len(self._functions)

    def argument(self, index: int) -> int:
        """Return an integer or pointer argument of the function that was called."""
        return int(self._uc.reg_read(self.abi.arguments[index]))

    def variable_arguments(self, named: int) -> Iterator[int]:
        """Yield what follows the ``named`` arguments of a variadic function; Apple's ABI for arm64 puts them all onto the stack."""
        place = int(self._uc.reg_read(self.abi.stack))
        if self.arch == "x86_64":
            place += 8
            yield from (self.argument(index) for index in range(named, len(self.abi.arguments)))
        while True:
            yield self.integer(place)
            place += 8

    def allocate(self, size: int, align: int = 16) -> int:
        """Return fresh zeroed memory."""
        start = -(-self._heap // align) * align
        self._heap = start + max(size, 1)
        if self._heap > HEAP + HEAP_SIZE:
            raise CrashError("out of memory")
        return start

    def place(self, size: int) -> int:
        """Return a free range of addresses for an image."""
        start = self._images
        self._images += -(-size // PAGE) * PAGE + PAGE
        return start

    def map(self, address: int, content: bytes, size: int, protection: int) -> None:
        """Map a segment; its protection is Mach's (r=1, w=2, x=4), which is unicorn's too."""
        if size:
            self._uc.mem_map(address, -(-size // 0x1000) * 0x1000, protection & unicorn.UC_PROT_ALL)
            self._uc.mem_write(address, content)

    def unmap(self, address: int, size: int) -> None:
        """Take a segment away."""
        if size:
            self._uc.mem_unmap(address, -(-size // 0x1000) * 0x1000)

    def read(self, address: int, size: int) -> bytes:
        """Read memory."""
        return bytes(self._uc.mem_read(address, size))

    def write(self, address: int, content: bytes) -> None:
        """Write memory."""
        self._uc.mem_write(address, content)

    def integer(self, address: int, layout: str = "<Q") -> int:
        """Read a number."""
        return int(struct.unpack(layout, self.read(address, struct.calcsize(layout)))[0])

    def string(self, address: int) -> bytes:
        """Read a C string."""
        found = bytearray()
        while byte := self.read(address + len(found), 1):
            if byte == b"\0":
                break
            found += byte
        return bytes(found)

    def put(self, content: bytes) -> int:
        """Copy bytes and a NUL into fresh memory."""
        address = self.allocate(len(content) + 1)
        self.write(address, content + b"\0")
        return address

    def run(self, address: int, *arguments: int) -> int:
        """Call a function with integers and pointers; return 64 bits, unsigned."""
        for register, value in zip(self.abi.arguments, arguments, strict=False):
            self._uc.reg_write(register, value & 0xFFFF_FFFF_FFFF_FFFF)
        if self.arch == "x86_64":
            self._uc.reg_write(self.abi.stack, self._stack - 8)
            self.write(self._stack - 8, struct.pack("<Q", STOP))
        else:
            self._uc.reg_write(self.abi.stack, self._stack)
            self._uc.reg_write(arm64.UC_ARM64_REG_LR, STOP)
        try:
            self._uc.emu_start(address, STOP, timeout=MICROSECONDS)
        except unicorn.UcError as error:
            raise CrashError(f"{error} at {self._uc.reg_read(self.abi.counter):#x}") from error
        if self._uc.reg_read(self.abi.counter) != STOP:
            raise CrashError("does not return")
        return int(self._uc.reg_read(self.abi.result))

    def _enter(self, _uc: object, address: int, _size: int, _data: object) -> None:
        result = self._functions[(address - HOOKS) // 16 - 1]()
        if result is not None:
            self._uc.reg_write(self.abi.result, result & 0xFFFF_FFFF_FFFF_FFFF)
