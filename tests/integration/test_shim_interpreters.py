"""The shim with real libraries, in every CPython that is found; R-1 and so on are the rules for the shim."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest
from command import FIXTURES, fixture
from cpythons import cpythons, good, minor
from cpythons import run as run_program
from smallwheels import compiled

from nativewheel.formats.elf import patchelf
from nativewheel.shim.inject import ShimLibrary, ShimPackage, ShimProvider, package_init, runtime, swap_module, with_call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="the libraries are for Linux on x86_64")
LIBRARIES = FIXTURES / "lib/linux-x86_64-glibc"
CORE, INNER, OUTER = "libntcore.so.1", "libntinner.so.1", "libntouter.so.2"
UNIQUE_CORE, UNIQUE_INNER, UNIQUE_OUTER = "libnw_ntcore__ntcore.so.1", "libnw_ntinner__ntinner.so.1", "libnw_ntouter__ntouter.so.2"
USES_CORE = ShimProvider(module="nw_ntcore", distribution="ntcore", requirement="==1.*,>=1.2.7", minimum=(1, 2, 7), names={CORE: UNIQUE_CORE})
COMMAND = 'python -m pip install "ntcore==1.*,>=1.2.7"'
LOAD = "import nw_ntcore; nw_ntcore.load()"
ADD = "from ntuser import add; assert add(2, 3) == 5"
MULTI_PHASE = """
typedef struct { const char *name; void *(*function)(void *, void *); int flags; const char *doc; } Method;
typedef struct { int id; void *value; } Slot;
typedef struct {
    long refcount; void *type, *init; long index; void *copy; const char *name, *doc; long size; Method *methods; Slot *slots; void *rest[3];
} Def;
extern void *PyModuleDef_Init(Def *), *PyLong_FromLong(long);
extern int PyModule_AddIntConstant(void *, const char *, long);
extern void PyErr_SetString(void *, const char *), *PyExc_RuntimeError, *getenv(const char *);
extern int nt_add(int, int);
static int count;
static void *five(void *module, void *nothing) { return PyLong_FromLong(nt_add(2, 3)); }
static int run(void *module) {
    if (getenv("NT_FAIL")) { PyErr_SetString(PyExc_RuntimeError, "asked to fail"); return -1; }
    return PyModule_AddIntConstant(module, "runs", ++count);
}
static Method methods[] = {{"five", five, 4, 0}, {0}};
static Slot slots[] = {{2, run}, EXTRA {0}};
static Def definition = {.refcount = 1, .name = "_many", .doc = "Its own docstring.", .methods = methods, .slots = slots};
void *PyInit__many(void) { return PyModuleDef_Init(&definition); }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """A CPython for glibc; ``version`` is (3, 8) and the like."""

    program: Path
    version: tuple[int, ...]


@cache
def pythons() -> dict[str, Python]:
    """Return those that the shim is for, by their full versions."""
    found = cpythons(range(8, 20)) if sys.platform == "linux" else {}
    return {name: Python(program=program, version=(3, minor(name))) for name, program in found.items()}


@pytest.fixture(params=pythons())
def python(request: pytest.FixtureRequest) -> Python:
    return pythons()[request.param]


def test_enough_interpreters_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f" the shim is tested in CPython {', '.join(pythons())} ")
    assert len(pythons()) >= (2 if os.environ.get("NATIVEWHEEL_REQUIRE_ALL") == "1" else 1)


def run(
    python: Python, code: str, *folders: Path, flags: Sequence[str] = (), env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``code`` with ``folders`` first on sys.path; a warning is an error."""
    return run_program(python.program, code, *folders, flags=flags, env=env, cwd=cwd, isolated=True, timeout=60)


def fault(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of a program that ended with an ImportError."""
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    return last


def patched(source: Path, target: Path, *changes: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([patchelf.program(), *changes, "--output", target, source], check=True)
    return target


def shim(folder: Path, package: ShimPackage) -> None:
    """Write the shim package of a wheel, as repair does."""
    place = folder / f"nw_{package.distribution}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "_nativewheel.py").write_bytes(runtime())
    (place / "__init__.py").write_bytes(package_init(package))


def core(*, version: str = "1.2.7", identity: str = UNIQUE_CORE, anchor: str | None = None, fallback: bool = False) -> ShimPackage:
    library = ShimLibrary(original=CORE, identity=identity, path=f"ntcore/lib/{identity}", anchor=anchor, system_fallback=fallback)
    return ShimPackage(distribution="ntcore", version=version, libraries=(library,), requires=("ntcore==1.*,>=1.2.7",))


def provider(folder: Path, package: ShimPackage) -> Path:
    """Write a provider that exports libntcore."""
    identity = package.libraries[0].identity
    patched(LIBRARIES / CORE, folder / "ntcore/lib" / identity, "--set-soname", identity)
    shim(folder, package)
    return folder


def extension(target: Path) -> Path:
    """Write the extension module of ntuser so that it uses the exported library."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(fixture("ntuser", "cp38-abi3-linux_x86_64")) as wheel:
        target.write_bytes(wheel.read("ntuser/_ext.abi3.so"))
    return patched(target, target, "--replace-needed", CORE, UNIQUE_CORE, "--remove-rpath")


def consumer(folder: Path, *uses: ShimProvider) -> Path:
    """Write a regular package that uses libntcore."""
    extension(folder / "ntuser/_ext.abi3.so")
    source = b'"""Doc."""\nfrom __future__ import annotations\nfrom ntuser._ext import add, version\n__all__ = ["add", "version"]\n'
    (folder / "ntuser/__init__.py").write_bytes(with_call(source, "nw_ntuser"))
    shim(folder, ShimPackage(distribution="ntuser", version="0.4.0", providers=uses or (USES_CORE,)))
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """A provider, a consumer that is a regular package, and one with swapped modules, each in a folder of its own."""

    provider: Path
    consumer: Path
    swapped: Path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("a path with späces")
    swapped = root / "swapped"
    for place in (swapped, swapped / "ntspace"):
        extension(place / "_ext._nw.so")
        (place / "_ext.py").write_bytes(swap_module("nw_ntswap", "_ext._nw.so"))
    shim(swapped, ShimPackage(distribution="ntswap", version="1.0", providers=(USES_CORE,)))
    return Folders(provider=provider(root / "provider", core()), consumer=consumer(root / "consumer"), swapped=swapped)


def many(folder: Path, *, per_interpreter: bool) -> Path:
    """Write a swapped module of multi-phase initialisation."""
    library = patched(LIBRARIES / CORE, folder / "link" / UNIQUE_CORE, "--set-soname", UNIQUE_CORE)
    extra = "{3, (void *)2}," if per_interpreter else ""  # Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED
    compiled(folder, "_many._nw.so", MULTI_PHASE.replace("EXTRA", extra), "-Wno-everything", "-Wl,-z,undefs", library)
    (folder / "_many.py").write_bytes(swap_module("nw_ntswap", "_many._nw.so"))
    shim(folder, ShimPackage(distribution="ntswap", version="1.0", providers=(USES_CORE,)))
    return folder


def test_both_orders_of_the_search_path(python: Python, folders: Folders) -> None:
    good(run(python, ADD, folders.provider, folders.consumer))
    good(run(python, ADD, folders.consumer, folders.provider))


@pytest.mark.parametrize("flags", [["-I", "-S"], ["-O"], ["-OO"], ["-X", "dev"]], ids=" ".join)
def test_r25_flags_of_the_interpreter(python: Python, folders: Folders, flags: list[str]) -> None:
    good(
        run(python, f"{ADD}\nimport _ext, ntspace._ext; assert _ext.add(1, 1) == 2", folders.provider, folders.consumer, folders.swapped, flags=flags)
    )


def test_r2_threads_load_once(python: Python, folders: Folders) -> None:
    code = """
import threading
barrier, results = threading.Barrier(8), []
def work(number):
    barrier.wait()
    if number % 2:
        import nw_ntuser
        nw_ntuser.load()
    from ntuser import add
    from ntspace._ext import add as other
    import _ext
    results.append(add(number, 1) + other(number, 1) + _ext.add(number, 1))
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert sorted(results) == [3 * (number + 1) for number in range(8)], results
"""
    done = run(python, code, folders.provider, folders.consumer, folders.swapped, env={"NATIVEWHEEL_DEBUG": "1"})
    good(done)
    assert done.stderr.count("nativewheel: ") == 1


def test_r3_the_current_folder_does_not_count(python: Python, folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "ntcore/lib").mkdir(parents=True)
    for name in (UNIQUE_CORE, CORE):
        (tmp_path / "ntcore/lib" / name).write_bytes(b"not an image")
        (tmp_path / name).write_bytes(b"not an image")
    path = good(run(python, f"{LOAD}; print(nw_ntcore.path('ntcore'))", folders.provider, cwd=tmp_path))
    assert path == str(folders.provider / "ntcore/lib" / UNIQUE_CORE)
    relative = f"sys.path.insert(0, '.'); import nw_ntcore, os; os.chdir({str(tmp_path)!r}); nw_ntcore.load()"
    good(run(python, relative, flags=["-S"], cwd=folders.provider))


def test_r4_providers_load_in_order(python: Python, tmp_path: Path) -> None:
    inner = ShimLibrary(original=INNER, identity=UNIQUE_INNER, path=f"ntinner.libs/{UNIQUE_INNER}")
    outer = ShimLibrary(original=OUTER, identity=UNIQUE_OUTER, path=f"ntouter.libs/{UNIQUE_OUTER}")
    need = ShimProvider(module="nw_ntinner", distribution="ntinner", requirement="", minimum=(), names={INNER: UNIQUE_INNER})
    patched(LIBRARIES / INNER, tmp_path / "inner" / inner.path, "--set-soname", UNIQUE_INNER)
    patched(
        LIBRARIES / OUTER, tmp_path / "outer" / outer.path, "--set-soname", UNIQUE_OUTER, "--replace-needed", INNER, UNIQUE_INNER, "--remove-rpath"
    )
    shim(tmp_path / "inner", ShimPackage(distribution="ntinner", version="1", libraries=(inner,)))
    shim(tmp_path / "outer", ShimPackage(distribution="ntouter", version="2", libraries=(outer,), providers=(need,)))
    done = run(python, "import nw_ntouter; nw_ntouter.enable()", tmp_path / "outer", tmp_path / "inner", env={"NATIVEWHEEL_DEBUG": "1"})
    good(done)
    assert [line.split()[1] for line in done.stderr.splitlines()] == [UNIQUE_INNER, UNIQUE_OUTER]


def test_only_the_libraries_named_are_loaded(python: Python, tmp_path: Path) -> None:
    libraries = [ShimLibrary(original=name, identity=f"libnw_nt__{name[3:]}", path=f"nt/libnw_nt__{name[3:]}") for name in (CORE, INNER)]
    for library in libraries:
        patched(LIBRARIES / library.original, tmp_path / library.path, "--set-soname", library.identity)
    shim(tmp_path, ShimPackage(distribution="nt", version="1", libraries=tuple(libraries)))
    done = run(python, "import nw_nt; nw_nt.load(['ntinner']); nw_nt.load('libntinner.so.1')", tmp_path, env={"NATIVEWHEEL_DEBUG": "1"})
    good(done)
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["libnw_nt__ntinner.so.1"]


def test_r6_symbols_stay_out_of_the_global_scope(python: Python, folders: Folders) -> None:
    good(run(python, f"{ADD}\nimport ctypes; assert not hasattr(ctypes.CDLL(None), 'nt_add')", folders.provider, folders.consumer))


def test_mode_global_puts_symbols_into_the_global_scope(python: Python, tmp_path: Path) -> None:
    library = ShimLibrary(original=CORE, identity=UNIQUE_CORE, path=f"ntcore/lib/{UNIQUE_CORE}", mode="global")
    provider(tmp_path, ShimPackage(distribution="ntcore", version="1.2.7", libraries=(library,)))
    good(run(python, f"{LOAD}\nimport ctypes; assert ctypes.CDLL(None).nt_add(1, 2) == 3", tmp_path))


def test_r6_the_anchor_is_loaded_after_the_library(python: Python, tmp_path: Path) -> None:
    provider(tmp_path, core(anchor="ntcore/lib/anchor.so"))
    anchor = patched(
        LIBRARIES / INNER, tmp_path / "ntcore/lib/anchor.so", "--add-needed", UNIQUE_CORE, "--set-rpath", "$ORIGIN", "--set-soname", "anchor.so"
    )
    mapped = good(run(python, f"{LOAD}; print(open('/proc/self/maps').read())", tmp_path))
    assert mapped.index(UNIQUE_CORE) >= 0
    assert str(anchor) in mapped
    anchor.unlink()
    assert "anchor.so" in fault(run(python, LOAD, tmp_path))


def test_r7_another_file_under_the_identity_is_refused(python: Python, folders: Folders, tmp_path: Path) -> None:
    other = shutil.copy(folders.provider / "ntcore/lib" / UNIQUE_CORE, tmp_path / "other.so")
    first = f"import ctypes; ctypes.CDLL({str(other)!r})\n{ADD}"
    message = fault(run(python, first, folders.provider, folders.consumer))
    assert str(other) in message
    assert str(folders.provider / "ntcore/lib" / UNIQUE_CORE) in message
    assert "nw_ntuser" not in good(run(python, f"try:\n  {ADD}\nexcept ImportError: print('ok')", folders.consumer))


def test_r7_a_copy_on_the_search_path_of_the_loader_loses(python: Python, folders: Folders, tmp_path: Path) -> None:
    shutil.copy(folders.provider / "ntcore/lib" / UNIQUE_CORE, tmp_path)
    done = run(python, f"{ADD}; print(open('/proc/self/maps').read())", folders.provider, folders.consumer, env={"LD_LIBRARY_PATH": str(tmp_path)})
    assert f"{tmp_path}/" not in good(done)


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), (b"not an image" * 99, "invalid ELF header"), (b"", "file too short")])
def test_a_library_that_cannot_be_loaded(python: Python, tmp_path: Path, content: bytes | None, said: str) -> None:
    library = provider(tmp_path, core()) / "ntcore/lib" / UNIQUE_CORE
    library.unlink()
    if content is not None:
        library.write_bytes(content)
    message = fault(run(python, LOAD, tmp_path))
    assert f"ntcore 1.2.7 cannot load {library}" in message
    assert said in message
    assert 'pip install --force-reinstall "ntcore==1.2.7"' in message


def test_r8_a_missing_provider(python: Python, folders: Folders) -> None:
    message = fault(run(python, ADD, folders.consumer))
    assert "ntuser 0.4.0 needs ntcore==1.*,>=1.2.7" in message
    assert COMMAND in message


@pytest.mark.parametrize("version", ["1.2.6", "1.2", "1.2.6.post1", "0.9rc1", "1.2rc9"])
def test_r8_a_provider_that_is_too_old(python: Python, folders: Folders, tmp_path: Path, version: str) -> None:
    message = fault(run(python, ADD, provider(tmp_path, core(version=version)), folders.consumer))
    assert f"ntcore {version} was found in {tmp_path}/nw_ntcore" in message
    assert COMMAND in message


@pytest.mark.parametrize("version", ["1.2.7rc1", "1.2.7+local.1", "1.10", "1!0.1", "2"])
def test_r8_a_provider_that_is_new_enough(python: Python, folders: Folders, tmp_path: Path, version: str) -> None:
    good(run(python, ADD, provider(tmp_path, core(version=version)), folders.consumer))


def test_r8_a_provider_with_another_identity(python: Python, folders: Folders, tmp_path: Path) -> None:
    message = fault(run(python, ADD, provider(tmp_path, core(identity="libnw_ntcore_abi2__ntcore.so.1")), folders.consumer))
    assert "libnw_ntcore_abi2__ntcore.so.1" in message
    assert UNIQUE_CORE in message


def test_r9_nothing_is_left_in_the_package(python: Python, folders: Folders) -> None:
    code = "import ntuser; print(sorted(name for name in vars(ntuser) if not name.startswith('__')), ntuser.__doc__)"
    assert good(run(python, code, folders.provider, folders.consumer)) == "['_ext', 'add', 'annotations', 'version'] Doc."


def test_r10_the_environment_is_left_alone(python: Python, folders: Folders) -> None:
    code = (
        f"import os; before = dict(os.environ), list(sys.path), os.getcwd()\n{ADD}\nassert before == (dict(os.environ), list(sys.path), os.getcwd())"
    )
    good(run(python, code, folders.provider, folders.consumer))


@pytest.mark.parametrize("name", ["_ext", "ntspace._ext"])
def test_r13_a_swapped_module(python: Python, folders: Folders, name: str) -> None:
    code = f"""
import importlib, pickle
module = importlib.import_module({name!r})
assert module.add(2, 3) == 5
assert module.__name__ == module.__spec__.name == {name!r}
assert module.__file__ == module.__spec__.origin and module.__file__.endswith("_ext._nw.so")
assert type(module.__loader__).__name__ == type(module.__spec__.loader).__name__ == "ExtensionFileLoader"
assert module.__package__ == {name!r}.rpartition(".")[0]
assert pickle.loads(pickle.dumps(module.add)) is module.add
def content():
    return {{key: value for key, value in vars(module).items() if key not in ("__spec__", "__loader__")}}
before = content()
assert sorted(key for key in before if not key.startswith("__")) == ["add", "as_built", "version"], before
assert importlib.reload(module) is module
assert content() == before, set(content()) ^ set(before)
assert type(module.__loader__).__name__ == "ExtensionFileLoader"
del sys.modules[{name!r}]
again = importlib.import_module({name!r})
assert again.add(2, 3) == 5 and again.__file__ == before["__file__"]
assert type(again.__loader__).__name__ == "ExtensionFileLoader"
"""
    good(run(python, code, folders.provider, folders.swapped))


@pytest.mark.parametrize("name", ["_ext", "ntspace._ext"])
def test_r13_a_failure_leaves_no_module(python: Python, folders: Folders, name: str) -> None:
    code = f"""
import importlib
try:
    import {name}
except ImportError as error:
    assert "ntcore==1.*" in str(error), error
else:
    raise AssertionError
assert {name!r} not in sys.modules
sys.path.insert(0, {str(folders.provider)!r})
importlib.invalidate_caches()
import {name} as module
assert module.add(1, 2) == 3
"""
    good(run(python, code, folders.swapped))


@pytest.mark.parametrize("name", ["ntuser", "_ext", "ntspace._ext"])
def test_r9_lazy_imports(python: Python, folders: Folders, name: str) -> None:
    code = f"""
import importlib, importlib.util, pickle
spec = importlib.util.find_spec({name!r})
loader = spec.loader = importlib.util.LazyLoader(spec.loader)
module = sys.modules[{name!r}] = importlib.util.module_from_spec(spec)
loader.exec_module(module)
assert "nw_ntcore" not in sys.modules
assert module.add(2, 3) == 5
assert "nw_ntcore" in sys.modules and sys.modules[{name!r}] is module
assert pickle.loads(pickle.dumps(module.add)) is module.add
assert importlib.import_module({name!r}) is module
"""
    good(run(python, code, folders.provider, folders.consumer, folders.swapped))


def test_r13_a_module_that_another_thread_is_importing(python: Python, folders: Folders, tmp_path: Path) -> None:
    """The shim is made slow, so that every other thread finds the module half imported."""
    shutil.copytree(folders.swapped, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "nw_ntswap/__init__.py").open("a") as file:
        file.write("\n\ndef load():\n    _wheel.load()\n    __import__('time').sleep(0.3)\n")
    code = """
import threading, time
sums = []
def work():
    from _ext import add
    import ntspace._ext as other
    sums.append(add(2, 3) + other.add(2, 3))
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads:
    thread.start()
    time.sleep(0.03)
for thread in threads: thread.join()
assert sums == [10] * 6, sums
"""
    good(run(python, code, folders.provider, tmp_path))


def test_r13_multi_phase_initialisation(python: Python, folders: Folders, tmp_path: Path) -> None:
    many(tmp_path, per_interpreter=False)
    code = """
import importlib, os, _many
os.environ["NT_FAIL"] = "1"
assert _many.five() == 5 and _many.runs == 1 and _many.__doc__ == "Its own docstring."
names = set(vars(_many))
assert importlib.reload(_many) is _many and _many.runs == 1 and _many.__doc__ == "Its own docstring."
assert set(vars(_many)) == names
del sys.modules["_many"]
try:
    import _many as again
except RuntimeError as error:
    assert str(error) == "asked to fail"
else:
    raise AssertionError
assert "_many" not in sys.modules
del os.environ["NT_FAIL"]
import _many as again
assert again is not _many and again.five() == 5 and again.runs == 2
"""
    good(run(python, code, folders.provider, tmp_path))


def test_r15_a_host_that_loads_a_swapped_module_by_file(python: Python, folders: Folders) -> None:
    code = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("_ext", {str(folders.swapped / "_ext.py")!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert module.add(2, 3) == 5
"""
    good(run(python, code, folders.provider, folders.swapped))


def test_r16_a_wheel_that_is_not_unpacked(python: Python, folders: Folders, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ntcore.zip", "w") as archive:
        for path in folders.provider.rglob("*"):
            archive.write(path, path.relative_to(folders.provider))
    message = fault(run(python, ADD, tmp_path / "ntcore.zip", folders.consumer))
    assert "install it unpacked" in message
    assert str(tmp_path / "ntcore.zip") in message


@pytest.mark.parametrize("location", ["origin", "frozen"])
def test_r17_modules_without_a_file(python: Python, folders: Folders, location: str) -> None:
    code = f"""
import importlib.abc, importlib.machinery
FOLDER = {str(folders.provider)!r}
class Frozen(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.startswith("nw_ntcore"):
            self.file = FOLDER + "/" + name.replace(".", "/") + ("/__init__.py" if name == "nw_ntcore" else ".py")
            origin = self.file if {location!r} == "origin" else "frozen"
            return importlib.machinery.ModuleSpec(name, self, origin=origin, is_package=name == "nw_ntcore")
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        with open(self.file) as file:
            exec(compile(file.read(), self.file, "exec"), vars(module))
sys.meta_path.insert(0, Frozen())
import nw_ntcore
assert not hasattr(nw_ntcore, "__file__")
nw_ntcore.load()
"""
    done = run(python, code, cwd=folders.provider / "ntcore")
    if location == "origin":
        good(done)
    else:
        assert "install it unpacked" in fault(done)


def test_r18_sub_interpreters(python: Python, folders: Folders, tmp_path: Path) -> None:
    """3.12 has interpreters with a GIL of their own, but no ctypes for them; before, all share one."""
    inner = f"import sys; sys.path[:0] = [{str(folders.provider)!r}, {str(folders.swapped)!r}]; import _ext; assert _ext.add(2, 3) == 5"
    if python.version >= (3, 12):
        many(tmp_path, per_interpreter=True)
        inner = f"import sys; sys.path[:0] = [{str(folders.provider)!r}, {str(tmp_path)!r}]; import _many; assert _many.five() == 5"
    code = f"""
try:
    import _interpreters as interpreters
    failed = lambda number, code: interpreters.exec(number, code)
except ImportError:
    import _xxsubinterpreters as interpreters
    failed = interpreters.run_string
for number in [interpreters.create() for _ in range(2)]:
    said = failed(number, {inner!r})
    assert said is None, said
"""
    done = run(python, code, flags=["-W", "ignore"])
    if python.version == (3, 12):
        assert done.returncode == 1
        assert "ntcore 1.2.7 cannot load" in done.stderr
        assert "subinterpreters" in done.stderr
    else:
        good(done)


def test_r19_fork_and_spawn(python: Python, folders: Folders) -> None:
    code = """
import multiprocessing, os, ntuser
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.starmap(ntuser.add, [(1, 2), (3, 4)]) == [3, 7]
"""
    good(run(python, code, folders.provider, folders.consumer))


def test_r20_a_hook_that_forbids_dlopen(python: Python, folders: Folders) -> None:
    hook = "def hook(event, args):\n  if event == 'ctypes.dlopen': raise RuntimeError('not allowed here')\nsys.addaudithook(hook)\n"
    message = fault(run(python, hook + LOAD, folders.provider))
    assert "not allowed here" in message
    assert UNIQUE_CORE in message


def test_r20_a_python_without_ctypes(python: Python, folders: Folders) -> None:
    message = fault(run(python, f"sys.modules['_ctypes'] = None\n{LOAD}", folders.provider))
    assert "ntcore 1.2.7 cannot load" in message
    assert "_ctypes" in message


@pytest.mark.parametrize(("value", "loads"), [("1", False), ("yes", False), ("0", True), ("False", True), ("no", True), ("", True)])
def test_r21_the_shim_can_be_skipped(python: Python, folders: Folders, value: str, loads: bool) -> None:  # noqa: FBT001 - a parameter of the table
    done = run(python, f"{LOAD}; print({UNIQUE_CORE!r} in open('/proc/self/maps').read())", folders.provider, env={"NATIVEWHEEL_SKIP": value})
    assert good(done) == str(loads)


@pytest.mark.parametrize(("value", "speaks"), [("1", True), ("0", False), ("no", False)])
def test_r22_one_line_a_library(python: Python, folders: Folders, value: str, speaks: bool) -> None:  # noqa: FBT001 - as above
    done = run(python, f"{LOAD}; nw_ntcore.load()\n{ADD}", folders.provider, folders.consumer, env={"NATIVEWHEEL_DEBUG": value})
    good(done)
    line = f"nativewheel: {UNIQUE_CORE} from {folders.provider}/ntcore/lib/{UNIQUE_CORE} (ntcore 1.2.7)\n"
    assert done.stderr == (line if speaks else "")


@pytest.mark.parametrize("name", [CORE, "libntcore", "ntcore", "other, ntcore"])
def test_the_system_may_be_preferred(python: Python, tmp_path: Path, name: str) -> None:
    own = provider(tmp_path / "own", core(identity=CORE, fallback=True))
    system = patched(LIBRARIES / CORE, tmp_path / "system" / CORE)
    env = {"NATIVEWHEEL_DEBUG": "1", "NATIVEWHEEL_PREFER_SYSTEM": name, "LD_LIBRARY_PATH": str(system.parent)}
    done = run(python, LOAD, own, env=env)
    good(done)
    assert f"{CORE} from {system}" in done.stderr
    assert str(own) in run(python, LOAD, own, env={**env, "NATIVEWHEEL_PREFER_SYSTEM": "nothing"}).stderr
    system.unlink()
    done = run(python, LOAD, own, env=env)
    good(done)
    assert f"{CORE} from {own}" in done.stderr
    (own / "ntcore/lib" / CORE).unlink()
    message = fault(run(python, LOAD, own, env=env))
    assert message.count("No such file") == 2


def test_only_libraries_that_say_so_may_come_from_the_system(python: Python, tmp_path: Path) -> None:
    own = provider(tmp_path / "own", core(identity=CORE))
    patched(LIBRARIES / CORE, tmp_path / "system" / CORE)
    env = {"NATIVEWHEEL_DEBUG": "1", "NATIVEWHEEL_PREFER_SYSTEM": "ntcore", "LD_LIBRARY_PATH": str(tmp_path / "system")}
    assert f"{CORE} from {own}" in run(python, LOAD, own, env=env).stderr
