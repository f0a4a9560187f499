"""Wheels opened for reading: RECORD, hashes, heads, threads."""

from __future__ import annotations

import os
import stat
import struct
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nativewheel.errors import MachineError, UnreadableError, UsageError
from nativewheel.wheel import archive as archive_module
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.deflate import compress
from nativewheel.wheel.layout import Scheme
from nativewheel.wheel.names import Member
from nativewheel.wheel.record import Record, RecordRow, record_hash
from nativewheel.wheel.writer import WheelWriter
from nativewheel.wheel.zipformat import Method

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN_FILES = Path("/proc/self/fd")
INFO = "pkg-1.0.dist-info"
WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n"
FILES = {
    "pkg/__init__.py": b"",
    "pkg/ext.so": b"\x7fELF" + bytes(range(256)) * 100,
    "pkg/data.txt": b"text " * 1000,
    "pkg-1.0.data/scripts/tool": b"#!python\n",
    f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n",
    f"{INFO}/WHEEL": WHEEL,
}


def rows(files: Mapping[str, bytes]) -> list[RecordRow]:
    return [RecordRow(name=name, hash=record_hash(data), size=len(data)) for name, data in files.items()]


def make(
    folder: Path,
    files: Mapping[str, bytes] = FILES,
    *,
    record: list[RecordRow] | bytes | None = None,
    filename: str = "pkg-1.0-cp311-cp311-linux_x86_64.whl",
    method: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """Pack ``files`` with a true RECORD, or with ``record``."""
    if record is None:
        record = rows(files)
    if isinstance(record, list):
        record = bytes(Record((*record, RecordRow(name=f"{INFO}/RECORD"))))
    path = folder / filename
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2021, 3, 4, 5, 6, 8))
            kind = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
            info.external_attr = (kind | (0o755 if "scripts" in name else 0o644)) << 16
            file.writestr(info, data, method)
        file.writestr(f"{INFO}/RECORD", record, method)
    return path


def refusal(path: Path) -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        WheelArchive(path)
    assert caught.value.where[0] == path.name
    assert caught.value.where.count(path.name) == 1
    return caught.value


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_good_wheel_reads_back(tmp_path: Path, method: int) -> None:
    with WheelArchive(make(tmp_path, method=method)) as archive:
        assert list(archive.entries) == [*FILES, f"{INFO}/RECORD"]
        assert {name: archive.read(Member(name)) for name in FILES} == FILES
        assert (archive.dist_info, archive.data_dir, str(archive.name)) == (INFO, "pkg-1.0.data", archive.path.name)
        assert archive.record_issues == ()
        assert archive.irregularities == ()
        assert [row.name for row in archive.record] == list(archive.entries)
        entry = archive.entries[Member("pkg-1.0.data/scripts/tool")]
        assert (entry.mode, entry.modified, entry.size, entry.method) == (0o755, (2021, 3, 4, 5, 6, 8), 9, Method(method))
        assert archive.scheme(entry.name) is Scheme.SCRIPTS
        assert archive.installed_path(Member("pkg/ext.so")) == "pkg/ext.so"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("count", [1, 4, 64, 1 << 20])
def test_heads_are_the_start_of_the_data(tmp_path: Path, method: int, count: int) -> None:
    with WheelArchive(make(tmp_path, method=method)) as archive:
        for name, data in FILES.items():
            assert archive.head(Member(name), count) == data[:count]


def test_a_head_behind_a_long_start_is_found(tmp_path: Path) -> None:
    # Empty stored blocks are legal deflate and produce nothing: here are more of them than the first read takes.
    path = tmp_path / "pkg-1.0-py3-none-any.whl"
    packed = compress(b"text " * 1000)
    with WheelWriter(path, timestamp=(2020, 1, 1, 0, 0, 0)) as writer:
        writer.add("pkg/padded", replace(packed, data=b"\x00\x00\x00\xff\xff" * 5000 + packed.data))
        writer.add(f"{INFO}/METADATA", compress(b""))
        writer.add(f"{INFO}/WHEEL", compress(b""))
        writer.finish(f"{INFO}/RECORD")
    with WheelArchive(path) as archive:
        assert archive.head(Member("pkg/padded"), 8) == b"text tex"
        assert archive.read(Member("pkg/padded")) == b"text " * 1000


def test_raw_bytes_are_the_compressed_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "CHUNK", 100)
    with WheelArchive(make(tmp_path)) as archive:
        name = Member("pkg/ext.so")
        chunks = list(archive.raw_chunks(name))
        assert b"".join(chunks) == archive.raw(name)
        assert {len(chunk) for chunk in chunks[:-1]} == {100}
        assert len(archive.raw(name)) == archive.entries[name].compressed_size
        assert list(archive.raw_chunks(Member("pkg/__init__.py"))) == [archive.raw(Member("pkg/__init__.py"))]


def test_folders_are_no_members(tmp_path: Path) -> None:
    path = make(tmp_path, {**FILES, "pkg/": b""}, record=rows(FILES))
    with WheelArchive(path) as archive:
        assert "pkg/" not in archive.entries
        assert [odd.member for odd in archive.irregularities] == ["pkg/"]


@pytest.mark.parametrize("lost", ["METADATA", "WHEEL"])
def test_a_wheel_needs_its_metadata(tmp_path: Path, lost: str) -> None:
    files = {name: data for name, data in FILES.items() if not name.endswith(lost)}
    error = refusal(make(tmp_path, files))
    assert error.where[1] == f"{INFO}/{lost}"


def test_a_wheel_needs_its_record(tmp_path: Path) -> None:
    path = tmp_path / "pkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, data in FILES.items():
            file.writestr(name, data)
    assert refusal(path).where[1] == f"{INFO}/RECORD"


def test_another_distribution_is_refused(tmp_path: Path) -> None:
    assert "does not belong to other" in refusal(make(tmp_path, filename="other-1.0-py3-none-any.whl")).message


def test_signatures_may_be_unlisted(tmp_path: Path) -> None:
    path = make(tmp_path, {**FILES, f"{INFO}/RECORD.jws": b"{}", f"{INFO}/RECORD.p7s": b""}, record=rows(FILES))
    with WheelArchive(path) as archive:
        assert archive.record_issues == ()


def without_so(files: Mapping[str, bytes]) -> list[RecordRow]:
    return [row for row in rows(files) if not row.name.endswith(".so")]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (without_so(FILES), "the archive has files that RECORD does not list: pkg/ext.so"),
        (
            [*rows(FILES), RecordRow(name="pkg/gone.py", hash=record_hash(b""), size=0)],
            "RECORD lists files that the archive does not have: pkg/gone.py",
        ),
        ([*rows(FILES), *rows(FILES)[:1]], "RECORD lists files twice: pkg/__init__.py"),
        ([*without_so(FILES), RecordRow(name="pkg/ext.so")], "RECORD has no hash for: pkg/ext.so"),
        ([*without_so(FILES), *rows({"pkg/ext.so": b"x"})], "RECORD has another size for: pkg/ext.so"),
        (b"\xff,,\n", "RECORD is not UTF-8 text"),
        (b"pkg,md5=x,1\n", "the hash in RECORD is not one of sha256, sha384, sha512: 'md5'"),
        (b"a\n" * 1000, "RECORD has far more lines than the archive has files"),
    ],
)
def test_a_record_that_disagrees_is_refused_or_reported(tmp_path: Path, record: list[RecordRow] | bytes, message: str) -> None:
    path = make(tmp_path, record=record)
    error = refusal(path)
    assert error.message == message
    assert error.where[1] == f"{INFO}/RECORD"
    with WheelArchive(path, strict_record=False) as archive:
        assert archive.record_issues == (message,)
        assert archive.read(Member("pkg/ext.so")) == FILES["pkg/ext.so"]


def tampered(tmp_path: Path) -> Path:
    files = {**FILES, "pkg/data.txt": b"TEXT " * 1000, "pkg-1.0.data/scripts/tool": b"#!PYTHON\n"}
    return make(tmp_path, files, record=rows(FILES))


def test_a_hash_that_does_not_fit_is_refused_when_read(tmp_path: Path) -> None:
    with WheelArchive(tampered(tmp_path)) as archive:
        assert archive.read(Member("pkg/ext.so")) == FILES["pkg/ext.so"]
        with pytest.raises(UnreadableError, match="the hash in RECORD does not fit") as caught:
            archive.read(Member("pkg/data.txt"))
        assert caught.value.where == (archive.path.name, "pkg/data.txt")


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_verify_reads_everything(tmp_path: Path, jobs: int) -> None:
    path = tampered(tmp_path)
    with WheelArchive(path) as archive, pytest.raises(UnreadableError) as caught:
        archive.verify(jobs)
    assert caught.value.where[1] == "pkg/data.txt"
    with WheelArchive(path, strict_record=False) as archive:
        archive.verify(jobs)
        assert archive.record_issues == ("the hash in RECORD does not fit the data of: pkg/data.txt, pkg-1.0.data/scripts/tool",)


def test_longer_hashes_are_checked_as_well(tmp_path: Path) -> None:
    record = [RecordRow(name=name, hash=record_hash(data, "sha512"), size=len(data)) for name, data in FILES.items()]
    with WheelArchive(make(tmp_path, record=record)) as archive:
        archive.verify(1)
    record[2] = RecordRow(name=record[2].name, hash=record_hash(b"", "sha384"), size=record[2].size)
    with WheelArchive(make(tmp_path, record=record)) as archive, pytest.raises(UnreadableError, match="hash"):
        archive.verify(1)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_data_is_refused_even_when_record_is_not_strict(tmp_path: Path, method: int) -> None:
    path = make(tmp_path, method=method)
    name = Member("pkg/ext.so")
    with WheelArchive(path) as archive:
        middle = archive.entries[name].header_offset + 30 + len(name) + 50
    data = bytearray(path.read_bytes())
    data[middle] ^= 0x55
    path.write_bytes(data)
    with WheelArchive(path, strict_record=False) as archive, pytest.raises(UnreadableError) as caught:
        archive.read(name)
    assert caught.value.where == (path.name, name)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_size_that_lies_is_refused(tmp_path: Path, change: int) -> None:
    path = make(tmp_path)
    name = b"pkg/ext.so"
    data = bytearray(path.read_bytes())
    size = len(FILES["pkg/ext.so"]) + change
    struct.pack_into("<I", data, data.index(name) - 30 + 22, size)
    struct.pack_into("<I", data, data.rindex(name, 0, data.index(b"PK\x05\x06")) - 46 + 24, size)
    path.write_bytes(data)
    assert "RECORD has another size" in refusal(path).message
    with WheelArchive(path, strict_record=False) as archive, pytest.raises(UnreadableError):
        archive.read(Member("pkg/ext.so"))


def test_threads_read_at_once(tmp_path: Path) -> None:
    files = {**FILES, **{f"pkg/{n}.bin": bytes([n]) * (10_000 + n) for n in range(50)}}
    with WheelArchive(make(tmp_path, files)) as archive, ThreadPoolExecutor(8) as pool:
        names = [Member(name) for name in files] * 5
        assert list(pool.map(archive.read, names)) == [files[name] for name in names]


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    with WheelArchive(path) as archive:
        os.truncate(path, 10)
        for read in (archive.read, archive.head, archive.raw, lambda member: list(archive.raw_chunks(member))):
            with pytest.raises(UnreadableError, match="truncated") as caught:
                read(Member("pkg/ext.so"))
            assert caught.value.where[:2] == (path.name, "pkg/ext.so")


def test_short_reads_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path)
    with WheelArchive(path) as archive:
        once = archive._source.read  # noqa: SLF001  (the system call's stand-in)
        monkeypatch.setattr(archive._source, "read", lambda offset, length: once(offset, min(length, 7)))  # noqa: SLF001
        assert archive.read(Member("pkg/ext.so")) == FILES["pkg/ext.so"]


def test_a_read_error_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path)

    def fail(_offset: int, _length: int) -> bytes:
        raise OSError(5, "Input/output error")

    with WheelArchive(path) as archive:
        monkeypatch.setattr(archive._source, "_pread", fail)  # noqa: SLF001
        with pytest.raises(MachineError, match="Input/output error"):
            archive.read(Member("pkg/ext.so"))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pkg-1.0-py3-none-any.whl"
    with pytest.raises(UsageError, match="no such file"):
        WheelArchive(path)
    path.mkdir()
    with pytest.raises(UnreadableError, match="not a regular file"):
        WheelArchive(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "pkg-1.0-py3-none-any.whl"
    os.mkfifo(path)
    with pytest.raises(UnreadableError, match="not a regular file"):
        WheelArchive(path)


@pytest.mark.parametrize("data", [b"", b"PK", b"\x7fELF" * 100, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_wheel_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "pkg-1.0-py3-none-any.whl"
    path.write_bytes(data)
    assert refusal(path).exit_status == 3


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="needs Linux's list of open files")
def test_a_refused_wheel_leaves_no_open_file(tmp_path: Path) -> None:
    path = tmp_path / "pkg-1.0-py3-none-any.whl"
    path.write_bytes(b"junk")
    refusal(path)
    assert path.resolve() not in [link.resolve() for link in OPEN_FILES.iterdir()]
