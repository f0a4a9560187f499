"""A deterministic writer of wheels: our own zip records, so that the bytes depend on nothing but the content."""

from __future__ import annotations

import os
import re
import stat
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nativewheel.errors import LinkageError, MachineError, UsageError
from nativewheel.wheel import zipformat as z
from nativewheel.wheel.archive import CHUNK
from nativewheel.wheel.deflate import compress
from nativewheel.wheel.names import Member, printable
from nativewheel.wheel.record import Record, RecordRow, record_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from nativewheel.wheel.archive import Entry, WheelArchive
    from nativewheel.wheel.deflate import Compressed
    from nativewheel.wheel.record import Buffer

_EPOCH = "SOURCE_DATE_EPOCH"


_FIT32 = z.MAX32
_FIT16 = z.MAX16
"""The values that a plain field cannot hold start here: at its mark for "see zip64"."""

_LAST_SECOND = 4354819199
"""2107-12-31T23:59:59Z: the calendar of zip ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What the directory needs to know of a member that has been written."""

    raw_name: bytes
    method: z.Method
    size: int
    compressed_size: int
    crc32: int
    mode: int
    modified: z.Moment
    offset: int


def source_date_epoch() -> z.Moment | None:
    """Return the time that SOURCE_DATE_EPOCH asks for (seconds since 1970, UTC), at most the last one of zip; None when it is not set.

    Raises ``UsageError`` when it is no number.
    """
    text = os.environ.get(_EPOCH)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        raise UsageError("not a number of seconds", where=(_EPOCH,), hint="see https://reproducible-builds.org/specs/source-date-epoch/")
    moment = time.gmtime(min(int(text), _LAST_SECOND))
    return moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec


def timestamp_of(archive: WheelArchive) -> z.Moment:
    """Return the time for new and changed members: SOURCE_DATE_EPOCH, or else that of the input's WHEEL member."""
    return source_date_epoch() or archive.entries[Member(f"{archive.dist_info}/WHEEL")].modified


class WheelWriter:
    """Writes one wheel to ``path``, member after member, and its RECORD at the end.

    New members carry ``timestamp``; copied ones keep their time, but none later than SOURCE_DATE_EPOCH when that is set.  Raises
    ``MachineError`` when the file cannot be written; what has been written then stays for the caller to remove.
    """

    def __init__(self, path: str | os.PathLike[str], *, timestamp: z.Moment) -> None:
        self._path = Path(path)
        self._timestamp = timestamp
        self._latest = source_date_epoch() or z.LATEST
        self._written: dict[str, _Written] = {}
        self._rows: list[RecordRow] = []
        self._offset = 0
        with self._machine():
            self._file = self._path.open("wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Some network file systems report a full disk only here.
        with self._machine():
            self._file.close()

    def copy(self, archive: WheelArchive, entry: Entry, name: str | None = None) -> None:
        """Copy a member's compressed bytes under a fresh header, as ``name`` if given; its row of RECORD comes along."""
        target = name or entry.name
        row = archive.row(entry.name)
        if row and row.hash:
            self._rows.append(RecordRow(name=target, hash=row.hash, size=entry.size))
        else:
            self._rows.append(RecordRow(name=target, hash=record_hash(archive.read(entry.name)), size=entry.size))
        written = self._describe(target, entry, entry.compressed_size, entry.mode, min(entry.modified, self._latest))
        self._put(target, written, archive.raw_chunks(entry.name))

    def add(self, name: str, compressed: Compressed, mode: int = 0o644) -> None:
        """Add a new or changed member."""
        self._rows.append(RecordRow(name=name, hash=compressed.sha256, size=compressed.size))
        self._add(name, compressed, mode)

    def finish(self, record_name: str) -> None:
        """Write RECORD as the last member, then the zip directory."""
        self._rows.append(RecordRow(name=record_name))
        self._add(record_name, compress(bytes(Record(tuple(self._rows)))), 0o644)
        start = self._offset
        for written in self._written.values():
            self._write(_central_header(written))
        self._write(_end_records(len(self._written), start, self._offset - start))

    def _add(self, name: str, compressed: Compressed, mode: int) -> None:
        written = self._describe(name, compressed, len(compressed.data), mode, self._timestamp)
        self._put(name, written, (compressed.data,))

    def _describe(self, name: str, source: Entry | Compressed, compressed_size: int, mode: int, modified: z.Moment) -> _Written:
        return _Written(
            raw_name=name.encode(),
            method=source.method,
            size=source.size,
            compressed_size=compressed_size,
            crc32=source.crc32,
            mode=mode,
            modified=modified,
            offset=self._offset,
        )

    def _put(self, name: str, written: _Written, chunks: Iterable[Buffer]) -> None:
        if name in self._written:
            raise LinkageError("two files of the repaired wheel would have this name", where=(printable(name),))
        self._written[name] = written
        self._write(_local_header(written))
        for chunk in chunks:
            self._write(chunk)

    def _write(self, data: Buffer) -> None:
        view = memoryview(data).cast("B")
        with self._machine():
            # The kernel may take less than it is given: near a full disk, and always above 2 GiB.
            while view:
                count = self._file.write(view[:CHUNK])
                self._offset += count
                view = view[count:]

    @contextmanager
    def _machine(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MachineError(f"cannot write: {error.strerror}", where=(str(self._path),)) from error


def _local_header(written: _Written) -> bytes:
    wide = max(written.size, written.compressed_size) >= _FIT32
    extra = struct.pack("<2H2Q", z.EXTRA_ZIP64, 16, written.size, written.compressed_size) if wide else b""
    sizes = (z.MAX32, z.MAX32) if wide else (written.compressed_size, written.size)
    return (
        z.LOCAL.pack(
            z.LOCAL_SIGNATURE,
            z.VERSION_ZIP64 if wide else z.VERSION_DEFLATE,
            _flags(written.raw_name),
            written.method,
            *z.pack_moment(written.modified),
            written.crc32,
            *sizes,
            len(written.raw_name),
            len(extra),
        )
        + written.raw_name
        + extra
    )


def _central_header(written: _Written) -> bytes:
    fields = (written.size, written.compressed_size, written.offset)
    # APPNOTE 4.5.3: only those fields are in the record that did not fit, in this order.
    wide = b"".join(struct.pack("<Q", value) for value in fields if value >= _FIT32)
    extra = struct.pack("<2H", z.EXTRA_ZIP64, len(wide)) + wide if wide else b""
    size, compressed_size, offset = (z.MAX32 if value >= _FIT32 else value for value in fields)
    version = z.VERSION_ZIP64 if wide else z.VERSION_DEFLATE
    return (
        z.CENTRAL.pack(
            z.CENTRAL_SIGNATURE,
            z.CREATOR_UNIX << 8 | version,
            version,
            _flags(written.raw_name),
            written.method,
            *z.pack_moment(written.modified),
            written.crc32,
            compressed_size,
            size,
            len(written.raw_name),
            len(extra),
            0,
            0,
            0,
            (stat.S_IFREG | written.mode) << 16,
            offset,
        )
        + written.raw_name
        + extra
    )


def _end_records(count: int, offset: int, size: int) -> bytes:
    short_count = z.MAX16 if count >= _FIT16 else count
    short_size, short_offset = (z.MAX32 if value >= _FIT32 else value for value in (size, offset))
    end = z.END.pack(z.END_SIGNATURE, 0, 0, short_count, short_count, short_size, short_offset, 0)
    if (short_count, short_size, short_offset) == (count, size, offset):
        return end
    version = z.VERSION_ZIP64
    end64 = z.END64.pack(z.END64_SIGNATURE, z.END64_BODY, z.CREATOR_UNIX << 8 | version, version, 0, 0, count, count, size, offset)
    return end64 + z.END64_LOCATOR.pack(z.END64_LOCATOR_SIGNATURE, 0, offset + size, 1) + end


def _flags(raw_name: bytes) -> int:
    return 0 if raw_name.isascii() else z.FLAG_UTF8
