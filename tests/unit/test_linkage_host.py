"""Files of the host: each is read, parsed and hashed once, and what is no image is passed over."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from madeimages import LIBRARIES

from nativewheel import formats
from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.image import Arch
from nativewheel.linkage import host as module
from nativewheel.linkage.host import HostLibraries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIBRARY = LIBRARIES / "libntouter.so.2"


@pytest.fixture
def host() -> HostLibraries:
    return HostLibraries()


def test_a_library_is_read_as_it_is(host: HostLibraries) -> None:
    found = host.get(LIBRARY)
    assert found is not None
    assert (found.path, found.size) == (LIBRARY, LIBRARY.stat().st_size)
    assert (found.image.identity, found.image.archs) == ("libntouter.so.2", (Arch.X86_64,))
    assert host.sha256(LIBRARY) == hashlib.sha256(LIBRARY.read_bytes()).hexdigest()
    assert host.imports(LIBRARY) == formats.imports(LIBRARY.read_bytes())


def test_every_file_is_opened_once_for_each_question(host: HostLibraries, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[Path] = []
    original = module._mapped  # noqa: SLF001  (counts what is opened)

    def counting(path: Path) -> object:
        opened.append(path)
        return original(path)

    monkeypatch.setattr(module, "_mapped", counting)
    script = tmp_path / "libx.so"
    script.write_text("INPUT(-lx)")
    questions: list[Callable[[], object]] = [
        lambda: host.get(LIBRARY),
        lambda: host.imports(LIBRARY),
        lambda: host.sha256(LIBRARY),
        lambda: host.get(script),
    ]
    for question in questions:
        assert question() == question()
    assert opened == [LIBRARY, LIBRARY, LIBRARY, script]


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: path.write_text("/* GNU ld script */ INPUT(/lib/libc.so.6)"), id="linker script"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.mkdir(), id="folder"),
        pytest.param(lambda path: path.write_bytes(LIBRARY.read_bytes()[:200]), id="truncated"),
        pytest.param(lambda path: path.write_bytes(b"\x7fELF"), id="magic only"),
        pytest.param(lambda path: path.write_bytes(b"MZ" + b"\0" * 100), id="another system"),
        pytest.param(lambda path: path.write_bytes(LIBRARY.read_bytes()[:18] + b"\xbe\0" + LIBRARY.read_bytes()[20:]), id="GPU"),
        pytest.param(make_fifo, id="named pipe"),
        pytest.param(lambda path: path.symlink_to(path.name), id="loop"),
        pytest.param(lambda _: None, id="missing"),
    ],
)
def test_what_the_loader_cannot_use_is_no_library(host: HostLibraries, tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "libx.so")
    assert host.get(tmp_path / "libx.so") is None


def test_an_unreadable_file_is_no_library(host: HostLibraries, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> object:
        raise MachineError("cannot be read: Permission denied", where=(path.name,))

    monkeypatch.setattr(module, "_mapped", refuse)
    assert host.get(LIBRARY) is None


def test_a_file_that_disappears_is_the_machines_fault(host: HostLibraries, tmp_path: Path) -> None:
    for question in (host.sha256, host.imports):
        with pytest.raises(MachineError, match=r"libx\.so: cannot be read: .*No such file"):
            question(tmp_path / "libx.so")


def test_damage_in_the_symbols_names_the_file(host: HostLibraries, tmp_path: Path) -> None:
    path = tmp_path / "libx.so"
    path.write_bytes(LIBRARY.read_bytes()[:200])
    with pytest.raises(UnreadableError) as caught:
        host.imports(path)
    assert caught.value.where[0] == str(path)


@pytest.mark.parametrize("jobs", [1, 4])
def test_hashes_may_be_made_beforehand(host: HostLibraries, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    paths = sorted(LIBRARIES.iterdir())
    host.hash_all([*paths, *paths], jobs)
    monkeypatch.setattr(module, "_mapped", None)
    assert [host.sha256(path) for path in paths] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_a_hash_that_cannot_be_made_is_not_swallowed(host: HostLibraries, tmp_path: Path) -> None:
    with pytest.raises(MachineError):
        host.hash_all([tmp_path / "missing"], 2)
