"""NW101, NW102, NW103 and NW110: each finds its defect, names the file, and lets the sound sibling pass."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from checked import edited, everything, found
from smallwheels import rewritten, wheel

if TYPE_CHECKING:
    from pathlib import Path

TAG = "py3-none-any"
FILES = {"small/__init__.py": b"", "small/data.txt": b"data"}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = wheel(tmp_path / "sound", TAG, FILES)
    assert everything(path) == []
    return path


def test_changed_file(sound: Path, tmp_path: Path) -> None:
    path = rewritten(sound, tmp_path / "out", {"small/data.txt": b"atad"})
    (finding,) = found("NW101", path)
    assert (finding.rule, finding.severity, finding.wheel, finding.member) == ("NW101", "error", path.name, "small/data.txt")
    assert finding.message == "the hash in RECORD does not fit the data"


def test_unlisted_file(sound: Path, tmp_path: Path) -> None:
    (finding,) = found("NW101", rewritten(sound, tmp_path / "out", {"small/new.py": b""}))
    assert (finding.member, finding.message) == ("small/new.py", "the archive has files that RECORD does not list")


def test_many_unlisted_files_are_no_flood(sound: Path, tmp_path: Path) -> None:
    findings = found("NW101", rewritten(sound, tmp_path / "out", {f"small/new{index}.py": b"" for index in range(20)}))
    assert len(findings) == 8
    assert findings[-1].message.endswith("(and 12 more)")


def test_broken_record(sound: Path, tmp_path: Path) -> None:
    (finding,) = found("NW101", rewritten(sound, tmp_path / "out", {"small-1.0.dist-info/RECORD": b'"'}))
    assert finding.member == "small-1.0.dist-info/RECORD"
    assert "CSV" in finding.message


def test_comment(sound: Path) -> None:
    with zipfile.ZipFile(sound, "a") as archive:
        archive.comment = b"hello"
    (finding,) = found("NW102", sound)
    assert (finding.member, finding.message) == (None, "the archive has a comment")


def test_folders_of_their_own_are_no_finding(sound: Path) -> None:
    with zipfile.ZipFile(sound, "a") as archive:
        archive.mkdir("small/")
    assert everything(sound) == []


class Pipe:
    """A stream that cannot go back, so that zipfile writes sizes after the data."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def flush(self) -> None:
        pass


def test_data_descriptors(sound: Path, tmp_path: Path) -> None:
    pipe = Pipe()
    with zipfile.ZipFile(sound) as source, zipfile.ZipFile(pipe, "w") as archive:  # type: ignore[call-overload]
        for member in source.namelist():
            archive.writestr(member, source.read(member))
    path = tmp_path / sound.name
    path.write_bytes(pipe.data)
    (finding,) = found("NW102", path)
    assert (finding.member, finding.message) == ("small/__init__.py", "the member has a data descriptor (and 4 more)")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"Tag: py3-none-linux_x86_64", "lacks py3-none-any, which the file name has; has py3-none-linux_x86_64, which it has not"),
        (b"Tag: py3-none-any\nTag: py2-none-any", "has py2-none-any, which the file name has not"),
        (b"", "lacks py3-none-any, which the file name has"),
    ],
)
def test_tags(sound: Path, lines: bytes, message: str) -> None:
    path = edited(sound, {"/WHEEL": lambda data: data.replace(b"Tag: py3-none-any\n", lines + b"\n")})
    (finding,) = found("NW103", path)
    assert (finding.member, finding.message) == ("small-1.0.dist-info/WHEEL", message)


def test_compressed_and_expanded_tags_are_the_same(tmp_path: Path) -> None:
    path = wheel(tmp_path, "py2.py3-none-any", FILES)
    assert (
        found("NW103", edited(path, {"/WHEEL": lambda data: data.replace(b"Tag: py2.py3-none-any", b"Tag: py3-none-any\nTag: py2-none-any")})) == []
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"Version: 1.0\n", b"Version: 1.1\n", "the version is 1.1, that of the file name 1.0"),
        (b"Version: 1.0\n", b"", "the version is missing, that of the file name 1.0"),
        (b"Name: small\n", b"Name: large\n", "the name is large, that of the file name small"),
        (b"Name: small\n", b"Name: small\nName: large\n", "the name is small and large, that of the file name small"),
    ],
)
def test_metadata_of_another(sound: Path, old: bytes, new: bytes, message: str) -> None:
    def edit(data: bytes) -> bytes:
        return data.replace(b"Metadata-Version: 2.1\n", b"Metadata-Version: X\n").replace(old, new).replace(b"-Version: X", b"-Version: 2.1")

    (finding,) = found("NW110", edited(sound, {"/METADATA": edit}))
    assert (finding.member, finding.message) == ("small-1.0.dist-info/METADATA", message)


def test_folder_of_another(sound: Path) -> None:
    (finding, _) = found("NW110", edited(sound, {}, name="small-2.0-py3-none-any.whl"))
    assert (finding.member, finding.message) == ("small-1.0.dist-info", "the folder is not called small-2.0.dist-info")


def test_other_spellings_are_no_finding(sound: Path) -> None:
    path = edited(sound, {"/METADATA": lambda data: data.replace(b"Name: small", b"Name: SMALL").replace(b"Version: 1.0\n", b"Version: 1\n")})
    assert found("NW110", path) == []
