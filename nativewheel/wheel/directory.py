"""The directory of a zip archive, read strictly: whatever two readers could understand differently is refused."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.wheel import zipformat as z
from nativewheel.wheel.names import Member, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Pread = Callable[[int, int], bytes]
    """Reads (offset, length) bytes; all of them, or an error."""

_COMMENT_LIMIT = 0xFFFF
_MEMBER_LIMIT = 1 << 18
_DIRECTORY_LIMIT = 1 << 26
_RATIO_LIMIT = 50
_RATIO_FREE = 64 << 20
_DEFAULT_MODE = 0o644
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_REFUSED_FLAGS = (
    (z.FLAG_ENCRYPTED | z.FLAG_STRONG_ENCRYPTION | z.FLAG_MASKED_HEADERS, "the member is encrypted"),
    (z.FLAG_PATCH, "the member is a patch of another file"),
)


class IrregularityKind(StrEnum):
    """What is legal in a zip archive but has no place in a wheel."""

    DATA_DESCRIPTOR = "data descriptor"
    COMMENT = "comment"
    LEGACY_NAME = "legacy name"
    DIRECTORY_ENTRY = "directory entry"
    NO_TIME = "no time"
    ZIP64 = "zip64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Irregularity:
    """One legal oddity of an archive; ``member`` is None for the archive as a whole."""

    kind: IrregularityKind
    member: Member | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryEntry:
    """One central directory header, decoded; ``name`` keeps the trailing slash of a folder, ``raw_name`` its bytes."""

    name: str
    raw_name: bytes
    flags: int
    method: z.Method
    size: int
    compressed_size: int
    crc32: int
    mode: int
    modified: z.Moment
    header_offset: int

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder's own entry."""
        return self.name.endswith("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """All entries in the order of the directory, what is odd about them, and the directory's file offset."""

    entries: tuple[DirectoryEntry, ...]
    irregularities: tuple[Irregularity, ...]
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """The end records, merged: where the directory is and how many entries it has; ``zip64`` says what is odd about the zip64 ones."""

    offset: int
    size: int
    count: int
    commented: bool
    zip64: str | None


def read_directory(pread: Pread, file_size: int) -> Directory:
    """Read the central directory of an archive of ``file_size`` bytes.

    Raises ``UnreadableError`` for everything that two readers could understand differently, or that must not be unpacked.
    """
    end = _read_end(pread, file_size)
    data = pread(end.offset, end.size)
    irregularities: list[Irregularity] = []
    if end.commented:
        irregularities.append(Irregularity(kind=IrregularityKind.COMMENT, member=None, text="the archive has a comment"))
    if end.zip64:
        irregularities.append(Irregularity(kind=IrregularityKind.ZIP64, member=None, text=end.zip64))
    entries = tuple(_entries(data, end.count, irregularities))
    _check_names(entries)
    total = sum(entry.size for entry in entries)
    if total > _RATIO_FREE and total > _RATIO_LIMIT * file_size:
        raise UnreadableError(f"expands to {total} bytes, more than {_RATIO_LIMIT} times its size", hint="this looks like a zip bomb")
    return Directory(entries=entries, irregularities=tuple(irregularities), offset=end.offset)


def _read_end(pread: Pread, file_size: int) -> _End:
    start = max(0, file_size - z.END.size - _COMMENT_LIMIT)
    tail = pread(start, file_size - start)
    position = start + _find_end(tail)
    _, disk, first_disk, here, count, size, offset, comment = z.END.unpack_from(tail, position - start)
    limit, zip64 = position, None
    locator = position - z.END64_LOCATOR.size
    if locator >= 0 and pread(locator, 4) == z.END64_LOCATOR_SIGNATURE:
        if z.MAX16 not in {here, count} and z.MAX32 not in {size, offset}:
            zip64 = "the archive has a zip64 end record that it does not need"
        limit, here, count, size, offset = _read_end64(pread, locator, (here, count, size, offset))
        if locator - limit > z.END64.size:
            zip64 = "the zip64 end record has extensions"
    elif z.MAX16 in {here, count} or z.MAX32 in {size, offset}:
        raise UnreadableError("the zip64 end record is missing")
    if (disk, first_disk) != (0, 0) or here != count:
        raise UnreadableError("the archive is one of several parts")
    if offset + size != limit:
        raise UnreadableError(
            f"the zip directory should end at offset {limit} and not at {offset + size}",
            hint="something stands before the first member or between the directory and its end record, or the file is truncated",
        )
    if count > _MEMBER_LIMIT or size > _DIRECTORY_LIMIT:
        raise UnreadableError(f"the zip directory is too large ({count} entries, {size} bytes)")
    return _End(offset=offset, size=size, count=count, commented=bool(comment), zip64=zip64)


def _find_end(tail: bytes) -> int:
    """Find the one end record whose comment ends with the file."""
    found = []
    position = tail.find(z.END_SIGNATURE)
    while 0 <= position <= len(tail) - z.END.size:
        if position + z.END.size + z.END.unpack_from(tail, position)[-1] == len(tail):
            found.append(position)
        position = tail.find(z.END_SIGNATURE, position + 1)
    if len(found) > 1:
        raise UnreadableError("the archive has two end records")
    if not found:
        trailing = tail.rfind(z.END_SIGNATURE) >= 0
        raise UnreadableError("the archive has trailing bytes, or is truncated" if trailing else "not a zip archive, or truncated")
    return found[0]


def _read_end64(pread: Pread, locator: int, short: tuple[int, int, int, int]) -> tuple[int, int, int, int, int]:
    """Read the zip64 end record before ``locator``: its offset, entries here, entries, directory size and offset.

    ``short`` holds the same fields of the plain end record, which must agree or say "see zip64".
    """
    _, disk, position, disks = z.END64_LOCATOR.unpack(pread(locator, z.END64_LOCATOR.size))
    if position + z.END64.size > locator:
        raise UnreadableError("the zip64 locator points nowhere")
    signature, body, _, _, own_disk, first_disk, *long = z.END64.unpack(pread(position, z.END64.size))
    if signature != z.END64_SIGNATURE or position + 12 + body != locator or body < z.END64_BODY:
        raise UnreadableError("the zip64 end record is broken")
    if (disk, own_disk, first_disk) != (0, 0, 0) or disks > 1:
        raise UnreadableError("the archive is one of several parts")
    limits = (z.MAX16, z.MAX16, z.MAX32, z.MAX32)
    if any(old not in {new, limit} for old, new, limit in zip(short, long, limits, strict=True)):
        raise UnreadableError("the zip64 end record contradicts the plain one")
    here, count, size, offset = long
    return position, here, count, size, offset


def _entries(data: bytes, count: int, irregularities: list[Irregularity]) -> Iterator[DirectoryEntry]:
    position = 0
    for _ in range(count):
        if position + z.CENTRAL.size > len(data):
            raise UnreadableError("the zip directory has fewer entries than its end record says")
        fields = z.CENTRAL.unpack_from(data, position)
        name_size, extra_size, comment_size = fields[10:13]
        start = position + z.CENTRAL.size
        position = start + name_size + extra_size + comment_size
        if fields[0] != z.CENTRAL_SIGNATURE or position > len(data):
            raise UnreadableError("the zip directory is broken", where=(f"entry at offset {start - z.CENTRAL.size} of the directory",))
        raw_name = data[start : start + name_size]
        extra = data[start + name_size : start + name_size + extra_size]
        entry, odd = _entry(fields, raw_name, extra)
        kinds = odd if comment_size == 0 else (*odd, (IrregularityKind.COMMENT, "the member has a comment"))
        irregularities += (Irregularity(kind=kind, member=Member(entry.name), text=text) for kind, text in kinds)
        yield entry
    if position != len(data):
        raise UnreadableError("the zip directory has more bytes than its entries")


def _entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes) -> tuple[DirectoryEntry, tuple[tuple[IrregularityKind, str], ...]]:
    """Decode one header into an entry, and what is odd about it."""
    flags, method, time, date, crc, compressed_size, size = fields[3:10]
    disk, _, attributes, offset = fields[13:17]
    name = decode_name(raw_name, flags)
    try:
        _check_entry(name, flags, method, attributes >> 16)
        size, compressed_size, offset, disk = widen(raw_name, extra, (size, compressed_size, offset, disk), (z.MAX32, z.MAX32, z.MAX32, z.MAX16))
        _check_sizes(name, method, (size, compressed_size), disk)
    except UnreadableError as error:
        raise error.within(printable(name)) from None
    moment = z.unpack_moment(time, date)
    odd = (
        ((IrregularityKind.DATA_DESCRIPTOR, "the member has a data descriptor"), flags & z.FLAG_DESCRIPTOR),
        ((IrregularityKind.LEGACY_NAME, "the member's name is not ASCII and not marked as UTF-8"), not (flags & z.FLAG_UTF8 or raw_name.isascii())),
        ((IrregularityKind.DIRECTORY_ENTRY, "a folder has an entry of its own"), name.endswith("/")),
        ((IrregularityKind.NO_TIME, "the member has no valid time"), moment is None),
    )
    entry = DirectoryEntry(
        name=name,
        raw_name=raw_name,
        flags=flags,
        method=z.Method(method),
        size=size,
        compressed_size=compressed_size,
        crc32=crc,
        mode=attributes >> 16 & 0o777 or _DEFAULT_MODE,
        modified=moment or z.EARLIEST,
        header_offset=offset,
    )
    return entry, tuple(item for item, present in odd if present)


def decode_name(raw_name: bytes, flags: int) -> str:
    """Decode a member's name: UTF-8 when flagged so, else code page 437 (APPNOTE D.1), as installers do."""
    try:
        return raw_name.decode("utf-8" if flags & z.FLAG_UTF8 else "cp437")
    except UnicodeDecodeError as error:
        raise UnreadableError("the member's name is not UTF-8", where=(raw_name.decode("utf-8", "backslashreplace"),)) from error


def _check_entry(name: str, flags: int, method: int, unix_mode: int) -> None:
    """Refuse names that leave the folder of the installation, special files, and what no installer can read."""
    if _CONTROL.search(name) or "\\" in name:
        raise UnreadableError("the member's name has a backslash or a control character")
    if name.startswith("/") or _DRIVE.match(name):
        raise UnreadableError("the member's name is absolute")
    if not {"", ".", ".."}.isdisjoint(name.removesuffix("/").split("/")):
        raise UnreadableError("the member's name has an empty, '.' or '..' part")
    for mask, message in _REFUSED_FLAGS:
        if flags & mask:
            raise UnreadableError(message)
    if method not in {z.Method.STORED, z.Method.DEFLATED}:
        raise UnreadableError(f"compression method {method} is neither stored nor deflated")
    # Whatever system the entry claims to come from: unpackers look at these bits alone.
    if stat.S_IFMT(unix_mode) not in {0, stat.S_IFDIR if name.endswith("/") else stat.S_IFREG}:
        raise UnreadableError("the member is a symbolic link or another special file")


def _check_sizes(name: str, method: int, sizes: tuple[int, int], disk: int) -> None:
    size, compressed_size = sizes
    if disk:
        raise UnreadableError("the member is in another part of the archive")
    if (method == z.Method.STORED and size != compressed_size) or (name.endswith("/") and size):
        raise UnreadableError("the member's sizes make no sense")


def widen(raw_name: bytes, extra: bytes, values: Sequence[int], limits: Sequence[int]) -> tuple[int, ...]:
    """Replace each of ``values`` that stands at its limit by its field of the zip64 extra record (APPNOTE 4.5.3).

    ``limits`` are MAX32 (eight bytes wide in zip64) or MAX16 (four bytes wide).
    """
    if not extra and not any(value == limit for value, limit in zip(values, limits, strict=True)):
        return tuple(values)
    fields = dict(_extra_fields(raw_name, extra))
    zip64 = fields.get(z.EXTRA_ZIP64, b"")
    wide, position = list(values), 0
    for index, (value, limit) in enumerate(zip(values, limits, strict=True)):
        if value == limit:
            width = 8 if limit == z.MAX32 else 4
            if position + width > len(zip64):
                raise UnreadableError("the member's zip64 record is missing or too short")
            wide[index] = int.from_bytes(zip64[position : position + width], "little")
            position += width
    # A record that repeats values which fit is needless but common; one that says something else is a lie that some readers believe.
    if position == 0 and zip64 and not all(int.from_bytes(part, "little") in values for part in _words(zip64)):
        raise UnreadableError("the member's zip64 record contradicts its header")
    return tuple(wide)


def _words(data: bytes) -> Iterator[bytes]:
    return (data[start : start + 8] for start in range(0, len(data), 8))


def _extra_fields(raw_name: bytes, extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Split the extra records; a kind that matters must not come twice."""
    position, seen = 0, False
    while position < len(extra):
        kind = int.from_bytes(extra[position : position + 2], "little")
        start = position + 4
        position = start + int.from_bytes(extra[start - 2 : start], "little")
        if position > len(extra) or start > len(extra):
            raise UnreadableError("the member's extra records are broken")
        if kind == z.EXTRA_ZIP64:
            if seen:
                raise UnreadableError("the member has two zip64 records")
            seen = True
        # Info-ZIP's Unicode path: one byte version, CRC-32 of the header's name, the name that some unpackers use instead.
        if kind == z.EXTRA_UNICODE_PATH and extra[start + 5 : position] != raw_name:
            raise UnreadableError("the member has a second name")
        yield kind, extra[start:position]


def _check_names(entries: tuple[DirectoryEntry, ...]) -> None:
    """Refuse names that come twice, and files that are also folders."""
    # NUL sorts before every character that a name may hold, so what lies in a folder follows directly after the folder's own name.
    previous, previous_is_file = "", False
    for key, is_file in sorted((entry.name.removesuffix("/").replace("/", "\0"), not entry.is_folder) for entry in entries):
        name = key.replace("\0", "/")
        if key == previous:
            raise UnreadableError("the archive has two members of this name", where=(name,))
        if previous_is_file and key.startswith(previous + "\0"):
            raise UnreadableError("the archive has a file of the name of this member's folder", where=(name,))
        previous, previous_is_file = key, is_file
