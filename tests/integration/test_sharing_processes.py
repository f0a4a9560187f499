"""Consumers in unusual processes: threads, forks, sub-interpreters, flags of the interpreter, other libraries in the global scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cpythons import good, minor, run, version_of
from sharedwheels import ALL, NT_ADD, OWN_GIL, VALUES, core_link, core_wheel, export, library, module, needs_linux, repaired, unpacked
from smallwheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

    from sharedwheels import SharedSet

pytestmark = needs_linux


def test_no_symbol_reaches_the_global_scope(cpython: Path, shared: SharedSet) -> None:
    code = f"""
{ALL}
import ctypes
everything = ctypes.CDLL(None)
for name in ("nt_add", "nt_release", "nt_double", "coll_answer", "mix_more", "uniq_answer", "nw_ntuniq__uniq_answer"):
    assert not hasattr(everything, name), name
"""
    good(run(cpython, code, *shared.folders.values()))


def test_threads(cpython: Path, shared: SharedSet) -> None:
    code = f"""
import threading
from concurrent.futures import ThreadPoolExecutor
start = threading.Barrier(8)
def work(number):
    start.wait(30)
    imported, value, expected = WORK[number % len(WORK)]
    names = {{}}
    exec(imported, names)
    return eval(value, names) == expected
WORK = {list(VALUES.values())!r}[:4]
with ThreadPoolExecutor(8) as pool:
    assert all(pool.map(work, range(8)))
"""
    good(run(cpython, code, *shared.folders.values()))


def test_fork_and_spawn(cpython: Path, shared: SharedSet, tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(f"def work(_):\n    {ALL}\n    return True\n")
    code = """
import multiprocessing, work
if __name__ == "__main__":
    work.work(0)
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(work.work, range(2)) == [True, True], method
            pool.close(), pool.join()
"""
    good(run(cpython, code, tmp_path, *shared.folders.values()))


@pytest.mark.parametrize("flags", [["-I"], ["-S"], ["-O"], ["-OO"], ["-I", "-S", "-OO"], ["-X", "utf8=0"]], ids=" ".join)
def test_flags_of_the_interpreter(cpython: Path, shared: SharedSet, flags: list[str]) -> None:
    checked = "; ".join(f"{imported}; {value} == {expected} or sys.exit('wrong: {value}')" for imported, value, expected in VALUES.values())
    good(run(cpython, checked, *shared.folders.values(), flags=flags, isolated=True))


def test_what_the_shim_imports(cpython: Path, shared: SharedSet) -> None:
    code = f"""
import sys
{ALL.replace("; ", chr(10))}
heavy = {{"importlib.metadata", "importlib.resources", "pkgutil", "typing", "subprocess", "json", "packaging"}} & set(sys.modules)
assert not heavy, heavy
"""
    good(run(cpython, code, *shared.folders.values(), flags=["-S"], isolated=True))


def test_reload(cpython: Path, shared: SharedSet) -> None:
    code = """
import importlib, nttop, ntuser, nw_ntcore, ntspace.alpha
for module in (nttop, ntuser, nw_ntcore, ntspace.alpha, ntuser):
    assert importlib.reload(module) is module
    assert nttop.nine() == 9 and ntuser.five() == 5 and ntspace.alpha.seven() == 7
for name in [name for name in sys.modules if name.startswith(("nt", "nw_"))]:
    del sys.modules[name]
from ntuser import five
import nttop
assert five() == 5 and nttop.nine() == 9
"""
    good(run(cpython, f"import sys{code}", *shared.folders.values()))


SUB_INTERPRETER = """
import sys
CODE = {code!r}
if sys.version_info >= (3, 13):
    import _interpreters
    identity = _interpreters.create({kind!r})
    failed = _interpreters.exec(identity, CODE)
    assert failed is None, failed.formatted
    _interpreters.destroy(identity)
else:
    import _xxsubinterpreters as interpreters
    identity = interpreters.create(isolated=False) if sys.version_info >= (3, 9) else interpreters.create()
    interpreters.run_string(identity, CODE)
    interpreters.destroy(identity)
"""


@pytest.fixture(scope="module")
def own_lock(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Install modules that say that they can do with a lock of their own: a swapped one and one of a package."""
    folder = tmp_path_factory.mktemp("own-lock")
    plain = core_link(folder)
    files = {
        "ntsolo.abi3.so": module(folder / "solo", "ntsolo", NT_ADD, {"five": "nt_add(2, 3)"}, plain, slots=OWN_GIL),
        "ntpack/__init__.py": b"from ._ext import six\n",
        "ntpack/_ext.abi3.so": module(folder / "pack", "_ext", NT_ADD, {"six": "nt_add(3, 3)"}, plain, slots=OWN_GIL),
    }
    wheels = [core_wheel(folder), wheel(folder, "cp312-abi3-linux_x86_64", files, name="ntown")]
    return [unpacked(output, folder / name) for name, output in repaired(wheels, folder / "out", export("ntcore")).items()]


@pytest.mark.parametrize("main_first", [True, False])
def test_sub_interpreters(cpython: Path, shared: SharedSet, own_lock: list[Path], *, main_first: bool) -> None:
    code = ALL.replace("; ", "\n")
    program = SUB_INTERPRETER.format(code=code, kind="legacy")
    good(run(cpython, f"{code}\n{program}" if main_first else f"{program}\n{code}", *shared.folders.values()))
    if minor(version_of(cpython)) >= 13:  # before, ctypes could not be imported into one with a lock of its own
        code = "import ntsolo, ntpack\nassert (ntsolo.five(), ntpack.six()) == (5, 6)"
        program = SUB_INTERPRETER.format(code=code, kind="isolated")
        good(run(cpython, f"{code}\n{program}\n{program}" if main_first else f"{program}\n{program}\n{code}", *own_lock))


@pytest.mark.parametrize("way", ["LD_PRELOAD", "RTLD_GLOBAL"])
def test_unique_symbols_keep_what_is_in_the_global_scope_out(cpython: Path, shared: SharedSet, tmp_path: Path, way: str) -> None:
    """One of the plain symbols shows that the intruder has an effect."""
    names = ("coll_answer", "uniq_answer", "uniq_base")
    intruder = library(tmp_path, "libintruder.so", "\n".join(f"int {name}(void) {{ return 666; }}" for name in names))
    early = "" if way == "LD_PRELOAD" else f"import ctypes; ctypes.CDLL({str(intruder)!r}, mode=ctypes.RTLD_GLOBAL)"
    env = {"LD_PRELOAD": str(intruder)} if way == "LD_PRELOAD" else {}
    code = f"{early}\nimport usea, uniquser; print(usea.answer(), uniquser.thirteen())"
    assert good(run(cpython, code, *shared.only("usea", "colla", "uniquser", "ntuniq"), env=env)) == "666 13"


def test_modules_that_are_imported_globally(cpython: Path, shared: SharedSet) -> None:
    """N-41, "GLOBAL": all work but one of two libraries with the same symbols, whose users put them into the global scope by that."""
    work = "; ".join(f"{imported}; assert {value} == {expected}, {value}" for name, (imported, value, expected) in VALUES.items() if name != "usea")
    good(run(cpython, f"import os, sys; sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL); {work}", *shared.folders.values()))
