"""Published Windows wheels whose DLLs are signed, which pip names by tags that no interpreter has alone."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from realwheels import CACHE, fill, pip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNED = {
    "intel_openmp-2026.2.0-py2.py3-none-win_amd64.whl": "0fcd60701d6dcf8f17cd40c9733d7046ff3b82921a0a039bea2e6a68fb12c152",
    "tbb-2023.2.0-py3-none-win_amd64.whl": "b39121cbdaff350fc61a448766cbb26807c523491d66e364838c9feeb3c6a0eb",
}
TORCH = {"torch-2.9.1-cp311-cp311-win_amd64.whl": "0d06b30a9207b7c3516a9e0102114024755a07045f0c1d2f2a56b1819ac06bcb"}
"""It has the largest DLL of any well-known wheel, torch_cpu.dll."""


def wheel(filename: str) -> Path:
    """Return a wheel of `SIGNED` or `TORCH`, downloaded when it is first asked for."""
    folder = CACHE / "published" / filename.removesuffix(".whl")
    if not folder.is_dir():
        fill(folder, lambda scratch: _download(filename, scratch))
    return folder / filename


def images(filename: str) -> Iterator[tuple[str, bytes]]:
    """Yield the DLLs of a wheel with their names."""
    with zipfile.ZipFile(wheel(filename)) as archive:
        for name in sorted(archive.namelist()):
            if name.lower().endswith(".dll"):
                yield name, archive.read(name)


def _download(filename: str, folder: Path) -> None:
    name, version = filename.split("-")[:2]
    pinned = folder.parent / "requirement.txt"
    pinned.write_text(f"{name}=={version} --hash=sha256:{(SIGNED | TORCH)[filename]}\n")
    options = ("--no-deps", "--only-binary", ":all:", "--python-version", "3.11", "--platform", "win_amd64", "--require-hashes")
    pip("download", *options, "-d", folder, "-r", pinned)
