"""NW504: the shim is there, and runs before the extension module that needs it can be imported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from checked import found
from madeimages import content
from madepe import Pe
from madeshares import PROGRAM, RULE, SHARING, USER, changed, consumer, provider, repaired
from smallwheels import wheel
from spoiled import spoiled

from nativewheel.repair.options import ExportRule, RepairOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CALL = b'__import__("nw_user").load()  # isort: skip  # pragma: no cover\n'
INIT, EXTENSION = "user/__init__.py", "user/_ext.abi3.so"


def user(folder: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """Return a repaired consumer."""
    _, path = repaired([provider(folder), consumer(folder, files)], folder / "out")
    return path


@pytest.mark.parametrize(
    "files",
    [
        None,
        {INIT: b"from ._ext import *\n", EXTENSION: USER},
        {EXTENSION: USER},
        {"_ext.abi3.so": USER},
        {INIT: b"", "user/sub/__init__.py": b"", "user/sub/_ext.abi3.so": USER},
        {"space/user/__init__.py": b"", "space/user/_ext.abi3.so": USER},
        {"user-1.0.data/platlib/user/__init__.py": b"", "user-1.0.data/platlib/user/_ext.abi3.so": USER},
    ],
    ids=["package", "importing", "namespace", "top-level", "sub-package", "in a namespace", "platlib"],
)
def test_what_repair_makes_is_sound(tmp_path: Path, files: Mapping[str, bytes] | None) -> None:
    assert found("NW504", user(tmp_path, files)) == []


def test_wheels_that_use_no_library_of_others(tmp_path: Path) -> None:
    assert found("NW504", wheel(tmp_path, "cp38-abi3-linux_x86_64", {EXTENSION: USER})) == []
    assert found("NW504", *repaired([provider(tmp_path)], tmp_path / "out")) == []


def test_the_shim_is_missing(tmp_path: Path) -> None:
    (finding,) = found("NW504", spoiled(user(tmp_path), {"nw_user/__init__.py": None}))
    assert (finding.severity, finding.member) == ("error", None)
    assert finding.message == "it lacks nw_user/__init__.py, which would load the libraries that user/_ext.abi3.so needs"
    (finding,) = found("NW504", spoiled(user(tmp_path / "x"), {"nw_user/_nativewheel.py": None}))
    assert finding.message.startswith("it lacks nw_user/_nativewheel.py, ")


def test_a_wheel_that_was_edited_by_hand_has_no_shim(tmp_path: Path) -> None:
    data = changed(tmp_path / "x", USER, "--replace-needed", "libntcore.so.1", "libnw_core__ntcore.so.1")
    (finding,) = found("NW504", wheel(tmp_path, "cp38-abi3-linux_x86_64", {"small/__init__.py": b"", "small/_ext.abi3.so": data}))
    assert finding.message.startswith("it lacks nw_small/__init__.py, nw_small/_nativewheel.py, ")


def test_the_shim_is_not_called(tmp_path: Path) -> None:
    (finding,) = found("NW504", spoiled(user(tmp_path), {INIT: lambda data: data.replace(CALL, b"")}))
    assert (finding.severity, finding.member) == ("error", INIT)
    assert finding.message == "it does not call nw_user.load(), and user/_ext.abi3.so needs it"


def test_the_shim_is_called_too_late(tmp_path: Path) -> None:
    (finding,) = found("NW504", spoiled(user(tmp_path), {INIT: lambda data: b"from . import _ext\n" + data}))
    assert finding.member == INIT
    assert finding.message == "line 1 can import an extension module before nw_user.load() is called, and user/_ext.abi3.so needs it"


def test_a_call_in_a_parent_or_in_the_package_itself_will_do(tmp_path: Path) -> None:
    path = user(tmp_path, {INIT: b"", "user/sub/__init__.py": b"", "user/sub/_ext.abi3.so": USER})
    moved = spoiled(path, {INIT: lambda _: b"from .sub import _ext\n", "user/sub/__init__.py": lambda _: CALL})
    assert found("NW504", moved) == []
    gone = spoiled(path, {INIT: lambda _: b""})
    assert [finding.member for finding in found("NW504", gone)] == [INIT]


def test_a_module_that_takes_the_place_of_the_extension(tmp_path: Path) -> None:
    path = user(tmp_path, {EXTENSION: USER})
    (finding,) = found("NW504", spoiled(path, {"user/_ext.py": lambda data: data.replace(b'__import__("nw_user").load()', b"pass")}))
    assert (finding.member, finding.message) == ("user/_ext.py", "it does not call nw_user.load(), and user/_ext._nw.so needs it")
    (finding,) = found("NW504", spoiled(path, {"user/_ext.py": None}))
    assert (finding.member, finding.message) == ("user/_ext._nw.so", "is imported by _ext.py, which is missing")


def test_an_extension_in_no_package(tmp_path: Path) -> None:
    path = user(tmp_path)
    data = changed(tmp_path / "x", USER, "--replace-needed", "libntcore.so.1", "libnw_core__ntcore.so.1")
    (finding,) = found("NW504", spoiled(path, {"_top.abi3.so": data}))
    assert (finding.member, finding.message) == ("_top.abi3.so", "is in no package, and no module takes its place that calls nw_user.load()")


def test_a_shim_that_loads_something_else(tmp_path: Path) -> None:
    (finding,) = found(
        "NW504", spoiled(user(tmp_path), {"nw_user/__init__.py": lambda data: data.replace(b'"distribution": "core"', b'"distribution": "c"')})
    )
    assert (finding.member, finding.message) == ("nw_user/__init__.py", "does not load the libraries of core, which the wheel uses")


def test_programs_cannot_be_helped(tmp_path: Path) -> None:
    data = changed(tmp_path / "x", PROGRAM, "--replace-needed", "libntouter.so.2", "libnw_core__ntouter.so.2")
    files = {"small/__init__.py": b"", "small-1.0.data/scripts/tool": data, "nw_small/__init__.py": b"", "nw_small/_nativewheel.py": b""}
    (finding,) = found("NW504", wheel(tmp_path, "cp38-abi3-linux_x86_64", files))
    assert finding.member == "small-1.0.data/scripts/tool"
    assert finding.message == "needs a library of another wheel, and nothing can load that before a native program starts"


@pytest.mark.parametrize("platform", ["macosx_11_0_arm64", "win_amd64"])
def test_other_platforms(tmp_path: Path, platform: str) -> None:
    suffix = "pyd" if platform == "win_amd64" else "abi3.so"
    library = "ntcore.dll" if platform == "win_amd64" else "libntcore.dylib"
    core = wheel(
        tmp_path,
        f"py3-none-{platform}",
        {f"core/lib/{library}": content(f"ntcore-1.2.7-py3-none-{platform}.whl", f"ntcore/lib/{library}")},
        name="core",
        version="1.2.7",
    )
    image = content(f"ntuser-0.4.0-cp38-abi3-{platform}.whl", f"ntuser/_ext.{suffix}")
    module = wheel(tmp_path, f"cp38-abi3-{platform}", {INIT: b"", f"user/_ext.{suffix}": image}, name="user")
    rule = ExportRule(library=(f"*/{library}",), distribution="core", requires="=={major}.*")
    _, path = repaired([core, module], tmp_path / "out", RepairOptions(sysroot=tmp_path, export=(rule,)))
    assert found("NW504", path) == []
    (finding,) = found("NW504", spoiled(path, {INIT: lambda data: data.replace(CALL, b"")}))
    assert finding.member == INIT


def test_vendored_dlls_of_windows_need_the_shim(tmp_path: Path) -> None:
    host = tmp_path / "host"
    host.mkdir()
    (host / "made.dll").write_bytes(Pe(exports=(("made", None),)).build())
    image = Pe(exports=(("PyInit__ext", None),), imports=(("made.dll", ("made",)),)).build()
    files = {INIT: b"from ._ext import *\n", "user/_ext.pyd": image}
    module = wheel(tmp_path, "cp311-cp311-win_amd64", files, name="user")
    (path,) = repaired([module], tmp_path / "out", RepairOptions(lib_path=(host,)))
    assert found("NW504", path) == []
    (finding,) = found("NW504", spoiled(path, {INIT: lambda data: data.replace(CALL, b"")}))
    assert (finding.member, finding.message) == (INIT, "it does not call nw_user.load(), and user/_ext.pyd needs it")
    (finding,) = found("NW504", spoiled(path, {"nw_user/_windows.py": None}))
    assert finding.message.startswith("it lacks nw_user/_windows.py, ")


def test_a_plain_name_needs_the_shim_as_well(tmp_path: Path) -> None:
    options = replace(SHARING, export=(replace(RULE, rename=False),))
    _, path = repaired([provider(tmp_path), consumer(tmp_path)], tmp_path / "out", options)
    assert found("NW504", path) == []
    assert [finding.member for finding in found("NW504", spoiled(path, {INIT: lambda data: data.replace(CALL, b"")}))] == [INIT]
