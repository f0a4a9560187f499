"""How machomachomangler is run, and what is put right behind it; a program of the same name stands in for it."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING

import pytest
from madepe import Pe

from nativewheel.errors import LinkageError, MachineError
from nativewheel.formats.image import Edit, Identity
from nativewheel.formats.pe import backend, reader
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.structure import structure_problems

if TYPE_CHECKING:
    from pathlib import Path

MADE = Pe(
    imports=(("One.dll", ("a",)), ("two.dll", (7,)), ("ONE.dll", ("b",)), ("KERNEL32.dll", ("Sleep",))),
    delay_imports=(("late.dll", ("c",)),),
    exports=(("f", "one.f"), ("g", "only.g")),
    certificate=b"certificate",
)
LONG = "nw_one__with-a-name-that-is-longer.dll"
RENAMES = Edit(replace=((Identity("one.dll"), Identity(LONG)), (Identity("late.dll"), Identity("x.dll")), (Identity("only.dll"), Identity("y.dll"))))

WRITES = """
import json, sys
from pathlib import Path
from nativewheel.formats.image import Edit, Identity
from nativewheel.formats.pe import writer
source, target, *names = sys.argv[1:]
assert b"certificate" not in Path(source).read_bytes(), "it takes no signed files"
Path({log!r}).write_text(json.dumps(names))
pairs = tuple((Identity(old), Identity(new)) for old, new in zip(names[::2], names[1::2]))
writer.apply(Path(source), Edit(replace=pairs), Path(target))
data = bytearray(Path(target).read_bytes())
data[{size_of_image}:{size_of_image} + 4] = (0x1234).to_bytes(4, "little")
Path(target).write_bytes(data)
"""
SIZE_OF_IMAGE = 0x80 + 24 + 56


def install(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "program" / "machomachomangler" / "cmd"
    package.mkdir(parents=True)
    for path in (package.parent, package):
        path.joinpath("__init__.py").touch()
    package.joinpath("redll.py").write_text(body)
    monkeypatch.syspath_prepend(folder / "program")
    found = [str(folder / "program"), *os.environ.get("PYTHONPATH", "").split(os.pathsep), os.getcwd()]  # noqa: PTH109
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, found)))


def test_one_call_with_the_names_that_the_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.json"
    install(tmp_path, WRITES.format(log=str(log), size_of_image=SIZE_OF_IMAGE), monkeypatch)
    source, destination = tmp_path / "made.dll", tmp_path / "edited"
    source.write_bytes(MADE.build())
    image = backend.apply(source, RENAMES, destination)
    assert json.loads(log.read_text()) == ["One.dll", LONG, "ONE.dll", LONG, "late.dll", "x.dll"]
    assert [dependency.name for dependency in image.dependencies] == [LONG, "two.dll", "KERNEL32.dll", "x.dll", "y.dll"]
    result = destination.read_bytes()
    assert struct.unpack_from("<I", result, SIZE_OF_IMAGE) != (0x1234,)
    with opened(result) as pe:
        assert list(structure_problems(pe)) == []
    assert {symbol.library for symbol in reader.imports(result) if symbol.name in {"f", "g"}} == {LONG, "y.dll"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edited", "log.json", "made.dll", "program"]


def test_nothing_is_run_for_files_that_import_none_of_the_names(tmp_path: Path) -> None:
    source, destination = tmp_path / "made.dll", tmp_path / "edited"
    source.write_bytes(Pe(exports=(("f", "one.f"),)).build())
    image = backend.apply(source, RENAMES, destination)
    assert [dependency.name for dependency in image.dependencies] == [LONG]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise SystemExit('it cannot')", r"machomachomangler cannot change the file: .*it cannot"),
        ("import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])", "the edited file is damaged: the imported DLLs are"),
        ("import sys; open(sys.argv[2], 'wb').write(b'MZ')", "the edited file is damaged: "),
        ("", "wrote no file"),
    ],
)
def test_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str) -> None:
    install(tmp_path, body, monkeypatch)
    source, destination = tmp_path / "made.dll", tmp_path / "edited"
    source.write_bytes(MADE.build())
    with pytest.raises(MachineError, match=message) as error:
        backend.apply(source, RENAMES, destination)
    assert error.value.hint
    assert not destination.exists()


def test_the_program_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda _: None)
    source, destination = tmp_path / "made.dll", tmp_path / "edited"
    source.write_bytes(MADE.build())
    with pytest.raises(MachineError, match="machomachomangler is missing") as error:
        backend.apply(source, RENAMES, destination)
    assert error.value.hint
    assert "pip install" in error.value.hint


def test_what_the_format_has_no_means_for(tmp_path: Path) -> None:
    source = tmp_path / "made.dll"
    source.write_bytes(MADE.build())
    with pytest.raises(LinkageError):
        backend.apply(source, Edit(remove=(Identity("one.dll"),)), tmp_path / "edited")
