"""What Windows and Python bring, as delvewheel's lists tell it."""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType
from typing import Any

import pytest

from nativewheel.errors import MachineError
from nativewheel.formats.image import Arch
from nativewheel.linkage import windows
from nativewheel.linkage.windows import arch_of, dll_name, is_for_windows, is_msvc_runtime, other_python, spelled, supply
from nativewheel.wheel.names import WheelName

_dll_list: Any = importlib.import_module(windows.LISTS)
VCRUNTIME, VCRUNTIME_1 = "vcruntime140.dll", "VCRUNTIME140_1.dll"


def wheel(tags: str) -> WheelName:
    return WheelName.parse(f"small-1.0-{tags}.whl")


def has(tags: str, name: str) -> bool:
    found = wheel(tags)
    arch = arch_of(found.platforms[0])
    assert arch is not None
    return supply(found, arch).has(name)


@pytest.mark.parametrize(("platform", "arch"), [("win32", Arch.I686), ("win_amd64", Arch.X86_64), ("win_arm64", Arch.AARCH64)])
def test_the_tags_of_windows(platform: str, arch: Arch) -> None:
    assert (arch_of(platform), is_for_windows(platform)) == (arch, True)
    assert _dll_list.MachineType.platform_tag_to_type(platform) in _dll_list.ignore_names
    assert spelled(arch) in {"x86", "x64", "ARM64"}


@pytest.mark.parametrize("platform", ["win_ia64", "any", "macosx_11_0_arm64", "linux_x86_64", "windows"])
def test_other_tags(platform: str) -> None:
    assert (arch_of(platform), is_for_windows(platform)) == (None, False)


def test_another_architecture_keeps_its_name() -> None:
    assert spelled(Arch.S390X) == "s390x"


@pytest.mark.parametrize("platform", ["win32", "win_amd64", "win_arm64"])
@pytest.mark.parametrize(
    "name",
    [
        *("KERNEL32.dll", "kernel32.DLL", "kernel32", "ntdll.dll", "USER32.dll", "WINSPOOL.DRV", "msvcrt.dll", "WS2_32.dll"),
        *(
            "api-ms-win-crt-runtime-l1-1-0.dll",
            "API-MS-Win-Core-Synch-l1-2-0.dll",
            "ext-ms-win-ntuser-window-l1-1-0.dll",
            "ucrtbase.dll",
            "combase.dll",
        ),
        *("python3.dll", "python311.dll", "python313t.dll", "python311_d.dll", "libpypy3.10-c.dll", "python-native.dll"),
    ],
)
def test_what_is_always_there(platform: str, name: str) -> None:
    assert has(f"cp311-cp311-{platform}", name)


@pytest.mark.parametrize("name", ["foo.dll", "msvcp140.dll", "concrt140.dll", "libstdc++-6.dll", "mypython311.dll", "vcomp140.dll"])
def test_what_a_wheel_has_to_bring(name: str) -> None:
    assert not has("cp311-cp311-win_amd64", name)


@pytest.mark.parametrize(
    ("tags", "vcruntime", "vcruntime_1"),
    [
        ("cp311-cp311-win_amd64", True, True),
        ("cp311-cp311-win_arm64", True, True),
        ("cp311-cp311-win32", True, False),
        ("cp313-cp313t-win_amd64", True, True),
        ("cp38-cp38-win_amd64", True, False),
        ("cp37-cp37m-win32", True, False),
        ("cp38-abi3-win_amd64", True, False),
        ("cp39-abi3-win_amd64", True, True),
        ("cp38.cp311-abi3-win_amd64", True, False),
        ("cp38.cp311-cp38.cp311-win_amd64", True, False),
        ("cp311-cp311.none-win_amd64", False, False),
        ("pp310-pypy310_pp73-win_amd64", True, False),
        ("graalpy311-graalpy242_311_native-win_amd64", True, True),
        ("py3-none-win_amd64", False, False),
    ],
)
def test_the_c_runtime_of_the_interpreters_of_the_tags(tags: str, vcruntime: bool, vcruntime_1: bool) -> None:  # noqa: FBT001
    assert (has(tags, VCRUNTIME), has(tags, VCRUNTIME_1)) == (vcruntime, vcruntime_1)


def test_the_debug_runtime_comes_with_debug_interpreters_only() -> None:
    assert has("cp311-cp311d-win_amd64", "vcruntime140d.dll")
    assert not has("cp311-cp311-win_amd64", "vcruntime140d.dll")


@pytest.mark.parametrize(
    ("asker", "name", "needless"),
    [
        ("msvcp140.dll", "CONCRT140.dll", True),
        ("MSVCP140.dll", "concrt140.dll", True),
        ("msvcp140-8a79f4687fc453279df1092923244d9e.dll", "concrt140.dll", True),
        ("msvcp140-1a2b3c4d.dll", "concrt140.dll", True),
        ("msvcp140_1.dll", "concrt140.dll", False),
        ("foo.pyd", "concrt140.dll", False),
        ("msvcp140.dll", "vcruntime140.dll", False),
        (None, "concrt140.dll", False),
    ],
)
def test_what_the_runtime_wants_on_windows_xp_only(asker: str | None, name: str, needless: bool) -> None:  # noqa: FBT001
    assert supply(wheel("cp311-cp311-win_amd64"), Arch.X86_64).is_needless(name, asker) is needless


@pytest.mark.parametrize(
    ("name", "plain"), [("Foo.DLL", "foo.dll"), ("foo", "foo.dll"), ("FOO.1", "foo.1"), ("\u0130.dll", "\u0130.dll"), ("", ".dll")]
)
def test_one_form_for_all_spellings(name: str, plain: str) -> None:
    assert dll_name(name) == plain


@pytest.mark.parametrize(
    ("name", "expected"),
    [("MSVCP140.dll", True), ("msvcp140_atomic_wait.dll", True), ("vcomp140.dll", True), ("vcruntime140_1.dll", True), ("libstdc++-6.dll", False)],
)
def test_the_parts_of_visual_cpp(name: str, expected: bool) -> None:  # noqa: FBT001
    assert is_msvc_runtime(name) is expected


@pytest.mark.parametrize(
    ("tags", "dll", "other"),
    [
        ("cp311-cp311", "python311.dll", False),
        ("cp311-cp311", "Python3.dll", False),
        ("cp311-cp311", "python310.dll", True),
        ("cp311-cp311", "python311t.dll", True),
        ("cp313-cp313t", "python313t.dll", False),
        ("cp313-cp313t", "python313.dll", True),
        ("cp37-cp37m", "python37.dll", False),
        ("cp311-cp311d", "python311_d.dll", False),
        ("cp313-cp313td", "python313t_d.dll", False),
        ("cp39-abi3", "python3.dll", False),
        ("cp39-abi3", "python39.dll", True),
        ("cp315-abi3t", "python3t.dll", False),
        ("cp310.cp311-cp310.cp311", "python310.dll", False),
        ("py3-none", "python310.dll", False),
        ("cp311-none", "python310.dll", False),
        ("pp310-pypy310_pp73", "python310.dll", False),
        ("cp311-cp311", "kernel32.dll", False),
    ],
)
def test_a_python_that_the_tags_do_not_speak_of(tags: str, dll: str, other: bool) -> None:  # noqa: FBT001
    assert other_python(wheel(f"{tags}-win_amd64"), dll) is other


def test_every_machine_of_the_lists_is_known() -> None:
    assert set(windows._MACHINES.values()) == {machine.name for machine in _dll_list.MachineType}  # noqa: SLF001


def test_the_shape_of_the_lists() -> None:
    names = [name for found in _dll_list.ignore_names.values() for name in found]
    assert set(map(dll_name, names)) == set(names)
    assert all(isinstance(pattern, re.Pattern) for pattern in (*_dll_list.ignore_regexes, _dll_list.vc_redist))
    for table in (_dll_list.ignore_by_abi_platform, _dll_list.ignore_abi3, _dll_list.ignore_dependency):
        assert all(isinstance(key, str) and set(map(dll_name, value)) == set(value) for key, value in table.items())


@pytest.mark.parametrize("module", [None, ModuleType("empty")])
def test_lists_that_cannot_be_read_are_an_error_of_the_machine(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> None:
    monkeypatch.setitem(sys.modules, windows.LISTS, module)
    with pytest.raises(MachineError, match="delvewheel's lists of DLLs cannot be read") as caught:
        is_msvc_runtime("msvcp140.dll")
    assert caught.value.hint == "reinstall delvewheel"
