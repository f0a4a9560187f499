"""Names of DLLs among the data of an image, as code has them that calls LoadLibrary: no edit changes these."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.renaming import read_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.pe.headers import PeFile

CHUNK = 1 << 20
MOST_CHARACTERS = 255
ENDS = (b".dll\0", b".DLL\0", b".\0d\0l\0l\0\0\0", b".\0D\0L\0L\0\0\0")
"""How the string of such a name ends, in one byte and in two (UTF-16) for each character."""
NARROW, WIDE = re.compile(rb"[\w.+-]+", re.ASCII), re.compile(rb"(?:\0[\w.+-])+", re.ASCII)
"""What is before the end, backwards: a search for where it begins would try every byte of text that is in front of it."""


def literal_names(data: Buffer) -> frozenset[str]:
    """Return the DLLs that strings of the image name, also with a folder, but for those that its import and export tables name.

    That a string is there does not say that it is the name of a DLL to be loaded.  Raises ``UnreadableError``.
    """
    with opened(data) as pe:
        tables = frozenset(_tables(pe))
        return frozenset(name for place, name in _strings(pe) if place not in tables)


def _tables(pe: PeFile) -> Iterator[int]:
    """Yield the file offsets of the names in tables."""
    names = read_names(pe)
    addresses = [descriptor.name_address for descriptor in names.descriptors]
    if names.exports is not None and names.exports.name_address:
        addresses.append(names.exports.name_address)
    for address in addresses:
        yield pe.extent(address, "the name of a DLL")[0]


def _strings(pe: PeFile) -> Iterator[tuple[int, str]]:
    """Yield the file offset and the text of each name; the file is searched by the ends of names, which are few."""
    for start in range(0, len(pe.data), CHUNK):
        chunk = bytes(pe.data[start : start + CHUNK + len(max(ENDS, key=len)) - 1])
        for end in ENDS:
            place = chunk.find(end)
            while 0 <= place < CHUNK:
                yield from _name(pe, start + place, end)
                place = chunk.find(end, place + 1)


def _name(pe: PeFile, place: int, end: bytes) -> Iterator[tuple[int, str]]:
    width, form = (2, WIDE) if end[1] == 0 else (1, NARROW)
    match = form.match(bytes(pe.data[max(place - MOST_CHARACTERS * width, 0) : place])[::-1])
    if match is not None:
        yield place - len(match[0]), (match[0][::-1] + end).decode("ascii" if width == 1 else "utf-16-le").rstrip("\0")
