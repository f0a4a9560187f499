"""NW201, NW202, NW204 to NW208: images for Linux."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checked import edited, found
from madeimages import content
from madeshares import CORE, PROGRAM, USER, changed, consumer, provider, repaired
from smallwheels import wheel
from spoiled import with_alignment, with_dynamic, with_stack, without_stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAG = "cp38-abi3-manylinux_2_17_x86_64"
LIBRARY, MODULE = "small/lib/libntcore.so.1", "small/_ext.abi3.so"


def nameless() -> bytes:
    """Return the library without its SONAME."""
    return with_dynamic(CORE, 0x6FFFFEF6, 0, instead_of=14)


@pytest.fixture
def user(tmp_path: Path) -> bytes:
    """Return the extension module with a search path that leads to the library."""
    return changed(tmp_path / "user", USER, "--set-rpath", "$ORIGIN/lib")


def test_library_without_soname_that_a_module_asks_for(tmp_path: Path, user: bytes) -> None:
    (finding,) = found("NW201", wheel(tmp_path, TAG, {MODULE: user, LIBRARY: nameless()}))
    assert (finding.severity, finding.member) == ("error", LIBRARY)
    assert finding.message == f"has no SONAME, and {MODULE} asks for it by name"
    assert found("NW201", wheel(tmp_path, TAG, {MODULE: user, LIBRARY: CORE})) == []


def test_library_without_soname_that_is_for_others(tmp_path: Path) -> None:
    (finding,) = found("NW201", wheel(tmp_path, TAG, {LIBRARY: nameless()}))
    assert finding.message == "has no SONAME, and nothing in the wheel opens it by its path"


@pytest.mark.parametrize(
    "files",
    [
        {"small/__init__.py": b"import ctypes\nctypes.CDLL(path('ntcore'))\n"},
        {"small/_ext.abi3.so": USER + b"libntcore.so.1 \0"},
    ],
    ids=["ctypes", "dlopen"],
)
def test_library_without_soname_that_code_of_the_wheel_opens(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    soname_free = changed(tmp_path / "x", files.get("small/_ext.abi3.so", USER), "--remove-needed", "libntcore.so.1")
    files = {**files, "small/_ext.abi3.so": soname_free}
    assert found("NW201", wheel(tmp_path, TAG, {**files, "small/lib/libntcore.so": nameless()})) == []


def test_plugins_need_no_soname(tmp_path: Path, user: bytes) -> None:
    plugin = changed(tmp_path / "plugin", nameless(), "--add-needed", "libntcore.so.1", "--set-rpath", "$ORIGIN/../lib")
    files = {MODULE: user, LIBRARY: CORE, "small/plugins/libplug.so": plugin, "small/plugins/plug.so": nameless()}
    assert found("NW201", wheel(tmp_path, TAG, files)) == []


def test_an_exported_library_without_soname(tmp_path: Path) -> None:
    (path,) = repaired([provider(tmp_path)], tmp_path / "out")
    assert found("NW201", path) == [], "anchors have no SONAME, and stubs are not loaded"
    (finding,) = found("NW201", edited(path, {"libnw_core__ntcore.so.1": lambda data: with_dynamic(data, 0x6FFFFEF6, 0, instead_of=14)}))
    assert finding.member == "core/lib/libnw_core__ntcore.so.1"
    assert finding.message == "has no SONAME, and the wheel offers it to others, which ask for libraries by name"


def test_search_path_of_the_build_host(tmp_path: Path, user: bytes) -> None:
    spoiled = changed(tmp_path / "x", USER, "--set-rpath", "/home/me/lib:$ORIGIN/lib:/opt/lib")
    (finding,) = found("NW202", wheel(tmp_path, TAG, {MODULE: spoiled, LIBRARY: CORE}))
    assert (finding.severity, finding.member) == ("error", MODULE)
    assert finding.message == "the search path has /home/me/lib, /opt/lib, folders of the build host"
    assert found("NW202", wheel(tmp_path, TAG, {MODULE: user, LIBRARY: CORE})) == []


def test_a_search_path_by_which_nothing_is_looked_for_is_a_warning(tmp_path: Path) -> None:
    (finding,) = found("NW202", wheel(tmp_path, TAG, {LIBRARY: changed(tmp_path / "x", CORE, "--set-rpath", "/home/me/lib")}))
    assert (finding.severity, finding.member) == ("warning", LIBRARY)


def test_images_with_the_same_search_path_are_reported_once(tmp_path: Path) -> None:
    spoiled = changed(tmp_path / "x", USER, "--set-rpath", "/home/me/lib")
    (finding,) = found("NW202", wheel(tmp_path, TAG, {MODULE: spoiled, "small/_b.abi3.so": spoiled, "small/_c.abi3.so": spoiled, LIBRARY: CORE}))
    assert finding.member == MODULE
    assert finding.message == "the search path has /home/me/lib, a folder of the build host (so do 2 more images)"


def test_an_empty_entry_is_the_current_folder(tmp_path: Path) -> None:
    (finding,) = found("NW202", wheel(tmp_path, TAG, {MODULE: changed(tmp_path / "x", USER, "--set-rpath", ":$ORIGIN/lib")}))
    assert "an empty entry, which means the current folder" in finding.message


@pytest.mark.parametrize(
    ("code", "severity", "spoiled"),
    [
        ("NW204", "error", with_stack(CORE, 7)),
        ("NW204", "error", without_stack(CORE)),
        ("NW205", "warning", with_dynamic(CORE, 22, 0)),
        ("NW206", "error", with_alignment(CORE, 0x200)),
    ],
)
def test_segments(tmp_path: Path, code: str, severity: str, spoiled: bytes) -> None:
    (finding,) = found(code, wheel(tmp_path, TAG, {LIBRARY: spoiled, "small/lib/libother.so.1": CORE}))
    assert (finding.severity, finding.member) == (severity, LIBRARY)
    assert found(code, wheel(tmp_path, TAG, {LIBRARY: CORE})) == []


def test_musl_heeds_the_stack_of_programs_only(tmp_path: Path) -> None:
    data = content("ntcore-1.2.7-cp311-cp311-linux_x86_64.whl", "ntcore/lib/libntcore.so.1")
    tag = "py3-none-musllinux_1_2_x86_64"
    assert found("NW204", wheel(tmp_path, tag, {LIBRARY: with_stack(data, 7)})) == []
    program = changed(tmp_path / "x", with_stack(PROGRAM, 7), "--set-interpreter", "/lib/ld-musl-x86_64.so.1", "--remove-needed", "libc.so.6")
    (finding,) = found("NW204", wheel(tmp_path / "program", tag, {LIBRARY: data, "small-1.0.data/scripts/tool": program}))
    assert finding.message == "PT_GNU_STACK has the flag for executable, and every thread of it gets one"


def test_many_images_do_not_flood(tmp_path: Path) -> None:
    files = {f"small/lib{number}.so": with_stack(CORE, 7) for number in range(20)}
    findings = found("NW204", wheel(tmp_path, TAG, files))
    assert len(findings) < len(files)
    assert findings[-1].message.endswith(f"(and {len(files) - len(findings)} more)")


def test_paths_in_needed(tmp_path: Path, user: bytes) -> None:
    spoiled = changed(tmp_path / "x", USER, "--replace-needed", "libntcore.so.1", "build/libntcore.so.1")
    (finding,) = found("NW207", wheel(tmp_path, TAG, {MODULE: spoiled, LIBRARY: CORE}))
    assert (finding.severity, finding.member) == ("error", MODULE)
    assert finding.message == "asks for build/libntcore.so.1, which is a path and not a name"
    assert found("NW207", wheel(tmp_path, TAG, {MODULE: user, LIBRARY: CORE})) == []


def test_libpython(tmp_path: Path, user: bytes) -> None:
    spoiled = changed(tmp_path / "x", user, "--add-needed", "libpython3.11.so.1.0")
    path = wheel(tmp_path, TAG, {MODULE: spoiled, LIBRARY: CORE})
    (finding,) = found("NW208", path)
    assert (finding.severity, finding.member) == ("warning", MODULE)
    assert found("NW501", path) == [], "one finding is enough"
    assert found("NW208", wheel(tmp_path, TAG, {MODULE: user, LIBRARY: CORE})) == []


def test_programs_may_embed_python(tmp_path: Path) -> None:
    program = changed(tmp_path / "x", PROGRAM, "--add-needed", "libpython3.11.so.1.0")
    assert found("NW208", wheel(tmp_path, TAG, {"small-1.0.data/scripts/tool": program})) == []


def test_what_repair_makes_is_sound(tmp_path: Path) -> None:
    for path in repaired([provider(tmp_path), consumer(tmp_path)], tmp_path / "out"):
        assert found("NW2", path) == []
