"""Makes the texts that go into a wheel out of the sources beside this module."""

from __future__ import annotations

from importlib.resources import files


def launcher(program: str) -> bytes:
    """Return the script that starts ``program``, a path below the root of the installation."""
    source = files("nativewheel.shim").joinpath("launcher.py").read_text(encoding="utf-8")
    # "#!python" is rewritten by installers to the interpreter of the environment (binary distribution format, "Scripts").
    return ("#!python\n" + source.replace('"@PROGRAM@"', repr(program))).encode()
