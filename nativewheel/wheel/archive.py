"""A wheel, opened for reading: strict about everything that an installer or another reader could understand differently."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from nativewheel.errors import UnreadableError
from nativewheel.wheel.deflate import crc32, decompress, inflate_head
from nativewheel.wheel.directory import read_directory
from nativewheel.wheel.layout import Layout
from nativewheel.wheel.localheader import locate_data, locate_member
from nativewheel.wheel.names import Member, WheelName
from nativewheel.wheel.record import Record, RecordDifference, disagreements, record_hash
from nativewheel.wheel.source import LocalFile, WheelUrl
from nativewheel.wheel.zipformat import Method

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from nativewheel.wheel.directory import Irregularity
    from nativewheel.wheel.layout import Scheme
    from nativewheel.wheel.record import RecordRow
    from nativewheel.wheel.source import Source
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


class WheelArchive:
    """A wheel, opened once and readable from any number of threads.

    Raises ``UnreadableError`` when the archive, its layout or its RECORD is not what the wheel specification asks for.  With
    ``strict_record=False``, disagreements with RECORD are kept in ``record_issues`` instead; with ``strict_names=False``, the
    `.dist-info` folder may be that of another distribution or version than the file name's.

    Of a wheel on a web server (``is_remote``), only what is asked for is fetched, and the local headers of other members are not compared with the
    directory; ``path`` is its file name then.
    """

    def __init__(self, path: str | os.PathLike[str] | WheelUrl, *, strict_record: bool = True, strict_names: bool = True) -> None:
        self.path = Path(path.name if isinstance(path, WheelUrl) else path)
        self.is_remote = isinstance(path, WheelUrl)
        self.name = WheelName.parse(self.path.name)
        self._strict = strict_record
        self._strict_names = strict_names
        self._differences: list[RecordDifference] = []
        self._mismatches: set[Member] = set()
        self._checked: set[Member] = set()
        self._offsets: dict[Member, int] = {}
        self._source: Source = _opened(path) if isinstance(path, WheelUrl) else LocalFile(self.path)
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
        self._source.close()

    def _load(self) -> None:
        self.file_size = self._source.size
        directory = read_directory(self._pread, self.file_size)
        self._directory = directory
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
                )
                for entry in directory.entries
                if not entry.is_folder
            }
        )
        if not self.is_remote:
            self._offsets = dict(zip((Member(entry.name) for entry in directory.entries), locate_data(self._pread, directory), strict=True))
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
                return self._pread(self._offset(member), min(count, entry.size))
            length = _HEAD_BLOCK
            while True:
                length = min(length, entry.compressed_size)
                found = inflate_head(self._pread(self._offset(member), length), count)
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
            return self._pread(self._offset(member), entry.compressed_size)

    def raw_chunks(self, member: Member) -> Iterator[bytes]:
        """Read the compressed bytes of ``member``, unchecked, in parts of at most ``CHUNK`` bytes."""
        entry = self.entries[member]
        for start in range(0, entry.compressed_size, CHUNK):
            with self._at(member):
                chunk = self._pread(self._offset(member) + start, min(CHUNK, entry.compressed_size - start))
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

    def _offset(self, member: Member) -> int:
        """Return where the compressed bytes of a member start; that of a remote one is looked up when it is asked for."""
        if member not in self._offsets:
            entry = next(entry for entry in self._directory.entries if entry.name == member)
            self._offsets[member] = locate_member(self._pread, entry, self._directory.offset)
        return self._offsets[member]

    def _pread(self, offset: int, length: int) -> bytes:
        """Read exactly ``length`` bytes at ``offset``."""
        data = b""
        while len(data) < length and (part := self._source.read(offset + len(data), length - len(data))):
            data = data + part if data else part
        if len(data) < length:
            raise UnreadableError("the file is truncated", where=(f"offset {offset}",))
        return data


def _opened(url: WheelUrl) -> Source:
    from nativewheel.wheel.remote import RemoteFile  # noqa: PLC0415  (what speaks HTTP takes long to load)

    return RemoteFile(url)
