"""Archives of object files, as linkers read them for libraries: their members, and the index of symbols, which is written anew.

Source: Microsoft's "PE Format", "Archive (Library) File Format"; GNU archives are the same without the second linker member.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAGIC = b"!<arch>\n"
HEADER_SIZE = 60
END_OF_HEADER = b"`\n"
NAME, SIZE = slice(0, 16), slice(48, 58)
"""Fields of a member's header, in text padded with spaces."""
SHORT_NAME = 15
"""Longest name that fits into the header with the slash that ends it."""
LINKER_MEMBER, LONG_NAMES = b"/", b"//"
UNKNOWN_INDEXES = (b"/SYM64/", b"/<ECSYMBOLS>/")
MOST_INDEXED = 0xFFFF
"""Members that the second linker member can number, in 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file in an archive; ``header`` keeps its date, owner and mode, ``offset`` is where it is in the file that was read."""

    offset: int
    header: bytes
    name: bytes
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The members but for the indexes, and the first index: symbols with the number of their member.

    ``indexes`` are the headers of the linker members: one in GNU's archives, two in Microsoft's.  ``names_header`` is that of the long names.
    """

    members: tuple[Member, ...]
    symbols: tuple[tuple[bytes, int], ...]
    indexes: tuple[bytes, ...]
    names_header: bytes | None


def read_archive(data: bytes) -> Archive:
    """Read an archive.  Raises ``UnreadableError``, and ``LinkageError`` for one with an index that nativewheel cannot write."""
    if not data.startswith(MAGIC):
        raise UnreadableError("not an archive of object files")
    members: list[Member] = []
    indexes: list[Member] = []
    names: Member | None = None
    for member in _members(data):
        if member.name == LINKER_MEMBER and not members:
            indexes.append(member)
        elif member.name == LONG_NAMES:
            names = member
        elif member.name in UNKNOWN_INDEXES:
            raise LinkageError("import libraries for ARM64EC, and those above 4 GB, cannot be changed", where=(member.name.decode(),))
        else:
            members.append(replace(member, name=_long_name(member.name, names.content if names else b"")))
    if len(indexes) > 2 or (len(indexes) > 1 and len(members) > MOST_INDEXED):  # noqa: PLR2004  (Microsoft's two)
        raise UnreadableError("the index of an archive is damaged", where=("second linker member",))
    return Archive(
        members=tuple(members),
        symbols=_symbols(indexes[0].content, {member.offset: number for number, member in enumerate(members)}) if indexes else (),
        indexes=tuple(index.header for index in indexes),
        names_header=names.header if names else None,
    )


def write_archive(archive: Archive) -> bytes:
    """Write an archive, with its indexes in order."""
    encoded, long_names = _encode_names([member.name for member in archive.members], b"\0" if len(archive.indexes) > 1 else b"/\n")
    sizes = [len(index) for index in _indexes(archive, [0] * len(archive.members))]
    position = len(MAGIC) + sum(HEADER_SIZE + size + size % 2 for size in sizes)
    if long_names:
        position += HEADER_SIZE + len(long_names) + len(long_names) % 2
    offsets: list[int] = []
    for member in archive.members:
        offsets.append(position)
        position += HEADER_SIZE + len(member.content) + len(member.content) % 2
    parts = [MAGIC]
    parts += [_member(header, LINKER_MEMBER, index) for header, index in zip(archive.indexes, _indexes(archive, offsets), strict=True)]
    if long_names:
        parts.append(_member(archive.names_header or archive.members[0].header, LONG_NAMES, long_names))
    parts += [_member(member.header, name, member.content) for member, name in zip(archive.members, encoded, strict=True)]
    return b"".join(parts)


def changed(archive: Archive, members: Sequence[Member], symbol: Callable[[bytes], bytes]) -> Archive:
    """Return the archive with other members, in the same order, and other names in its indexes."""
    return replace(archive, members=tuple(members), symbols=tuple((symbol(name), number) for name, number in archive.symbols))


def _members(data: bytes) -> Iterator[Member]:
    offset = len(MAGIC)
    while offset < len(data):
        header = data[offset : offset + HEADER_SIZE]
        text = header[SIZE].strip()
        if not header.endswith(END_OF_HEADER) or not text.isdigit() or offset + HEADER_SIZE + int(text) > len(data):
            raise UnreadableError("a damaged member header in an archive", where=(f"file offset {offset:#x}",))
        size, start = int(text), offset + HEADER_SIZE
        yield Member(offset=offset, header=header, name=header[NAME].rstrip(b" "), content=data[start : start + size])
        offset = start + size + size % 2


def _long_name(name: bytes, names: bytes) -> bytes:
    """Return the name of a member, which is elsewhere when the header has a slash and a number."""
    if not name.startswith(b"/") or not name[1:].isdigit():
        return name.removesuffix(b"/") if not name.startswith(b"/") else name
    start = int(name[1:])
    if start >= len(names):
        raise UnreadableError("a member of an archive has no name", where=(name.decode("ascii", "backslashreplace"),))
    ends = [end for end in (names.find(b"\0", start), names.find(b"/\n", start)) if end >= 0]
    return names[start : min(ends, default=len(names))]


def _encode_names(names: Sequence[bytes], end: bytes) -> tuple[list[bytes], bytes]:
    """Return what the headers have for these names, and the member of long names."""
    table = bytearray()
    encoded: dict[bytes, bytes] = {}
    for name in names:
        if name in encoded:
            continue
        if name.startswith(b"/"):
            encoded[name] = name
        elif len(name) <= SHORT_NAME:
            encoded[name] = name + b"/"
        else:
            encoded[name] = b"/%d" % len(table)
            table += name + end
    return [encoded[name] for name in names], bytes(table)


def _member(header: bytes, name: bytes, content: bytes) -> bytes:
    fields = bytearray(header)
    fields[NAME] = name.ljust(16)
    fields[SIZE] = b"%-10d" % len(content)
    return bytes(fields) + content + b"\n"[: len(content) % 2]


def _symbols(index: bytes, numbers: dict[int, int]) -> tuple[tuple[bytes, int], ...]:
    """Read the first linker member, whose numbers are big-endian: file offsets of members, then the names that they define."""
    count = int.from_bytes(index[:4], "big")
    if 4 + 4 * count > len(index):
        raise UnreadableError("the index of an archive is damaged", where=("first linker member",))
    offsets = Struct(f">{count}I").unpack_from(index, 4)
    # Each name ends with a NUL, so one more piece comes after the last.
    *names, _ = index[4 + 4 * count :].split(b"\0", count)
    if len(names) < count or any(offset not in numbers for offset in offsets):
        raise UnreadableError("the index of an archive is damaged", where=("first linker member",))
    return tuple(zip(names, (numbers[offset] for offset in offsets), strict=True))


def _indexes(archive: Archive, offsets: Sequence[int]) -> list[bytes]:
    """Write as many linker members as the archive had."""
    symbols = archive.symbols
    first = Struct(f">I{len(symbols)}I").pack(len(symbols), *(offsets[number] for _, number in symbols))
    first += b"".join(name + b"\0" for name, _ in symbols)
    if len(archive.indexes) < 2:  # noqa: PLR2004  (Microsoft's two)
        return [first + bytes(len(first) % 2)][: len(archive.indexes)]
    ordered = sorted(symbols)
    second = Struct(f"<I{len(offsets)}I").pack(len(offsets), *offsets)
    second += Struct(f"<I{len(ordered)}H").pack(len(ordered), *(number + 1 for _, number in ordered))
    second += b"".join(name + b"\0" for name, _ in ordered)
    return [index + bytes(len(index) % 2) for index in (first, second)]
