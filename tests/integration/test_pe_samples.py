"""The samples as their linkers made them: real CPython for Windows imports them, where their libraries lie beside them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pefile
import pytest
from cpythons import fault, good
from pesamples import LINKERS, Samples, linkers, sample_folder
from wine import windows_path
from winepython import PYTHONS, WindowsPython, windows_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> WindowsPython:
    return windows_python(request, request.param)


@pytest.fixture(params=LINKERS)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    if request.param not in linkers():
        pytest.skip("no mingw to build samples with")
    return Samples(request.param, sample_folder(tmp_path_factory))


def together(folder: Path, *images: Path) -> Path:
    for image in images:
        shutil.copy(image, folder)
    return folder


def test_a_consumer_by_name_by_ordinal_and_of_data(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    together(tmp_path, samples.foo(), samples.bar())
    code = "import _bar; print(_bar.version(), _bar.add(), _bar.hidden(), _bar.count(), _bar.count(), _bar.__file__)"
    assert good(python.run(code, tmp_path)) == f"1 1005 51 101 102 {windows_path(tmp_path / '_bar.pyd')}"


def test_a_library_that_forwards(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    together(tmp_path, samples.foo(), samples.front(), samples.baz())
    assert good(python.run("import _baz; print(_baz.version(), _baz.add(), _baz.hidden())", tmp_path)) == "9 1005 51"


def test_cxx(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    together(tmp_path, samples.shape(), samples.drawing(), *samples.cxx_runtime())
    assert good(python.run("import _drawing; print(_drawing.area(), _drawing.square(), chr(_drawing.caught()))", tmp_path)) == "9 3 s"


def test_a_library_in_another_folder_is_found_where_it_is_added(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    for folder, image in (("a", samples.outer()), ("b", samples.mid()), ("c", samples.foo())):
        (tmp_path / folder).mkdir()
        together(tmp_path / folder, image)
    add = "import os; kept = [os.add_dll_directory(folder) for folder in {!r}]; import _outer; print(_outer.value())"
    assert good(python.run(add.format([windows_path(tmp_path / name) for name in "bc"]), tmp_path / "a")) == "11"
    assert "DLL load failed while importing _outer" in fault(python.run(add.format([windows_path(tmp_path / "b")]), tmp_path / "a"))


def test_path_is_not_searched(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "path").mkdir()
    together(tmp_path / "path", samples.foo())
    together(tmp_path, samples.bar())
    environment = {"WINEPATH": windows_path(tmp_path / "path")}
    assert good(python.run("import os; print(os.environ['PATH'].split(';')[0])", env=environment)) == environment["WINEPATH"]
    assert "DLL load failed while importing _bar" in fault(python.run("import _bar", tmp_path, env=environment))


def test_a_library_in_memory_serves_every_import_of_its_name(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    """Why names have to be unique: the second consumer gets the first one's library."""
    for folder, version, module in (("a", 1, "_bar"), ("b", 2, "_qux")):
        (tmp_path / folder).mkdir()
        together(tmp_path / folder, samples.foo(version), samples.bar(version, module))
    code = "import {}, {}; print(_bar.version(), _qux.version())"
    folders = (tmp_path / "a", tmp_path / "b")
    assert good(python.run(code.format("_bar", "_qux"), *folders)) == "1 1"
    assert good(python.run(code.format("_qux", "_bar"), *folders)) == "2 2"


def test_a_delay_loaded_library_is_not_looked_for_beside_the_module(python: WindowsPython, tmp_path_factory: pytest.TempPathFactory) -> None:
    samples = Samples("zig", sample_folder(tmp_path_factory))
    folder = together(tmp_path_factory.mktemp("delayed"), samples.foo(), samples.bar(delayed=True))
    call = "import _bar; print(_bar.version(), _bar.add(), _bar.hidden())"
    added = f"import os; kept = os.add_dll_directory({windows_path(folder)!r}); {call}"
    loaded = f"import ctypes; ctypes.CDLL({windows_path(folder / 'foo.dll')!r}); {call}"
    assert python.run("import _bar", folder).returncode == 0
    assert python.run(call, folder).returncode != 0
    assert python.run(added, folder).returncode != 0
    assert good(python.run(loaded, folder)) == "1 1005 51"


def test_the_samples_have_what_they_are_for(samples: Samples) -> None:
    imported = {entry.dll: [symbol.ordinal for symbol in entry.imports] for entry in pefile.PE(str(samples.bar())).DIRECTORY_ENTRY_IMPORT}
    assert sorted(imported[b"foo.dll"], key=str) == [12, None, None, None]
    front = pefile.PE(str(samples.front()))
    assert {symbol.forwarder for symbol in front.DIRECTORY_ENTRY_EXPORT.symbols} == {None, b"foo.foo_add", b"foo.#12"}
    assert b"foo.dll" not in {entry.dll for entry in front.DIRECTORY_ENTRY_IMPORT}


def test_delayed_samples_have_a_delay_load_directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    image = pefile.PE(str(Samples("zig", sample_folder(tmp_path_factory)).bar(delayed=True)))
    assert [entry.dll for entry in image.DIRECTORY_ENTRY_DELAY_IMPORT] == [b"foo.dll"]
    assert b"foo.dll" not in {entry.dll for entry in image.DIRECTORY_ENTRY_IMPORT}
