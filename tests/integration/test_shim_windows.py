"""The shim in real CPython for Windows, with DLLs that were linked under the names that a repair gives."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cpythons import fault, good
from pesamples import LINKERS, Samples, linkers, sample_folder
from wine import windows_path
from winepython import PYTHONS, WindowsPython, windows_python

from nativewheel.shim.inject import ShimLibrary, ShimPackage, ShimProvider, package_init, runtime, swap_module, windows_runtime, with_call

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network
PREFIX = "nw_foo__"
FOO = ShimLibrary(original="foo.dll", identity="nw_foo__foo.dll", path="foo/bin/nw_foo__foo.dll")
PROVIDER = ShimPackage(distribution="foo", version="1.2.7", libraries=(FOO,), windows=True)
USES_FOO = ShimProvider(module="nw_foo", distribution="foo", requirement="==1.*", minimum=(1,), names={"foo.dll": "nw_foo__foo.dll"})
CONSUMER = ShimPackage(distribution="user", version="0.4", providers=(USES_FOO,), windows=True)
CALLS = "print(_bar.version(), _bar.add(), _bar.hidden(), _bar.count())"
SAID = "1 1005 51 101"
# How wheels hold an extension module: in a regular package, in a namespace package and at the top level.
LAYOUTS = {"regular": "from user import _bar", "namespace": "from space.user import _bar", "top": "import _bar"}


@dataclass(frozen=True, slots=True)
class Site:
    """A folder that a wheel is installed into."""

    folder: Path

    def shim(self, package: ShimPackage) -> Site:
        """Add the shim of a wheel."""
        place = self.folder / f"nw_{package.distribution}"
        place.mkdir(parents=True)
        files = {"__init__.py": package_init(package), "_nativewheel.py": runtime(), "_windows.py": windows_runtime()}
        for name, source in files.items():
            (place / name).write_bytes(source)
        return self

    def put(self, image: Path, folder: str) -> Site:
        """Add an image."""
        (self.folder / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(image, self.folder / folder)
        return self

    def module(self, image: Path, layout: str = "regular", shim: str = "nw_user") -> Site:
        """Add an extension module as a repair leaves it: after a call of the shim."""
        folder = {"regular": "user", "namespace": "space/user", "top": "."}[layout]
        self.put(image, folder)
        if layout == "regular":
            (self.folder / folder / "__init__.py").write_bytes(with_call(b"", shim))
        else:
            binary = f"{image.stem}._nw.pyd"
            (self.folder / folder / image.name).rename(self.folder / folder / binary)
            (self.folder / folder / f"{image.stem}.py").write_bytes(swap_module(shim, binary))
        return self


@pytest.fixture(params=("3.8", *PYTHONS))
def python(request: pytest.FixtureRequest) -> WindowsPython:
    return windows_python(request, request.param)


@pytest.fixture(params=LINKERS)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    if request.param not in linkers():
        pytest.skip("no mingw to build samples with")
    return Samples(request.param, sample_folder(tmp_path_factory), PREFIX)


@pytest.fixture
def zig(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples("zig", sample_folder(tmp_path_factory), PREFIX)


@pytest.fixture
def provider(zig: Samples, tmp_path: Path) -> Site:
    return Site(tmp_path / "provider ü").shim(PROVIDER).put(zig.foo(), "foo/bin")


@pytest.fixture
def consumer(tmp_path: Path) -> Site:
    return Site(tmp_path / "consumer").shim(CONSUMER)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_consumer_in_another_folder(python: WindowsPython, samples: Samples, tmp_path: Path, consumer: Site, layout: str) -> None:
    provider = Site(tmp_path / "provider").shim(PROVIDER).put(samples.foo(), "foo/bin")
    consumer.module(samples.bar(), layout)
    assert good(python.run(f"{LAYOUTS[layout]}; {CALLS}", consumer.folder, provider.folder)) == SAID


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_delay_loaded_provider(python: WindowsPython, zig: Samples, provider: Site, consumer: Site, layout: str) -> None:
    consumer.module(zig.bar(delayed=True), layout)
    assert good(python.run(f"{LAYOUTS[layout]}; print(_bar.version(), _bar.hidden())", consumer.folder, provider.folder)) == "1 51"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_vendored_dlls_are_found_with_nothing_on_the_path(python: WindowsPython, samples: Samples, tmp_path: Path, layout: str) -> None:
    package = ShimPackage(distribution="user", version="0.4", windows=True, dll_folders=("user.libs",), vendored=("user.libs/nw_foo__foo.dll",))
    site = Site(tmp_path / "site").shim(package).put(samples.foo(), "user.libs").module(samples.bar(), layout)
    assert good(python.run(f"{LAYOUTS[layout]}; {CALLS}", site.folder)) == SAID


@pytest.mark.parametrize("spoilt", ["del os.add_dll_directory", "os.add_dll_directory = lambda path: None"])
def test_vendored_dlls_where_added_folders_do_not_help(python: WindowsPython, zig: Samples, tmp_path: Path, spoilt: str) -> None:
    """As in GraalPy: each is loaded beforehand then."""
    vendored = ("user.libs/a/nw_foo__foo.dll", "user.libs/b/nw_foo__mid.dll")
    package = ShimPackage(distribution="user", version="0.4", windows=True, dll_folders=("user.libs/a", "user.libs/b"), vendored=vendored)
    site = Site(tmp_path / "site").shim(package).put(zig.foo(), "user.libs/a").put(zig.mid(), "user.libs/b").module(zig.outer())
    code = "import os, sys; {}; sys.implementation.name = {!r}; from user import _outer; print(_outer.value())"
    assert good(python.run(code.format(spoilt, "graalpy"), site.folder)) == "11"
    if python.version != "3.8":  # conda's 3.8 and 3.9 are not to be told from others
        assert "DLL load failed" in fault(python.run(code.format(spoilt, "cpython"), site.folder))


def test_vendored_dlls_that_are_delay_loaded(python: WindowsPython, zig: Samples, tmp_path: Path) -> None:
    def site(name: str, *delayed: str) -> Path:
        package = ShimPackage(distribution="user", version="0.4", windows=True, dll_folders=("user.libs",), delayed=delayed)
        return Site(tmp_path / name).shim(package).put(zig.foo(), "user.libs").module(zig.bar(delayed=True)).folder

    code = "from user import _bar; print(_bar.version(), _bar.add(), _bar.hidden())"
    assert python.run(code, site("late")).returncode != 0
    assert good(python.run(code, site("early", "user.libs/nw_foo__foo.dll"))) == "1 1005 51"


def test_a_delay_loaded_dll_that_cannot_be_loaded_is_left_out(python: WindowsPython, zig: Samples, tmp_path: Path) -> None:
    package = ShimPackage(
        distribution="user", version="0.4", windows=True, dll_folders=("user.libs", "absent"), delayed=("user.libs/nw_foo__mid.dll",)
    )
    site = Site(tmp_path / "site").shim(package).put(zig.mid(), "user.libs").module(zig.bar(delayed=True))
    code = "from user import _bar; print(_bar.count())"
    quiet = python.run(code, site.folder)
    assert (good(quiet), quiet.stderr) == ("0", "")
    told = python.run(code, site.folder, env={"NATIVEWHEEL_DEBUG": "1"}).stderr.splitlines()
    assert f"nativewheel: {windows_path(site.folder / 'absent')} is left out (user 0.4): FileNotFoundError" in told[0]
    assert f"nativewheel: {windows_path(site.folder / 'user.libs' / 'nw_foo__mid.dll')} is left out (user 0.4): FileNotFoundError" in told[1]


def test_a_delay_loaded_dll_that_needs_a_shared_one(python: WindowsPython, zig: Samples, tmp_path: Path) -> None:
    """It is tried before the shared libraries, which may need it, and after them."""
    package = ShimPackage(distribution="foo", version="1.2.7", libraries=(FOO,), windows=True, delayed=("foo.libs/nw_foo__mid.dll",))
    site = Site(tmp_path / "site").shim(package).put(zig.foo(), "foo/bin").put(zig.mid(), "foo.libs")
    code = "import ctypes, nw_foo; nw_foo.load(); print(ctypes.CDLL('nw_foo__mid.dll').mid_value())"
    assert good(python.run(code, site.folder)) == "10"


def test_a_shared_dll_that_needs_one_in_another_folder_of_its_wheel(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    mid = ShimLibrary(original="mid.dll", identity="nw_foo__mid.dll", path="foo/bin/nw_foo__mid.dll")
    provider = ShimPackage(distribution="foo", version="1.2.7", libraries=(mid,), windows=True, dll_folders=("foo/inner",))
    site = Site(tmp_path / "site").shim(provider).put(samples.mid(), "foo/bin").put(samples.foo(), "foo/inner")
    uses = ShimProvider(module="nw_foo", distribution="foo", requirement="", minimum=(), names={"mid.dll": "nw_foo__mid.dll"})
    site.shim(ShimPackage(distribution="user", version="0.4", providers=(uses,), windows=True)).module(samples.outer())
    assert good(python.run("from user import _outer; print(_outer.value())", site.folder)) == "11"


def test_forwarders_find_the_shared_dll(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    front = ShimLibrary(original="front.dll", identity="nw_foo__front.dll", path="front/nw_foo__front.dll")
    provider = ShimPackage(distribution="foo", version="1.2.7", libraries=(FOO, front), windows=True)
    site = Site(tmp_path / "site").shim(provider).put(samples.foo(), "foo/bin").put(samples.front(), "front")
    uses = ShimProvider(module="nw_foo", distribution="foo", requirement="", minimum=(), names={"front.dll": "nw_foo__front.dll"})
    both = ShimProvider(module="nw_foo", distribution="foo", requirement="", minimum=(), names={**uses.names, **USES_FOO.names})
    site.shim(ShimPackage(distribution="user", version="0.4", providers=(both,), windows=True)).module(samples.baz())
    assert good(python.run("from user import _baz; print(_baz.version(), _baz.add(), _baz.hidden())", site.folder)) == "9 1005 51"


def test_cxx_crosses_the_border(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    shape = ShimLibrary(original="shape.dll", identity="nw_foo__shape.dll", path="shape/nw_foo__shape.dll")
    provider = Site(tmp_path / "provider").put(samples.shape(), "shape")
    runtime_folders = []
    for dll in samples.cxx_runtime():
        provider.put(dll, "foo.libs")
        runtime_folders = ["foo.libs"]
    provider.shim(ShimPackage(distribution="foo", version="1.2.7", libraries=(shape,), windows=True, dll_folders=tuple(runtime_folders)))
    uses = ShimProvider(module="nw_foo", distribution="foo", requirement="", minimum=(), names={"shape.dll": "nw_foo__shape.dll"})
    consumer = Site(tmp_path / "consumer").shim(ShimPackage(distribution="user", version="0.4", providers=(uses,), windows=True))
    consumer.module(samples.drawing())
    code = "from user import _drawing; print(_drawing.area(), _drawing.square(), chr(_drawing.caught()))"
    assert good(python.run(code, consumer.folder, provider.folder)) == "9 3 s"


def test_two_providers_of_one_plain_name(python: WindowsPython, samples: Samples, tmp_path: Path) -> None:
    folders = []
    for number, (name, module) in enumerate((("foo", "_bar"), ("oof", "_qux")), 1):
        renamed = Samples(samples.linker, samples.folder, f"nw_{name}__")
        library = ShimLibrary(original="foo.dll", identity=f"nw_{name}__foo.dll", path=f"nw_{name}__foo.dll")
        uses = ShimProvider(module=f"nw_{name}", distribution=name, requirement="", minimum=(), names={"foo.dll": library.identity})
        site = Site(tmp_path / name).shim(ShimPackage(distribution=name, version="1", libraries=(library,), windows=True))
        site.put(renamed.foo(number), ".").shim(ShimPackage(distribution=f"user_{name}", version="1", providers=(uses,), windows=True))
        folders.append(site.module(renamed.bar(number, module), "top", f"nw_user_{name}").folder)
    assert good(python.run("import _qux, _bar; print(_bar.version(), _qux.version(), _bar.count(), _qux.count())", *folders)) == "1 2 101 201"


def test_a_missing_provider(python: WindowsPython, zig: Samples, consumer: Site) -> None:
    consumer.module(zig.bar())
    said = fault(python.run("import user", consumer.folder))
    assert "user 0.4 needs foo==1.*, but it was not found" in said
    assert 'python -m pip install "foo==1.*"' in said


def test_r7_another_file_of_the_name_was_loaded_before(python: WindowsPython, zig: Samples, tmp_path: Path, provider: Site, consumer: Site) -> None:
    consumer.module(zig.bar())
    other = Site(tmp_path / "other").put(zig.foo(2), ".").folder / "nw_foo__foo.dll"
    said = fault(python.run(f"import ctypes; kept = ctypes.CDLL({windows_path(other)!r}); import user", consumer.folder, provider.folder))
    assert f"foo 1.2.7 cannot load {windows_path(provider.folder / FOO.path)}" in said
    assert windows_path(other).replace("\\", "\\\\") in said


@pytest.mark.parametrize("content", [None, b"", b"MZ" + bytes(500)])
def test_a_library_that_is_gone_or_broken(python: WindowsPython, provider: Site, content: bytes | None) -> None:
    path = provider.folder / FOO.path
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    said = fault(python.run("import nw_foo; nw_foo.load()", provider.folder))
    assert f"foo 1.2.7 cannot load {windows_path(path)}" in said
    assert 'python -m pip install --force-reinstall "foo==1.2.7"' in said


def test_r16_a_wheel_in_an_archive(python: WindowsPython, provider: Site, tmp_path: Path) -> None:
    archive = tmp_path / "site.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in provider.folder.rglob("*"):
            zipped.write(path, path.relative_to(provider.folder))
    assert "install it unpacked" in fault(python.run("import nw_foo; nw_foo.load()", archive))


def test_r21_r22_variables(python: WindowsPython, provider: Site) -> None:
    told = python.run("import nw_foo; nw_foo.load()", provider.folder, env={"NATIVEWHEEL_DEBUG": "1"}).stderr
    path = windows_path(provider.folder / FOO.path)
    assert told.strip().casefold() == f"nativewheel: nw_foo__foo.dll from {path} (foo 1.2.7)".casefold()
    (provider.folder / FOO.path).unlink()
    assert good(python.run("import nw_foo; nw_foo.load(); print(1)", provider.folder, env={"NATIVEWHEEL_SKIP": "1"})) == "1"


def test_the_interface_of_a_provider(python: WindowsPython, provider: Site) -> None:
    code = "import nw_foo; nw_foo.load('foo'); nw_foo.load(); print(nw_foo.library_name('foo.dll'), nw_foo.path('foo'))"
    assert good(python.run(code, provider.folder)) == f"nw_foo__foo.dll {windows_path(provider.folder / FOO.path)}"


def test_r13_swapped_modules_behave(python: WindowsPython, zig: Samples, provider: Site, consumer: Site) -> None:
    consumer.module(zig.bar(), "top")
    code = """
import importlib, pickle, sys
import _bar
assert sys.modules["_bar"] is _bar and _bar.__file__.endswith("_bar._nw.pyd"), _bar.__file__
assert pickle.loads(pickle.dumps(_bar.version)) is _bar.version
assert importlib.reload(_bar) is _bar and _bar.version() == 1
print(sorted(name for name in vars(_bar) if not name.startswith("__")))
"""
    assert good(python.run(code, consumer.folder, provider.folder)) == "['add', 'count', 'hidden', 'version']"


def test_r2_threads(python: WindowsPython, zig: Samples, provider: Site, consumer: Site) -> None:
    consumer.module(zig.bar())
    code = """
import threading
found = []
def work():
    from user import _bar
    found.append(_bar.version())
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(found)
"""
    assert good(python.run(code, consumer.folder, provider.folder)) == str([1] * 8)


def test_r10_the_environment_stays(python: WindowsPython, zig: Samples, provider: Site, consumer: Site) -> None:
    consumer.module(zig.bar())
    code = "import os; before = dict(os.environ), os.getcwd(); import user; print(before == (dict(os.environ), os.getcwd()))"
    assert good(python.run(code, consumer.folder, provider.folder)) == "True"


def test_r20_a_blocked_ctypes(python: WindowsPython, provider: Site) -> None:
    said = fault(python.run("import sys; sys.modules['ctypes'] = None; import nw_foo; nw_foo.load()", provider.folder))
    assert "foo 1.2.7 cannot load" in said
    assert "import of ctypes halted" in said
