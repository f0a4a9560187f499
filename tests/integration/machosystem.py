"""The libraries that macOS brings, as far as the samples and real wheels call them in the emulator: functions written in Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from machoprocessor import CrashError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from machoprocessor import Processor

LIBSYSTEM = "/usr/lib/libSystem.B.dylib"
LIBCXX = "/usr/lib/libc++.1.dylib"
VTABLES = ("__ZTVN10__cxxabiv117__class_type_infoE", "__ZTVN10__cxxabiv120__si_class_type_infoE")
CXX_WEAK = ("__ZdlPv", "__ZdlPvm", "__Znwm")


class LibSystem:
    """The C library; ``printed`` is what a process wrote."""

    def __init__(self, processor: Processor) -> None:
        self._cpu = processor
        self._sizes: dict[int, int] = {}
        self.printed = ""

    def symbols(self) -> dict[str, int]:
        """Return the address of each symbol."""
        functions: dict[str, tuple[int, Callable[..., int | None]]] = {
            "_malloc": (1, self._malloc),
            "_calloc": (2, lambda count, size: self._malloc(count * size)),
            "_realloc": (2, self._realloc),
            "_free": (1, lambda _: None),
            "_memcpy": (3, self._copy),
            "_memmove": (3, self._copy),
            "_memset": (3, self._fill),
            "_bzero": (2, lambda address, size: self._fill(address, 0, size)),
            "_memcmp": (3, lambda one, other, size: _order(self._cpu.read(one, size), self._cpu.read(other, size))),
            "_strlen": (1, lambda text: len(self._cpu.string(text))),
            "_strcmp": (2, lambda one, other: _order(self._cpu.string(one), self._cpu.string(other))),
            "_strncmp": (3, lambda one, other, size: _order(self._cpu.string(one)[:size], self._cpu.string(other)[:size])),
            "_puts": (1, self._puts),
            "_printf": (1, self._printf),
            "_getenv": (1, lambda _: 0),
            "_getuid": (0, lambda: 501),
            "_issetugid": (0, lambda: 0),
            "_pthread_mutex_init": (2, lambda *_: 0),
            "_sysctlbyname": (1, lambda _: -1),
            "___chkstk_darwin": (0, lambda: None),
            "___cxa_atexit": (3, lambda *_: 0),
            "_atexit": (1, lambda _: 0),
            "_abort": (0, lambda: self._die("abort")),
            "___stack_chk_fail": (0, lambda: self._die("stack smashed")),
            "dyld_stub_binder": (0, lambda: self._die("a lazy pointer was not bound at load")),
        }
        found = {name: self._cpu.function(self._taking(count, body)) for name, (count, body) in functions.items()}
        found["___stack_chk_guard"] = self._cpu.put(b"canary!")
        return found

    def _taking(self, count: int, body: Callable[..., int | None]) -> Callable[[], int | None]:
        return lambda: body(*(self._cpu.argument(index) for index in range(count)))

    def _malloc(self, size: int) -> int:
        address = self._cpu.allocate(size)
        self._sizes[address] = size
        return address

    def _realloc(self, old: int, size: int) -> int:
        new = self._malloc(size)
        if old:
            self._cpu.write(new, self._cpu.read(old, min(size, self._sizes[old])))
        return new

    def _copy(self, target: int, source: int, size: int) -> int:
        self._cpu.write(target, self._cpu.read(source, size))
        return target

    def _fill(self, target: int, byte: int, size: int) -> int:
        self._cpu.write(target, bytes([byte & 0xFF]) * size)
        return target

    def _puts(self, text: int) -> int:
        self.printed += self._cpu.string(text).decode() + "\n"
        return 1

    def _printf(self, layout: int) -> int:
        values = self._cpu.variable_arguments(1)
        text = re.sub(r"%(?:([ldu]+)|s|%)", lambda found: self._formatted(found[0], values), self._cpu.string(layout).decode())
        self.printed += text
        return len(text)

    def _formatted(self, conversion: str, values: Iterator[int]) -> str:
        if conversion == "%%":
            return "%"
        value = next(values)
        return self._cpu.string(value).decode() if conversion == "%s" else str(signed(value, 64 if "l" in conversion else 32))

    def _die(self, reason: str) -> int:
        raise CrashError(reason)


class LibCxx:
    """The C++ library: type information of single inheritance."""

    def __init__(self, processor: Processor) -> None:
        self._cpu = processor
        self._vtables = {name: processor.allocate(64) for name in VTABLES}

    def symbols(self) -> dict[str, int]:
        """Return the address of each symbol."""
        cast = self._cpu.function(lambda: self._dynamic_cast(*(self._cpu.argument(index) for index in (0, 2))))
        free = self._cpu.function(lambda: None)
        new = self._cpu.function(lambda: self._cpu.allocate(self._cpu.argument(0)))
        return {**self._vtables, "___dynamic_cast": cast, "__ZdlPv": free, "__ZdlPvm": free, "__Znwm": new}

    def _dynamic_cast(self, place: int, wanted: int) -> int:
        """Follow {vtable, name, base} from the type of the object; a vtable's address points after {offset, type}."""
        kind = self._cpu.integer(self._cpu.integer(place) - 8)
        while not self._same(kind, wanted):
            if self._cpu.integer(kind) != self._vtables[VTABLES[1]] + 16:
                return 0
            kind = self._cpu.integer(kind + 16)
        return place

    def _same(self, one: int, other: int) -> bool:
        """Compare types by the addresses of their names; on arm64 by spelling if both names have the bit of types that images do not share."""
        names = [self._cpu.integer(kind + 8) for kind in (one, other)]
        if not all(name >> 63 for name in names):
            return names[0] == names[1]
        return len({self._cpu.string(name & (1 << 63) - 1) for name in names}) == 1


def signed(value: int, bits: int) -> int:
    """Return the low bits of a register as C's signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _order(one: bytes, other: bytes) -> int:
    return (one > other) - (one < other)
