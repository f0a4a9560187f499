"""Wheels for macOS that share libraries, repaired by one call on this machine, work in an emulated process of macOS, each in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machobinding import DyldError
from machoemulator import RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW
from machosamples import ARCHS, LINKERS, kinds, sample_folder
from macshares import machine
from macsharewheels import WITHOUT_SHIM, export, started
from sharedwheels import config, requirements_of, text_of, unpacked

import nativewheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from macsharewheels import Setting

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures/wheels").glob("nt[cu]*macosx*.whl"))


@pytest.fixture(params=kinds(*LINKERS), ids="-".join)
def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with started(request.param, sample_folder(tmp_path_factory)) as setting:
        yield setting


def test_regular_package(setting: Setting) -> None:
    bar = setting.load("user1._bar", "user1", "one")
    assert [bar.bar_version(), bar.bar_add(20, -3), bar.bar_pointed(5), bar.bar_length(setting.mac.python.cpu.put(b"abc"))] == [1, 1017, 1006, 3]
    assert [bar.bar_count(), bar.bar_count()] == [101, 102]
    assert setting.mac.ctypes.opened == [("libnw_one__foo.dylib", RTLD_GLOBAL)]
    assert requirements_of(setting.wheels.outputs["user1"]) == ["one", "one==1.*,>=1.0"]


def test_what_was_written(setting: Setting) -> None:
    foo, bar = setting.file("one", "libnw_one__foo.dylib"), setting.file("user1", "_bar.so")
    assert foo.identity == "@rpath/libnw_one__foo.dylib"
    assert {"_nw_one__foo_add", "_nw_one__foo_own", "_nw_one__foo_counter"} <= foo.exports.keys()
    assert not [name for name in foo.exports if not name.startswith("_nw_one__")]
    assert [(dylib.name, dylib.kind) for dylib in bar.dylibs if "foo" in dylib.name] == [("@rpath/libnw_one__foo.dylib", "weak")]
    assert {bind.ordinal for bind in bar.fixups.binds if "foo" in bind.name} == {-2}
    assert sorted(path.name for path in setting.wheels.folders["one"].glob("one/lib/*")) == ["libfoo.tbd", "libnw_one__foo.dylib"]
    assert "Root-Is-Purelib: false" in text_of(setting.wheels.outputs["one"], "WHEEL")
    tags = {path.name.partition("-")[2] for path in setting.wheels.outputs.values()}
    assert tags == {f"1.0-{python}-macosx_11_0_{setting.samples.arch}.whl" for python in ("py3-none", "cp38-abi3")}


@pytest.mark.parametrize("first", [1, 2])
def test_two_providers_of_one_name(setting: Setting, first: int) -> None:
    """Equal names and equal symbols in one process: each module has its own library, whoever comes first."""
    modules = {number: setting.load(f"user{number}._bar", f"user{number}", name) for number, name in _from(first, {1: "one", 2: "two"})}
    assert [modules[number].bar_version() for number in (1, 2)] == [1, 2]
    assert [modules[number].bar_count() for number in (1, 2, 1)] == [101, 201, 102]
    assert [modules[number].bar_pointed(5) for number in (1, 2)] == [1006, 2006]
    assert setting.mac.images("libnw_one__foo.dylib", "libnw_two__foo.dylib") == [f"libnw_{name}__foo.dylib" for name in _order(first)]


def _from(first: int, names: dict[int, str]) -> list[tuple[int, str]]:
    return sorted(names.items(), reverse=first == 2)


def _order(first: int) -> list[str]:
    return ["one", "two"][:: 1 if first == 1 else -1]


def test_unrepaired_copy_in_the_process(setting: Setting) -> None:
    """A library of the old name and symbols that somebody has loaded for everybody takes nothing away."""
    setting.mac.python.dlopen(setting.samples.foo(3), RTLD_NOW | RTLD_GLOBAL)
    plain = setting.mac.python.dlopen(setting.samples.bar())
    bar = setting.load("user1._bar", "user1", "one")
    assert [bar.bar_version(), setting.mac.python.call(setting.mac.python.dlsym(plain, "bar_version"))] == [1, 3]


def test_namespace_packages(setting: Setting) -> None:
    """The modules are in two distributions that share a namespace, each with a provider of its own."""
    one = setting.load("space._bar", "space1", "space2", "one", "two")
    two = setting.load("space.deep._bar")
    assert [one.bar_version(), two.bar_version(), one.bar_own(), two.bar_own()] == [1, 2, 2, 3]
    assert sorted(path.name for path in setting.wheels.folders["space1"].glob("space/*.*")) == ["_bar._nw.so", "_bar.py"]
    assert one.__spec__ is not None
    assert one.__spec__.origin == str(setting.wheels.file("space1", "_bar._nw.so"))


def test_top_level_module(setting: Setting) -> None:
    bar = setting.load("_bar", "top2", "two")
    assert [bar.bar_version(), bar.bar_own_there()] == [2, 2]
    assert sorted(path.name for path in setting.wheels.folders["top2"].glob("*.*") if path.is_file()) == ["_bar._nw.so", "_bar.py"]


@pytest.mark.parametrize(("distribution", "module"), [("user1", "user1._bar"), ("space1", "space._bar"), ("inner", "inner._outer")])
def test_absent_provider(setting: Setting, distribution: str, module: str) -> None:
    """The shim says whom to install; without it dyld says what is missing."""
    with pytest.raises(ImportError) as caught:
        setting.load(module, distribution)
    assert f"{distribution} 1.0 needs one==1.*,>=1.0, but it was not found" in str(caught.value)
    assert 'python -m pip install "one==1.*,>=1.0"' in str(caught.value)
    assert caught.value.name == "nw_one"
    with pytest.raises(ImportError, match=r"symbol not found in flat namespace '_nw_one__foo_\w+'"):
        setting.load(module, **WITHOUT_SHIM)


def test_provider_that_is_loaded_locally(setting: Setting) -> None:
    """Why the shim says RTLD_GLOBAL, and that it can still say so later."""
    path = setting.wheels.file("one", "libnw_one__foo.dylib")
    setting.mac.python.dlopen(path, RTLD_NOW | RTLD_LOCAL)
    with pytest.raises(ImportError, match=r"symbol not found in flat namespace '_nw_one__foo_\w+'"):
        setting.load("user1._bar", "user1", "one", **WITHOUT_SHIM)
    setting.mac.forget()
    assert setting.load("user1._bar").bar_version() == 1


def test_damaged_provider(setting: Setting, tmp_path: Path) -> None:
    """The shim says which file of which distribution it is."""
    broken = tmp_path / "one"
    for path in setting.wheels.folders["one"].rglob("*"):
        if path.is_file() and path.suffix != ".dylib":
            target = broken / path.relative_to(setting.wheels.folders["one"])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    setting.mac.path.append(broken)
    with pytest.raises(ImportError, match=r"one 1\.0 cannot load .*libnw_one__foo\.dylib .*no such file.*--force-reinstall"):
        setting.load("user1._bar", "user1")


def test_provider_of_a_provider(setting: Setting) -> None:
    """And a module that uses both, whose libraries are one set in the process."""
    outer = setting.load("pair._outer", "pair", "mids", "one")
    assert [outer.outer_version(), outer.outer_foo(), outer.outer_data()] == [101, 1, 1001]
    assert [outer.outer_count(), outer.outer_foo_count(), outer.outer_count()] == [101, 102, 103]
    assert setting.mac.ctypes.opened == [("libnw_one__foo.dylib", RTLD_GLOBAL), ("libnw_mids__mid.dylib", RTLD_GLOBAL)]
    assert "one==1.*,>=1.0" in requirements_of(setting.wheels.outputs["mids"])


def test_provider_of_a_provider_is_absent(setting: Setting) -> None:
    setting.mac.path += setting.wheels.only("mids")
    with pytest.raises(ImportError, match=r"mids 1\.0 needs one==1\.\*,>=1\.0, but it was not found"):
        setting.mac.load_libraries("mids")


def test_library_of_the_consumer(setting: Setting) -> None:
    """One that the wheel has for itself uses the provider."""
    outer = setting.load("inner._outer", "inner", "one")
    assert [outer.outer_version(), outer.outer_count(), outer.outer_data()] == [101, 101, 1001]
    assert setting.mac.images("libinner.dylib", "libnw_one__foo.dylib") == ["libnw_one__foo.dylib", "libinner.dylib"]


def test_vendored_library(setting: Setting) -> None:
    """One that was copied from the host uses the provider."""
    outer = setting.load("vendor._outer", "vendor", "one")
    assert [outer.outer_version(), outer.outer_count(), outer.outer_data()] == [101, 101, 1001]
    (library,) = setting.wheels.folders["vendor"].rglob("libhost-*.dylib")
    file = setting.file("vendor", library.name)
    assert file.identity == f"@rpath/{library.name}"
    assert ("@rpath/libnw_one__foo.dylib", "weak") in file.dylibs
    assert (f"@loader_path/../vendor.libs/{library.name}", "load") in setting.file("vendor", "_outer.so").dylibs


def test_unique_install_names(setting: Setting) -> None:
    """The other binding: symbols and two-level namespace stay, and equal plain names meet in one process nevertheless."""
    modules = [setting.load(f"nuser{number}._bar", f"nuser{number}", f"named{number}") for number in (3, 4)]
    assert [bar.bar_version() for bar in modules] == [3, 4]
    assert [bar.bar_count() for bar in modules] == [301, 401]
    assert [bar.bar_own() for bar in modules] == [4, 5]
    assert setting.mac.ctypes.opened == [(f"libnw_named{number}__foo.dylib", RTLD_LOCAL) for number in (3, 4)]
    bar = setting.file("nuser3", "_bar.so")
    assert ("@rpath/libnw_named3__foo.dylib", "load") in bar.dylibs
    assert {bind.ordinal for bind in bar.fixups.binds if bind.name == "_foo_add"} == {
        [dylib.name for dylib in bar.dylibs].index("@rpath/libnw_named3__foo.dylib") + 1
    }


def test_unique_install_name_of_an_absent_provider(setting: Setting) -> None:
    with pytest.raises(ImportError, match=r"nuser3 1\.0 needs named3==1\.\*,>=1\.0, but it was not found"):
        setting.load("nuser3._bar", "nuser3")
    with pytest.raises(ImportError, match=r"Library not loaded: @rpath/libnw_named3__foo\.dylib"):
        setting.load("nuser3._bar", **WITHOUT_SHIM)


def test_everything_at_once(setting: Setting) -> None:
    """All wheels in one process."""
    setting.mac.path += setting.wheels.folders.values()
    modules = {
        name: setting.load(f"{name}.{module}").__getattr__(f"{module[1:]}_version")()
        for name, module in {"user1": "_bar", "nuser3": "_bar", "pair": "_outer", "inner": "_outer", "userless": "_bar", "bazzer": "_baz"}.items()
    }
    assert modules == {"user1": 1, "nuser3": 3, "pair": 101, "inner": 101, "userless": 1, "bazzer": 12}


def test_second_repair(setting: Setting, tmp_path: Path) -> None:
    """There is nothing left to do: the wheels are copied as they are."""
    inputs = [setting.wheels.outputs[name] for name in ("one", "user1", "vendor", "nuser3")]
    outcomes = nativewheel.repair(inputs, wheel_dir=tmp_path)
    assert [outcome.output.read_bytes() for outcome in outcomes] == [path.read_bytes() for path in inputs]


def test_dyld_is_asked_by_the_stand_in(setting: Setting) -> None:
    """The test's own doubt: the unrepaired modules do not load where no library is."""
    with pytest.raises(DyldError, match="Library not loaded: @rpath/libfoo"):
        setting.mac.python.dlopen(setting.samples.bar())


def test_wheels_of_the_fixtures(tmp_path: Path) -> None:
    """Three wheels of the provider and three of the consumer, each of which goes with two of the provider's."""
    folders = repaired_fixtures(tmp_path)
    for tag, cpu in (("arm64", "arm64"), ("x86_64", "x86_64"), ("universal2", "arm64"), ("universal2", "x86_64")):
        for other in (cpu, "universal2"):
            with machine(cpu) as mac:
                mac.path += [folders["ntuser", tag], folders["ntcore", other]]
                ntuser = mac.load("ntuser")
                assert [ntuser.add(20, 22), ntuser.version(), ntuser.as_built()] == [42, "1.2.7", True]


def repaired_fixtures(folder: Path) -> dict[tuple[str, str], Path]:
    """Repair them in one call and install each in a folder of its own."""
    nativewheel.repair(FIXTURES, wheel_dir=folder / "out", config=config(folder, export("ntcore")))
    places = {(path.name.partition("-")[0], path.stem.partition("macosx_11_0_")[2]): path for path in (folder / "out").glob("*.whl")}
    assert places.keys() == {(name, arch) for name in ("ntcore", "ntuser") for arch in (*ARCHS, "universal2")}
    return {key: unpacked(path, folder / "-".join(key)) for key, path in places.items()}
