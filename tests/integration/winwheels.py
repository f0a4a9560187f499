"""Unrepaired Windows wheels, made on any host: what a build on Windows leaves, with the DLLs in a folder of the build host."""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import TYPE_CHECKING, NamedTuple

import smallwheels
from realwheels import PUBLISHED, published

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WINDOWS = {
    "numpy-1.26.4-cp312-cp312-win_amd64.whl": "08beddf13648eb95f8d867350f6a018a4be2e5ad54c8d8caed89ebca558b2818",
    "numpy-2.3.2-cp312-cp312-win_arm64.whl": "ee807923782faaf60d0d7331f5e86da7d5e3079e28b291973c545476c2b00d07",
    "psycopg2_binary-2.9.13-cp311-cp311-win_amd64.whl": "70d091f5c3a6177fac50c0da20181ce0e0c053f1e43c872d5f75bd6d9429c020",
    "pyarrow-21.0.0-cp312-cp312-win_amd64.whl": "cf56ec8b0a5c8c9d7021d6fd754e688104f9ebebf1bf4449613c9531f5346a18",
    "shapely-2.1.1-cp312-cp312-win32.whl": "39dca52201e02996df02e447f729da97cfb6ff41a03cb50f5547f19d02905af8",
    "shapely-2.1.1-cp312-cp312-win_amd64.whl": "13d643256f81d55a50013eff6321142781cf777eb6a9e207c2c9e6315ba6044a",
}
"""Published wheels that delvewheel has repaired, some of them with a C++ runtime, and one that has DLLs of its own beside its modules."""

PUBLISHED.update(WINDOWS)

_HASH = re.compile(r"-[0-9a-f]{32}(?=\.dll$)")
_PATCH = re.compile(rb'(""""""\s*)?# start delvewheel patch\r?\n.*?# end delvewheel patch\r?\n', re.DOTALL)


class Undelvewheeled(NamedTuple):
    """A published wheel as it was before its DLLs were put into it, and the folder of the host that has those."""

    wheel: Path
    libraries: Path


def undelvewheeled(filename: str, folder: Path) -> Undelvewheeled:
    """Move the DLLs of a published wheel's ``.libs`` folder to ``folder``/lib, under the names that they had, and take out what delvewheel added."""
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
        wheel = _packed(archive, folder / "dist" / filename, {name: changed.get(name) for name in members if name not in vendored})
    return Undelvewheeled(wheel=wheel, libraries=libraries)


def _renamed(data: bytes, names: Mapping[str, str]) -> bytes:
    """Write the shorter names that DLLs had over those that they have; in Python code there are none, but delvewheel's own code."""
    for new, old in names.items():
        if new != old:
            data = data.replace(new.encode() + b"\0", old.encode().ljust(len(new) + 1, b"\0"))
    return _PATCH.sub(b"", data)


def _packed(archive: zipfile.ZipFile, path: Path, members: Mapping[str, bytes | None]) -> Path:
    """Write a wheel of some members of another, with changed content where there is any, and with a right RECORD."""
    (record,) = (name for name in members if name.endswith(".dist-info/RECORD"))
    contents = {name: archive.read(name) if content is None else content for name, content in members.items() if name != record}
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as output:
        for name, content in {**contents, record: smallwheels.record(contents, record)}.items():
            output.writestr(zipfile.ZipInfo(name, archive.getinfo(name).date_time), content, zipfile.ZIP_DEFLATED, 1)
    return path
