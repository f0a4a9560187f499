"""Real wheels: built from pinned PyPI sdists against the system's libraries, or published ones, kept in a cache between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Callable

REQUIREMENTS = Path(__file__).parent / "requirements"
CACHE = Path(os.environ.get("NATIVEWHEEL_TEST_CACHE") or Path(__file__).parents[2] / ".cache" / "wheels").absolute()

SDISTS = {
    "psycopg2": ("2.9.13", "d36784fc2dae69523ba4b79c7d1d1b4d6e83e87836874f111262f4db940b16a6"),
    "pycurl": ("7.49.0", "d4327da9dea72768f942f831bbaa5a64adca4d7c89f3141da7a833d3c600ab90"),
    "lxml": ("6.1.3", "45222d94ddd511536f3b2f7d9deae3b2339b4ce0f075f1ca25703b07cad9dd21"),
    "rasterio": ("1.4.4", "c95424e2c7f009b8f7df1095d645c52895cd332c0c2e1b4c2e073ea28b930320"),
}
BUILD_PROGRAMS = {
    "psycopg2": ("gcc", "pg_config"),
    "pycurl": ("gcc", "curl-config"),
    "lxml": ("gcc", "xslt-config", "xml2-config"),
    "rasterio": ("g++", "gdal-config"),
}

PUBLISHED = {
    "MarkupSafe-3.0.2-cp311-cp311-manylinux_2_5_i686.manylinux1_i686.manylinux_2_17_i686.manylinux2014_i686.whl": (
        "1e084f686b92e5b83186b07e8a17fc09e38fff551f3602b249881fec658d3eca"
    ),
    "cryptography-44.0.3-cp39-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64.whl": (
        "f3ffef566ac88f75967d7abd852ed5f182da252d23fac11b4766da3957766759"
    ),
    "cryptography-44.0.3-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "192ed30fac1728f7587c6f4613c29c584abdc565d7417c13904708db10206645"
    ),
    "cryptography-44.0.3-cp39-abi3-musllinux_1_2_x86_64.whl": "6866df152b581f9429020320e5eb9794c8780e90f7ccb021940d7f50ee00ae0b",
    "lxml-5.4.0-cp311-cp311-manylinux_2_12_i686.manylinux2010_i686.manylinux_2_17_i686.manylinux2014_i686.whl": (
        "b92b69441d1bd39f4940f9eadfa417a25862242ca2c396b406f9272ef09cdcaa"
    ),
    "lxml-5.4.0-cp311-cp311-musllinux_1_2_aarch64.whl": "72ac9762a9f8ce74c9eed4a4e74306f2f18613a6b71fa065495a67ac227b3056",
    "numpy-1.11.0-cp27-cp27mu-manylinux1_x86_64.whl": "cf49c2451905b170a32e043a2a4c323ac96c5d729713fe52c615dfcfb6816022",
    "numpy-2.2.6-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "ba10f8411898fc418a521833e014a77d3ca01c15b0c6cdcce6a0d2897e6dbbdf",
    "opencv_python_headless-4.11.0.86-cp37-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "0e0a27c19dd1f40ddff94976cfe43066fbbe9dfbb2ec1907d66c19caef42a57b"
    ),
    "psycopg2_binary-2.9.10-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "512d29bb12608891e349af6a0cccedce51677725a921c07dba6342beaf576f9a"
    ),
    "psycopg2_binary-2.9.10-cp311-cp311-musllinux_1_2_x86_64.whl": "35958ec9e46432d9076286dda67942ed6d968b9c3a6a2fd62b48939d1d78bf68",
    "scipy-1.15.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "39cb9c62e471b1bb3750066ecc3a3f3052b37751c7c3dfd0fd7e48900ed52982",
}


def unrepaired(name: str) -> Path:
    """Return the wheel of ``name`` built for this interpreter, as the build backend left it; skip the test where it cannot be built."""
    version, digest = SDISTS[name]
    folder = CACHE / f"{name}-{version}-{sys.implementation.cache_tag}"
    if not list(folder.glob("*.whl")):
        if missing := [program for program in BUILD_PROGRAMS[name] if shutil.which(program) is None]:
            pytest.skip(f"no {', '.join(missing)} to build {name} with")
        _fill(folder, lambda scratch: _build(f"{name}=={version} --hash=sha256:{digest}\n", name, scratch))
    (wheel,) = folder.glob("*.whl")
    return wheel


def published(filename: str) -> Path:
    """Return a wheel of `PUBLISHED`."""
    folder = CACHE / "published" / filename.removesuffix(".whl")
    if not folder.is_dir():
        _fill(folder, lambda scratch: _download(filename, scratch))
    path = folder / filename
    with path.open("rb") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == PUBLISHED[filename]
    return path


def install(requirements: Path, target: Path) -> None:
    """Install pinned requirements from PyPI into a folder."""
    pip("install", "--target", target, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", requirements)


def pip(*arguments: object, **environment: str) -> None:
    """Run this interpreter's pip; its output is shown when it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"


def _fill(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a cache folder whole or not at all."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as scratch:
        result = Path(scratch, "wheels")
        result.mkdir()
        make(result)
        folder.parent.mkdir(parents=True, exist_ok=True)
        result.rename(folder)


def _build(requirement: str, name: str, folder: Path) -> None:
    pinned = folder.parent / "requirement.txt"
    pinned.write_text(requirement)
    constraints = str(REQUIREMENTS / "build.txt")
    # pip 25.3 moved the constraints of build environments to a setting of their own.
    pip(
        *("wheel", "--no-deps", "--no-cache-dir", "--no-binary", name, "--require-hashes", "-w", folder, "-r", pinned),
        PIP_CONSTRAINT=constraints,
        PIP_BUILD_CONSTRAINT=constraints,
    )


def _download(filename: str, folder: Path) -> None:
    name, version, _, tags = parse_wheel_filename(filename)
    pinned = folder.parent / "requirement.txt"
    pinned.write_text(f"{name}=={version} --hash=sha256:{PUBLISHED[filename]}\n")
    places = [option for platform in sorted({tag.platform for tag in tags}) for option in ("--platform", platform)]
    tag = min(tags, key=str)
    python = "3.11" if tag.abi == "abi3" else tag.interpreter.removeprefix("cp")
    pip(
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--python-version",
        python,
        "--abi",
        tag.abi,
        *places,
        "--require-hashes",
        "-d",
        folder,
        "-r",
        pinned,
    )
