"""What a repair refuses, with which exit status, and what it says; nothing is written then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command import nativewheel
from sharedwheels import (
    LIBRARY,
    MODULE,
    NT_ADD,
    SharedSet,
    apart,
    config,
    core_link,
    core_wheel,
    export,
    library,
    module,
    needs_linux,
    repaired,
    requirements_of,
    unpacked,
    user_wheel,
)
from smallwheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

pytestmark = needs_linux


def refusal(status: int, wheels: Iterable[Path], folder: Path, *parts: str, env: Mapping[str, str] | None = None) -> str:
    """Repair a set of wheels, which must fail and write nothing, and return the message."""
    done = nativewheel("repair", "-w", folder / "out", "--config", config(folder, *parts), *wheels, status=status, env=env)
    assert not list((folder / "out").glob("*"))
    return done.stderr


def values_wheel(folder: Path, name: str, declarations: str, value: str, *libraries: object, requires: Iterable[str] = ()) -> Path:
    """Make a regular package whose extension module returns one value."""
    image = module(folder / f"build-{name}", "_ext", declarations, {"value": value}, *libraries, "-Wl,--allow-shlib-undefined")
    files = {f"{name}/__init__.py": b"from ._ext import value\n", f"{name}/_ext.abi3.so": image}
    return wheel(folder, MODULE, files, name=name, requires=requires)


def test_distributions_that_need_each_other(tmp_path: Path) -> None:
    names = ("egg", "hen")
    images = {}
    for name, other in (names, names[::-1]):
        stub = library(tmp_path / "stub", f"lib{other}.so.1", f"int {other}(void) {{ return 1; }}")
        images[name] = library(tmp_path / "lib", f"lib{name}.so.1", f"int {other}(void); int {name}(void) {{ return {other}(); }}", stub)
    wheels = [wheel(tmp_path, LIBRARY, {f"{name}/lib/lib{name}.so.1": images[name].read_bytes()}, name=name) for name in names]
    said = refusal(4, wheels, tmp_path, *map(export, names))
    assert "egg → hen → egg" in said or "hen → egg → hen" in said


def test_a_symbol_that_the_provider_lacks(tmp_path: Path) -> None:
    rich = library(tmp_path / "rich", "libntcore.so.1", "int nt_add(int a, int b) { return a + b; } int nt_new(void) { return 1; }")
    user = values_wheel(tmp_path, "ntnew", f"{NT_ADD} int nt_new(void);", "nt_new()", rich)
    said = refusal(5, [core_wheel(tmp_path), user], tmp_path, export("ntcore"))
    assert "nt_new" in said
    assert "ntcore-1.2.7" in said
    assert "ntnew/_ext.abi3.so" in said


def test_a_symbol_version_that_the_provider_lacks(tmp_path: Path) -> None:
    def versioned(name: str, *versions: str) -> Path:
        script = tmp_path / f"{name}.map"
        script.write_text(
            "".join(f"{version} {{ global: {'ver_one;' if index == 0 else 'ver_two;'}  }};\n" for index, version in enumerate(versions))
        )
        code = "int ver_one(void) { return 1; } int ver_two(void) { return 2; }"
        return library(tmp_path / name, "libver.so.1", code, f"-Wl,--version-script={script}")

    old, new = versioned("old", "VER_1"), versioned("new", "VER_1", "VER_2")
    provider = wheel(tmp_path, LIBRARY, {"ver/lib/libver.so.1": old.read_bytes()}, name="ver")
    fine = values_wheel(tmp_path, "verfine", "int ver_one(void);", "ver_one()", new)
    assert set(repaired([provider, fine], tmp_path / "fine", export("ver"))) == {"ver", "verfine"}
    said = refusal(5, [provider, values_wheel(tmp_path, "vernew", "int ver_two(void);", "ver_two()", new)], tmp_path, export("ver"))
    assert "ver_two@VER_2" in said


def test_two_distributions_supply_one_library(tmp_path: Path, shared: SharedSet) -> None:
    coll = library(tmp_path / "lib", "libcoll.so.1", "int coll_answer(void) { return 3; }")
    user = values_wheel(tmp_path, "usec", "int coll_answer(void);", "coll_answer()", coll)
    wheels = [shared.inputs["colla"], shared.inputs["collb"], user]
    parts = (export("colla"), export("collb"))
    said = refusal(5, wheels, tmp_path, *parts)
    assert "colla, collb" in said
    assert "[tool.nativewheel.providers]" in said
    decided = repaired(wheels, tmp_path / "decided", *parts, '[tool.nativewheel.providers]\n"libcoll.so.1" = "collb"')
    folders = apart({"usec": decided["usec"], "collb": decided["collb"]}, tmp_path / "site")
    assert sorted(folders) == ["collb", "usec"]
    both = values_wheel(tmp_path / "both", "used", "int coll_answer(void);", "coll_answer()", coll, requires=["colla", "collb>=1"])
    assert "colla, collb" in refusal(5, [*wheels[:2], both], tmp_path, *parts)


def test_a_module_where_the_swapped_one_must_go(tmp_path: Path) -> None:
    image = module(tmp_path / "build", "taken", NT_ADD, {"five": "nt_add(2, 3)"}, core_link(tmp_path))
    for index, beside in enumerate(("taken.py", "taken.pyc", "taken/__init__.py")):
        user = wheel(tmp_path / str(index), MODULE, {"taken.abi3.so": image, beside: b""}, name="nttaken")
        said = refusal(4, [core_wheel(tmp_path), user], tmp_path, export("ntcore"))
        assert "taken" in said
        assert "taken.abi3.so" in said


@pytest.mark.parametrize("init", ["__init__.pyc", "__init__.abi3.so"])
def test_a_package_whose_init_is_no_source(tmp_path: Path, init: str) -> None:
    image = module(tmp_path / "build", "_ext", NT_ADD, {"five": "nt_add(2, 3)"}, core_link(tmp_path))
    user = wheel(tmp_path, MODULE, {"ntodd/_ext.abi3.so": image, f"ntodd/{init}": image}, name="ntodd")
    assert f"ntodd/{init}" in refusal(4, [core_wheel(tmp_path), user], tmp_path, export("ntcore"))


def test_the_wrong_version_built_against(tmp_path: Path) -> None:
    naming = '[tool.nativewheel.providers]\n"libntcore.so.1" = { dist = "ntcore", built-against = "%s" }'
    wheels = [core_wheel(tmp_path), user_wheel(tmp_path)]
    said = refusal(5, wheels, tmp_path, export("ntcore"), naming % "1.2.6")
    assert "1.2.6" in said
    assert "ntcore-1.2.7" in said
    assert set(repaired(wheels, tmp_path / "right", export("ntcore"), naming % "1.2.7")) == {"ntcore", "ntuser"}


def test_a_range_that_the_project_contradicts(tmp_path: Path) -> None:
    user = user_wheel(tmp_path, requires=["ntcore<1.2"])
    said = refusal(5, [core_wheel(tmp_path), user], tmp_path, export("ntcore"))
    assert "ntcore<1.2" in said
    assert "ntcore==1.*,>=1.2.7" in said


@pytest.mark.parametrize(("template", "status"), [("=={patch}", 2), ("about {version}", 4), (">{version}", 4), ("=={major", 2)])
def test_templates_that_make_no_sense(tmp_path: Path, template: str, status: int) -> None:
    refusal(status, [core_wheel(tmp_path)], tmp_path, export("ntcore", template))


def test_an_export_that_matches_nothing(tmp_path: Path) -> None:
    assert "ntcore/lib/*.so*" in refusal(4, [wheel(tmp_path, LIBRARY, {"ntcore/__init__.py": b""}, name="ntcore")], tmp_path, export("ntcore"))


def test_a_named_provider_that_is_not_there(tmp_path: Path) -> None:
    naming = '[tool.nativewheel.providers]\n"libntcore.so.1" = "ntcore"'
    assert "ntcore" in refusal(5, [user_wheel(tmp_path)], tmp_path, naming)


def test_a_library_in_the_data_folder(tmp_path: Path) -> None:
    data = core_link(tmp_path).read_bytes()
    source = wheel(tmp_path, LIBRARY, {"ntcore-1.0.data/data/lib/libntcore.so.1": data}, name="ntcore")
    assert "ntcore-1.0.data/data/lib/libntcore.so.1" in refusal(4, [source], tmp_path, export("ntcore").replace("ntcore/lib/*", "*/lib/*"))


def test_a_provider_that_is_merely_installed_is_not_chosen(tmp_path: Path) -> None:
    provider = repaired([core_wheel(tmp_path)], tmp_path / "provider", export("ntcore"))["ntcore"]
    installed = {"PYTHONPATH": str(unpacked(provider, tmp_path / "site"))}
    user = user_wheel(tmp_path / "plain")
    assert "libntcore.so.1" in refusal(4, [user], tmp_path, env=installed)
    naming = '[tool.nativewheel.providers]\n"libntcore.so.1" = "ntcore"'
    assert requirements_of(repaired([user], tmp_path / "named", naming, env=installed)["ntuser"]) == ["ntcore==1.*,>=1.2.7"]
    requiring = user_wheel(tmp_path / "requiring", requires=["NTcore>=1"])
    assert requirements_of(repaired([requiring], tmp_path / "required", env=installed)["ntuser"]) == ["NTcore>=1", "ntcore==1.*,>=1.2.7"]
    assert requirements_of(repaired([user], tmp_path / "given", options=["--provider", provider])["ntuser"]) == ["ntcore==1.*,>=1.2.7"]


def test_one_call_refuses_everything_or_nothing(tmp_path: Path, shared: SharedSet) -> None:
    coll = library(tmp_path / "lib", "libnowhere.so.1", "int nowhere(void) { return 3; }")
    user = values_wheel(tmp_path, "lost", "int nowhere(void);", "nowhere()", coll)
    assert "libnowhere.so.1" in refusal(4, [shared.inputs["ntcore"], shared.inputs["ntuser"], user], tmp_path, export("ntcore"))
