"""Small wheels made for one test: a few files, some of them compiled on the spot for any target."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

GLIBC = "x86_64-linux-gnu.2.17"
MUSL = "x86_64-linux-musl"


def compiled(folder: Path, name: str, source: str, *flags: object, target: str = GLIBC) -> Path:
    """Compile C into the shared library ``folder/name``, without a C library and without debug information."""
    pytest.importorskip("ziglang", reason="no C compiler: ziglang has no wheel for this machine")
    folder.mkdir(parents=True, exist_ok=True)
    code = folder / f"{name}.c"
    code.write_text(source)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-shared", "-fPIC", "-O1", "-g0", "-nostdlib", "-o", str(folder / name)]
    done = subprocess.run([*command, str(code), *map(str, flags)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    code.unlink()
    return folder / name


def extension(folder: Path, name: str, source: str, *flags: object, target: str = GLIBC) -> bytes:
    """Compile an extension module that holds ``source``, which needs no Python to be analysed."""
    module = name.partition(".")[0]
    return compiled(folder, name, f"{source}\nvoid *PyInit_{module}(void) {{ return 0; }}\n", *flags, target=target).read_bytes()


def wheel(
    folder: Path,
    tag: str,
    files: Mapping[str, bytes],
    *,
    modes: Mapping[str, int] | None = None,
    name: str = "small",
    version: str = "1.0",
    requires: Iterable[str] = (),
) -> Path:
    """Write a wheel of ``name`` with a right RECORD; ``modes`` are permission bits, 0o644 where nothing is said."""
    info = f"{name}-{version}.dist-info"
    pure = str(tag.endswith("-any")).lower()
    tags = "".join(f"Tag: {'-'.join((*tag.split('-')[:2], platform))}\n" for platform in tag.split("-")[2].split("."))
    wants = "".join(f"Requires-Dist: {line}\n" for line in requires)
    everything = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{wants}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\n{tags}".encode(),
    }
    everything[f"{info}/RECORD"] = record(everything, f"{info}/RECORD")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in everything.items():
            entry = zipfile.ZipInfo(member, (2020, 2, 2, 2, 2, 2))
            entry.external_attr = (0o100000 | (modes or {}).get(member, 0o644)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


def record(files: Mapping[str, bytes], name: str) -> bytes:
    """Write the RECORD of files, which is called ``name`` itself."""
    rows = [f"{member},sha256={_digest(content)},{len(content)}" for member, content in files.items()]
    return "\n".join([*rows, f"{name},,", ""]).encode()


def rewritten(source: Path, folder: Path, changes: Mapping[str, bytes]) -> Path:
    """Copy a wheel with members replaced or added, and RECORD as it was."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(folder / source.name, "w", zipfile.ZIP_DEFLATED) as after:
        for info in before.infolist():
            after.writestr(info, changes.get(info.filename) or before.read(info))
        for member in changes.keys() - set(before.namelist()):
            after.writestr(member, changes[member])
    return folder / source.name


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def repacked(archive: zipfile.ZipFile, path: Path, members: Mapping[str, bytes | None], level: int = 6) -> Path:
    """Write a wheel of some members of another, with changed content where there is any, and with a right RECORD; ``level`` is that of zlib."""
    (own,) = (name for name in members if name.endswith(".dist-info/RECORD"))
    contents = {name: archive.read(name) if content is None else content for name, content in members.items() if name != own}
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as output:
        for name, content in {**contents, own: record(contents, own)}.items():
            info = zipfile.ZipInfo(name, archive.getinfo(name).date_time)
            info.external_attr, info.compress_type = archive.getinfo(name).external_attr, zipfile.ZIP_DEFLATED
            output.writestr(info, content, compresslevel=level)
    return path
