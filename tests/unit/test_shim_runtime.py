"""The run-time part of the shim, without native libraries; the integration tests load some."""

from __future__ import annotations

import ast
import importlib
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from madeimages import LIBRARIES

from nativewheel.shim import _nativewheel, _windows
from nativewheel.shim.inject import runtime, windows_runtime

SOURCE = Path(_nativewheel.__file__)
NAMES = ["libntcore.so.1", "libnw_ntcore__ntcore.so.1", "libntcore", "ntcore"]
LIBRARY = {
    "original": NAMES[0],
    "identity": NAMES[1],
    "names": NAMES,
    "path": "ntcore/lib/x.so",
    "anchor": None,
    "mode": "RTLD_LOCAL",
    "system_fallback": False,
}
USE = {
    "module": "nw_test_provider",
    "distribution": "prov",
    "requirement": ">=1.2",
    "minimum": (0, 1, 2),
    "names": {"liba.so": "libb.so"},
    "system": False,
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nativewheel, "HANDLES", {})
    for name in ("SKIP", "DEBUG", "PREFER_SYSTEM"):
        monkeypatch.delenv(f"NATIVEWHEEL_{name}", raising=False)


def consumer() -> _nativewheel.Wheel:
    return _nativewheel.Wheel("user 0.4", [], [USE])


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a provider whose libraries take no loading; ``loaded`` is what it was asked for."""
    module: Any = ModuleType("nw_test_provider")
    module.__path__ = ["/somewhere/nw_test_provider"]
    module.__version__ = "1.2"
    module.loaded = []
    module.library_name = {"liba.so": "libb.so"}.__getitem__
    module.load = module.loaded.append
    monkeypatch.setitem(sys.modules, "nw_test_provider", module)
    return module


@pytest.mark.parametrize(("source", "module"), [(runtime(), _nativewheel), (windows_runtime(), _windows)])
def test_r1_at_most_a_hundred_lines_of_python_3_8(source: bytes, module: ModuleType) -> None:
    assert len(source.splitlines()) <= 100
    assert source == Path(module.__file__ or "").read_bytes()
    ast.parse(source, feature_version=(3, 8))


@pytest.mark.parametrize(("source", "others"), [(runtime(), {"_thread"}), (windows_runtime(), {"_nativewheel"})])
def test_r28_only_cheap_modules_are_imported_at_once(source: bytes, others: set[str]) -> None:
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or node.names[0].name for node in imports if isinstance(node, ast.ImportFrom)}
    assert names == {"__future__", "os", "sys", *others}


@pytest.mark.parametrize("name", NAMES)
def test_every_spelling_of_a_name(name: str) -> None:
    wheel = _nativewheel.Wheel("ntcore 1.2.7", [LIBRARY], [])
    assert wheel.library_name(name) == "libnw_ntcore__ntcore.so.1"
    assert Path(wheel.path(name)) == SOURCE.parents[1] / "ntcore/lib/x.so"


def test_an_unknown_name() -> None:
    wheel = _nativewheel.Wheel("ntcore 1.2.7", [LIBRARY], [])
    for call in (wheel.library_name, wheel.path, wheel.load):
        with pytest.raises(ValueError, match=r"ntcore 1\.2\.7 has no library 'nothing'; known are \['libntcore\.so\.1'\]"):
            call("nothing")


def test_a_provider_is_asked_once_for_what_is_used(provider: Any) -> None:
    wheel = consumer()
    wheel.load()
    wheel.load([])
    assert provider.loaded == [["liba.so"]]


@pytest.mark.parametrize("version", ["1.2", "1.2.0", "1.2rc1", "1.2.dev3", "1.2+cpu", "1.10", "2", "1!0", "1!0.1+x", "01.2"])
def test_r8_versions_that_are_new_enough(provider: Any, version: str) -> None:
    provider.__version__ = version
    consumer().load()
    assert provider.loaded


@pytest.mark.parametrize("version", ["1.1", "1", "1.post2", "1.1.9rc2", "0.9", "0!1.1", "rubbish", "", "1rc2", "1.1+1.2"])
def test_r8_versions_that_are_too_old(provider: Any, version: str) -> None:
    provider.__version__ = version
    with pytest.raises(ImportError) as caught:
        consumer().load()
    assert f"user 0.4 needs prov>=1.2, but prov {version or 'without a version'} was found in /somewhere/nw_test_provider" in str(caught.value)
    assert 'python -m pip install "prov>=1.2"' in str(caught.value)
    assert not provider.loaded


def test_without_a_bound_any_version_will_do(provider: Any) -> None:
    provider.__version__ = "0"
    _nativewheel.Wheel("user 0.4", [], [{**USE, "minimum": ()}]).load()
    assert provider.loaded


def test_a_provider_that_lacks_the_library(provider: Any) -> None:
    provider.library_name = _nativewheel.Wheel("prov 1.2", [LIBRARY], []).library_name
    with pytest.raises(ImportError, match=r"prov 1\.2 has no library 'liba\.so'; known are \['libntcore\.so\.1'\]"):
        consumer().load()


def test_a_provider_with_another_name_for_the_library(provider: Any) -> None:
    provider.library_name = {"liba.so": "libother.so"}.__getitem__
    with pytest.raises(ImportError, match=r"'libother\.so'.* instead of .*'libb\.so'"):
        consumer().load()


def test_a_missing_provider() -> None:
    with pytest.raises(ImportError, match=r"needs prov>=1\.2, but it was not found.*nw_test_provider") as caught:
        consumer().load()
    assert caught.value.name == "nw_test_provider"


def test_what_a_provider_misses_itself_is_another_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nw_test_provider").mkdir()
    (tmp_path / "nw_test_provider/__init__.py").write_text("import nw_absent\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError) as caught:
        consumer().load()
    assert caught.value.name == "nw_absent"


def test_the_empty_folder_of_a_removed_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An uninstaller may leave `__pycache__` behind, which is a namespace package to Python."""
    (tmp_path / "nw_test_provider").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    with pytest.raises(ImportError, match=rf"prov without a version was found in {tmp_path}/nw_test_provider"):
        consumer().load()
    del sys.modules["nw_test_provider"]


def test_a_failure_is_not_remembered(provider: Any) -> None:
    wheel = consumer()
    provider.__version__ = "1.1"
    with pytest.raises(ImportError):
        wheel.load()
    provider.__version__ = "1.2"
    wheel.load()
    assert provider.loaded == [["liba.so"]]


@pytest.mark.parametrize(("value", "skips"), [("1", True), ("true", True), ("0", False), ("", False), ("FALSE", False), ("No", False)])
def test_r21_the_shim_can_be_skipped(monkeypatch: pytest.MonkeyPatch, provider: Any, value: str, skips: bool) -> None:  # noqa: FBT001 - a column of the table
    monkeypatch.setenv("NATIVEWHEEL_SKIP", value)
    consumer().load()
    assert bool(provider.loaded) is not skips


def test_a_missing_provider_may_be_replaced_by_a_system_copy(tmp_path: Path) -> None:
    library = str(shutil.copy(LIBRARIES / "libntcore.so.1", tmp_path))
    use = {**USE, "module": "nw_test_absent", "names": {"libntcore.so.1": library}, "system": True}
    _nativewheel.Wheel("user 0.4", [], [use]).load()
    handles: Any = _nativewheel.HANDLES["nw_test_absent"]
    assert handles[0].nt_add(2, 3) == 5


def test_without_a_system_copy_both_faults_are_told() -> None:
    use = {**USE, "module": "nw_test_absent", "names": {"libabsent.so.7": "libabsent.so.7"}, "system": True}
    with pytest.raises(ImportError, match=r"No module named 'nw_test_absent'; libabsent\.so\.7: cannot open"):
        _nativewheel.Wheel("user 0.4", [], [use]).load()


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the folders that Windows was told of, where nothing but Windows' own part can tell."""
    told: list[str] = []
    monkeypatch.setattr(_windows, "HANDLES", _nativewheel.HANDLES)

    def add(path: str) -> str:
        told.append(path)
        return path

    monkeypatch.setattr(_windows, "_add_folder", add)
    return told


@pytest.fixture
def dlls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the vendored DLLs that were loaded; those called bad.dll cannot be."""
    loaded: list[str] = []

    def load(path: str) -> str:
        if path.endswith("bad.dll"):
            raise OSError("no such DLL")
        loaded.append(Path(path).name)
        return path

    monkeypatch.setattr(_windows, "_load_dll", load)
    return loaded


def test_windows_hears_of_each_folder_once(folders: list[str], dlls: list[str]) -> None:
    wheel = _windows.Wheel("user 0.4", [], [], ["user.libs", "user/../other"], {"user.libs/a.dll": False, "user.libs/b.dll": True})
    wheel.load()
    wheel.load()
    assert folders == [str(SOURCE.parents[1] / name) for name in ("user.libs", "other")]
    assert dlls == ["b.dll"]


def test_vendored_dlls_are_loaded_in_order_where_added_folders_do_not_help(
    folders: list[str], dlls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_windows, "_LOOKS_INTO_FOLDERS", False)
    _windows.Wheel("user 0.4", [], [], ["user.libs"], {"user.libs/c.dll": False, "user.libs/a.dll": True, "user.libs/b.dll": False}).load()
    assert dlls == ["c.dll", "a.dll", "b.dll"]
    assert len(folders) == 1


def test_a_vendored_dll_that_cannot_be_loaded_is_told_to_those_who_ask(
    folders: list[str], dlls: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = _windows.Wheel("user 0.4", [], [], [], {"user.libs/bad.dll": True, "user.libs/b.dll": True})
    wheel.load()
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("NATIVEWHEEL_DEBUG", "1")
    wheel.load()
    assert capsys.readouterr().err == f"nativewheel: {SOURCE.parents[1] / 'user.libs/bad.dll'} is left out (user 0.4): OSError('no such DLL')\n"
    assert (folders, dlls) == ([], ["b.dll"])


def test_providers_come_before_vendored_dlls(provider: Any, dlls: list[str], folders: list[str]) -> None:
    provider.load = lambda names: dlls.append(f"provider of {names}")
    _windows.Wheel("user 0.4", [], [USE], ["user.libs"], {"user.libs/b.dll": True}).load()
    assert dlls == ["provider of ['liba.so']", "b.dll"]
    assert len(folders) == 1
