"""Libraries and modules rewritten as a repair rewrites them run in the emulated dyld, as the shim loads them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from machobinding import DyldError
from machoemulator import RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW
from machofile import MH_BUNDLE, MachO, slice_for
from machopython import Python
from machosamples import ARCHS, LINKERS, Samples, linkers, sample_folder

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, FlatBinding, Identity
from nativewheel.formats.macho.writer import apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from machobinding import Loaded

WHEELS = Path(__file__).parents[2] / "fixtures" / "wheels"
KINDS = [(linker, arch, cpu) for linker in LINKERS for arch in (*ARCHS, "universal2") for cpu in ARCHS if arch in {cpu, "universal2"}]
LLD_KINDS = [kind for kind in KINDS if kind[0] != "zig"]
"""zig links no bundles, no flat namespace, and libraries in one way only."""
SHIM_MODE = RTLD_NOW | RTLD_GLOBAL
Renames = tuple[tuple[str, str], ...]


class Provider(NamedTuple):
    """A rewritten library: its name, and what its symbols are now called."""

    path: Path
    old: Identity
    identity: Identity
    renames: Renames


class Setting(NamedTuple):
    """Samples, the process that they are loaded into, and a folder where each wheel has its own."""

    samples: Samples
    python: Python
    folder: Path

    def file(self, path: Path) -> MachO:
        return MachO(slice_for(path.read_bytes(), self.python.arch))

    def provider(self, name: str, source: Path, *edits: FlatBinding) -> Provider:
        """Rewrite a library with symbols of its own."""
        file = self.file(source)
        identity = Identity(f"@rpath/libnw_{name}__{source.name.removeprefix('lib')}")
        renames = tuple((symbol, f"_nw_{name}_{symbol}") for symbol, export in file.exports.items() if not export.weak)
        path = self.target(name, identity.rpartition("/")[2])
        apply(source, Edit(identity=identity, rename_symbols=renames, flat=edits), path)
        assert file.identity
        return Provider(path=path, old=Identity(file.identity), identity=identity, renames=renames)

    def consumer(self, name: str, source: Path, *providers: Provider) -> Path:
        """Rewrite a module so that it is bound to rewritten libraries."""
        path = self.target(name, source.name)
        apply(source, Edit(flat=tuple(binding(provider) for provider in providers)), path)
        return path

    def target(self, name: str, leaf: str) -> Path:
        path = self.folder / name / leaf
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def load(self, *paths: Path) -> Sequence[Loaded]:
        """Load providers as the shim does."""
        return [self.python.dlopen(path, SHIM_MODE) for path in paths]

    def call(self, image: Loaded, name: str, *arguments: int) -> int:
        return self.python.call(self.python.dlsym(image, name), *arguments)


def binding(provider: Provider) -> FlatBinding:
    return FlatBinding(dependency=provider.old, identity=provider.identity, renames=provider.renames)


@pytest.fixture(params=KINDS, ids="-".join)
def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Setting:
    linker, arch, cpu = request.param
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    return Setting(Samples(linker=linker, arch=arch, folder=sample_folder(tmp_path_factory)), Python(cpu), tmp_path)


def test_two_providers_of_one_name(setting: Setting) -> None:
    """Each module has the library that it was repaired with, whatever the order."""
    one, two = (setting.provider(name, setting.samples.foo(version)) for name, version in (("one", 1), ("two", 2)))
    bars = [setting.consumer(f"user{index}", setting.samples.bar(), provider) for index, provider in enumerate((one, two))]
    setting.load(two.path, one.path)
    first, second = (setting.python.dlopen(bar) for bar in bars)
    assert [setting.call(bar, "bar_version") for bar in (first, second)] == [1, 2]
    assert [setting.call(bar, "bar_add", 20, -3) for bar in (first, second)] == [1017, 2017]
    assert [setting.call(bar, "bar_pointed", 5) for bar in (first, second)] == [1006, 2006]
    assert [setting.call(bar, "bar_length", setting.python.cpu.put(b"abc")) for bar in (first, second)] == [3, 3]
    assert [setting.call(bar, "bar_count") for bar in (first, second, first)] == [101, 201, 102]


def test_unmodified_library_beside(setting: Setting) -> None:
    """A copy of the library that somebody else loads first takes nothing away, nor does a module that still wants that one."""
    plain, plain_bar = setting.python.dlopen(setting.samples.foo(3)), setting.python.dlopen(setting.samples.bar())
    provider = setting.provider("one", setting.samples.foo(1))
    setting.load(provider.path)
    bar = setting.python.dlopen(setting.consumer("user", setting.samples.bar(), provider))
    assert setting.call(plain, "foo_version") == 3
    assert [setting.call(image, "bar_version") for image in (plain_bar, bar)] == [3, 1]


def test_library_itself(setting: Setting) -> None:
    provider = setting.provider("one", setting.samples.foo(2))
    (foo,) = setting.load(provider.path)
    assert setting.call(foo, "nw_one__foo_calls_itself", 4) == 2008
    assert setting.call(foo, "nw_one__foo_version") == 2
    with pytest.raises(DyldError, match="symbol 'foo_version' not found"):
        setting.python.dlsym(foo, "foo_version")


def test_absent_provider(setting: Setting) -> None:
    provider = setting.provider("one", setting.samples.foo())
    bar = setting.consumer("user", setting.samples.bar(), provider)
    with pytest.raises(DyldError, match=r"symbol not found in flat namespace '_nw_one__foo_\w+'"):
        setting.python.dlopen(bar)


def test_provider_loaded_locally(setting: Setting) -> None:
    """Why the shim says RTLD_GLOBAL: ctypes passes RTLD_LOCAL."""
    provider = setting.provider("one", setting.samples.foo())
    bar = setting.consumer("user", setting.samples.bar(), provider)
    setting.python.dlopen(provider.path, RTLD_NOW | RTLD_LOCAL)
    with pytest.raises(DyldError, match=r"symbol not found in flat namespace '_nw_one__foo_\w+'"):
        setting.python.dlopen(bar)
    setting.load(provider.path)
    assert setting.call(setting.python.dlopen(bar), "bar_version") == 1


def test_weak_imports(setting: Setting) -> None:
    full = setting.provider("full", setting.samples.foo(1))
    bar = setting.consumer("user", setting.samples.bar(), full)
    setting.load(full.path)
    image = setting.python.dlopen(bar)
    assert [setting.call(image, name) for name in ("bar_maybe", "bar_maybe_data")] == [51, 61]


def test_absent_weak_imports(setting: Setting) -> None:
    full = setting.provider("one", setting.samples.foo(1))
    bar = setting.consumer("user", setting.samples.bar(), full)
    full.path.unlink()
    setting.load(setting.provider("one", setting.samples.foo(1, less=True)).path)
    image = setting.python.dlopen(bar)
    assert [setting.call(image, name) for name in ("bar_maybe", "bar_maybe_data")] == [-1, -1]
    assert setting.call(image, "bar_version") == 1


@pytest.mark.parametrize("setting", LLD_KINDS, ids="-".join, indirect=True)
def test_weakly_linked_library(setting: Setting) -> None:
    """A module that can do without the library still can."""
    provider = setting.provider("one", setting.samples.foo())
    source = setting.samples.bar(how=("-weak_library",))
    assert [dylib.kind for dylib in setting.file(source).dylibs if "foo" in dylib.name] == ["weak"]
    path = setting.consumer("user", source, provider)
    assert setting.call(setting.python.dlopen(path), "bar_maybe") == -1
    later = Python(setting.python.arch)
    later.dlopen(provider.path, SHIM_MODE)
    assert later.call(later.dlsym(later.dlopen(path), "bar_maybe")) == 51


def test_addends(setting: Setting) -> None:
    provider = setting.provider("one", setting.samples.foo(2))
    setting.load(provider.path)
    bar = setting.python.dlopen(setting.consumer("user", setting.samples.bar(far=True), provider))
    assert setting.call(bar, "bar_near") == 3
    if setting.samples.linker == "zig":  # zig 0.17 writes the first addend for the others too
        return
    assert setting.call(bar, "bar_middle") == 2000
    assert setting.python.call_long(setting.python.dlsym(bar, "bar_far")) == 0x123456789


def test_thread_local_variables(setting: Setting) -> None:
    one, two = (setting.provider(name, setting.samples.foo(version)) for name, version in (("one", 1), ("two", 20)))
    setting.load(one.path, two.path)
    first, second = (
        setting.python.dlopen(setting.consumer(f"user_{provider.path.stem}", setting.samples.bar(), provider)) for provider in (one, two)
    )
    assert [setting.call(bar, "bar_own") for bar in (first, first, second)] == [2, 3, 21]
    assert [setting.call(bar, "bar_own_there") for bar in (first, second)] == [3, 21]
    setting.python.thread = 1
    assert [setting.call(bar, "bar_own_there") for bar in (first, second)] == [1, 20]


def test_type_information(setting: Setting) -> None:
    """Weak definitions keep their names, so that dynamic_cast works across the border; the type of a class with a key function is renamed."""
    provider = setting.provider("one", setting.samples.shape())
    assert not [old for old, _ in provider.renames if "Square" in old]
    assert "__ZTI6Circle" in dict(provider.renames)
    setting.load(provider.path)
    drawing = setting.python.dlopen(setting.consumer("user", setting.samples.drawing(), provider))
    assert setting.call(drawing, "drawing_area") == 9
    assert setting.call(drawing, "drawing_is_square") == 3
    assert setting.call(drawing, "drawing_is_circle") == 28
    assert setting.call(drawing, "drawing_counted") in {21, 12}


def test_two_providers_share_inline_variables(setting: Setting) -> None:
    """The price of leaving weak definitions alone."""
    providers = [setting.provider(name, setting.samples.shape()) for name in ("one", "two")]
    setting.load(*(provider.path for provider in providers))
    first, second = (setting.python.dlopen(setting.consumer(f"user{index}", setting.samples.drawing(), one)) for index, one in enumerate(providers))
    assert setting.call(first, "drawing_counted") in {21, 12}
    assert setting.call(second, "drawing_counted") in {43, 34}
    assert [setting.call(image, "drawing_is_square") for image in (first, second)] == [3, 3]


def test_reexported_names(setting: Setting) -> None:
    """The names of a re-export change, and not what they stand for: that is in a library of the same wheel that has its own names here."""
    foo = setting.target("one", "libnw_one__foo.dylib")
    apply(setting.samples.foo(2), Edit(identity=Identity("@loader_path/libnw_one__foo.dylib")), foo)
    front = setting.samples.front()
    renames = tuple((name, f"_nw_one_{name}") for name in setting.file(front).exports)
    path, identity = setting.target("one", "libnw_one__front.dylib"), Identity("@rpath/libnw_one__front.dylib")
    replace = ((Identity("@rpath/libfoo.dylib"), Identity("@loader_path/libnw_one__foo.dylib")),)
    apply(front, Edit(identity=identity, rename_symbols=renames, replace=replace), path)
    provider = Provider(path=path, old=Identity("@rpath/libfront.dylib"), identity=identity, renames=renames)
    setting.load(path)
    baz = setting.python.dlopen(setting.consumer("user", setting.samples.baz(), provider))
    assert setting.call(baz, "baz_version") == 12
    assert setting.call(baz, "baz_alias", 5) == -5
    assert setting.call(baz, "baz_add", 5, 6) == 2011


def test_reexports_of_a_renamed_library(setting: Setting) -> None:
    """Both libraries of a wheel have new names, and a re-export leads to the new one of what it stands for."""
    foo = setting.provider("one", setting.samples.foo(2))
    front = setting.samples.front()
    renames = tuple((name, f"_nw_one_{name}") for name in setting.file(front).exports)
    path, identity = setting.target("one", "libnw_one__front.dylib"), Identity("@rpath/libnw_one__front.dylib")
    there = Identity("@loader_path/libnw_one__foo.dylib")
    edit = Edit(identity=identity, rename_symbols=renames, replace=((foo.old, there),), rename_imports=((foo.old, foo.renames),))
    apply(front, edit, path)
    assert {export.imported for export in setting.file(path).exports.values()} <= {"", "_nw_one__foo_renamed", "_nw_one__foo_add"}
    setting.load(path)
    provider = Provider(path=path, old=Identity("@rpath/libfront.dylib"), identity=identity, renames=renames)
    baz = setting.python.dlopen(setting.consumer("user", setting.samples.baz(), provider))
    assert setting.call(baz, "baz_version") == 12
    assert setting.call(baz, "baz_alias", 5) == -5
    assert setting.call(baz, "baz_add", 5, 6) == 2011


def test_reexports_of_another_wheel(setting: Setting) -> None:
    """The flat namespace has no way to say them."""
    foo = setting.provider("one", setting.samples.foo())
    with pytest.raises(LinkageError, match="re-exported from a library of another wheel"):
        setting.consumer("user", setting.samples.front(), foo)


@pytest.mark.parametrize("setting", LLD_KINDS, ids="-".join, indirect=True)
def test_reexported_library(setting: Setting) -> None:
    source = setting.samples.bar(how=("-reexport_library",))
    with pytest.raises(LinkageError, match="reexport"):
        setting.consumer("user", source, setting.provider("one", setting.samples.foo()))


def test_unique_install_names(setting: Setting) -> None:
    """The other binding: the two-level namespace stays, and the unique name finds the library that the shim has loaded."""
    images = []
    for name, version in (("one", 1), ("two", 2)):
        identity, path = Identity(f"@rpath/libnw_{name}__foo.dylib"), setting.target(name, f"libnw_{name}__foo.dylib")
        apply(setting.samples.foo(version), Edit(identity=identity), path)
        bar = setting.target(f"user_{name}", "_bar.so")
        apply(setting.samples.bar(), Edit(replace=((Identity("@rpath/libfoo.dylib"), identity),)), bar)
        with pytest.raises(DyldError, match=f"Library not loaded: @rpath/libnw_{name}__foo.dylib"):
            setting.python.dlopen(bar)
        setting.python.dlopen(path, RTLD_NOW | RTLD_LOCAL)
        images.append(setting.python.dlopen(bar))
    assert [setting.call(bar, "bar_version") for bar in images] == [1, 2]
    assert [setting.call(bar, "bar_own") for bar in images] == [2, 3]


def test_vendored_library(setting: Setting) -> None:
    """What a repair without sharing writes."""
    path, bar = setting.target("wheel/x.libs", "libfoo-1a2b3c4d.dylib"), setting.target("wheel/x", "_bar.so")
    apply(setting.samples.foo(4), Edit(identity=Identity("@rpath/libfoo-1a2b3c4d.dylib")), path)
    name = Identity("@loader_path/../x.libs/libfoo-1a2b3c4d.dylib")
    source = setting.samples.bar("-rpath", "/usr/local/lib")
    apply(source, Edit(replace=((Identity("@rpath/libfoo.dylib"), name),), rpaths=()), bar)
    assert setting.file(bar).rpaths == []
    assert setting.call(setting.python.dlopen(bar), "bar_version") == 4


def test_libraries_that_need_each_other(setting: Setting) -> None:
    """Libraries of one wheel stay bound to each other, by their new names."""
    for name in ("one", "two"):
        paths = setting.samples.ring()
        renames = {path.name: tuple((symbol, f"_nw_{name}_{symbol}") for symbol in setting.file(path).exports) for path in paths}
        for path, other in (paths, paths[::-1]):
            there = Identity(f"@rpath/{other.name}")
            edit = Edit(
                identity=Identity(f"@rpath/nw_{name}_{path.name}"),
                rename_symbols=renames[path.name],
                replace=((there, Identity(f"@loader_path/{other.name}")),),
                rename_imports=((there, renames[other.name]),),
            )
            apply(path, edit, setting.target(name, path.name))
    lefts = [setting.python.dlopen(setting.target(name, "libleft.dylib")) for name in ("one", "two")]
    rights = setting.load(*(setting.target(name, "libright.dylib") for name in ("one", "two")))
    assert [setting.call(image, f"nw_{name}__left_sum") for name, image in zip(("one", "two"), lefts, strict=True)] == [21, 21]
    assert [setting.call(image, f"nw_{name}__right_sum") for name, image in zip(("one", "two"), rights, strict=True)] == [12, 12]
    assert len([image for image in setting.python.images if image.file]) == 4


def test_little_header_padding(setting: Setting) -> None:
    """The new names use the room of the old ones and 8 bytes more, and what does not fit is refused."""
    sources = (setting.samples.bar("-headerpad", "8", *more) for more in ((), ("-rpath", "/nowhere")))
    source = next(path for path in sources if setting.file(path).header_padding == 8)
    provider = setting.provider("o", setting.samples.foo())
    assert len(provider.identity) // 8 == len(provider.old) // 8 + 1
    setting.load(provider.path)
    assert setting.call(setting.python.dlopen(setting.consumer("user", source, provider)), "bar_version") == 1
    longer = provider._replace(identity=Identity(f"{provider.identity}{'x' * 8}"))
    with pytest.raises(LinkageError):
        setting.consumer("other", source, longer)


@pytest.mark.parametrize("setting", LLD_KINDS, ids="-".join, indirect=True)
def test_flat_namespace(setting: Setting) -> None:
    """A module that looks for everything everywhere gets its names of the one library that has them."""
    one, two = (setting.provider(name, setting.samples.foo(version, "-flat_namespace")) for name, version in (("one", 1), ("two", 2)))
    setting.load(one.path, two.path)
    first, second = (
        setting.python.dlopen(setting.consumer(f"user_{provider.path.stem}", setting.samples.bar("-flat_namespace"), provider))
        for provider in (one, two)
    )
    assert [setting.call(bar, "bar_version") for bar in (first, second)] == [1, 2]
    assert [setting.call(bar, "bar_own_there") for bar in (first, second)] == [1, 2]


@pytest.mark.parametrize("setting", LLD_KINDS, ids="-".join, indirect=True)
def test_flat_namespace_between_libraries_of_one_wheel(setting: Setting) -> None:
    """A library without two-level binding, as libtheora's in published wheels, finds its sibling's symbols by their new names."""
    foo = setting.provider("one", setting.samples.foo(2))
    bar = setting.target("one", "_bar.so")
    there = Identity(f"@loader_path/{foo.path.name}")
    edit = Edit(replace=((foo.old, there),), rename_imports=((foo.old, foo.renames),))
    apply(setting.samples.bar("-flat_namespace"), edit, bar)
    assert setting.call(setting.python.dlopen(bar), "bar_version") == 2


@pytest.mark.parametrize("setting", LLD_KINDS, ids="-".join, indirect=True)
def test_bundle(setting: Setting) -> None:
    provider = setting.provider("one", setting.samples.foo())
    bar = setting.consumer("user", setting.samples.bar("-bundle"), provider)
    assert setting.file(bar).filetype == MH_BUNDLE
    setting.load(provider.path)
    assert setting.call(setting.python.dlopen(bar), "bar_version") == 1


def test_signatures(setting: Setting) -> None:
    """Every image for arm64 has right page hashes (the emulated kernel looks); what was not signed for x86_64 stays so."""
    source = setting.samples.foo()
    before, after = (setting.file(path).signature_fault() for path in (source, setting.provider("one", source).path))
    assert before == after
    assert after is None or (setting.python.arch == "x86_64" and after == "not signed")


def test_changed_images_have_other_uuids(setting: Setting) -> None:
    """Debuggers and crash reports go by them; equal edits of equal files give equal ones."""
    source = setting.samples.foo()
    paths = [setting.provider("one", source).path, setting.provider("two", source).path]
    assert len({setting.file(path).uuid for path in (source, *paths)}) == 3
    before = paths[0].read_bytes()
    assert setting.provider("one", source).path.read_bytes() == before


def test_there_and_back(setting: Setting) -> None:
    """A library that was renamed twice is the one that it was, for its consumers."""
    provider = setting.provider("one", setting.samples.foo(2))
    back = setting.target("back", "libfoo.dylib")
    apply(provider.path, Edit(identity=provider.old, rename_symbols=tuple((new, old) for old, new in provider.renames)), back)
    assert setting.file(back).exports == setting.file(setting.samples.foo(2)).exports
    setting.load(back)
    assert setting.call(setting.python.dlopen(setting.samples.bar()), "bar_add", 1, 2) == 2003


def test_nothing_to_do(setting: Setting) -> None:
    bar = setting.target("user", "_bar.so")
    apply(setting.samples.bar(), Edit(), bar)
    shutil.copyfile(setting.samples.bar(), bar.with_name("before.so"))
    assert bar.read_bytes() == bar.with_name("before.so").read_bytes()


@pytest.mark.parametrize(("tag", "arch"), [("arm64", "arm64"), ("x86_64", "x86_64"), ("universal2", "arm64"), ("universal2", "x86_64")])
def test_module_of_the_fixtures(tag: str, arch: str, tmp_path: Path) -> None:
    """Python imports the module and calls its functions."""
    for wheel in ("ntcore-1.2.7-py3-none", "ntuser-0.4.0-cp38-abi3"):
        with zipfile.ZipFile(WHEELS / f"{wheel}-macosx_11_0_{tag}.whl") as archive:
            archive.extractall(tmp_path / wheel)
    (module,), (library,) = tmp_path.rglob("_ext*.so"), tmp_path.rglob("libntcore*.dylib")
    setting = Setting(Samples(linker="zig", arch=tag, folder=tmp_path), Python(arch), tmp_path)
    provider = setting.provider("ntcore", library)
    consumer = setting.consumer("user", module, provider)
    with pytest.raises(DyldError, match="symbol not found in flat namespace '_nw_ntcore__nt_"):
        setting.python.import_module(consumer)
    setting.load(provider.path)
    ext = setting.python.import_module(consumer)
    assert [ext("add", 20, 22), ext("version"), ext("as_built")] == [42, "1.2.7", True]
