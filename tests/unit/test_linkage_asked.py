"""Which symbols are asked of which library, in the fixtures' wheels for three systems."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madeimages import FIXTURES, LIBRARIES

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Identity
from nativewheel.linkage.asked import asked_symbols
from nativewheel.linkage.inspect import inspect_wheel

if TYPE_CHECKING:
    from pathlib import Path

WHEELS = FIXTURES / "wheels"
pytestmark = pytest.mark.usefixtures("no_library_path")


def test_versions_name_the_library_and_other_symbols_are_looked_for(tmp_path: Path) -> None:
    found = inspect_wheel(WHEELS / "ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl", lib_path=[LIBRARIES], sysroot=tmp_path)
    asked = asked_symbols(found, jobs=2)
    assert set(asked) == {image.member for image in found.images} | {str(library.path) for library in found.external}
    module = asked["ntvendor/_vend.abi3.so"]
    assert module.of == {"libc.so.6": ("strlen@GLIBC_2.2.5",), "libntouter.so.2": ("nt_outer", "nt_outer_name")}
    assert module.others == ("PyArg_ParseTuple", "PyLong_FromLong", "PyModule_Create2", "PyUnicode_FromStringAndSize")
    outer = asked[str(LIBRARIES / "libntouter.so.2")]
    assert outer.of == {"libc.so.6": ("abort@GLIBC_2.2.5",), "libntinner.so.1": ("nt_inner",)}
    assert outer.others == ()


def test_a_library_that_is_missing_offers_nothing(tmp_path: Path) -> None:
    asked = asked_symbols(inspect_wheel(WHEELS / "ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl", sysroot=tmp_path))
    assert asked["ntvendor/_vend.abi3.so"].of == {"libc.so.6": ("strlen@GLIBC_2.2.5",)}
    assert "nt_outer" in asked["ntvendor/_vend.abi3.so"].others


def test_mach_o_and_pe_name_the_library_of_each_symbol() -> None:
    mac = asked_symbols(inspect_wheel(WHEELS / "ntuser-0.4.0-cp38-abi3-macosx_11_0_universal2.whl"))["ntuser/_ext.abi3.so"]
    assert "_nt_add" in mac.of[Identity("@rpath/libntcore.dylib")]
    assert "_PyModule_Create2" in mac.others
    windows = asked_symbols(inspect_wheel(WHEELS / "ntuser-0.4.0-cp38-abi3-win_amd64.whl"))["ntuser/_ext.pyd"]
    assert "nt_add" in windows.of[Identity("ntcore.dll")]
    assert "PyModule_Create2" in windows.of[Identity("python3.dll")]


def test_a_symbol_table_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = inspect_wheel(WHEELS / "ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl", lib_path=[LIBRARIES], sysroot=tmp_path)

    def refuse(_data: object) -> None:
        raise UnreadableError("no table")

    monkeypatch.setattr("nativewheel.formats.exports", refuse)
    with pytest.raises(UnreadableError, match=r"ntvendor-0\.1\.0-.*\.whl → ntvendor.*: no table"):
        asked_symbols(found)
    with pytest.raises(UnreadableError, match=r"libnt\w+\.so\.\d: no table"):
        asked_symbols(replace(found, images=()))
