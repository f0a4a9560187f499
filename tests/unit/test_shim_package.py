"""The generated `__init__.py` of a shim package."""

from __future__ import annotations

import ast
import importlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.shim.inject import runtime
from nativewheel.shim.package import ShimLibrary, ShimPackage, ShimProvider, package_init, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

CORE = ShimLibrary(original="libntcore.so.1", identity="libnw_ntcore__ntcore.so.1", path="ntcore/lib/libnw_ntcore__ntcore.so.1")
ZLIB = ShimProvider(module="nw_zlib", distribution="zlib", requirement="==1.*,>=1.3", minimum=(1, 3), names={"libz.so.1": "libnw_zlib__z.so.1"})
PACKAGE = ShimPackage(distribution="ntcore", version="1.2.7", libraries=(CORE,), providers=(ZLIB,), requires=("ntcore==1.*,>=1.2.7",))


def constants(package: ShimPackage) -> dict[str, Any]:
    """Return what the module assigns, by name."""
    assigned: dict[str, Any] = {}
    for node in ast.parse(package_init(package), feature_version=(3, 8)).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List() | ast.Dict() | ast.Constant() as value):
                assigned[name] = ast.literal_eval(value)
            case _:
                pass
    return assigned


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "nw_ntcore").mkdir()
    (tmp_path / "nw_ntcore/__init__.py").write_bytes(package_init(PACKAGE))
    (tmp_path / "nw_ntcore/_nativewheel.py").write_bytes(runtime())
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("nw_ntcore")
    for name in ("nw_ntcore", "nw_ntcore._nativewheel"):
        del sys.modules[name]


def test_the_interface_is_that_of_pynativelib(imported: ModuleType, tmp_path: Path) -> None:
    assert {name for name in vars(imported) if not name.startswith("_")} == {"enable", "install_requires", "library_name", "load", "path"}
    assert set(imported.__all__) == {"enable", "install_requires", "library_name", "load", "path"}
    assert imported.__version__ == "1.2.7"
    assert imported.enable == imported.load
    assert imported.install_requires() == ["ntcore==1.*,>=1.2.7"]
    assert imported.library_name("ntcore") == "libnw_ntcore__ntcore.so.1"
    assert imported.path("libntcore") == str(tmp_path / "ntcore/lib/libnw_ntcore__ntcore.so.1")
    assert imported.load.__doc__


def test_the_data() -> None:
    assigned = constants(PACKAGE)
    assert assigned["_libraries"] == [
        {
            "original": "libntcore.so.1",
            "identity": "libnw_ntcore__ntcore.so.1",
            "names": ["libntcore.so.1", "libnw_ntcore__ntcore.so.1", "libntcore", "ntcore"],
            "path": "ntcore/lib/libnw_ntcore__ntcore.so.1",
            "anchor": None,
            "mode": "RTLD_LOCAL",
            "system_fallback": False,
        }
    ]
    assert assigned["_uses"] == [
        {
            "module": "nw_zlib",
            "distribution": "zlib",
            "requirement": "==1.*,>=1.3",
            "minimum": (0, 1, 3),
            "names": {"libz.so.1": "libnw_zlib__z.so.1"},
            "system": False,
        }
    ]


def test_a_wheel_for_windows() -> None:
    package = ShimPackage(
        distribution="ntuser",
        version="0.4.0",
        windows=True,
        dll_folders=("ntuser.libs", "ntuser/bin"),
        vendored=("ntuser.libs/b.dll", "ntuser.libs/a.dll"),
        delayed=("ntuser.libs/a.dll",),
    )
    assigned = constants(package)
    assert assigned["_folders"] == ["ntuser.libs", "ntuser/bin"]
    assert list(assigned["_vendored"].items()) == [("ntuser.libs/b.dll", False), ("ntuser.libs/a.dll", True)]
    assert b'_windows.Wheel("ntuser 0.4.0", _libraries, _uses, _folders, _vendored)' in package_init(package)
    assert b"_nativewheel" not in package_init(package)


def test_libraries_that_need_each_other_are_named_for_windows() -> None:
    front = replace(CORE, original="front.dll", identity="nw_ntcore__front.dll", needs=("nw_ntcore__foo.dll",))
    foo = replace(CORE, original="foo.dll", identity="nw_ntcore__foo.dll")
    libraries = constants(replace(PACKAGE, libraries=(foo, front), windows=True))["_libraries"]
    assert [library["needs"] for library in libraries] == [[], ["nw_ntcore__foo.dll"]]


def test_other_wheels_hold_nothing_for_windows() -> None:
    assert b"_windows" not in package_init(PACKAGE)
    assert not {"_folders", "_vendored"} & constants(PACKAGE).keys()
    assert not {"needs"} & constants(PACKAGE)["_libraries"][0].keys()


def test_one_package_always_gives_the_same_text() -> None:
    assert package_init(PACKAGE) == package_init(PACKAGE)
    assert package_init(PACKAGE).isascii()
    assert b"\r" not in package_init(PACKAGE)


def test_a_wheel_that_only_uses_others() -> None:
    assigned = constants(ShimPackage(distribution="ntuser", version="0.4.0", providers=(ZLIB,)))
    assert assigned["_libraries"] == []


@pytest.mark.parametrize(
    ("original", "short"),
    [
        ("libntcore.so.1", ["libntcore", "ntcore"]),
        ("libntcore.so", ["libntcore", "ntcore"]),
        ("ntcore.so", ["ntcore"]),
        ("libpython3.11.so.1.0", ["libpython3.11", "python3.11"]),
        ("libntcore.dylib", ["libntcore", "ntcore"]),
        ("libntcore.1.2.dylib", ["libntcore", "ntcore"]),
        ("NTCore.DLL", ["NTCore"]),
        ("libstrange", ["strange"]),
    ],
)
def test_short_names(original: str, short: list[str]) -> None:
    library = ShimLibrary(original=original, identity="unique", path="unique")
    (described,) = constants(ShimPackage(distribution="x", version="1", libraries=(library,)))["_libraries"]
    assert described["names"] == [original, "unique", *short]


def test_a_short_name_of_two_libraries_is_none() -> None:
    libraries = tuple(ShimLibrary(original=f"liba.so.{number}", identity=f"unique{number}", path="p") for number in (1, 2))
    described = constants(ShimPackage(distribution="x", version="1", libraries=libraries))["_libraries"]
    assert [library["names"] for library in described] == [["liba.so.1", "unique1"], ["liba.so.2", "unique2"]]


@pytest.mark.parametrize(
    ("requirement", "minimum", "compared"),
    [
        ("==1.*,>=1.2.7", (1, 2, 7), (0, 1, 2, 7)),
        (">=1.2.0", (1, 2, 0), (0, 1, 2)),
        (">=1!2.3", (1, 2, 3), (1, 2, 3)),
        ("==1!2.*", (1, 2), (1, 2)),
        ("~= 1!2.0", (1, 2), (1, 2)),
        (">=1.2,<1!0", (1, 2), (0, 1, 2)),
        ("", (), ()),
    ],
)
def test_bounds_name_their_epoch(requirement: str, minimum: tuple[int, ...], compared: tuple[int, ...]) -> None:
    use = ShimProvider(module="nw_x", distribution="x", requirement=requirement, minimum=minimum, names={})
    (described,) = constants(ShimPackage(distribution="y", version="1", providers=(use,)))["_uses"]
    assert described["minimum"] == compared


@given(st.text(st.characters()))
def test_any_text_can_be_quoted(text: str) -> None:
    literal = quoted(text)
    assert literal.isascii()
    assert ast.literal_eval(literal) == text


@given(st.text(st.characters()), st.text(st.characters()))
def test_names_cannot_break_out_of_the_source(version: str, path: str) -> None:
    library = ShimLibrary(original="liba.so", identity="libb.so", path=path, anchor=path)
    assigned = constants(ShimPackage(distribution="x", version=version, libraries=(library,), requires=(path,)))
    assert assigned["__version__"] == version
    assert assigned["_libraries"][0]["path"] == path
