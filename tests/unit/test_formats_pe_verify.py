"""What an edited PE file must not be: each damage that a writer could do is found."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from madepe import Pe, load_config

from nativewheel.errors import MachineError
from nativewheel.formats.image import Edit, Identity
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.imports import read_imports
from nativewheel.formats.pe.verify import verify
from nativewheel.formats.pe.writer import apply

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "one.dll", "nw_one__with-a-name-that-is-longer.dll"
MADE = Pe(
    imports=(("one.dll", ("a",)), ("two.dll", (7,))),
    exports=(("f", None), ("g", "one.g"), ("h", None)),
    load_config=load_config(),
    overlay=b"overlay",
    virtual_size=0x1000,
)
OPTIONAL = 0x80 + 24


def put(data: bytes, offset: int, content: bytes) -> bytes:
    return data[:offset] + content + data[offset + len(content) :]


def edited(folder: Path, source: bytes) -> bytes:
    path = folder / "made.dll"
    path.write_bytes(source)
    apply(path, Edit(replace=((Identity(OLD), Identity(NEW)),)), folder / "edited")
    return (folder / "edited").read_bytes()


def damage(source: bytes, result: bytes) -> str:
    with opened(source) as before, pytest.raises(MachineError, match="the edited file is damaged") as error:
        verify(before, result, {OLD: NEW.encode()}, "made.dll")
    assert error.value.hint
    return error.value.message


def rva(data: bytes, directory: int, offset: int) -> int:
    """Return the file offset of a place in a data directory."""
    with opened(data) as pe:
        return pe.offset(pe.directories[directory].address + offset, 1, "it")


def test_a_right_file(tmp_path: Path) -> None:
    source = MADE.build()
    with opened(source) as before:
        assert verify(before, edited(tmp_path, source), {OLD: NEW.encode()}, "made.dll").dependencies[0].name == NEW


def test_an_edit_that_was_not_made() -> None:
    assert "the imported DLLs are one.dll, two.dll and not" in damage(MADE.build(), MADE.build())


@pytest.mark.parametrize(
    ("directory", "offset", "content", "problem"),
    [
        (1, 0, b"\0\x10\0\0", "the symbols of"),
        (1, 4, b"\1", "the imports are still bound"),
        (0, 16, b"\2", "the exported symbols changed"),
        (10, 78, b"\0\x08", "DependentLoadFlags are still there"),
        (10, 90, b"!", "section .rdata changed"),
    ],
)
def test_damage_in_a_directory(tmp_path: Path, directory: int, offset: int, content: bytes, problem: str) -> None:
    source = MADE.build()
    result = edited(tmp_path, source)
    assert problem in damage(source, put(result, rva(result, directory, offset), content))


def test_damage_of_exports(tmp_path: Path) -> None:
    source = MADE.build()
    result = edited(tmp_path, source)
    with opened(result) as pe:
        functions = pe.offset(int.from_bytes(pe.take(pe.directories[0].address + 28, 4, "it"), "little"), 12, "it")
    assert "addresses of exported symbols" in damage(source, put(result, functions, b"\x11"))
    assert "the forwarders" in damage(source, put(result, functions + 4, result[functions + 8 : functions + 12]))
    with opened(source) as pe:
        entry = pe.directories[0].entry
    assert "export directory is lost" in damage(source, put(result, entry, bytes(8)))


@pytest.mark.parametrize(
    ("offset", "content", "problem"),
    [
        (10, b"!", "other fields of the headers"),
        (OPTIONAL + 16, b"\1", "other fields of the headers"),
        (OPTIONAL + 56, b"\1", "SizeOfImage"),
        (OPTIONAL + 64, b"\1", "the checksum is lost"),
        (OPTIONAL + 112 + 8 * 4, struct.pack("<II", 0x400, 8), "the certificates are still there"),
        (OPTIONAL + 112 + 8 * 11, struct.pack("<II", 0x1000, 8), "the imports are still bound"),
        (OPTIONAL + 112 + 8 * 5, struct.pack("<II", 0x9000, 8), "data directory 5 is not inside a section"),
    ],
)
def test_damage_of_headers(tmp_path: Path, offset: int, content: bytes, problem: str) -> None:
    source = MADE.build()
    assert problem in damage(source, put(edited(tmp_path, source), offset, content))


def test_damage_of_what_is_not_edited(tmp_path: Path) -> None:
    source = MADE.build()
    result = edited(tmp_path, source)
    assert "behind the sections" in damage(source, result[:-1])
    assert "behind the sections" in damage(source, result[:-1] + b"!")
    with opened(source) as pe:
        thunks = pe.offset(read_imports(pe)[0].thunks, 8, "it")
    assert "section .rdata changed" in damage(source, put(result, thunks, b"\1"))


def test_a_wrong_checksum(tmp_path: Path) -> None:
    source = put(MADE.build(), OPTIONAL + 64, b"\1")
    result = edited(tmp_path, source)
    assert "the checksum is not that of the file" in damage(source, put(result, OPTIONAL + 64, b"\1\1\1\1"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    source = MADE.build()
    result = edited(tmp_path, source)
    for broken in (b"", result[:600], put(result, 0x80, b"NE")):
        assert damage(source, broken)


def test_nothing_is_left_of_a_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nativewheel.formats.pe.writer.add_section", lambda *_: None)
    with pytest.raises(MachineError, match="damaged"):
        edited(tmp_path, MADE.build())
    assert not (tmp_path / "edited").exists()
