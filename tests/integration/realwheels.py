"""Real wheels: built from pinned PyPI sdists against the system's libraries, or published ones, kept in a cache between runs."""

from __future__ import annotations

import errno
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
    "cryptography-44.0.3-cp39-abi3-macosx_10_9_universal2.whl": "5639c2b16764c6f76eedf722dbad9a0914960d3489c0cc38694ddf9464f1bb2f",
    "cryptography-44.0.3-cp39-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64.whl": (
        "f3ffef566ac88f75967d7abd852ed5f182da252d23fac11b4766da3957766759"
    ),
    "cryptography-44.0.3-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "192ed30fac1728f7587c6f4613c29c584abdc565d7417c13904708db10206645"
    ),
    "cryptography-44.0.3-cp39-abi3-musllinux_1_2_x86_64.whl": "6866df152b581f9429020320e5eb9794c8780e90f7ccb021940d7f50ee00ae0b",
    "h5py-3.14.0-cp312-cp312-macosx_10_13_x86_64.whl": "e0045115d83272090b0717c555a31398c2c089b87d212ceba800d3dc5d952e23",
    "h5py-3.14.0-cp312-cp312-macosx_11_0_arm64.whl": "6da62509b7e1d71a7d110478aa25d245dd32c8d9a1daee9d2a42dba8717b047a",
    "lxml-5.4.0-cp311-cp311-manylinux_2_12_i686.manylinux2010_i686.manylinux_2_17_i686.manylinux2014_i686.whl": (
        "b92b69441d1bd39f4940f9eadfa417a25862242ca2c396b406f9272ef09cdcaa"
    ),
    "lxml-5.4.0-cp311-cp311-musllinux_1_2_aarch64.whl": "72ac9762a9f8ce74c9eed4a4e74306f2f18613a6b71fa065495a67ac227b3056",
    "lxml-5.4.0-cp312-cp312-macosx_10_9_universal2.whl": "b5aff6f3e818e6bdbbb38e5967520f174b18f539c2b9de867b1e7fde6f8d95a4",
    "lxml-5.4.0-cp312-cp312-win32.whl": "d90b729fd2732df28130c064aac9bb8aff14ba20baa4aee7bd0795ff1187545f",
    "lxml-5.4.0-cp312-cp312-win_amd64.whl": "1dc4ca99e89c335a7ed47d38964abcb36c5910790f9bd106f2a8fa2ee0b909d2",
    "numpy-1.11.0-cp27-cp27mu-manylinux1_x86_64.whl": "cf49c2451905b170a32e043a2a4c323ac96c5d729713fe52c615dfcfb6816022",
    "numpy-1.26.4-cp312-cp312-win32.whl": "50193e430acfc1346175fcbdaa28ffec49947a06918b7b92130744e81e640110",
    "numpy-1.26.4-cp312-cp312-win_amd64.whl": "08beddf13648eb95f8d867350f6a018a4be2e5ad54c8d8caed89ebca558b2818",
    "numpy-2.2.6-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "ba10f8411898fc418a521833e014a77d3ca01c15b0c6cdcce6a0d2897e6dbbdf",
    "numpy-2.2.6-cp312-cp312-macosx_14_0_arm64.whl": "894b3a42502226a1cac872f840030665f33326fc3dac8e57c607905773cdcde3",
    "numpy-2.2.6-cp312-cp312-macosx_14_0_x86_64.whl": "71594f7c51a18e728451bb50cc60a3ce4e6538822731b2933209a1f3614e9282",
    "numpy-2.3.2-cp312-cp312-win_arm64.whl": "ee807923782faaf60d0d7331f5e86da7d5e3079e28b291973c545476c2b00d07",
    "opencv_python_headless-4.11.0.86-cp37-abi3-macosx_13_0_arm64.whl": "48128188ade4a7e517237c8e1e11a9cdf5c282761473383e77beb875bb1e61ca",
    "opencv_python_headless-4.11.0.86-cp37-abi3-macosx_13_0_x86_64.whl": "a66c1b286a9de872c343ee7c3553b084244299714ebb50fbdcd76f07ebbe6c81",
    "opencv_python_headless-4.11.0.86-cp37-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "0e0a27c19dd1f40ddff94976cfe43066fbbe9dfbb2ec1907d66c19caef42a57b"
    ),
    "pillow-11.3.0-cp312-cp312-macosx_10_13_x86_64.whl": "fdae223722da47b024b867c1ea0be64e0df702c5e0a60e27daad39bf960dd1e4",
    "pillow-11.3.0-cp312-cp312-macosx_11_0_arm64.whl": "921bd305b10e82b4d1f5e802b6850677f965d8394203d182f078873851dada69",
    "pillow-11.3.0-cp312-cp312-win32.whl": "7b161756381f0918e05e7cb8a371fff367e807770f8fe92ecb20d905d0e1c149",
    "pillow-11.3.0-cp312-cp312-win_amd64.whl": "a6444696fce635783440b7f7a9fc24b3ad10a9ea3f0ab66c5905be1c19ccf17d",
    "pillow-11.3.0-cp312-cp312-win_arm64.whl": "2aceea54f957dd4448264f9bf40875da0415c83eb85f55069d89c0ed436e3542",
    "psycopg2_binary-2.9.10-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "512d29bb12608891e349af6a0cccedce51677725a921c07dba6342beaf576f9a"
    ),
    "psycopg2_binary-2.9.10-cp311-cp311-musllinux_1_2_x86_64.whl": "35958ec9e46432d9076286dda67942ed6d968b9c3a6a2fd62b48939d1d78bf68",
    "psycopg2_binary-2.9.10-cp312-cp312-macosx_12_0_x86_64.whl": "880845dfe1f85d9d5f7c412efea7a08946a46894537e4e5d091732eb1d34d9a0",
    "psycopg2_binary-2.9.10-cp312-cp312-macosx_14_0_arm64.whl": "9440fa522a79356aaa482aa4ba500b65f28e5d0e63b801abf6aa152a29bd842a",
    "psycopg2_binary-2.9.13-cp311-cp311-win_amd64.whl": "70d091f5c3a6177fac50c0da20181ce0e0c053f1e43c872d5f75bd6d9429c020",
    "pyarrow-21.0.0-cp312-cp312-macosx_12_0_arm64.whl": "3a302f0e0963db37e0a24a70c56cf91a4faa0bca51c23812279ca2e23481fccd",
    "pyarrow-21.0.0-cp312-cp312-macosx_12_0_x86_64.whl": "b6b27cf01e243871390474a211a7922bfbe3bda21e39bc9160daf0da3fe48876",
    "pyarrow-21.0.0-cp312-cp312-win_amd64.whl": "cf56ec8b0a5c8c9d7021d6fd754e688104f9ebebf1bf4449613c9531f5346a18",
    "pyzmq-26.4.0-cp312-cp312-macosx_10_15_universal2.whl": "5227cb8da4b6f68acfd48d20c588197fd67745c278827d5238c707daf579227b",
    "pyzmq-26.4.0-cp312-cp312-win_arm64.whl": "2f23c750e485ce1eb639dbd576d27d168595908aa2d60b149e2d9e34c9df40e0",
    "scipy-1.15.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "39cb9c62e471b1bb3750066ecc3a3f3052b37751c7c3dfd0fd7e48900ed52982",
    "scipy-1.15.3-cp312-cp312-win_amd64.whl": "52092bc0472cfd17df49ff17e70624345efece4e1a12b23783a1ac59a1b728ed",
    "shapely-2.1.1-cp312-cp312-macosx_10_13_x86_64.whl": "2827365b58bf98efb60affc94a8e01c56dd1995a80aabe4b701465d86dcbba43",
    "shapely-2.1.1-cp312-cp312-macosx_11_0_arm64.whl": "a9c551f7fa7f1e917af2347fe983f21f212863f1d04f08eece01e9c275903fad",
    "shapely-2.1.1-cp312-cp312-win32.whl": "39dca52201e02996df02e447f729da97cfb6ff41a03cb50f5547f19d02905af8",
    "shapely-2.1.1-cp312-cp312-win_amd64.whl": "13d643256f81d55a50013eff6321142781cf777eb6a9e207c2c9e6315ba6044a",
}

MACOS = tuple(name for name in PUBLISHED if "macosx" in name)
"""For arm64 and x86_64: ten projects with many ways to build a Mach-O image."""


def unrepaired(name: str) -> Path:
    """Return the wheel of ``name`` built for this interpreter, as the build backend left it; skip the test where it cannot be built."""
    version, digest = SDISTS[name]
    folder = CACHE / f"{name}-{version}-{sys.implementation.cache_tag}"
    if not list(folder.glob("*.whl")):
        if missing := [program for program in BUILD_PROGRAMS[name] if shutil.which(program) is None]:
            pytest.skip(f"no {', '.join(missing)} to build {name} with")
        fill(folder, lambda scratch: _build(f"{name}=={version} --hash=sha256:{digest}\n", name, scratch))
    (wheel,) = folder.glob("*.whl")
    return wheel


def published(filename: str) -> Path:
    """Return a wheel of `PUBLISHED`."""
    folder = CACHE / "published" / filename.removesuffix(".whl")
    if not folder.is_dir():
        fill(folder, lambda scratch: _download(filename, scratch))
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


def fill(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a cache folder whole or not at all; one that is there by then stays."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as scratch:
        result = Path(scratch, "wheels")
        result.mkdir()
        make(result)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            result.rename(folder)
        except OSError as error:
            # Tests in several processes share the cache, and another one was faster.
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise


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
