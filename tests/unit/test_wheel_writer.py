"""Wheels written: by our reader, zipfile, unzip and installer alike; deterministic; zip64 where needed."""

from __future__ import annotations

import shutil
import stat
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from installer.sources import WheelFile as InstallerWheel

from nativewheel.errors import LinkageError, MachineError, UsageError
from nativewheel.wheel import writer as writer_module
from nativewheel.wheel import zipformat
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.deflate import compress
from nativewheel.wheel.names import Member
from nativewheel.wheel.record import RecordRow, record_hash
from nativewheel.wheel.writer import WheelWriter, source_date_epoch, timestamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nativewheel.wheel.zipformat import Moment

FILENAME = "pkg-1.0-py3-none-any.whl"
INFO = "pkg-1.0.dist-info"
TIME: Moment = (2022, 2, 2, 2, 2, 2)
REQUIRED = {f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n", f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n"}
FILES = {"pkg/a.py": b"print() \n" * 200, "pkg/größe,2.txt": b"x", "pkg/empty": b"", **REQUIRED}

PARTS = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\:"), min_size=1, max_size=12).filter(
    lambda part: part not in {".", ".."} and not part.endswith((".dist-info", ".data"))
)


@pytest.fixture(autouse=True)
def _no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def write(folder: Path, files: Mapping[str, bytes] = FILES, *, level: int = 6, modes: Mapping[str, int] | None = None) -> Path:
    path = folder / FILENAME
    with WheelWriter(path, timestamp=TIME) as writer:
        for name, data in files.items():
            writer.add(name, compress(data, level), (modes or {}).get(name, 0o644))
        writer.finish(f"{INFO}/RECORD")
    return path


def copied(source: Path, target: Path, rename: Callable[[str], str] = lambda name: name) -> Path:
    with WheelArchive(source, strict_record=False) as archive, WheelWriter(target, timestamp=timestamp_of(archive)) as writer:
        for name, entry in archive.entries.items():
            if name != f"{INFO}/RECORD":
                writer.copy(archive, entry, rename(name))
        writer.finish(f"{INFO}/RECORD")
    return target


@given(st.dictionaries(st.lists(PARTS, min_size=1, max_size=3).map("/".join), st.binary(max_size=300), max_size=6), st.sampled_from([0, 1, 6, 9]))
def test_every_reader_finds_what_was_written(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], level: int) -> None:
    files = {f"pkg{index}/{name}": data for index, (name, data) in enumerate(files.items())} | REQUIRED
    path = write(tmp_path_factory.mktemp("w"), files, level=level)
    with WheelArchive(path) as archive:
        archive.verify(2)
        assert archive.irregularities == ()
        assert {name: archive.read(name) for name in archive.entries if name != f"{INFO}/RECORD"} == files
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist()[:-1]} == files
    with InstallerWheel.open(path) as wheel:
        wheel.validate_record()


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_agrees(tmp_path: Path) -> None:
    result = subprocess.run(["unzip", "-t", write(tmp_path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_headers_are_as_plain_as_can_be(tmp_path: Path) -> None:
    with zipfile.ZipFile(write(tmp_path, modes={"pkg/a.py": 0o755})) as file:
        infos = {info.filename: info for info in file.infolist()}
    assert list(infos) == [*FILES, f"{INFO}/RECORD"]
    for name, info in infos.items():
        assert (info.create_system, info.extra, info.comment, info.extract_version, info.internal_attr) == (3, b"", b"", 20, 0)
        assert info.flag_bits == (0 if name.isascii() else zipformat.FLAG_UTF8)
        assert info.date_time == TIME
        assert stat.S_ISREG(info.external_attr >> 16)
        assert stat.S_IMODE(info.external_attr >> 16) == (0o755 if name == "pkg/a.py" else 0o644)


def test_record_lists_every_file_and_itself_last(tmp_path: Path) -> None:
    with WheelArchive(write(tmp_path)) as archive:
        assert archive.record.rows == (
            *(RecordRow(name=name, hash=record_hash(data), size=len(data)) for name, data in FILES.items()),
            RecordRow(name=f"{INFO}/RECORD"),
        )


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert write(tmp_path).read_bytes() == write(tmp_path / "other").read_bytes()


def test_copies_keep_their_compressed_bytes_mode_and_time(tmp_path: Path) -> None:
    source = tmp_path / FILENAME
    record = "".join(f'"{name}",{record_hash(data, "sha384")},{len(data)}\n' for name, data in FILES.items()) + f"{INFO}/RECORD,,\n"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, data in {**FILES, f"{INFO}/RECORD": record.encode()}.items():
            info = zipfile.ZipInfo(name, (2019, 1, 2, 3, 4, 6))
            info.external_attr = 0o100750 << 16
            info.comment = b"dropped"
            info.extra = b"\x99\x99\x00\x00"
            file.writestr(info, data, zipfile.ZIP_DEFLATED, 1)
    (tmp_path / "out").mkdir()
    target = copied(source, tmp_path / "out" / FILENAME)
    with WheelArchive(source) as old, WheelArchive(target) as new:
        assert new.irregularities == ()
        assert new.record == old.record
        for name in map(Member, FILES):
            assert new.raw(name) == old.raw(name)
            assert (new.entries[name].mode, new.entries[name].modified) == (0o750, (2019, 1, 2, 3, 4, 6))


def test_a_copy_may_get_a_new_name(tmp_path: Path) -> None:
    source = write(tmp_path)
    (tmp_path / "out").mkdir()
    target = copied(source, tmp_path / "out" / FILENAME, lambda name: name.replace("pkg/a.py", "pkg/b.py"))
    with WheelArchive(target) as archive:
        assert archive.read(Member("pkg/b.py")) == FILES["pkg/a.py"]
        assert Member("pkg/a.py") not in archive.entries


def test_a_copy_without_a_hash_gets_one(tmp_path: Path) -> None:
    source = tmp_path / FILENAME
    with zipfile.ZipFile(source, "w") as file:
        for name, data in {**FILES, f"{INFO}/RECORD": b""}.items():
            file.writestr(name, data)
    (tmp_path / "out").mkdir()
    with WheelArchive(copied(source, tmp_path / "out" / FILENAME)) as archive:
        archive.verify(1)


def test_large_copies_go_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("nativewheel.wheel.archive.CHUNK", 5)
    monkeypatch.setattr(writer_module, "CHUNK", 3)
    assert copied(source, tmp_path / "out" / FILENAME).read_bytes() == source.read_bytes()


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    with WheelWriter(tmp_path / FILENAME, timestamp=TIME) as writer:
        writer.add("a", compress(b""))
        with pytest.raises(LinkageError, match="this name"):
            writer.add("a", compress(b""))


@pytest.mark.parametrize(("limit32", "limit16"), [(50, 0xFFFF), (300, 0xFFFF), (0xFFFFFFFF, 3)])
def test_zip64_records_are_written_where_values_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit32: int, limit16: int) -> None:
    # Stands in for files above 4 GiB: the limit is lowered, the mark that readers look for stays.
    monkeypatch.setattr(writer_module, "_FIT32", limit32)
    monkeypatch.setattr(writer_module, "_FIT16", limit16)
    path = write(tmp_path)
    monkeypatch.undo()
    data = path.read_bytes()
    position = data.rindex(zipformat.END64_SIGNATURE)
    assert int.from_bytes(data[position + 4 : position + 12], "little") == 44
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist()[:-1]} == FILES
    with WheelArchive(path) as archive:
        archive.verify(1)
    if limit32 == 50 and shutil.which("unzip"):
        assert subprocess.run(["unzip", "-t", path], capture_output=True, check=False).returncode == 0


def test_small_wheels_have_no_zip64_records(tmp_path: Path) -> None:
    data = write(tmp_path).read_bytes()
    assert zipformat.END64_SIGNATURE not in data
    assert zipformat.END64_LOCATOR_SIGNATURE not in data


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1577836800", (2020, 1, 1, 0, 0, 0)),
        ("0", (1970, 1, 1, 0, 0, 0)),
        ("999999999999999999", (2107, 12, 31, 23, 59, 59)),
    ],
)
def test_source_date_epoch_is_the_time_of_new_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, moment: Moment) -> None:
    source = write(tmp_path)
    with WheelArchive(source) as archive:
        assert timestamp_of(archive) == TIME
        monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
        assert timestamp_of(archive) == source_date_epoch() == moment


@pytest.mark.parametrize(("text", "kept"), [("1577836800", (2020, 1, 1, 0, 0, 0)), ("1900000000", TIME), ("0", (1980, 1, 1, 0, 0, 0))])
def test_copies_are_never_later_than_source_date_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, kept: Moment) -> None:
    source = write(tmp_path)
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with WheelArchive(copied(source, tmp_path / "out" / FILENAME)) as archive:
        assert archive.entries[Member("pkg/a.py")].modified == kept


@pytest.mark.parametrize("text", ["", "-1", "1.5", "now", "9" * 30, "\u0661"])
def test_a_source_date_epoch_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        source_date_epoch()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_the_machines_fault() -> None:
    with WheelWriter("/dev/full", timestamp=TIME) as writer, pytest.raises(MachineError, match="/dev/full: cannot write: No space left") as caught:
        writer.add("a", compress(b"data"))
    assert caught.value.exit_status == 6


def test_a_missing_folder_is_the_machines_fault(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot write"):
        WheelWriter(tmp_path / "missing" / FILENAME, timestamp=TIME)


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = write(tmp_path).read_bytes()
    open_file = Path.open

    class Slow:
        """A file that takes three bytes at a time, as a nearly full disk may."""

        def __init__(self, path: Path) -> None:
            self._file = open_file(path, "wb", buffering=0)

        def write(self, data: memoryview) -> int:
            return self._file.write(data[:3])

        def close(self) -> None:
            self._file.close()

    monkeypatch.setattr(Path, "open", lambda path, *_, **__: Slow(path))
    path = write(tmp_path)
    monkeypatch.undo()
    assert path.read_bytes() == expected
