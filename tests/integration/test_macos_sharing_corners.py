"""Rarer ways to share libraries between wheels for macOS, in an emulated process of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from machoemulator import RTLD_GLOBAL, RTLD_LOCAL
from machosamples import ARCHS, LC_LOAD_UPWARD_DYLIB, Samples, join_universal, kinds, linkers, sample_folder
from macshares import Mac, machine
from macsharewheels import Setting, consumer, export, provider, repaired
from macwheels import with_minimum
from sharedwheels import config, requirements_of

import nativewheel
from nativewheel.errors import LinkageError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KINDS = (
    ("zig", "arm64", "arm64"),
    ("opcodes", "x86_64", "x86_64"),
    ("opcodes", "universal2", "arm64"),
    ("chains", "arm64", "arm64"),
    ("chains", "universal2", "x86_64"),
)


class Corner:
    """Samples, a Python, and a folder to repair wheels in."""

    def __init__(self, samples: Samples, mac: Mac, folder: Path) -> None:
        self.samples, self.mac, self.folder = samples, mac, folder

    def provider(self, name: str, *libraries: Path, files: dict[str, bytes] | None = None, requires: Iterable[str] = ()) -> Path:
        return provider(self.folder / "dist", self.samples.arch, name, *libraries, files=files, requires=requires)

    def consumer(self, name: str, module: Path, *requires: str, files: dict[str, bytes] | None = None) -> Path:
        return consumer(self.folder / "dist", self.samples.arch, name, module, *requires, files=files)

    def repaired(self, *wheels: Path, parts: tuple[str, ...], **options: object) -> Setting:
        """Repair wheels and put all of them on the path."""
        result = repaired(wheels, self.folder, *parts, **options)
        self.mac.path += result.folders.values()
        return Setting(self.samples, result, self.mac)


@pytest.fixture(params=KINDS, ids="-".join)
def corner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Corner]:
    linker, arch, cpu = request.param
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    with machine(cpu) as mac:
        yield Corner(Samples(linker=linker, arch=arch, folder=sample_folder(tmp_path_factory)), mac, tmp_path)


def test_provider_with_modules_of_its_own(corner: Corner) -> None:
    """They stay bound to the library by its place, and have its new symbols."""
    mixed = corner.consumer(
        "mixed", corner.samples.bar("-rpath", "@loader_path/lib"), files={"mixed/lib/libfoo.dylib": corner.samples.foo().read_bytes()}
    )
    setting = corner.repaired(mixed, corner.consumer("user", corner.samples.bar(), "mixed"), parts=(export("mixed"),))
    assert ("@loader_path/lib/libnw_mixed__foo.dylib", "load") in setting.file("mixed", "_bar.so").dylibs
    own, user = corner.mac.load("mixed._bar"), corner.mac.load("user._bar")
    assert [own.bar_count(), user.bar_count(), own.bar_count()] == [101, 102, 103]
    assert corner.mac.ctypes.opened == [("libnw_mixed__foo.dylib", RTLD_GLOBAL)]
    assert setting.wheels.outputs["mixed"].name.startswith("mixed-1.0-cp38-abi3-macosx")


def test_library_under_several_names(corner: Corner) -> None:
    """A build that follows symbolic links leaves two files; one stays, and the stub has the name without the number."""
    library, module = corner.samples.numbered()
    files = {"one/lib/libfoo.dylib": library.read_bytes(), "one/lib/libfoo.1.0.dylib": library.read_bytes()}
    setting = corner.repaired(corner.provider("one", library, files=files), corner.consumer("user", module), parts=(export("one"),))
    names = sorted(path.name for path in setting.wheels.folders["one"].glob("one/lib/*"))
    assert names == ["libfoo.tbd", "libnw_one__foo.1.dylib"]
    assert corner.mac.load("user._bar").bar_version() == 5


def test_abi_series(corner: Corner) -> None:
    wheels = (corner.provider("one", corner.samples.foo()), corner.consumer("user", corner.samples.bar()))
    setting = corner.repaired(*wheels, parts=(export("one", abi="2"),))
    assert "_nw_one_abi2__foo_add" in setting.file("one", "libnw_one_abi2__foo.dylib").exports
    assert corner.mac.load("user._bar").bar_version() == 1


@pytest.mark.parametrize("binding", ["flat", "install-name"])
def test_weak_definitions_with_names_of_their_own(corner: Corner, binding: str) -> None:
    """The library and the module have a counter each, where they otherwise share one."""
    wheels = (corner.provider("one", corner.samples.shape()), corner.consumer("user", corner.samples.drawing(), "one"))
    setting = corner.repaired(*wheels, parts=(export("one", binding=binding, uniquify=True, rename_weak=True),))
    exports = setting.file("one", "libnw_one__shape.dylib").exports
    assert [name for name, item in exports.items() if item.weak and "nw_one" not in name] == []
    assert any(item.weak for item in exports.values())
    drawing = corner.mac.load("user._drawing")
    assert [drawing.drawing_area(), drawing.drawing_is_circle(), drawing.drawing_counted()] == [9, 28, 11]


def test_plain_names(corner: Corner) -> None:
    """An export that keeps its name is bound by that."""
    wheels = (corner.provider("one", corner.samples.foo()), corner.consumer("user", corner.samples.bar(), "one"))
    setting = corner.repaired(*wheels, parts=(export("one", rename=False),))
    assert ("@rpath/libfoo.dylib", "load") in setting.file("user", "_bar.so").dylibs
    assert corner.mac.load("user._bar").bar_version() == 1
    assert corner.mac.ctypes.opened == [("libfoo.dylib", RTLD_LOCAL)]


def test_bindings_of_a_chain_differ(corner: Corner) -> None:
    """A library that is bound by its install name needs one that is bound in the flat namespace, and the other way round."""
    samples = corner.samples
    wheels = [
        *(corner.provider(name, samples.foo(version)) for name, version in (("flat", 1), ("named", 2))),
        *(corner.provider(name, samples.mid(name), requires=[needs]) for name, needs in (("onflat", "flat"), ("onnamed", "named"))),
        *(corner.consumer(f"user{name}", samples.outer(name), name) for name in ("onflat", "onnamed")),
    ]
    parts = (export("flat"), export("onflat", binding="install-name"), export("named", binding="install-name"), export("onnamed"))
    corner.repaired(*wheels, parts=parts)
    for number, name in ((1, "onflat"), (2, "onnamed")):
        outer = corner.mac.load(f"user{name}._outer")
        assert [outer.outer_version(), outer.outer_count(), outer.outer_data()] == [100 + number, 100 * number + 1, 1001]
    assert corner.mac.ctypes.opened == [
        ("libnw_flat__foo.dylib", RTLD_GLOBAL),
        ("libnw_onflat__onflat.dylib", RTLD_LOCAL),
        ("libnw_named__foo.dylib", RTLD_LOCAL),
        ("libnw_onnamed__onnamed.dylib", RTLD_GLOBAL),
    ]


def test_ring_under_unique_install_names(corner: Corner) -> None:
    wheels = (corner.provider("rings", *corner.samples.ring()), corner.consumer("user", corner.samples.ringer()))
    corner.repaired(*wheels, parts=(export("rings", binding="install-name"),))
    ringer = corner.mac.load("user._ringer")
    assert [ringer.ringer_left(), ringer.ringer_right()] == [21, 12]
    assert len([image for image in corner.mac.python.images if "rings" in image.path]) == 2


def test_upward_dependency(corner: Corner) -> None:
    wheels = (corner.provider("one", corner.samples.foo()), corner.consumer("user", corner.samples.bar_by(LC_LOAD_UPWARD_DYLIB), "one"))
    setting = corner.repaired(*wheels, parts=(export("one"),))
    assert ("@rpath/libnw_one__foo.dylib", "weak") in setting.file("user", "_bar.so").dylibs
    assert corner.mac.load("user._bar").bar_version() == 1


@pytest.mark.parametrize("corner", [kind for kind in KINDS if kind[1] in ARCHS], ids="-".join, indirect=True)
def test_provider_for_later_systems(corner: Corner) -> None:
    """The consumer's tag stays, and a warning says that the provider is not for all of its systems."""
    later = corner.folder / "libfoo.dylib"
    later.write_bytes(with_minimum(corner.samples.foo().read_bytes(), "13.0"))
    wheels = [corner.provider("one", later), corner.consumer("user", corner.samples.bar(), "one")]
    outcomes = nativewheel.repair(wheels, wheel_dir=corner.folder / "out", config=config(corner.folder, export("one")))
    one, user = (outcome.output.name for outcome in outcomes)
    assert one == f"one-1.0-py3-none-macosx_13_0_{corner.samples.arch}.whl"
    assert user == wheels[1].name
    assert outcomes[1].plan.warnings == (f"{user} is for systems that cannot install {one}, its provider: it promises too much there",)


def test_jobs_and_order_make_no_difference(corner: Corner) -> None:
    wheels = [corner.consumer("user", corner.samples.bar(), "one"), corner.provider("one", corner.samples.foo())]
    made = []
    for jobs, order in ((1, wheels), (4, wheels[::-1])):
        folder = corner.folder / str(jobs)
        nativewheel.repair(order, wheel_dir=folder, jobs=jobs, config=config(corner.folder, export("one")))
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0] == made[1]
    assert made[0].keys() == {path.name for path in wheels}


def test_names_that_are_passed_on_from_a_library_of_the_wheel_alone(corner: Corner) -> None:
    """The exported library has names of another one that keeps its names, and is found beside it."""
    part = export("fronts").replace("*.dylib", "libfront.dylib")
    wheels = (corner.provider("fronts", corner.samples.front(), corner.samples.foo(2)), corner.consumer("user", corner.samples.baz()))
    setting = corner.repaired(*wheels, parts=(part,))
    assert sorted(path.name for path in setting.wheels.folders["fronts"].glob("fronts/lib/*")) == [
        "libfoo.dylib",
        "libfront.tbd",
        "libnw_fronts__front.dylib",
    ]
    baz = corner.mac.load("user._baz")
    assert [baz.baz_version(), baz.baz_alias(5), baz.baz_add(5, 6)] == [12, -5, 2011]


def test_provider_with_a_vendored_library(corner: Corner) -> None:
    """What the exported library needs of the build host is copied for it, and keeps its symbols."""
    host = corner.folder / "host"
    host.mkdir()
    shutil.copy(corner.samples.foo(2), host)
    wheels = (corner.provider("mids", corner.samples.mid("mid", "-headerpad", "64")), corner.consumer("user", corner.samples.outer()))
    setting = corner.repaired(*wheels, parts=(export("mids"),), lib_path=[host])
    (library,) = setting.wheels.folders["mids"].glob("mids.libs/libfoo-*.dylib")
    assert "_foo_version" in setting.file("mids", library.name).exports
    outer = corner.mac.load("user._outer")
    assert [outer.outer_version(), outer.outer_count()] == [102, 201]
    assert corner.mac.ctypes.opened == [("libnw_mids__mid.dylib", RTLD_GLOBAL)]


def test_library_in_the_consumer_too(corner: Corner) -> None:
    """A wheel that has the library itself, and does not say that somebody else supplies it, keeps to its own."""
    own = {"user/lib/libfoo.dylib": corner.samples.foo(2).read_bytes()}
    wheels = (corner.provider("one", corner.samples.foo()), corner.consumer("user", corner.samples.bar("-rpath", "@loader_path/lib"), files=own))
    setting = corner.repaired(*wheels, parts=(export("one"),))
    assert corner.mac.load("user._bar").bar_version() == 2
    assert requirements_of(setting.wheels.outputs["user"]) == []


def slices_of(target: Path, *images: Path) -> Path:
    """Join an image for x86_64 and one for arm64."""
    target.parent.mkdir(parents=True)
    target.write_bytes(join_universal([path.read_bytes() for path in images]))
    return target


for_both = pytest.mark.parametrize("corner", [kind for kind in kinds("zig", "opcodes") if kind[1] == "universal2"], ids="-".join, indirect=True)


@for_both
def test_slices_with_other_dependencies(corner: Corner) -> None:
    """The module needs one of the libraries for arm64 only."""
    intel, arm = (Samples(linker=corner.samples.linker, arch=arch, folder=corner.samples.folder) for arch in ARCHS)
    module = slices_of(corner.folder / "slices" / "_outer.so", intel.outer(), arm.outer(foo=True))
    wheels = (
        corner.provider("one", corner.samples.foo()),
        corner.provider("mids", corner.samples.mid(), requires=["one"]),
        corner.consumer("user", module, "one", "mids"),
    )
    corner.repaired(*wheels, parts=(export("one"), export("mids")))
    outer = corner.mac.load("user._outer")
    assert outer.outer_version() == 101
    assert corner.mac.python.arch == "x86_64" or outer.outer_foo() == 1


@for_both
def test_slices_with_other_symbols(corner: Corner) -> None:
    """What the module wants weakly is in the slice for x86_64 only."""
    intel, arm = (Samples(linker=corner.samples.linker, arch=arch, folder=corner.samples.folder) for arch in ARCHS)
    library = slices_of(corner.folder / "slices" / "libfoo.dylib", intel.foo(), arm.foo(less=True))
    corner.repaired(corner.provider("one", library), corner.consumer("user", corner.samples.bar(), "one"), parts=(export("one"),))
    assert corner.mac.load("user._bar").bar_maybe() == (51 if corner.mac.python.arch == "x86_64" else -1)


by_lld = pytest.mark.parametrize("corner", [kind for kind in KINDS if kind[0] != "zig"], ids="-".join, indirect=True)


@by_lld
@pytest.mark.parametrize("binding", ["flat", "install-name"])
def test_programs(corner: Corner, binding: str) -> None:
    """Nothing loads a library for a program beforehand: it is refused, or gets a copy from the build host of its own."""
    host = corner.folder / "host"
    host.mkdir()
    shutil.copy(corner.samples.foo(2), host)
    script = {"user-1.0.data/scripts/prog": corner.samples.program().read_bytes()}
    wheels = (corner.provider("one", corner.samples.foo()), corner.consumer("user", corner.samples.bar(), "one", files=script))
    with pytest.raises(LinkageError, match=r"scripts/prog: the program needs a library of another wheel"):
        corner.repaired(*wheels, parts=(export("one", binding=binding),), lib_path=[host])
    setting = corner.repaired(*wheels, parts=(export("one", binding=binding, executables="vendor"),), lib_path=[host])
    assert corner.mac.load("user._bar").bar_version() == 1
    (program,) = (path for path in setting.wheels.folders["user"].rglob("prog") if "user-1.0.data" not in path.parts)
    assert corner.mac.python.call(corner.mac.python.dlsym(corner.mac.python.dlopen(program), "main")) == 2003


@pytest.mark.parametrize("given", ["wheel", "folder of wheels", "installed"])
def test_ways_to_give_the_provider(corner: Corner, given: str) -> None:
    before = repaired([corner.provider("one", corner.samples.foo())], corner.folder / "before", export("one"))
    place = {"wheel": before.outputs["one"], "folder of wheels": before.outputs["one"].parent, "installed": before.folders["one"]}[given]
    setting = corner.repaired(corner.consumer("user", corner.samples.bar(), "one"), parts=(), provider=[place])
    corner.mac.path += before.folders.values()
    assert requirements_of(setting.wheels.outputs["user"]) == ["one", "one==1.*,>=1.0"]
    assert corner.mac.load("user._bar").bar_version() == 1


@pytest.mark.parametrize("binding", ["flat", "install-name"])
def test_library_that_passes_another_on(corner: Corner, binding: str) -> None:
    """The consumer is linked with the one that re-exports the other, and knows nothing of that."""
    front, baz = corner.samples.umbrella()
    wheels = (corner.provider("fronts", front, corner.samples.foo(2)), corner.consumer("user", baz))
    corner.repaired(*wheels, parts=(export("fronts", binding=binding),))
    module = corner.mac.load("user._baz")
    assert [module.baz_version(), module.baz_add(5, 6)] == [12, 2011]


def test_symbols_that_only_a_sibling_asks_for_by_name(corner: Corner) -> None:
    """The module was linked without the library: it finds it because its sibling brings it, until the symbols have other names."""
    inner = {"user/libinner.dylib": corner.samples.mid("inner").read_bytes()}
    wheels = (corner.provider("one", corner.samples.foo()), corner.consumer("user", corner.samples.bar_flat(), "one", files=inner))
    with pytest.raises(LinkageError, match="foo_add"):
        corner.repaired(*wheels, parts=(export("one"),))


@for_both
@pytest.mark.parametrize("binding", ["flat", "install-name"])
def test_slice_that_lacks_a_symbol(corner: Corner, binding: str) -> None:
    """The library has what the module wants for arm64 only."""
    intel, arm = (Samples(linker=corner.samples.linker, arch=arch, folder=corner.samples.folder) for arch in ARCHS)
    library = slices_of(corner.folder / "slices" / "libfoo.dylib", intel.poor_foo(), arm.foo())
    wheels = (corner.provider("one", library), corner.consumer("user", corner.samples.bar(), "one"))
    with pytest.raises(ProviderError, match="_foo_add"):
        corner.repaired(*wheels, parts=(export("one", binding=binding),))
