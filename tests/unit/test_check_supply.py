"""NW501, NW502 and NW506: who brings a library, and whether METADATA says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from checked import edited, found
from madeimages import vend
from madepe import Pe
from madeshares import CORE, PROGRAM, RULE, SHARING, UNIQUE, USER, changed, consumer, provider, repaired
from smallwheels import wheel

from nativewheel.check.options import CheckOptions
from nativewheel.check.subject import CheckedWheel
from nativewheel.check.uses import requirements
from nativewheel.wheel.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from nativewheel.repair.options import RepairOptions

TAG = "cp38-abi3-manylinux_2_17_x86_64"
WHEELS = Path(__file__).parents[2] / "fixtures" / "wheels"
MODULE, LIBRARY = "small/_ext.abi3.so", "small/lib/libntcore.so.1"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Return a provider and its consumer, repaired."""
    core, user = repaired([provider(tmp_path), consumer(tmp_path)], tmp_path / "out")
    return core, user


def manifest(**consumption: str) -> dict[str, Callable[[bytes], bytes]]:
    """Change what a wheel's manifest says of the only library that it uses."""

    def edit(data: bytes) -> bytes:
        document = json.loads(data)
        document["consumes"][0] |= consumption
        return json.dumps(document).encode()

    return {"nativewheel.json": edit}


def requirement(line: str) -> dict[str, Callable[[bytes], bytes]]:
    """Put another line in the place of the requirement that the repair has added."""
    return {"METADATA": lambda data: data.replace(b"Requires-Dist: core==1.*,>=1.2.7\n", line.encode())}


def test_nothing_supplies_a_library(tmp_path: Path) -> None:
    (finding,) = found("NW501", wheel(tmp_path, TAG, {MODULE: USER}))
    assert (finding.severity, finding.member) == ("error", MODULE)
    assert finding.message == "asks for libntcore.so.1, which neither manylinux_2_17_x86_64 nor the wheel supplies"


def test_the_wheel_supplies_a_library(tmp_path: Path) -> None:
    assert found("NW501", wheel(tmp_path, TAG, {MODULE: USER, LIBRARY: CORE})) == []


@pytest.mark.parametrize("glob", ["libntcore.so.*", "libntcore*"])
def test_a_library_that_may_be_missing(tmp_path: Path, glob: str) -> None:
    assert found("NW501", wheel(tmp_path, TAG, {MODULE: USER}), allow_missing=[glob]) == []


def test_a_library_is_reported_once(tmp_path: Path) -> None:
    (finding,) = found("NW501", wheel(tmp_path, TAG, {MODULE: USER, "small/_two.abi3.so": USER, "small/_three.abi3.so": USER}))
    assert finding.message.endswith("supplies (so do 2 more images)")
    assert len(found("NW501", wheel(tmp_path, TAG, {MODULE: USER, "small/_vend.abi3.so": vend()}))) == 2


def test_many_libraries_do_not_flood(tmp_path: Path) -> None:
    data = changed(tmp_path / "x", USER, *(word for number in range(30) for word in ("--add-needed", f"lib{number}.so")))
    findings = found("NW501", wheel(tmp_path, TAG, {MODULE: data}))
    assert len(findings) < 30
    assert findings[-1].message.endswith("more)")


@pytest.mark.parametrize(
    ("tag", "name", "lost"),
    [
        ("manylinux_2_17_x86_64", "libz.so.1", False),
        ("manylinux_2_17_x86_64", "libX11.so.6", False),
        ("manylinux_2_17_x86_64", "libfoo.so.1", True),
        ("manylinux2014_x86_64.manylinux_2_17_x86_64", "libfoo.so.1", True),
        ("manylinux_2_5_x86_64", "libexpat.so.1", True),
        ("manylinux_2_5_x86_64.manylinux_2_17_x86_64", "libexpat.so.1", True),
        ("manylinux_2_17_x86_64", "libexpat.so.1", False),
        ("linux_x86_64", "libz.so.1", False),
        ("linux_x86_64", "libfoo.so.1", True),
        ("musllinux_1_2_x86_64", "libz.so.1", False),
    ],
)
def test_policies_supply_libraries(tmp_path: Path, tag: str, name: str, *, lost: bool) -> None:
    image = changed(tmp_path / "x", CORE, "--add-needed", name, *(["--remove-needed", "libc.so.6"] if "musl" in tag else []))
    assert len(found("NW501", wheel(tmp_path, f"py3-none-{tag}", {LIBRARY: image}))) == lost


@pytest.mark.parametrize(("name", "lost"), [("KERNEL32.dll", False), ("VCRUNTIME140.dll", False), ("msvcp140.dll", True), ("other.dll", True)])
def test_windows_supplies_dlls(tmp_path: Path, name: str, *, lost: bool) -> None:
    image = Pe(exports=(("PyInit__ext", None),), imports=((name, ("f",)),)).build()
    for tag in ("cp311-cp311-win_amd64", "cp38-abi3-win_amd64", "py3-none-win_amd64"):
        assert len(found("NW501", wheel(tmp_path, tag, {"small/_ext.pyd": image}))) == lost


def test_programs_of_windows_find_dlls_where_they_are_used(tmp_path: Path) -> None:
    program = Pe(characteristics=0x22, imports=(("other.dll", ("f",)),)).build()
    assert found("NW501", wheel(tmp_path, "py3-none-win_amd64", {"small-1.0.data/scripts/tool.exe": program})) == []


def test_programs_of_linux_need_their_libraries(tmp_path: Path) -> None:
    (finding,) = found("NW501", wheel(tmp_path, TAG, {"small-1.0.data/scripts/tool": PROGRAM}))
    assert finding.member == "small-1.0.data/scripts/tool"


def test_providers_supply_libraries(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    core, user = pair
    assert found("NW501", user) == [], "the manifest says whose it is"
    plain = consumer(tmp_path / "plain", requires=["core"])
    (finding,) = found("NW501", plain)
    assert finding.member == "user/_ext.abi3.so"
    assert found("NW501", plain, provider=[core]) == []
    assert [item.wheel for item in found("NW501", plain, core)] == [], "what is checked together may be used together"


def test_two_providers_that_nothing_decides_between(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    (other,) = repaired([provider(tmp_path / "other", {"core/lib/libntcore.so.1": CORE}, name="other")], tmp_path / "out2", _exporting("other"))
    (finding,) = found("NW501", consumer(tmp_path / "plain"), provider=[pair[0], other])
    assert "several distributions supply it: core, other" in finding.message
    assert "[tool.nativewheel.providers]" in finding.fix


def _exporting(distribution: str) -> RepairOptions:
    return replace(SHARING, export=(replace(RULE, distribution=distribution),))


def test_a_provider_without_requirement(pair: tuple[Path, Path]) -> None:
    _, user = pair
    assert found("NW502", user) == []
    (finding,) = found("NW502", edited(user, requirement("")))
    assert (finding.severity, finding.member) == ("error", "user/_ext.abi3.so")
    assert finding.message == f"uses {UNIQUE}, and METADATA does not require core"


@pytest.mark.parametrize(
    ("platform", "machine"),
    [("linux_aarch64", "aarch64"), ("macosx_11_0_arm64", "arm64"), ("win32", "x86"), ("win_amd64", "AMD64"), ("win_arm64", "ARM64")],
)
def test_requirements_on_other_processors(platform: str, machine: str) -> None:
    with CheckedWheel(WHEELS / f"ntuser-0.4.0-cp38-abi3-{platform}.whl", CheckOptions()) as user:
        lines = [f"Requires-Dist: {name} ; platform_machine == '{value}'\n" for name, value in (("one", machine), ("two", "pdp11"))]
        user.metadata = Headers.parse("".join(lines).encode())
        assert [requirement.name for requirement in requirements(user)] == ["one"]


def test_requirements_of_one_half_of_universal2() -> None:
    with CheckedWheel(WHEELS / "ntuser-0.4.0-cp38-abi3-macosx_11_0_universal2.whl", CheckOptions()) as user:
        user.metadata = Headers.parse(b"Requires-Dist: one ; platform_machine == 'arm64'\nRequires-Dist: two ; sys_platform == 'darwin'\n")
        assert [requirement.name for requirement in requirements(user)] == ["two"]


@pytest.mark.parametrize(
    ("line", "fine"),
    [
        ("Core>=1", True),
        ("core==1.* ; sys_platform == 'linux'", True),
        ("core ; python_version >= '3.8'", True),
        ("core ; platform_machine == 'x86_64'", True),
        ("core ; platform_machine == 'aarch64'", False),
        ("core ; extra == 'all'", False),
        ("core ; sys_platform == 'win32'", False),
        ("core-abi2", False),
        ("nonsense >>> 1", False),
    ],
)
def test_requirements_under_conditions(pair: tuple[Path, Path], line: str, *, fine: bool) -> None:
    findings = found("NW502", edited(pair[1], requirement(f"Requires-Dist: {line}\n")))
    assert (findings == []) is fine


def test_the_name_alone_tells_the_provider(tmp_path: Path) -> None:
    data = changed(tmp_path / "x", USER, "--replace-needed", "libntcore.so.1", "libnw_nt_core_abi2__ntcore.so.1")
    files = {"small/__init__.py": b"", MODULE: data}
    (finding,) = found("NW502", wheel(tmp_path, TAG, files))
    assert finding.message == "uses libnw_nt_core_abi2__ntcore.so.1, and METADATA does not require nt_core_abi2"
    assert found("NW501", wheel(tmp_path, TAG, files)) == [], "one finding is enough"
    assert found("NW502", wheel(tmp_path, TAG, files, requires=["NT.Core"])) == []


def test_a_wheel_needs_no_requirement_of_itself(tmp_path: Path) -> None:
    data = changed(tmp_path / "x", USER, "--replace-needed", "libntcore.so.1", "libnw_small__ntcore.so.1")
    library = changed(tmp_path / "y", CORE, "--set-soname", "libnw_small__ntcore.so.1")
    assert found("NW502", wheel(tmp_path, TAG, {MODULE: data, "small/libnw_small__ntcore.so.1": library})) == []


def test_a_library_that_keeps_its_name(tmp_path: Path) -> None:
    options = replace(SHARING, export=(replace(RULE, rename=False),))
    _, user = repaired([provider(tmp_path), consumer(tmp_path)], tmp_path / "out", options)
    assert found("NW502", user) == []
    assert [item.message for item in found("NW502", edited(user, requirement("")))] == ["uses libntcore.so.1, and METADATA does not require core"]


@pytest.mark.parametrize(
    ("edits", "member", "message"),
    [
        (manifest(requires="==2.*"), "nativewheel.json", "the range ==2.* of libntcore.so.1 excludes core 1.2.7, which the wheel was built against"),
        (manifest(version="2.0"), "METADATA", "requires core==1.*,>=1.2.7, and the wheel was built against core 2.0"),
        (requirement("Requires-Dist: Core>=2\n"), "METADATA", "requires Core>=2, and the wheel was built against core 1.2.7"),
        (
            requirement("Requires-Dist: core==1.*\nRequires-Dist: core!=1.2.7\n"),
            "METADATA",
            "requires core!=1.2.7, and the wheel was built against core 1.2.7",
        ),
    ],
)
def test_ranges_that_exclude_what_was_built_against(
    pair: tuple[Path, Path], edits: dict[str, Callable[[bytes], bytes]], member: str, message: str
) -> None:
    messages = {(item.member, item.message) for item in found("NW506", edited(pair[1], edits))}
    assert (f"user-1.0.dist-info/{member}", message) in messages


@pytest.mark.parametrize("line", ["", "Requires-Dist: core\n", "Requires-Dist: core==1.2.7\n", "Requires-Dist: core>2; extra == 'new'\n"])
def test_ranges_that_let_in_what_was_built_against(pair: tuple[Path, Path], line: str) -> None:
    assert found("NW506", pair[1]) == []
    assert found("NW506", edited(pair[1], requirement(line))) == []


def test_pre_releases_and_local_versions_count(pair: tuple[Path, Path]) -> None:
    assert found("NW506", edited(pair[1], {**manifest(version="1.3rc1", requires=">=1.3rc1"), **requirement("Requires-Dist: core>=1.3rc1\n")})) == []
    assert found("NW506", edited(pair[1], manifest(version="1.2.7+local"), folder=pair[1].parent / "local")) == []
