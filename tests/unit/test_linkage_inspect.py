"""What `show` finds in a wheel: the small wheels of the fixtures and what a repair makes of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from madeimages import FIXTURES, LIBRARIES, content, patched, vend
from madeshares import CORE, RULE, SHARING, UNIQUE, consumer, provider, repaired
from smallwheels import rewritten, wheel

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Identity
from nativewheel.linkage.inspect import inspect_wheel
from nativewheel.linkage.inspection import Supply, Verdict
from nativewheel.linkage.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.inspection import SuppliedDependency

VENDOR = FIXTURES / "wheels/ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl"
OUTER, INNER = LIBRARIES / "libntouter.so.2", LIBRARIES / "libntinner.so.1"

pytestmark = pytest.mark.usefixtures("no_library_path")


def supplies(dependencies: tuple[SuppliedDependency, ...]) -> dict[str, tuple[Supply, str | None]]:
    return {str(item.name): (item.supply, item.resolved) for item in dependencies}


def test_an_unrepaired_wheel(tmp_path: Path) -> None:
    found = inspect_wheel(VENDOR, lib_path=[LIBRARIES], sysroot=tmp_path)
    assert (found.wheel, found.version, found.tags) == (VENDOR, "0.1.0", ("cp38-abi3-linux_x86_64",))
    assert (found.warnings, found.repaired_by) == ((), None)
    program, module = found.images
    assert (program.member, module.member) == ("ntvendor-0.1.0.data/scripts/ntprog", "ntvendor/_vend.abi3.so")
    assert supplies(module.dependencies) == {"libntouter.so.2": (Supply.EXTERNAL, str(OUTER)), "libc.so.6": (Supply.SYSTEM, None)}
    assert [library.path for library in found.external] == [OUTER, INNER]
    assert supplies(found.external[0].dependencies) == {"libntinner.so.1": (Supply.EXTERNAL, str(INNER)), "libc.so.6": (Supply.SYSTEM, None)}
    assert found.verdict is not None
    assert found.verdict.tag == "linux_x86_64"
    assert {blocker.library for blocker in found.verdict.blockers} == {"libntouter.so.2"}
    assert found.repaired is not None
    assert found.repaired.tag == "manylinux_2_17_x86_64"
    assert {(blocker.member, blocker.symbol, blocker.needs) for blocker in found.repaired.blockers} == {
        ("libntinner.so.1", "secure_getenv", "GLIBC_2.17"),
    }


def test_a_missing_library_is_no_error(tmp_path: Path) -> None:
    found = inspect_wheel(VENDOR, sysroot=tmp_path)
    assert found.repaired is None
    assert found.external == ()
    assert supplies(found.images[1].dependencies)["libntouter.so.2"] == (Supply.MISSING, None)
    assert found.verdict is not None
    assert found.verdict.tag == "linux_x86_64"


def test_libpython_comes_from_outside(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(INNER.read_bytes())
    data = patched(tmp_path / "source", tmp_path / "x", "--add-needed", "libpython3.11.so.1.0").read_bytes()
    found = inspect_wheel(wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": data}), sysroot=tmp_path)
    assert supplies(found.images[0].dependencies)["libpython3.11.so.1.0"] == (Supply.EXTERNAL, None)


def test_libraries_of_the_wheel(tmp_path: Path) -> None:
    path = wheel(
        tmp_path,
        "cp311-cp311-linux_x86_64",
        {"pkg/x.so": vend(), "pkg/libntouter.so.2": OUTER.read_bytes(), "small.libs/libntinner.so.1": INNER.read_bytes()},
    )
    found = inspect_wheel(path, sysroot=tmp_path)
    named = {str(image.member): supplies(image.dependencies) for image in found.images}
    assert named["pkg/x.so"]["libntouter.so.2"] == (Supply.WHEEL, "pkg/libntouter.so.2")
    assert named["pkg/libntouter.so.2"]["libntinner.so.1"] == (Supply.VENDORED, "small.libs/libntinner.so.1")
    assert found.verdict is not None
    assert (found.verdict.tag, found.repaired) == ("manylinux_2_17_x86_64", None)


@pytest.mark.parametrize(
    ("file", "tool"), [("nativewheel.json", "nativewheel"), ("DELVEWHEEL", "delvewheel"), ("sboms/auditwheel.cdx.json", "auditwheel"), ("x", None)]
)
def test_the_tool_that_repaired_it(tmp_path: Path, file: str, tool: str | None) -> None:
    content = bytes(Manifest(namespace="nw_small")) if tool == "nativewheel" else b"{}"
    assert inspect_wheel(wheel(tmp_path, "py3-none-any", {f"small-1.0.dist-info/{file}": content})).repaired_by == tool


def test_a_damaged_manifest_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError) as caught:
        inspect_wheel(wheel(tmp_path, "py3-none-any", {"small-1.0.dist-info/nativewheel.json": b"{}"}))
    assert caught.value.where[1] == "small-1.0.dist-info/nativewheel.json"


def test_a_pure_wheel_has_no_verdict(tmp_path: Path) -> None:
    found = inspect_wheel(wheel(tmp_path, "py3-none-any", {"pkg/a.py": b""}))
    assert (found.verdict, found.repaired, found.images, found.external) == (None, None, (), ())


def test_an_architecture_without_policies_promises_nothing(tmp_path: Path) -> None:
    path = wheel(tmp_path, "cp311-cp311-linux_armv6l", {"pkg/x.so": vend("linux_armv7l")})
    found = inspect_wheel(path, lib_path=[FIXTURES / "lib/linux-armv7l-glibc"], sysroot=tmp_path)
    assert found.verdict is not None
    assert (found.verdict.tag, found.repaired) == ("linux_armv6l", None)
    assert [library.path.name for library in found.external][:2] == ["libntouter.so.2", "libntinner.so.1"]


def test_a_record_that_disagrees_is_a_warning(tmp_path: Path) -> None:
    path = rewritten(VENDOR, tmp_path, {"ntvendor/__init__.py": b"changed"})
    assert any("ntvendor/__init__.py" in warning for warning in inspect_wheel(path, sysroot=tmp_path).warnings)


def test_tags_of_windows_say_no_more_than_the_processor() -> None:
    found = inspect_wheel(FIXTURES / "wheels/ntuser-0.4.0-cp38-abi3-win_amd64.whl")
    assert found.verdict == Verdict(tag="win_amd64")
    assert {item.name: item.supply for image in found.images for item in image.dependencies}[Identity("ntcore.dll")] is Supply.MISSING


def test_any_number_of_threads_finds_the_same(tmp_path: Path) -> None:
    files = {f"pkg/m{index}.so": vend() for index in range(8)} | {
        "pkg/core.so": content("ntcore-1.2.7-py3-none-linux_x86_64.whl", "ntcore/lib/libntcore.so.1")
    }
    path = wheel(tmp_path, "cp311-cp311-linux_x86_64", files)
    assert inspect_wheel(path, lib_path=[LIBRARIES], sysroot=tmp_path, jobs=4) == inspect_wheel(path, lib_path=[LIBRARIES], sysroot=tmp_path)


class TestSharing:
    @pytest.fixture
    def made(self, tmp_path: Path) -> tuple[Path, ...]:
        return repaired([consumer(tmp_path), provider(tmp_path)], tmp_path / "out")

    def test_a_consumer_names_its_provider_and_what_it_spares(self, tmp_path: Path, made: tuple[Path, ...]) -> None:
        found = inspect_wheel(made[0], lib_path=[LIBRARIES], sysroot=tmp_path)
        (module,) = found.images
        assert [(item.name, item.supply, item.provider) for item in module.dependencies] == [
            (UNIQUE, Supply.PROVIDER, "core"),
            ("libc.so.6", Supply.SYSTEM, None),
        ]
        assert [(library.path, library.size) for library in found.spared] == [(LIBRARIES / "libntcore.so.1", len(CORE))]
        assert (found.external, found.repaired, found.repaired_by) == ((), None, "nativewheel")
        assert found.verdict is not None
        assert found.verdict.tag == "manylinux_2_5_x86_64"

    def test_what_the_host_does_not_have_spares_nothing(self, tmp_path: Path, made: tuple[Path, ...]) -> None:
        assert inspect_wheel(made[0], sysroot=tmp_path).spared == ()

    def test_what_a_spared_library_needs_counts(self, tmp_path: Path) -> None:
        files = {"core/libntouter.so.2": OUTER.read_bytes(), "core/libntinner.so.1": INNER.read_bytes()}
        wish = replace(SHARING, export=(replace(RULE, library=("*outer*",)),), lib_path=(LIBRARIES,))
        made, _ = repaired([consumer(tmp_path, {"user/__init__.py": b"", "user/x.so": vend()}), provider(tmp_path, files)], tmp_path / "out", wish)
        found = inspect_wheel(made, lib_path=[LIBRARIES], sysroot=tmp_path)
        assert [library.path for library in found.spared] == [OUTER, INNER]

    def test_what_the_wheel_wants_of_the_host_anyway_is_not_spared(self, tmp_path: Path) -> None:
        both = patched(
            FIXTURES / "lib/linux-x86_64-glibc/libntinner.so.1",
            tmp_path / "x.so",
            "--add-needed",
            "libntcore.so.1",
            "--add-needed",
            "libntouter.so.2",
        )
        files = {"user/__init__.py": b"", "user/libx.so": both.read_bytes()}
        wish = replace(SHARING, exclude=("libntouter*",))
        made, _ = repaired([consumer(tmp_path, files), provider(tmp_path)], tmp_path / "out", wish)
        found = inspect_wheel(made, lib_path=[LIBRARIES], sysroot=tmp_path)
        assert [library.path for library in found.spared] == [LIBRARIES / "libntcore.so.1"]
        assert {library.path for library in found.external} >= {OUTER}

    def test_a_provider(self, tmp_path: Path, made: tuple[Path, ...]) -> None:
        found = inspect_wheel(made[1], lib_path=[LIBRARIES], sysroot=tmp_path)
        assert found.manifest is not None
        assert [item.identity for item in found.manifest.exports] == [UNIQUE]
        assert found.spared == ()
        assert found.external == ()
