"""Decode LC_DYLD_CHAINED_FIXUPS, for the emulator."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from machobind import Bind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_FIXUPS = 0xFFFF
POINTER_64, POINTER_64_OFFSET = 2, 6


class Import(NamedTuple):
    """A symbol that pointers name by its index."""

    ordinal: int
    name: str
    addend: int
    weak: bool


def read(content: bytes, image: bytes, base: int, offset_of: Callable[[int], int]) -> tuple[list[tuple[int, int]], list[Bind]]:
    """Return the rebases (place, target) and the binds of an image; ``offset_of`` says where in it an address is."""
    starts, names = struct.unpack_from("<2I", content, 4)[0], imports(content)
    rebases: list[tuple[int, int]] = []
    binds: list[Bind] = []
    for place, kind in _places(content, starts, base, image, offset_of):
        (raw,) = struct.unpack_from("<Q", image, offset_of(place))
        if raw >> 63:
            wanted = names[raw & 0xFFFFFF]
            addend = wanted.addend + (raw >> 24 & 0xFF)
            binds.append(Bind(place, wanted.ordinal, wanted.name, addend, wanted.weak, "chained"))
        else:
            target = (raw & 0xFFFFFFFFF) + (base if kind == POINTER_64_OFFSET else 0)
            rebases.append((place, target | (raw >> 36 & 0xFF) << 56))
    return rebases, binds


def formats(content: bytes) -> tuple[int, set[int]]:
    """Return the format of the imports, and those of the pointers."""
    starts, kind = struct.unpack_from("<I12xI", content, 4)
    return kind, {pointers for _, _, pointers in _segments(content, starts)}


def imports(content: bytes) -> list[Import]:
    """Return the imports in the order of their indexes."""
    _, _, table, pool, count, kind, packing = struct.unpack_from("<7I", content)
    assert packing == 0, "a compressed symbol pool"
    size, layout = {1: (4, "<I"), 2: (8, "<Ii"), 3: (16, "<QQ")}[kind]
    found = []
    for index in range(count):
        word, *rest = struct.unpack_from(layout, content, table + size * index)
        bits = 16 if kind == 3 else 8
        ordinal, weak, at = word & ((1 << bits) - 1), word >> bits & 1, word >> (32 if kind == 3 else 9)
        ordinal = ordinal - (1 << bits) if ordinal > (1 << bits) - 16 else ordinal
        addend = rest[0] if rest else 0
        start = pool + at
        found.append(Import(ordinal, content[start : content.index(0, start)].decode(), addend, bool(weak)))
    return found


def _segments(content: bytes, starts: int) -> Iterator[tuple[int, int, int]]:
    """Yield the place of each description of a segment, its page size and its pointer format."""
    (segments,) = struct.unpack_from("<I", content, starts)
    for where in struct.unpack_from(f"<{segments}I", content, starts + 4):
        if where:
            _, page_size, kind = struct.unpack_from("<IHH", content, starts + where)
            assert kind in {POINTER_64, POINTER_64_OFFSET}, f"pointer format {kind}"
            yield starts + where, page_size, kind


def _places(content: bytes, starts: int, base: int, image: bytes, offset_of: Callable[[int], int]) -> Iterator[tuple[int, int]]:
    for where, page_size, kind in _segments(content, starts):
        segment, _, pages = struct.unpack_from("<QIH", content, where + 8)
        for page, first in enumerate(struct.unpack_from(f"<{pages}H", content, where + 22)):
            place = base + segment + page * page_size + first
            step = 0 if first == NO_FIXUPS else 1
            while step:
                yield place, kind
                (raw,) = struct.unpack_from("<Q", image, offset_of(place))
                step = (raw >> 51 & 0xFFF) * 4
                place += step
