"""Unrepaired Windows wheels, made on any host: what a build on Windows leaves, with the DLLs in a folder of the build host."""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import TYPE_CHECKING, NamedTuple

import smallwheels
from realwheels import published

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WINDOWS = (
    "numpy-1.26.4-cp312-cp312-win_amd64.whl",
    "numpy-2.3.2-cp312-cp312-win_arm64.whl",
    "psycopg2_binary-2.9.13-cp311-cp311-win_amd64.whl",
    "pyarrow-21.0.0-cp312-cp312-win_amd64.whl",
    "shapely-2.1.1-cp312-cp312-win32.whl",
    "shapely-2.1.1-cp312-cp312-win_amd64.whl",
)
"""Published wheels that delvewheel has repaired, some of them with a C++ runtime, and one that has DLLs of its own beside its modules."""

_HASH = re.compile(r"-[0-9a-f]{32}(?=\.dll$)")
_PATCH = re.compile(rb'(""""""\s*)?# start delvewheel patch\r?\n.*?# end delvewheel patch\r?\n', re.DOTALL)


class Undelvewheeled(NamedTuple):
    """A published wheel as it was before its DLLs were put into it, and the folder of the host that has those."""

    wheel: Path
    libraries: Path


def undelvewheeled(filename: str, folder: Path, level: int = 1) -> Undelvewheeled:
    """Move the DLLs of a published wheel's ``.libs`` folder to ``folder``/lib, under the names that they had, and take out what delvewheel added.

    ``level`` is that of zlib: in a hurry, unless sizes are compared.
    """
    libraries = folder / "lib"
    libraries.mkdir(parents=True)
    with zipfile.ZipFile(published(filename)) as archive:
        members = [name for name in archive.namelist() if not name.endswith(("/", "/DELVEWHEEL"))]
        vendored = [name for name in members if posixpath.dirname(name).endswith(".libs")]
        old = {posixpath.basename(name): _HASH.sub("", posixpath.basename(name)) for name in vendored}
        changed = {name: _renamed(archive.read(name), old) for name in members if name.lower().endswith((".dll", ".pyd", ".py"))}
        for name in vendored:
            if name.endswith(".dll"):
                (libraries / old[posixpath.basename(name)]).write_bytes(changed.pop(name))
        rest = {name: changed.get(name) for name in members if name not in vendored}
        wheel = smallwheels.repacked(archive, folder / "dist" / filename, rest, level)
    return Undelvewheeled(wheel=wheel, libraries=libraries)


def _renamed(data: bytes, names: Mapping[str, str]) -> bytes:
    """Write the shorter names that DLLs had over those that they have; in Python code there are none, but delvewheel's own code."""
    for new, old in names.items():
        if new != old:
            data = data.replace(new.encode() + b"\0", old.encode().ljust(len(new) + 1, b"\0"))
    return _PATCH.sub(b"", data)
