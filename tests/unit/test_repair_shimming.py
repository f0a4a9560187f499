"""The package that a repaired wheel carries: when, with what, and what the manifest says of it."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from madeimages import LIBRARIES
from madepe import Pe
from madeshares import CORE, RULE, SHARING, UNIQUE, changed, consumer, plans, provider, repaired, written
from smallwheels import wheel

from nativewheel.linkage.manifest import parse
from nativewheel.repair.options import RepairOptions
from nativewheel.shim.inject import runtime
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.repair.plan import Plan

INNER, OUTER = ((LIBRARIES / name).read_bytes() for name in ("libntinner.so.1", "libntouter.so.2"))
ALL = replace(SHARING, export=(replace(RULE, distribution=None, library=("*.so*",)),))


def shim(found: Plan, folder: Path) -> dict[str, Any]:
    """Run the package's `__init__.py` beside its runtime and return what it defines."""
    name = found.name.distribution
    package = folder / f"nw_{name}"
    package.mkdir(parents=True)
    for member, data in written(found).items():
        if member.startswith(f"nw_{name}/"):
            (folder / member).write_bytes(data)
    sys.path.insert(0, str(folder))
    try:
        return runpy.run_module(f"nw_{name}.__init__")
    finally:
        sys.path.remove(str(folder))
        for module in [module for module in sys.modules if module.partition(".")[0] == f"nw_{name}"]:
            del sys.modules[module]


def test_a_wheel_that_shares_nothing_has_none(tmp_path: Path) -> None:
    (found,) = plans([consumer(tmp_path, {"user/__init__.py": b"", "user/x.so": INNER})])
    assert (found.files, found.exports, found.consumes) == ((), (), ())


def test_a_provider_s(tmp_path: Path) -> None:
    (found,) = plans([provider(tmp_path)])
    defined = shim(found, tmp_path / "site")
    assert defined["__version__"] == "1.2.7"
    assert defined["install_requires"]() == ["core==1.*,>=1.2.7"]
    assert defined["library_name"]("ntcore") == defined["library_name"]("libntcore.so.1") == UNIQUE
    assert defined["path"]("ntcore") == str(tmp_path / "site" / "core" / "lib" / UNIQUE)
    assert defined["_uses"] == []
    assert written(found)["nw_core/_nativewheel.py"] == runtime()
    assert written(found)["core-1.2.7.dist-info/entry_points.txt"] == b"[nativewheel.provider]\ncore = nw_core\n"


def test_a_consumer_s(tmp_path: Path) -> None:
    found, _ = plans([consumer(tmp_path), provider(tmp_path)])
    defined = shim(found, tmp_path / "site")
    assert defined["_libraries"] == []
    (use,) = defined["_uses"]
    assert (use["module"], use["distribution"], use["requirement"], use["minimum"]) == ("nw_core", "core", "==1.*,>=1.2.7", (0, 1, 2, 7))
    assert use["names"] == {"libntcore.so.1": UNIQUE}
    assert not [member for member in written(found) if member.endswith("entry_points.txt")]


def test_paths_are_those_of_the_installation(tmp_path: Path) -> None:
    (found,) = plans([provider(tmp_path, {"core-1.2.7.data/platlib/core/lib/libntcore.so.1": CORE})])
    (library,) = shim(found, tmp_path / "site")["_libraries"]
    assert (library["path"], library["anchor"]) == (f"core/lib/{UNIQUE}", f"core/lib/{UNIQUE}.anchor")


def test_both_roles_in_one(tmp_path: Path) -> None:
    middle = changed(tmp_path, INNER, "--add-needed", "libntcore.so.1")
    wheels = [provider(tmp_path), wheel(tmp_path, "py3-none-linux_x86_64", {"mid/__init__.py": b"", "mid/libntinner.so.1": middle}, name="mid")]
    found = plans(wheels, ALL)[1]
    defined = shim(found, tmp_path / "site")
    assert [library["original"] for library in defined["_libraries"]] == ["libntinner.so.1"]
    assert [use["distribution"] for use in defined["_uses"]] == ["core"]
    assert found.exports[0].uses == ("core",)
    assert written(found)["mid/__init__.py"].count(b'__import__("nw_mid").load()') == 1


def test_names_with_other_characters(tmp_path: Path) -> None:
    path = wheel(tmp_path, "py3-none-linux_x86_64", {"x/libntcore.so.1": CORE}, name="Nt_Core.x")
    (found,) = plans([path], ALL)
    assert {"nw_nt_core_x/__init__.py", "Nt_Core.x-1.0.dist-info/entry_points.txt"} <= set(written(found))
    assert written(found)["Nt_Core.x-1.0.dist-info/entry_points.txt"] == b"[nativewheel.provider]\nnt-core-x = nw_nt_core_x\n"
    assert found.exports[0].identity == "libnw_nt_core_x__ntcore.so.1"


class TestLoadOrder:
    def order(self, folder: Path, libraries: dict[str, bytes]) -> list[str]:
        (found,) = plans([provider(folder, {f"core/{name}": data for name, data in libraries.items()})], ALL)
        return [library["original"] for library in shim(found, folder / "site")["_libraries"]]

    @pytest.mark.parametrize("names", list(permutations(["libntcore.so.1", "libntouter.so.2", "libntinner.so.1"])))
    def test_needed_ones_come_first(self, tmp_path: Path, names: tuple[str, ...]) -> None:
        libraries = {
            "libntouter.so.2": OUTER,
            "libntinner.so.1": changed(tmp_path, INNER, "--add-needed", "libntcore.so.1"),
            "libntcore.so.1": CORE,
        }
        assert self.order(tmp_path, {name: libraries[name] for name in names}) == ["libntcore.so.1", "libntinner.so.1", "libntouter.so.2"]

    def test_a_circle_is_cut_somewhere(self, tmp_path: Path) -> None:
        circle = changed(tmp_path, INNER, "--add-needed", "libntouter.so.2", "--add-needed", "libntinner.so.1")
        order = self.order(tmp_path, {"libntouter.so.2": OUTER, "libntinner.so.1": circle, "libntcore.so.1": CORE})
        assert sorted(order) == ["libntcore.so.1", "libntinner.so.1", "libntouter.so.2"]

    def test_any_number_in_a_row(self, tmp_path: Path) -> None:
        folder = tmp_path / "row"
        libraries, previous = {}, CORE
        for number in range(12):
            name = f"lib{'abcdefghijkl'[11 - number]}.so"
            needed = ("--add-needed", f"lib{'abcdefghijkl'[12 - number]}.so") if number else ()
            libraries[name] = previous = changed(folder, CORE, "--set-soname", name, *needed)
        assert previous != CORE
        assert self.order(tmp_path, libraries) == sorted(libraries, reverse=True)


def test_windows_is_told_which_libraries_need_each_other(tmp_path: Path) -> None:
    """Windows does not load what a library forwards to, nor what it loads later."""
    front, inner = Pe(exports=(("front", "inner.made"),)), Pe(delay_imports=(("foo.dll", ("made",)),), exports=(("made", None),))
    files = {"core/front.dll": front.build(), "core/deep/inner.dll": inner.build(), "core/foo.dll": Pe(exports=(("made", None),)).build()}
    path = wheel(tmp_path, "py3-none-win_amd64", files, name="core")
    (found,) = plans([path], replace(SHARING, export=(replace(RULE, library=("core/*.dll",)),)))
    needs = {library["original"]: library["needs"] for library in shim(found, tmp_path / "site")["_libraries"]}
    names = {f"{name}.dll": f"nw_core__{name}.dll" for name in ("foo", "front", "inner")}
    assert needs == {"front.dll": [names["inner.dll"], names["foo.dll"]], "inner.dll": [names["foo.dll"]], "foo.dll": []}


def test_windows_is_told_what_is_needed_later(tmp_path: Path) -> None:
    """Delay-loaded DLLs, also where another module loads them at once, and those that others forward to."""
    libraries = {
        "front.dll": Pe(exports=(("made", "behind.made"),)),
        "behind.dll": Pe(exports=(("made", None),)),
        "late.dll": Pe(exports=(("late", None),)),
    }
    (tmp_path / "lib").mkdir()
    for name, library in libraries.items():
        (tmp_path / "lib" / name).write_bytes(library.build())
    module = Pe(imports=(("front.dll", ("made",)),), delay_imports=(("late.dll", ("late",)),), exports=(("PyInit_x", None),))
    other = Pe(imports=(("late.dll", ("late",)),), exports=(("PyInit_y", None),))
    files = {"user/__init__.py": b"", "user/x.pyd": module.build(), "user/y.pyd": other.build()}
    path = wheel(tmp_path, "cp38-abi3-win_amd64", files, name="user")
    (found,) = plans([path], RepairOptions(lib_path=(tmp_path / "lib",)))
    vendored = shim(found, tmp_path / "site")["_vendored"]
    assert {name.rpartition("-")[0]: late for name, late in vendored.items()} == {
        "user.libs/behind": True,
        "user.libs/front": False,
        "user.libs/late": True,
    }


class TestManifest:
    def test_of_finished_wheels(self, tmp_path: Path) -> None:
        wheels = repaired([consumer(tmp_path), provider(tmp_path)], tmp_path / "out")
        documents = []
        for path in wheels:
            with WheelArchive(path) as archive:
                archive.verify(1)
                document = parse(bytes(archive.read(Member(f"{archive.dist_info}/nativewheel.json"))))
                assert all(member in archive.entries for export in document.exports for member in (export.member, export.anchor, export.link))
                documents.append(document)
        user, core = documents
        assert (user.exports, [(item.provider, item.identity) for item in user.consumes]) == ((), [("core", UNIQUE)])
        assert ([item.identity for item in core.exports], core.consumes) == ([UNIQUE], ())
        assert [image.member for image in core.images] == [f"core/lib/{UNIQUE}"]
