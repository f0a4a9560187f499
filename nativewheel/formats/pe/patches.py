"""Changes to a file, collected by their offsets in the source, and the copy that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

CHUNK = 1 << 20
"""Bytes that are in memory at once, so that an image of any size can be edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """Bytes that go into a file before the byte at the file offset ``offset``."""

    offset: int
    content: bytes


class Patches:
    """Bytes to write over others, by file offset in the source, and bytes to insert; ``end`` is where the source is cut off.

    Whoever patches needs no thought for what moves: an offset is always that in the source.  A later patch wins over an earlier one.
    """

    def __init__(self, end: int) -> None:
        self.end = end
        self._insertions: list[Insertion] = []
        self._written: list[tuple[int, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._written or self._insertions)

    def put(self, offset: int, content: bytes) -> None:
        """Write ``content`` over what is at ``offset``."""
        self._written.append((offset, content))

    def put_number(self, offset: int, value: int, size: int = 4) -> None:
        """Write a number of ``size`` bytes, the least significant one first.  Raises ``LinkageError`` for one that needs more."""
        if value >> 8 * size:
            raise LinkageError("the edited image would be larger than the format can describe")
        self.put(offset, value.to_bytes(size, "little"))

    def insert(self, offset: int, content: bytes) -> None:
        """Put ``content`` before the byte at ``offset``; insertions come in ascending order."""
        self._insertions.append(Insertion(offset=offset, content=content))

    def moved(self, offset: int) -> int:
        """Return where the byte at an offset in the source is afterwards."""
        return offset + sum(len(insertion.content) for insertion in self._insertions if insertion.offset <= offset)

    def patched(self, source: Buffer, start: int, end: int) -> bytes:
        """Return a part of the source with what was written over it."""
        with memoryview(source) as view:
            content = bytearray(view[start:end])
        for offset, new in self._written:
            first, last = max(offset, start), min(offset + len(new), end)
            if first < last:
                content[first - start : last - start] = new[first - offset : last - offset]
        return bytes(content)

    def copy(self, source: Buffer) -> Iterator[bytes]:
        """Yield the changed file in pieces of an even length, except for the last."""
        rest = b""
        for piece in self._pieces(source):
            whole = rest + piece
            rest = whole[len(whole) & ~1 :]
            yield whole[: len(whole) & ~1]
        yield rest

    def _pieces(self, source: Buffer) -> Iterator[bytes]:
        start = 0
        for insertion in self._insertions:
            yield from self._range(source, start, insertion.offset)
            yield insertion.content
            start = insertion.offset
        yield from self._range(source, start, self.end)

    def _range(self, source: Buffer, start: int, end: int) -> Iterator[bytes]:
        return (self.patched(source, at, min(at + CHUNK, end)) for at in range(start, end, CHUNK))
