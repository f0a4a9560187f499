"""Published wheels that have what a rule of `check` is about."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from realwheels import CACHE, fill, pip

if TYPE_CHECKING:
    from pathlib import Path

NVIDIA = "nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
ROBOTPY = "pyntcore-2025.3.2.0-cp312-cp312-manylinux_2_35_x86_64.whl"
TBB = "tbb-2023.2.0-py2.py3-none-manylinux_2_28_x86_64.whl"

FLAWED = {
    NVIDIA: "25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3",
    ROBOTPY: "51502f2b2129b1461c96d9e6481f05a222ff826fe37af3f950e899ee422e5c97",
    TBB: "7d80615b6e970f11671fa05b6eaa9483ac864fbfe525ac280271a78b37870b7c",
}


def flawed(filename: str) -> Path:
    """Return a wheel of `FLAWED`, downloaded when it is first asked for."""
    folder = CACHE / "published" / filename.removesuffix(".whl")
    if not folder.is_dir():
        fill(folder, lambda scratch: _download(filename, scratch))
    with (folder / filename).open("rb") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == FLAWED[filename]
    return folder / filename


def _download(filename: str, folder: Path) -> None:
    name, version = filename.split("-")[:2]
    pinned = folder.parent / "requirement.txt"
    pinned.write_text(f"{name}=={version} --hash=sha256:{FLAWED[filename]}\n")
    platform = filename.removesuffix(".whl").rpartition("-")[2].partition(".")[0]
    place = ("--platform", platform, "--python-version", "3.12", "--only-binary", ":all:")
    pip("download", "--no-deps", "--require-hashes", *place, "-d", folder, "-r", pinned)
