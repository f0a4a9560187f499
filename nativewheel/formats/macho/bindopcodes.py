"""The bind opcodes of LC_DYLD_INFO: which pointers dyld fills with the addresses of which symbols.

Source: mach-o/loader.h, and what dyld does with the opcodes.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.uleb import MASK, read_sleb, read_uleb, sleb, uleb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

POINTER = 8
POINTER_TYPE = 1
MOST_BINDS = 1 << 22
MAX_NAME = 1 << 16
IMMEDIATE = 15

NON_WEAK_DEFINITION = 0x08
"""A flag of a symbol in the weak table: the image has a strong definition, which takes the place of all weak ones."""

DONE = 0x00
SET_DYLIB_ORDINAL_IMM = 0x10
SET_DYLIB_ORDINAL_ULEB = 0x20
SET_DYLIB_SPECIAL_IMM = 0x30
SET_SYMBOL_TRAILING_FLAGS_IMM = 0x40
SET_TYPE_IMM = 0x50
SET_ADDEND_SLEB = 0x60
SET_SEGMENT_AND_OFFSET_ULEB = 0x70
ADD_ADDR_ULEB = 0x80
DO_BIND = 0x90
DO_BIND_ADD_ADDR_ULEB = 0xA0
DO_BIND_ADD_ADDR_IMM_SCALED = 0xB0
DO_BIND_ULEB_TIMES_SKIPPING_ULEB = 0xC0
THREADED = 0xD0


class Bind(NamedTuple):
    """One pointer to fill, ``offset`` bytes into the segment of that number; a tuple, because there are a hundred thousand of them.

    ``flags`` are BIND_SYMBOL_FLAGS_*.  ``ordinal`` is negative for the special ones.
    """

    ordinal: int
    name: bytes
    flags: int
    type: int
    addend: int
    segment: int
    offset: int


class BindTable(NamedTuple):
    """What a table says: the pointers in order, and the names and flags of all symbols that it mentions, also those without a pointer.

    The weak table announces strong definitions that way.
    """

    binds: list[Bind]
    symbols: list[tuple[bytes, int]]


def decode(data: bytes, *, lazy: bool = False, most: int = MOST_BINDS) -> BindTable:
    """Decode a regular, a weak or a lazy table.  In a lazy one, DONE ends an entry and not the table.

    ``most`` bounds the pointers, since one opcode can stand for any number of them; each is eight bytes of the image.  There are no more symbols.
    Raises ``UnreadableError``, also for the threaded opcodes of early arm64e.
    """
    return _Reader(data, lazy=lazy, most=min(most, MOST_BINDS)).read()


def _unknown(byte: int) -> str:
    if byte & 0xF0 == THREADED:
        return "threaded bind opcodes, which only early arm64e images have"
    return f"an unknown bind opcode {byte:#x}"


class _Reader:
    """The registers of the machine that the opcodes are for."""

    def __init__(self, data: bytes, *, lazy: bool, most: int) -> None:
        self.data = data
        self.most = most
        self.lazy = lazy
        self.at = 0
        self.table = BindTable([], [])
        self.name: bytes | None = None
        self.flags = 0
        self.ordinal = 0
        self.type = POINTER_TYPE if lazy else 0
        self.addend = 0
        self.segment = -1
        self.offset = 0

    def read(self) -> BindTable:
        data = self.data
        while self.at < len(data):
            byte = data[self.at]
            self.at += 1
            operation = OPERATIONS.get(byte & 0xF0)
            if operation is None:
                raise UnreadableError(_unknown(byte), where=(f"byte {self.at - 1:#x} of the bind table",))
            if byte & 0xF0 == DONE and not self.lazy:
                break
            operation(self, byte & 0x0F)
        return self.table

    def uleb(self) -> int:
        value, self.at = read_uleb(self.data, self.at)
        return value

    def done(self, _: int) -> None:
        """Nothing: only a lazy table goes on behind it."""

    def ordinal_immediate(self, immediate: int) -> None:
        self.ordinal = immediate

    def ordinal_uleb(self, _: int) -> None:
        self.ordinal = self.uleb()

    def ordinal_special(self, immediate: int) -> None:
        self.ordinal = immediate - 16 if immediate else 0

    def symbol(self, immediate: int) -> None:
        stop = self.data.find(b"\0", self.at, self.at + MAX_NAME)
        if stop < 0:
            raise UnreadableError("the name of a symbol does not end", where=(f"byte {self.at:#x} of the bind table",))
        self.name, self.flags, self.at = self.data[self.at : stop], immediate, stop + 1
        self.table.symbols.append((self.name, immediate))
        if len(self.table.symbols) > self.most:
            raise UnreadableError(f"more than {self.most} symbols")

    def set_type(self, immediate: int) -> None:
        self.type = immediate

    def set_addend(self, _: int) -> None:
        self.addend, self.at = read_sleb(self.data, self.at)

    def place(self, immediate: int) -> None:
        self.segment, self.offset = immediate, self.uleb()

    def add_address(self, _: int) -> None:
        self.offset = self.offset + self.uleb() & MASK

    def bind(self, _: int) -> None:
        self.repeat(1, 0)

    def bind_add_uleb(self, _: int) -> None:
        self.repeat(1, self.uleb())

    def bind_add_scaled(self, immediate: int) -> None:
        self.repeat(1, immediate * POINTER)

    def bind_times(self, _: int) -> None:
        count = self.uleb()
        self.repeat(count, self.uleb())

    def repeat(self, count: int, skip: int) -> None:
        name, binds = self.name, self.table.binds
        if name is None or self.segment < 0:
            raise UnreadableError("a bind without a symbol or a place", where=(f"byte {self.at - 1:#x} of the bind table",))
        if len(binds) + count > self.most:
            raise UnreadableError(f"more than {self.most} binds")
        offset, step = self.offset, POINTER + skip
        for _ in range(count):
            binds.append(Bind(self.ordinal, name, self.flags, self.type, self.addend, self.segment, offset))
            offset = offset + step & MASK
        self.offset = offset


OPERATIONS: dict[int, Callable[[_Reader, int], None]] = {
    DONE: _Reader.done,
    SET_DYLIB_ORDINAL_IMM: _Reader.ordinal_immediate,
    SET_DYLIB_ORDINAL_ULEB: _Reader.ordinal_uleb,
    SET_DYLIB_SPECIAL_IMM: _Reader.ordinal_special,
    SET_SYMBOL_TRAILING_FLAGS_IMM: _Reader.symbol,
    SET_TYPE_IMM: _Reader.set_type,
    SET_ADDEND_SLEB: _Reader.set_addend,
    SET_SEGMENT_AND_OFFSET_ULEB: _Reader.place,
    ADD_ADDR_ULEB: _Reader.add_address,
    DO_BIND: _Reader.bind,
    DO_BIND_ADD_ADDR_ULEB: _Reader.bind_add_uleb,
    DO_BIND_ADD_ADDR_IMM_SCALED: _Reader.bind_add_scaled,
    DO_BIND_ULEB_TIMES_SKIPPING_ULEB: _Reader.bind_times,
}


def encode(binds: Iterable[Bind]) -> bytes:
    """Return a regular table of ``binds``, sorted; b"" for none.

    Symbols are told apart by ordinal, name and flags, and each is set once.
    """
    ordered = sorted(binds)
    if not ordered:
        return b""
    return _Writer().write(ordered)


def encode_weak(binds: Iterable[Bind], symbols: Iterable[tuple[bytes, int]]) -> bytes:
    """Return a weak table: sorted by name, as dyld walks the tables of all images side by side; ``symbols`` may have more names than ``binds``."""
    places: dict[tuple[bytes, int], list[Bind]] = {symbol: [] for symbol in symbols}
    for bind in binds:
        places[bind.name, bind.flags].append(bind)
    if not places:
        return b""
    return _Writer().write_weak(sorted((symbol, sorted(found)) for symbol, found in places.items()))


class _Writer:
    """The registers as the opcodes written so far have left them."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.ordinal: int | None = None
        self.type: int | None = None
        self.addend = 0
        self.place: tuple[int, int] | None = None

    def write(self, ordered: list[Bind]) -> bytes:
        for (ordinal, name, flags), group in groupby(ordered, lambda bind: bind[:3]):
            self.library(ordinal)
            self.symbol(name, flags)
            self.pointers(group)
        self.out.append(DONE)
        return bytes(self.out)

    def write_weak(self, ordered: list[tuple[tuple[bytes, int], list[Bind]]]) -> bytes:
        for (name, flags), group in ordered:
            self.symbol(name, flags)
            self.pointers(group)
        self.out.append(DONE)
        return bytes(self.out)

    def library(self, ordinal: int) -> None:
        if ordinal == self.ordinal:
            return
        self.ordinal = ordinal
        if ordinal < 0:
            self.out.append(SET_DYLIB_SPECIAL_IMM | ordinal & 0x0F)
        elif ordinal <= IMMEDIATE:
            self.out.append(SET_DYLIB_ORDINAL_IMM | ordinal)
        else:
            self.out.append(SET_DYLIB_ORDINAL_ULEB)
            self.out += uleb(ordinal)

    def symbol(self, name: bytes, flags: int) -> None:
        self.out.append(SET_SYMBOL_TRAILING_FLAGS_IMM | flags)
        self.out += name
        self.out.append(0)

    def pointers(self, group: Iterable[Bind]) -> None:
        for (kind, addend, segment), same in groupby(group, lambda bind: bind[3:6]):
            if kind != self.type:
                self.out.append(SET_TYPE_IMM | kind)
                self.type = kind
            if addend != self.addend:
                self.out.append(SET_ADDEND_SLEB)
                self.out += sleb(addend)
                self.addend = addend
            for start, step, count in _runs([bind.offset for bind in same]):
                self.run(segment, start, step, count)

    def run(self, segment: int, start: int, step: int, count: int) -> None:
        if self.place is None or self.place[0] != segment or self.place[1] > start:
            self.out.append(SET_SEGMENT_AND_OFFSET_ULEB | segment)
            self.out += uleb(start)
        elif self.place[1] < start:
            self.out.append(ADD_ADDR_ULEB)
            self.out += uleb(start - self.place[1])
        self.place = segment, start + step * count & MASK
        if count > 1:
            self.out.append(DO_BIND_ULEB_TIMES_SKIPPING_ULEB)
            self.out += uleb(count) + uleb(step - POINTER)
        elif step == POINTER:
            self.out.append(DO_BIND)
        elif step % POINTER == 0 and step // POINTER - 1 <= IMMEDIATE:
            self.out.append(DO_BIND_ADD_ADDR_IMM_SCALED | step // POINTER - 1)
        else:
            self.out.append(DO_BIND_ADD_ADDR_ULEB)
            self.out += uleb(step - POINTER)


def _runs(offsets: list[int]) -> Iterator[tuple[int, int, int]]:
    """Cut sorted offsets into (first, step, count); the step leads to the first offset of the next run where it can."""
    index = 0
    while index < len(offsets):
        start = offsets[index]
        following = offsets[index + 1] - start if index + 1 < len(offsets) else POINTER
        step = max(following, POINTER)
        count = 1
        while index + count < len(offsets) and offsets[index + count] - start == step * count:
            count += 1
        # Two of them cost less as two single binds, and the last of a run must not jump over the start of the next.
        if count == 2 or (count > 2 and index + count < len(offsets) and offsets[index + count] < start + step * count):  # noqa: PLR2004
            count -= 1
        yield start, step, count
        index += count
