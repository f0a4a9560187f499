"""The emulated dyld itself: unmodified samples run in it, and what dyld refuses it refuses."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from machobinding import DyldError
from machoemulator import RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW
from machofile import MH_BUNDLE, MachO, slice_for
from machoprocessor import CrashError
from machopython import Python
from machosamples import ARCHS, LINKERS, Samples, linkers, sample_folder

if TYPE_CHECKING:
    from machobinding import Loaded

WHEELS = Path(__file__).parents[2] / "fixtures" / "wheels"
KINDS = [(linker, arch, cpu) for linker in LINKERS for arch in (*ARCHS, "universal2") for cpu in ARCHS if arch in {cpu, "universal2"}]

LLD_KINDS = [kind for kind in KINDS if kind[0] != "zig"]


class Setting(NamedTuple):
    """Samples, and a process of one architecture that they are loaded into."""

    samples: Samples
    python: Python

    def call(self, image: Loaded, name: str, *arguments: int) -> int:
        return self.python.call(self.python.dlsym(image, name), *arguments)

    def file(self, path: Path) -> MachO:
        return MachO(slice_for(path.read_bytes(), self.python.arch))


@pytest.fixture(params=KINDS, ids="-".join)
def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    linker, arch, cpu = request.param
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    return Setting(Samples(linker=linker, arch=arch, folder=sample_folder(tmp_path_factory)), Python(cpu))


def test_library_runs(setting: Setting) -> None:
    foo = setting.python.dlopen(setting.samples.foo())
    assert setting.call(foo, "foo_version") == 1  # set by its initialiser
    assert setting.call(foo, "foo_add", 20, -3) == 1017
    assert setting.call(foo, "foo_calls_itself", -7) == 986
    assert setting.call(foo, "foo_length", setting.python.cpu.put(b"seven c")) == 7


def test_thread_local_variables_are_one_for_each_thread(setting: Setting) -> None:
    foo = setting.python.dlopen(setting.samples.foo(3))
    bar = setting.python.dlopen(setting.samples.bar())
    assert [setting.call(foo, "foo_own_there") for _ in range(3)] == [3, 4, 5]
    assert [setting.call(bar, "bar_own") for _ in range(2)] == [4, 5]
    assert setting.call(bar, "bar_own_there") == 5 + 3
    setting.python.thread = 1
    assert setting.call(bar, "bar_own_there") == 3
    assert setting.call(bar, "bar_own") == 4


def test_consumer_runs_with_the_library_that_has_the_name(setting: Setting) -> None:
    setting.python.dlopen(setting.samples.foo(2))
    bar = setting.python.dlopen(setting.samples.bar())
    assert setting.call(bar, "bar_version") == 2
    assert setting.call(bar, "bar_add", 20, -3) == 2017
    assert setting.call(bar, "bar_pointed", 5) == 2006
    assert [setting.call(bar, "bar_count") for _ in range(2)] == [201, 202]


def test_addends(setting: Setting) -> None:
    setting.python.dlopen(setting.samples.foo(2))
    bar = setting.python.dlopen(setting.samples.bar(far=True))
    assert setting.call(bar, "bar_near") == 3
    if setting.samples.linker == "zig":  # zig 0.17 writes the first addend for the others too
        return
    assert setting.call(bar, "bar_middle") == 2000
    assert setting.python.call_long(setting.python.dlsym(bar, "bar_far")) == 0x123456789


def test_absent_weak_imports_are_null(setting: Setting) -> None:
    setting.python.dlopen(setting.samples.foo(1, less=True))
    bar = setting.python.dlopen(setting.samples.bar())
    assert setting.call(bar, "bar_maybe") == -1
    assert setting.call(bar, "bar_maybe_data") == -1


def test_present_weak_imports_are_bound(setting: Setting) -> None:
    setting.python.dlopen(setting.samples.foo(1))
    bar = setting.python.dlopen(setting.samples.bar())
    assert setting.call(bar, "bar_maybe") == 51
    assert setting.call(bar, "bar_maybe_data") == 61


def test_two_libraries_of_one_name_collide(setting: Setting) -> None:
    setting.python.dlopen(setting.samples.foo(1))
    other = setting.python.dlopen(setting.samples.foo(2))
    bar = setting.python.dlopen(setting.samples.bar())
    assert setting.call(other, "foo_version") == 2
    assert setting.call(bar, "bar_version") == 1


def test_absent_library(setting: Setting) -> None:
    loaded = list(setting.python.images)
    with pytest.raises(DyldError, match=r"^Library not loaded: @rpath/libfoo\.dylib\n  Referenced from: .*_bar\.so\n  Reason: tried: nothing"):
        setting.python.dlopen(setting.samples.bar())
    assert setting.python.images == loaded


def test_absent_symbol(setting: Setting) -> None:
    """A module of a newer library, with an older one."""
    setting.python.dlopen(setting.samples.foo())
    front = setting.python.dlopen(setting.samples.front())
    front.exports = {name: export for name, export in front.exports.items() if name != "_foo_alias"}
    with pytest.raises(DyldError, match=r"^Symbol not found: _foo_alias\n  Referenced from: .*_baz\.so\n  Expected in: .*libfront\.dylib"):
        setting.python.dlopen(setting.samples.baz())


def test_module_needs_python(setting: Setting) -> None:
    setting.python.supply_main({})
    setting.python.dlopen(setting.samples.foo())
    with pytest.raises(DyldError, match=r"^symbol not found in flat namespace '_PyModule_Create2'"):
        setting.python.dlopen(setting.samples.bar())


def test_search_path(setting: Setting, tmp_path: Path) -> None:
    places = {
        "folder/_bar.so": setting.samples.bar("-rpath", "@loader_path/nowhere", "-rpath", "@loader_path/../libs"),
        "libs/libfoo.dylib": setting.samples.foo(2),
    }
    for name, source in places.items():
        path = tmp_path / name
        path.parent.mkdir()
        shutil.copyfile(source, path)
    bar = setting.python.dlopen(tmp_path / "folder/_bar.so")
    assert setting.call(bar, "bar_version") == 2


def test_local_hides_from_the_flat_namespace(setting: Setting) -> None:
    path = setting.samples.foo()
    foo = setting.python.dlopen(path, RTLD_NOW | RTLD_LOCAL)
    with pytest.raises(DyldError, match="symbol 'foo_version' not found"):
        setting.python.dlsym(None, "foo_version")
    assert setting.python.dlsym(foo, "foo_version")
    setting.python.dlopen(path, RTLD_NOW | RTLD_LOCAL)
    with pytest.raises(DyldError):
        setting.python.dlsym(None, "foo_version")
    setting.python.dlopen(path, RTLD_NOW | RTLD_GLOBAL)
    assert setting.python.dlsym(None, "foo_version") == setting.python.dlsym(foo, "foo_version")


def test_local_hides_no_dependents(setting: Setting, tmp_path: Path) -> None:
    bar = tmp_path / "_bar.so"
    shutil.copyfile(setting.samples.bar("-rpath", "@loader_path"), bar)
    shutil.copyfile(setting.samples.foo(), tmp_path / "libfoo.dylib")
    setting.python.dlopen(bar, RTLD_NOW | RTLD_LOCAL)
    assert setting.python.dlsym(None, "foo_version")
    with pytest.raises(DyldError):
        setting.python.dlsym(None, "bar_version")


def test_flat_module_takes_the_first_of_a_name(setting: Setting) -> None:
    """What sharing must not rely on: in the flat namespace equal names are one."""
    flat = setting.samples.bar_flat()
    with pytest.raises(DyldError, match=r"^symbol not found in flat namespace '_foo_\w+'"):
        setting.python.dlopen(flat)
    setting.python.dlopen(setting.samples.foo(1), RTLD_NOW | RTLD_LOCAL)
    with pytest.raises(DyldError, match=r"^symbol not found in flat namespace '_foo_\w+'"):
        setting.python.dlopen(flat)
    setting.python.dlopen(setting.samples.foo(2))
    setting.python.dlopen(setting.samples.foo(1), RTLD_GLOBAL)
    assert setting.call(setting.python.dlopen(flat), "bar_version") == 1


def test_type_information_is_one(setting: Setting) -> None:
    setting.python.dlopen(setting.samples.shape())
    drawing = setting.python.dlopen(setting.samples.drawing())
    assert setting.call(drawing, "drawing_area") == 9
    assert setting.call(drawing, "drawing_is_square") == 3
    assert setting.call(drawing, "drawing_is_circle") == 28
    assert setting.call(drawing, "drawing_counted") in {21, 12}  # two calls in any order: the counter is one


def test_hidden_images_do_not_share_weak_definitions(setting: Setting) -> None:
    """Why a provider of C++ is not loaded RTLD_LOCAL."""
    setting.python.dlopen(setting.samples.shape(), RTLD_NOW | RTLD_LOCAL)
    drawing = setting.python.dlopen(setting.samples.drawing())
    assert setting.call(drawing, "drawing_is_square") == (-1 if setting.python.arch == "x86_64" else 3)  # arm64 compares some types by name
    assert setting.call(drawing, "drawing_counted") == 11


def test_reexported_names(setting: Setting) -> None:
    setting.python.dlopen(setting.samples.foo(2))
    setting.python.dlopen(setting.samples.front())
    baz = setting.python.dlopen(setting.samples.baz())
    assert setting.call(baz, "baz_version") == 12
    assert setting.call(baz, "baz_alias", 5) == -5
    assert setting.call(baz, "baz_add", 5, 6) == 2011


def test_libraries_that_need_each_other(setting: Setting, tmp_path: Path) -> None:
    left, right = (shutil.copyfile(path, tmp_path / path.name) for path in setting.samples.ring("-rpath", "@loader_path"))
    image = setting.python.dlopen(left)
    assert setting.call(image, "left_sum") == 21
    assert setting.call(setting.python.dlopen(right), "right_sum") == 12


def test_bad_page_hash(setting: Setting, tmp_path: Path) -> None:
    path = setting.samples.foo()
    data = bytearray(path.read_bytes())
    text = data.index(b"libfoo.dylib")
    data[text] ^= 1
    if setting.samples.arch == "universal2":
        data[data.index(b"libfoo.dylib")] ^= 1
    changed = tmp_path / "libfoo.dylib"
    changed.write_bytes(data)
    if setting.file(path).signature_fault() == "not signed":
        assert setting.python.arch == "x86_64"
        setting.python.dlopen(changed)
        return
    with pytest.raises(DyldError, match=r"code signature invalid: page 0 does not have its hash"):
        setting.python.dlopen(changed)


def test_kinds_of_fixups(setting: Setting) -> None:
    paths = [setting.samples.drawing(), setting.samples.bar(), setting.samples.bar(far=True)]
    formats = [setting.file(path).chained for path in paths]
    match setting.samples.linker:
        case "chains":
            assert formats == [(1, {2}), (2, {2}), (3, {2})]
        case "offsets":
            assert formats == [(1, {6}), (2, {6}), (3, {6})]
        case _:
            assert formats == [None] * 3


@pytest.mark.parametrize("setting", LLD_KINDS, ids="-".join, indirect=True)
def test_bundle(setting: Setting) -> None:
    path = setting.samples.bar("-bundle")
    assert setting.file(path).filetype == MH_BUNDLE
    setting.python.dlopen(setting.samples.foo())
    assert setting.call(setting.python.dlopen(path), "bar_version") == 1


@pytest.mark.parametrize("setting", LLD_KINDS, ids="-".join, indirect=True)
def test_flat_namespace(setting: Setting) -> None:
    path = setting.samples.bar("-flat_namespace")
    assert {bind.ordinal for bind in setting.file(path).fixups.binds} == {-2}
    setting.python.dlopen(setting.samples.foo(2))
    setting.python.dlopen(setting.samples.foo(1), RTLD_GLOBAL)
    assert setting.call(setting.python.dlopen(path), "bar_version") == 2


@pytest.mark.parametrize("arch", ARCHS)
def test_crash(arch: str) -> None:
    python = Python(arch)
    with pytest.raises(CrashError, match="abort"):
        python.call(python.dlsym(None, "abort"))
    with pytest.raises(CrashError, match="Invalid memory"):
        python.call(python.dlsym(None, "memcpy"), 0, 0, 1)
    with pytest.raises(CrashError, match="Invalid memory"):
        python.call(0x10)


@pytest.mark.parametrize(("tag", "arch"), [("arm64", "arm64"), ("x86_64", "x86_64"), ("universal2", "arm64"), ("universal2", "x86_64")])
def test_wheels_of_the_fixtures(tag: str, arch: str, tmp_path: Path) -> None:
    """What a user has before a repair: the module runs only if somebody loads its library first."""
    for wheel in ("ntcore-1.2.7-py3-none", "ntuser-0.4.0-cp38-abi3"):
        with zipfile.ZipFile(WHEELS / f"{wheel}-macosx_11_0_{tag}.whl") as archive:
            archive.extractall(tmp_path)
    (module,), (library,) = tmp_path.glob("ntuser/_ext*.so"), tmp_path.rglob("libntcore*.dylib")
    python = Python(arch)
    with pytest.raises(DyldError, match="Library not loaded"):
        python.import_module(module)
    python.dlopen(library)
    ext = python.import_module(module)
    assert ext("add", 20, 22) == 42
    assert ext("version") == "1.2.7"
    assert ext("as_built") is True
