"""A wheel, opened for reading: strict about everything that an installer or another reader could understand differently."""

from __future__ import annotations

import os
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from nativewheel.errors import MachineError, UnreadableError, UsageError
from nativewheel.wheel.deflate import crc32, decompress, inflate_head
from nativewheel.wheel.directory import read_directory
from nativewheel.wheel.layout import Layout
from nativewheel.wheel.localheader import locate_data
from nativewheel.wheel.names import Member, WheelName
from nativewheel.wheel.record import Record, RecordDifference, disagreements, record_hash
from nativewheel.wheel.zipformat import Method

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from nativewheel.wheel.directory import Irregularity
    from nativewheel.wheel.layout import Scheme
    from nativewheel.wheel.record import RecordRow
    from nativewheel.wheel.zipformat import Moment

CHUNK = 16 << 20
"""Bytes that a copy of compressed data holds in memory at once."""

_HEAD_BLOCK = 4096
_SPARE_LINES = 64
_REQUIRED = ("METADATA", "WHEEL", "RECORD")
_REBUILD = "rebuild the wheel with its build backend, or repack it with `wheel pack`"
_DAMAGED = "the wheel is damaged or was changed by hand: fetch or build it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A member as the archive's directory describes it.

    Sizes are in bytes, offsets are file offsets; ``mode`` holds the permission bits (0o644 when the archive does not say); ``modified`` is
    the zip time, without zone.
    """

    name: Member
    method: Method
    size: int
    compressed_size: int
    crc32: int
    mode: int
    modified: Moment
    header_offset: int
    data_offset: int


class WheelArchive:
    """A wheel, opened once and readable from any number of threads.

    Raises ``UnreadableError`` when the archive, its layout or its RECORD is not what the wheel specification asks for.  With
    ``strict_record=False``, disagreements with RECORD are kept in ``record_issues`` instead.
    """

    def __init__(self, path: str | os.PathLike[str], *, strict_record: bool = True, strict_names: bool = True) -> None:
        self.path = Path(path)
        self.name = WheelName.parse(self.path.name)
        self._strict = strict_record
        self._strict_names = strict_names
        self._lock = threading.Lock()  # Windows has no pread: seeking and reading must not be torn apart
        self._differences: list[RecordDifference] = []
        self._mismatches: set[Member] = set()
        self._checked: set[Member] = set()
        self._descriptor = _open(self.path)
        try:
            with self._at():
                self._load()
            self._rows: dict[str, RecordRow] = {}
            self.record = self._load_record()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; harmless when it is closed already."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _load(self) -> None:
        self.file_size = os.fstat(self._descriptor).st_size
        directory = read_directory(self._pread, self.file_size)
        self.irregularities: tuple[Irregularity, ...] = directory.irregularities
        self.entries: Mapping[Member, Entry] = MappingProxyType(
            {
                Member(entry.name): Entry(
                    name=Member(entry.name),
                    method=entry.method,
                    size=entry.size,
                    compressed_size=entry.compressed_size,
                    crc32=entry.crc32,
                    mode=entry.mode,
                    modified=entry.modified,
                    header_offset=entry.header_offset,
                    data_offset=data_offset,
                )
                for entry, data_offset in zip(directory.entries, locate_data(self._pread, directory), strict=True)
                if not entry.is_folder
            }
        )
        self._layout = Layout.find(self.name, self.entries.keys(), strict=self._strict_names)
        for file in _REQUIRED:
            if f"{self.dist_info}/{file}" not in self.entries:
                raise UnreadableError("the wheel lacks this file", where=(f"{self.dist_info}/{file}",), hint=_REBUILD)

    @property
    def dist_info(self) -> str:
        """The `.dist-info` folder, as the archive spells it."""
        return self._layout.dist_info

    @property
    def dist_info_fits(self) -> bool:
        """Whether the `.dist-info` folder is that of the file name's distribution and version, which it is with ``strict_names``."""
        return self._layout.belongs_to(self.name)

    @property
    def data_dir(self) -> str:
        """The `.data` folder, as the archive spells it, or as it would be called if there were one."""
        return self._layout.data_dir

    @property
    def record_differences(self) -> tuple[RecordDifference, ...]:
        """What disagrees with RECORD, so far: names and sizes when the wheel was opened, hashes of what was read since."""
        names = tuple(member for member in self.entries if member in self._mismatches)
        return (*self._differences, *([RecordDifference(text="the hash in RECORD does not fit the data of", names=names)] if names else ()))

    @property
    def record_issues(self) -> tuple[str, ...]:
        """The same as sentences for the user."""
        return tuple(map(str, self.record_differences))

    def scheme(self, member: Member) -> Scheme:
        """Tell which install scheme ``member`` belongs to."""
        return self._layout.scheme(member)

    def installed_path(self, member: Member) -> str | None:
        """Tell where ``member`` lands once installed, relative to platlib; None for scripts, data and headers."""
        return self._layout.installed_path(member)

    def head(self, member: Member, count: int = 64) -> bytes:
        """Inflate at most the first ``count`` bytes of ``member``; no hash is checked."""
        entry = self.entries[member]
        with self._at(member):
            if entry.method == Method.STORED:
                return self._pread(entry.data_offset, min(count, entry.size))
            length = _HEAD_BLOCK
            while True:
                length = min(length, entry.compressed_size)
                found = inflate_head(self._pread(entry.data_offset, length), count)
                if len(found) >= min(count, entry.size) or length == entry.compressed_size:
                    return found
                length *= 4

    def read(self, member: Member) -> bytes | bytearray:
        """Inflate ``member`` and check its size, its CRC and its hash in RECORD."""
        entry = self.entries[member]
        data: bytes | bytearray = self.raw(member)
        with self._at(member):
            if entry.method == Method.DEFLATED:
                data = decompress(data, entry.size)
            if crc32(data) != entry.crc32:
                raise UnreadableError("the CRC does not fit the data", hint=_DAMAGED)
            row = self._rows.get(member)
            if row and row.algorithm and record_hash(data, row.algorithm) != row.hash:
                self._disagree(member)
            self._checked.add(member)
        return data

    def raw(self, member: Member) -> bytes:
        """Read the compressed bytes of ``member``, unchecked."""
        entry = self.entries[member]
        with self._at(member):
            return self._pread(entry.data_offset, entry.compressed_size)

    def raw_chunks(self, member: Member) -> Iterator[bytes]:
        """Read the compressed bytes of ``member``, unchecked, in parts of at most ``CHUNK`` bytes."""
        entry = self.entries[member]
        for start in range(0, entry.compressed_size, CHUNK):
            with self._at(member):
                chunk = self._pread(entry.data_offset + start, min(CHUNK, entry.compressed_size - start))
            yield chunk

    def row(self, member: Member) -> RecordRow | None:
        """Return the row of RECORD for ``member``."""
        return self._rows.get(member)

    def verify(self, jobs: int) -> None:
        """Read and check every member that was not read before, ``jobs`` at a time.

        Raises ``UnreadableError`` for the first damaged member in the order of the archive.
        """
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            for _ in pool.map(lambda member: len(self.read(member)), [member for member in self.entries if member not in self._checked]):
                pass

    def _load_record(self) -> Record:
        member = Member(f"{self.dist_info}/RECORD")
        data = bytes(self.read(member))
        try:
            with self._at(member):
                return self._checked_record(data)
        except UnreadableError as error:
            if self._strict:
                raise
            self._differences.append(RecordDifference(text=error.message))
            return Record(())

    def _checked_record(self, data: bytes) -> Record:
        # Before parsing, so that a RECORD of nothing but short lines cannot exhaust the memory.
        if max(data.count(b"\n"), data.count(b"\r")) > 2 * len(self.entries) + _SPARE_LINES:
            raise UnreadableError("RECORD has far more lines than the archive has files", hint=_REBUILD)
        record = Record.parse(data)
        issues = disagreements(record, {name: entry.size for name, entry in self.entries.items()}, self.dist_info)
        if issues and self._strict:
            raise UnreadableError("; ".join(map(str, issues)), hint=_REBUILD)
        self._differences += issues
        self._rows = {row.name: row for row in record}
        return record

    def _disagree(self, member: Member) -> None:
        if self._strict:
            raise UnreadableError("the hash in RECORD does not fit the data", hint=_DAMAGED)
        self._mismatches.add(member)

    @contextmanager
    def _at(self, *member: Member) -> Iterator[None]:
        """Put the wheel, and the member if there is one, into errors."""
        try:
            yield
        except UnreadableError as error:
            raise error.within(self.path.name, *member) from error.__cause__

    def _pread(self, offset: int, length: int) -> bytes:
        """Read exactly ``length`` bytes at ``offset``."""
        data = b""
        try:
            while len(data) < length and (part := self._pread_once(offset + len(data), length - len(data))):
                data = data + part if data else part
        except OSError as error:
            raise MachineError(f"cannot read: {error.strerror}", where=(str(self.path),)) from error
        if len(data) < length:
            raise UnreadableError("the file is truncated", where=(f"offset {offset}",))
        return data

    if sys.platform == "win32":

        def _pread_once(self, offset: int, length: int) -> bytes:
            with self._lock:
                os.lseek(self._descriptor, offset, os.SEEK_SET)
                return os.read(self._descriptor, length)

    else:

        def _pread_once(self, offset: int, length: int) -> bytes:
            return os.pread(self._descriptor, length, offset)


def _open(path: Path) -> int:
    try:
        # Looked at first: opening a named pipe would wait for a writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableError("not a regular file", where=(str(path),))
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError as error:
        raise UsageError("there is no such file", where=(str(path),)) from error
    except OSError as error:
        raise MachineError(f"cannot open: {error.strerror}", where=(str(path),)) from error
