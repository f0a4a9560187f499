"""Makes the texts that go into a wheel out of the sources beside this module."""

from __future__ import annotations

import ast
from importlib.resources import files

from nativewheel.shim.package import ShimLibrary, ShimPackage, ShimProvider, package_init, quoted
from nativewheel.shim.source_edit import is_shared_namespace, with_call

__all__ = [
    "ShimLibrary",
    "ShimPackage",
    "ShimProvider",
    "is_shared_namespace",
    "launcher",
    "package_init",
    "runtime",
    "swap_module",
    "windows_runtime",
    "with_call",
]


def launcher(program: str) -> bytes:
    """Return the script that starts ``program``, a path below the root of the installation."""
    # "#!python" is rewritten by installers to the interpreter of the environment (binary distribution format, "Scripts").
    return ("#!python\n" + _source("launcher").replace('"@PROGRAM@"', repr(program))).encode()


def runtime() -> bytes:
    """Return ``_nativewheel.py``, which goes into every shim package as it is."""
    return _source("_nativewheel").encode()


def windows_runtime() -> bytes:
    """Return ``_windows.py``, which goes beside it into a ``ShimPackage`` with ``windows``."""
    return _source("_windows").encode()


def swap_module(shim_module: str, binary: str) -> bytes:
    """Return the module that calls ``shim_module`` and then takes the content of ``binary``, a file name in its own folder."""
    source = _source("swap")
    # A docstring would become that of the extension module when it is reloaded.
    docstring = ast.parse(source).body[0].end_lineno
    lines = source.splitlines(keepends=True)[docstring:]
    return "".join(lines).lstrip("\n").replace('"@SHIM@"', quoted(shim_module)).replace('"@BINARY@"', quoted(binary)).encode()


def _source(name: str) -> str:
    return files("nativewheel.shim").joinpath(f"{name}.py").read_text(encoding="utf-8")
