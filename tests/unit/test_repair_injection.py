"""Where a consumer's shim is called, and what makes way for the call."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from madeimages import LIBRARIES
from madeshares import PROGRAM, UNIQUE, USER, changed, consumer, plans, provider, repaired, written

from nativewheel.errors import LinkageError

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.repair.plan import Plan

INNER = (LIBRARIES / "libntinner.so.1").read_bytes()
CALL = b'__import__("nw_user").load()'
OWN = {"nw_user/__init__.py", "nw_user/_nativewheel.py", "user-1.0.dist-info/METADATA"}
PKGUTIL = b"__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
PKG_RESOURCES = b"__import__('pkg_resources').declare_namespace(__name__)\n"


def plan(folder: Path, files: dict[str, bytes], *, tag: str = "cp38-abi3-linux_x86_64") -> Plan:
    found, _ = plans([consumer(folder / "in", files, tag=tag), provider(folder / "in")])
    return found


def places(found: Plan) -> set[str]:
    """Return what is written beside what every consumer gets."""
    assert set(written(found)) >= OWN
    return set(written(found)) - OWN


def moves(found: Plan) -> dict[str, str]:
    return {edit.member: edit.target for edit in found.edits}


def test_an_image_outside_packages_is_left_to_code(tmp_path: Path) -> None:
    found = plan(tmp_path, {"user-1.0.data/data/_ext.abi3.so": USER})
    assert places(found) == set()
    assert [line for line in found.warnings if "_ext.abi3.so: needs a library that has to be loaded or found first: call nw_user.load()" in line]


class TestPackages:
    def test_a_regular_package_calls_the_shim_in_its_init(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {"user/__init__.py": b'"""Doc."""\nfrom __future__ import annotations\nimport os\n', "user/_ext.abi3.so": USER})
        assert places(found) == {"user/__init__.py"}
        lines = written(found)["user/__init__.py"].splitlines()
        assert lines[:2] == [b'"""Doc."""', b"from __future__ import annotations"]
        assert [line for line in lines if line.startswith(CALL)]
        assert lines[-1] == b"import os"
        assert moves(found) == {"user/_ext.abi3.so": "user/_ext.abi3.so"}

    def test_several_modules_of_one_package_need_one_call(self, tmp_path: Path) -> None:
        files = {"user/__init__.py": b"", "user/sub/__init__.py": b"", "user/a.so": USER, "user/b.so": USER, "user/sub/c.so": USER}
        found = plan(tmp_path, files)
        assert places(found) == {"user/__init__.py"}
        assert written(found)["user/__init__.py"].count(CALL) == 1

    def test_each_top_level_package_calls_it(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {"one/__init__.py": b"", "one/x.so": USER, "two/__init__.py": b"", "two/x.so": USER, "three/__init__.py": b""})
        assert places(found) == {"one/__init__.py", "two/__init__.py"}

    @pytest.mark.parametrize("space", [None, PKGUTIL, PKG_RESOURCES])
    def test_below_a_namespace_the_package_calls_it(self, tmp_path: Path, space: bytes | None) -> None:
        files = {"ns/pkg/__init__.py": b"", "ns/pkg/deep/x.so": USER, "ns/__init__.pyi": b""}
        assert places(plan(tmp_path, files if space is None else {"ns/__init__.py": space, **files})) == {"ns/pkg/__init__.py"}

    def test_a_package_above_a_namespace_calls_it(self, tmp_path: Path) -> None:
        assert places(plan(tmp_path, {"pkg/__init__.py": b"", "pkg/ns/x.so": USER})) == {"pkg/__init__.py"}

    def test_platlib_in_the_data_folder_counts_as_installed(self, tmp_path: Path) -> None:
        folder = "user-1.0.data/platlib/user"
        assert places(plan(tmp_path, {f"{folder}/__init__.py": b"", f"{folder}/x.so": USER})) == {f"{folder}/__init__.py"}
        assert places(plan(tmp_path / "split", {"user/__init__.py": b"", f"{folder}/x.so": USER})) == {"user/__init__.py"}

    def test_modules_that_reach_the_provider_through_a_library(self, tmp_path: Path) -> None:
        middle = changed(tmp_path, INNER, "--add-needed", "libntcore.so.1", "--set-soname", "libmid.so")
        module = changed(tmp_path, USER, "--replace-needed", "libntcore.so.1", "libmid.so")
        found = plan(tmp_path, {"one/__init__.py": b"", "one/x.so": module, "two/__init__.py": b"", "two/y.so": INNER, "lib/libmid.so": middle})
        assert places(found) == {"one/__init__.py"}
        assert dict(next(edit for edit in found.edits if edit.member == "lib/libmid.so").edit.replace) == {"libntcore.so.1": UNIQUE}

    def test_a_library_in_a_package_counts_because_code_may_load_it(self, tmp_path: Path) -> None:
        middle = changed(tmp_path, INNER, "--add-needed", "libntcore.so.1")
        assert places(plan(tmp_path, {"pkg/__init__.py": b"", "pkg/lib/libntinner.so.1": middle})) == {"pkg/__init__.py"}
        assert places(plan(tmp_path / "loose", {"user.libs/libntinner.so.1": middle})) == set()

    def test_no_module_needs_the_provider(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {"user/__init__.py": b"", "user/x.so": INNER})
        assert (found.files, found.requires, found.consumes) == ((), (), ())


class TestByteCode:
    def test_that_of_an_edited_source_goes(self, tmp_path: Path) -> None:
        cached = [f"user/__pycache__/{name}" for name in ("__init__.cpython-311.pyc", "__init__.cpython-311.opt-1.pyc", "other.cpython-311.pyc")]
        files = {"user/__init__.py": b"", "user/_ext.abi3.so": USER, "user/__init__.pyc": b"", "user/sub/__pycache__/__init__.cpython-311.pyc": b""}
        found = plan(tmp_path, {**files, **dict.fromkeys(cached, b"")})
        assert set(found.removed) == {*cached[:2], "user/__init__.pyc"}

    def test_nothing_is_left_of_it_in_the_wheel(self, tmp_path: Path) -> None:
        member = "user/__pycache__/__init__.cpython-311.pyc"
        wheels = [consumer(tmp_path, {"user/__init__.py": b"", "user/_ext.abi3.so": USER, member: b"code"}), provider(tmp_path)]
        made, _ = repaired(wheels, tmp_path / "out")
        with zipfile.ZipFile(made) as archive:
            assert member not in archive.namelist()
            assert member.encode() not in archive.read("user-1.0.dist-info/RECORD")
            assert CALL in archive.read("user/__init__.py")


class TestSwap:
    @pytest.mark.parametrize(
        ("folder", "beside"),
        [
            ("", {}),
            ("ns/", {}),
            ("ns/", {"ns/__init__.py": PKGUTIL}),
            ("ns/", {"ns/__init__.py": PKG_RESOURCES}),
            ("ns/", {"ns/__init__.pyi": b"", "ns/__init__.pxd": b"", "ns/__pycache__/__init__.cpython-311.pyc": b""}),
            ("", dict.fromkeys(("_ext.pyi", "_ext.pyx", "_ext.pxd", "_ext.c", "_ext.h", "_ext/data.txt", "_ext2.py", "ns/_ext.py"), b"")),
            ("user-1.0.data/platlib/", {}),
        ],
    )
    def test_without_a_package_a_module_takes_the_name(self, tmp_path: Path, folder: str, beside: dict[str, bytes]) -> None:
        found = plan(tmp_path, {f"{folder}_ext.cpython-311-x86_64-linux-gnu.so": USER, **beside})
        assert places(found) == {f"{folder}_ext.py"}
        assert all(text in written(found)[f"{folder}_ext.py"] for text in (b'"nw_user"', b'"_ext._nw.so"'))
        assert moves(found) == {f"{folder}_ext.cpython-311-x86_64-linux-gnu.so": f"{folder}_ext._nw.so"}

    def test_the_other_edits_are_made_at_the_same_time(self, tmp_path: Path) -> None:
        module = changed(tmp_path, USER, "--add-needed", "libntinner.so.1", "--set-rpath", "/build/lib:$ORIGIN/lib")
        found = plan(tmp_path, {"_ext.abi3.so": module, "lib/libntinner.so.1": INNER})
        (edit,) = found.edits
        assert (edit.target, edit.edit.replace, edit.edit.rpaths) == ("_ext._nw.so", (("libntcore.so.1", UNIQUE),), ("$ORIGIN/lib",))
        assert found.launchers == ()

    @pytest.mark.parametrize("beside", ["_ext.py", "_ext.pyc", "_ext.cpython-312-x86_64-linux-gnu.so", "_ext._nw.so", "_ext/__init__.py"])
    @pytest.mark.parametrize("folder", ["", "ns/"])
    def test_what_stands_there_is_refused(self, tmp_path: Path, folder: str, beside: str) -> None:
        with pytest.raises(LinkageError, match="stands where a module must go that loads the provider first") as caught:
            plan(tmp_path, {f"{folder}_ext.abi3.so": USER, f"{folder}{beside}": USER if beside.endswith(".so") else b""})
        assert caught.value.where[0] == "user-1.0-cp38-abi3-linux_x86_64.whl"
        assert caught.value.hint == "move the extension module into a package with an __init__.py"

    def test_libraries_and_programs_stay(self, tmp_path: Path) -> None:
        inner = changed(tmp_path, INNER, "--add-needed", "libntcore.so.1")
        found = plan(tmp_path, {"libntinner.so.1": inner, "_ext.abi3.so": USER})
        assert moves(found) == {"libntinner.so.1": "libntinner.so.1", "_ext.abi3.so": "_ext._nw.so"}


class TestRefused:
    @pytest.mark.parametrize("init", ["__init__.abi3.so", "__init__.pyc"])
    def test_an_init_that_is_not_source(self, tmp_path: Path, init: str) -> None:
        with pytest.raises(LinkageError, match="a package whose __init__ is not Python source cannot call the shim first") as caught:
            plan(tmp_path, {f"user/{init}": USER, "user/sub/_ext.abi3.so": USER})
        assert caught.value.where == ("user-1.0-cp38-abi3-linux_x86_64.whl", f"user/{init}")

    @pytest.mark.parametrize(
        ("source", "message"),
        [(b"print 1\n", "cannot read it"), (b"# coding: ebcdic-x\n", "cannot"), (b"\xff\n", "cannot be decoded|cannot read it")],
    )
    def test_a_source_that_cannot_be_edited_is_named(self, tmp_path: Path, source: bytes, message: str) -> None:
        with pytest.raises(LinkageError, match=message) as caught:
            plan(tmp_path, {"user/__init__.py": source, "user/_ext.abi3.so": USER})
        assert caught.value.where[:2] == ("user-1.0-cp38-abi3-linux_x86_64.whl", "user/__init__.py")

    @pytest.mark.parametrize("place", ["user-1.0.data/scripts/prog", "user/bin/prog"])
    def test_a_native_program(self, tmp_path: Path, place: str) -> None:
        program = changed(tmp_path, PROGRAM, "--replace-needed", "libntouter.so.2", "libntcore.so.1")
        with pytest.raises(LinkageError, match="nothing can load that before a native program starts") as caught:
            plan(tmp_path, {"user/__init__.py": b"", place: program})
        assert caught.value.where == ("user-1.0-cp38-abi3-linux_x86_64.whl", place)
