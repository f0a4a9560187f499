"""Wheels that share libraries, compiled on the spot: libraries, extension modules of the stable ABI, and one set that holds every layout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from command import ROOT, nativewheel
from smallwheels import GLIBC, compiled, wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PURE, LIBRARY, MODULE = "py3-none-any", "py3-none-linux_x86_64", "cp38-abi3-linux_x86_64"
needs_linux = pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="what is compiled runs on Linux for x86_64 only")
NT_ADD = "int nt_add(int, int); int nt_release(void);"

# A file that needs the C library tells by that which one it is made for.
_LIBC = "void abort(void); __attribute__((used, retain)) static void quit(void) { abort(); }\n"
_MODULE = """
#include "pyabi.h"
PY_API PyObject *PyModuleDef_Init(PyModuleDef *definition);
{declarations}
{functions}
static PyMethodDef methods[] = {{{table} {{0, 0, 0, 0}}}};
static struct {{ int id; void *value; }} slots[] = {{{slots} {{0, 0}}}};
static PyModuleDef definition = {{.refcount = 1, .name = "{name}", .methods = methods, .slots = slots}};
PY_INIT PyObject *PyInit_{name}(void) {{ return PyModuleDef_Init(&definition); }}
"""
_FUNCTION = "static PyObject *py_{name}(PyObject *module, PyObject *nothing) {{ (void)module, (void)nothing; return PyLong_FromLong({value}); }}"
OWN_GIL = "{3, (void *)2},"
"""Py_mod_multiple_interpreters: Py_MOD_PER_INTERPRETER_GIL_SUPPORTED; interpreters before 3.12 refuse the slot."""


def library(folder: Path, soname: str | None, source: str, *flags: object, target: str = GLIBC, name: str | None = None) -> Path:
    """Compile a shared library; ``name`` is its file name, where that is not its SONAME."""
    named = [f"-Wl,-soname,{soname}"] if soname else []
    return compiled(folder, name or soname or "libanonymous.so", _LIBC + source, *named, *flags, "-lc", target=target)


def core(folder: Path, release: int = 10207, *, offset: int = 0, target: str = GLIBC) -> Path:
    """Compile libntcore.so.1, which adds and knows its release."""
    source = f"int nt_add(int a, int b) {{ return a + b + {offset}; }} int nt_release(void) {{ return {release}; }}"
    return library(folder, "libntcore.so.1", source, target=target)


def module_source(name: str, declarations: str, values: Mapping[str, str], slots: str = "") -> str:
    """Return the C source of an extension module whose functions return the ``values``, expressions of type int."""
    functions = "\n".join(_FUNCTION.format(name=key, value=value) for key, value in values.items())
    table = " ".join(f'{{"{key}", py_{key}, METH_NOARGS, 0}},' for key in values)
    return _MODULE.format(declarations=declarations, functions=functions, table=table, name=name, slots=slots)


def module(
    folder: Path,
    name: str,
    declarations: str,
    values: Mapping[str, str],
    *libraries: object,
    suffix: str = ".abi3.so",
    slots: str = "",
    target: str = GLIBC,
) -> bytes:
    """Compile an extension module that is linked to ``libraries`` (or gets other flags)."""
    python = ("-Wl,-z,undefs", "-Wl,--allow-shlib-undefined", f"-I{ROOT / 'fixtures/src'}")
    source = _LIBC + module_source(name, declarations, values, slots)
    return compiled(folder, f"{name}{suffix}", source, *python, *libraries, "-lc", target=target).read_bytes()


def core_wheel(folder: Path, version: str = "1.2.7", *, files: Mapping[str, bytes] | None = None, tag: str = LIBRARY, target: str = GLIBC) -> Path:
    """Make ntcore: the library under three names, as a build leaves it that has followed symbolic links."""
    numbers = [int(number) for number in version.split(".")]
    data = core(folder / f"core-{version}-{tag}", numbers[0] * 10000 + numbers[1] * 100 + numbers[2], target=target).read_bytes()
    names = ("libntcore.so", "libntcore.so.1", f"libntcore.so.{version}")
    everything = {"ntcore/__init__.py": f'__version__ = "{version}"\n'.encode(), **{f"ntcore/lib/{name}": data for name in names}, **(files or {})}
    return wheel(folder, tag, everything, name="ntcore", version=version)


def core_link(folder: Path, *, target: str = GLIBC) -> Path:
    """Return a libntcore to link with."""
    path = folder / f"link-{target}" / "libntcore.so.1"
    return path if path.exists() else core(path.parent, target=target)


def user_wheel(folder: Path, name: str = "ntuser", *, requires: Iterable[str] = (), files: Mapping[str, bytes] | None = None) -> Path:
    """Make a regular package whose extension module ``_ext`` uses ntcore."""
    values = {"five": "nt_add(2, 3)", "release": "nt_release()"}
    image = module(folder / f"build-{name}", "_ext", NT_ADD, values, core_link(folder))
    init = b'"""Uses ntcore."""\n\nfrom __future__ import annotations\n\nfrom ._ext import five, release\n'
    everything = {f"{name}/__init__.py": init, f"{name}/_ext.abi3.so": image, **(files or {})}
    return wheel(folder, MODULE, everything, name=name, requires=requires)


def export(distribution: str, requires: str = "=={major}.*,>={version}", **more: object) -> str:
    """Return the configuration that exports the libraries in the lib folder of a package."""
    lines = [f"{key.replace('_', '-')} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in more.items()]
    return "\n".join(
        [
            "[[tool.nativewheel.export]]",
            f'distribution = "{distribution}"',
            f'library = ["{distribution}/lib/*.so*"]',
            f'requires = "{requires}"',
            *lines,
            "",
        ]
    )


def config(folder: Path, *parts: str) -> Path:
    """Write a configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "share.toml"
    path.write_text("\n".join(("[tool.nativewheel]", *parts)), encoding="utf-8")
    return path


def by_name(folder: Path) -> dict[str, Path]:
    """Return the wheels in a folder, of which each distribution has one, by the name in the file name."""
    found = {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}
    assert len(found) == len(list(folder.glob("*.whl")))
    return found


def repaired(
    wheels: Iterable[Path], folder: Path, *parts: str, options: Iterable[object] = (), env: Mapping[str, str] | None = None
) -> dict[str, Path]:
    """Repair a set of wheels in one call and return the outputs by distribution."""
    nativewheel("repair", "-w", folder, "--config", config(folder.with_name(f"{folder.name}-config"), *parts), *options, *wheels, env=env)
    return by_name(folder)


def uv(*arguments: object) -> str:
    """Run uv, which must not look anything up."""
    done = subprocess.run([sys.executable, "-m", "uv", *map(str, arguments), "--offline"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pip(*arguments: object, python: Path | None = None, status: int = 0) -> str:
    """Run pip, that of ``python`` where it has one, and return all that it says."""
    program = [sys.executable, "-m", "pip"]
    if python is not None:
        own = [str(python), "-m", "pip"]
        program = (
            own if subprocess.run([*own, "--version"], capture_output=True, check=False).returncode == 0 else [*program, "--python", str(python)]
        )
    command = [*program, "--disable-pip-version-check", "--no-color", *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = {**clean, "PIP_NO_INDEX": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def apart(wheels: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Install each wheel into a folder of its own and return the folders."""
    for name, path in wheels.items():
        uv("pip", "install", "-q", "--no-deps", "--no-index", "--python", sys.executable, "--target", folder / name, path)
    return {name: folder / name for name in wheels}


def text_of(path: Path, ending: str) -> str:
    """Return the only member whose name ends like that, with its line ends."""
    with zipfile.ZipFile(path) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(member).decode()


def requirements_of(path: Path) -> list[str]:
    """Return the Requires-Dist lines of a wheel."""
    return [line.partition(": ")[2] for line in text_of(path, ".dist-info/METADATA").splitlines() if line.startswith("Requires-Dist:")]


def unpacked(path: Path, folder: Path) -> Path:
    """Unpack a wheel without a .data folder as an installer would, and return the folder."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSet:
    """Wheels that were repaired in one call: the inputs, the outputs, and the same installed each in a folder of its own."""

    inputs: dict[str, Path]
    outputs: dict[str, Path]
    folders: dict[str, Path]

    def only(self, *names: str) -> list[Path]:
        """Return the folders of some distributions."""
        return [self.folders[name] for name in names]


SET_CONFIG = (
    export("ntcore"),
    export("ntmath", "=={major}.{minor}.*,>={version}"),
    export("colla", "=={version}"),
    export("collb", "=={version}"),
    export("ntmix", "~={version}"),
    export("ntuniq", uniquify=True),
)
VALUES = {
    "ntuser": ("from ntuser import five", "five()", 5),
    "ntsub": ("from ntsub.deep.inner import _ext", "_ext.six()", 6),
    "ntspace_alpha": ("from ntspace import alpha", "alpha.seven()", 7),
    "ntspace_beta": ("from ntspace.sub.beta import eight", "eight()", 8),
    "nttop": ("import nttop", "nttop.nine()", 9),
    "nttwo": ("from nttwo import ten", "ten()", 10),
    "usea": ("from usea import answer as a", "a()", 1),
    "useb": ("from useb import answer as b", "b()", 2),
    "ntmix": ("from ntmix import eleven", "eleven()", 11),
    "mixuser": ("from mixuser import twelve", "twelve()", 12),
    "uniquser": ("from uniquser import thirteen", "thirteen()", 13),
}
"""What each consumer of the set must compute: an import, an expression and its value."""
NEEDS = {
    "ntuser": ("ntcore",),
    "ntsub": ("ntcore",),
    "ntspace_alpha": ("ntcore",),
    "ntspace_beta": ("ntcore",),
    "nttop": ("ntcore",),
    "nttwo": ("ntcore", "ntmath"),
    "usea": ("colla",),
    "useb": ("collb",),
    "ntmix": ("ntcore",),
    "mixuser": ("ntmix", "ntcore"),
    "uniquser": ("ntuniq",),
}
"""The other wheels that each of them needs, directly or not."""
ALL = "; ".join(f"{imported}; assert {value} == {expected}, {value}" for imported, value, expected in VALUES.values())


def all_layouts(folder: Path) -> list[Path]:
    """Make the wheels of the set: six providers, one of which needs another and one of which is a consumer, and every layout of consumers."""
    lib = folder / "lib"
    plain = core_link(folder)
    math = library(lib, "libntmath.so.2", "int nt_add(int, int); int nt_double(int a) { return nt_add(a, a); }", plain)
    colls = [library(lib / name, "libcoll.so.1", f"int coll_answer(void) {{ return {number}; }}") for number, name in ((1, "colla"), (2, "collb"))]
    mix = library(lib, "libntmix.so", "int nt_add(int, int); int mix_more(int a) { return nt_add(a, 1); }", plain)
    uniq = library(
        lib, "libntuniq.so.1", "__attribute__((noinline)) int uniq_base(void) { return 12; } int uniq_answer(void) { return uniq_base() + 1; }"
    )
    return [*_providers(folder, math, colls, mix, uniq), *_consumers(folder, plain, math, colls, mix, uniq)]


def _providers(folder: Path, math: Path, colls: list[Path], mix: Path, uniq: Path) -> list[Path]:
    answer = module(
        folder / "mixed", "_ext", "int mix_more(int);", {"eleven": "mix_more(10)"}, mix, "-Wl,-rpath,$ORIGIN/lib", "-Wl,--allow-shlib-undefined"
    )
    return [
        core_wheel(folder),
        wheel(folder, LIBRARY, {"ntmath/lib/libntmath.so.2": math.read_bytes(), "ntmath/lib/libntmath.so": math.read_bytes()}, name="ntmath"),
        *(wheel(folder, LIBRARY, {f"{path.parent.name}/lib/libcoll.so.1": path.read_bytes()}, name=path.parent.name) for path in colls),
        wheel(
            folder,
            MODULE,
            {"ntmix/__init__.py": b"from ._ext import eleven\n", "ntmix/_ext.abi3.so": answer, "ntmix/lib/libntmix.so": mix.read_bytes()},
            name="ntmix",
        ),
        wheel(folder, LIBRARY, {"ntuniq/lib/libntuniq.so.1": uniq.read_bytes()}, name="ntuniq"),
    ]


def _consumers(folder: Path, plain: Path, math: Path, colls: list[Path], mix: Path, uniq: Path) -> list[Path]:
    def built(name: str, declarations: str, values: Mapping[str, str], *libraries: Path) -> bytes:
        return module(folder / "modules", name, declarations, values, *libraries, "-Wl,--allow-shlib-undefined")

    def package(name: str, declarations: str, values: Mapping[str, str], *libraries: Path, requires: Iterable[str] = ()) -> Path:
        init = f"from ._ext import {', '.join(values)}\n".encode()
        files = {f"{name}/__init__.py": init, f"{name}/_ext.abi3.so": built("_ext", declarations, values, *libraries)}
        return wheel(folder, MODULE, files, name=name, requires=requires)

    deep = built("_ext", NT_ADD, {"six": "nt_add(2, 4)"}, plain)
    beta = built("_ext", NT_ADD, {"eight": "nt_add(3, 5)"}, plain)
    two = "int nt_add(int, int); int nt_double(int);"
    return [
        user_wheel(folder),
        wheel(
            folder,
            MODULE,
            {"ntsub/__init__.py": b"", "ntsub/deep/__init__.py": b"", "ntsub/deep/inner/_ext.abi3.so": deep},
            name="ntsub",
        ),
        wheel(folder, MODULE, {"ntspace/alpha.abi3.so": built("alpha", NT_ADD, {"seven": "nt_add(3, 4)"}, plain)}, name="ntspace_alpha"),
        wheel(
            folder,
            MODULE,
            {"ntspace/sub/beta/__init__.py": b"from ._ext import eight\n", "ntspace/sub/beta/_ext.abi3.so": beta},
            name="ntspace_beta",
        ),
        wheel(folder, MODULE, {"nttop.abi3.so": built("nttop", NT_ADD, {"nine": "nt_add(4, 5)"}, plain)}, name="nttop"),
        package("nttwo", two, {"ten": "nt_double(nt_add(2, 3))"}, plain, math),
        *(
            package(f"use{path.parent.name[-1]}", "int coll_answer(void);", {"answer": "coll_answer()"}, path, requires=[path.parent.name])
            for path in colls
        ),
        package("mixuser", "int mix_more(int);", {"twelve": "mix_more(11)"}, mix),
        package("uniquser", "int uniq_answer(void);", {"thirteen": "uniq_answer()"}, uniq),
    ]
