"""Repaired wheels made of plain values: what a repair would have written, for tests of what reads it."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from madeimages import LIBRARIES, patched
from smallwheels import wheel

from nativewheel.formats.image import Arch, Format, Identity
from nativewheel.linkage.manifest import Manifest, ManifestConsumption, ManifestExport
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path

TAG = "py3-none-manylinux_2_17_x86_64"
CORE = LIBRARIES / "libntcore.so.1"
PLAIN = Identity("libntcore.so.1")
UNIQUE = Identity("libnw_ntcore__ntcore.so.1")
EXPORT = ManifestExport(
    original=PLAIN,
    identity=UNIQUE,
    member=Member(f"ntcore/lib/{UNIQUE}"),
    format=Format.ELF,
    archs=(Arch.X86_64,),
    abi="1",
    requires="=={major}.*",
    uses=("wpiutil",),
)
SHIM = f"""\
import ctypes, os
def path(name):
    assert name == "{UNIQUE}", name
    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ntcore", "lib", name)
def load():
    ctypes.CDLL(path("{UNIQUE}"))
"""


def renamed_core(folder: Path) -> bytes:
    """Return the library under its unique identity."""
    return patched(CORE, folder / "core.so", "--set-soname", UNIQUE).read_bytes()


def provider(
    folder: Path, export: ManifestExport | None = EXPORT, data: bytes | None = None, *, tag: str = TAG, place: str | None = None, shim: str = SHIM
) -> Path:
    """Write ntcore 1.0, which offers one library."""
    manifest = Manifest(namespace="nw_ntcore", exports=(export,) if export else ())
    files = {
        place or EXPORT.member: data or CORE.read_bytes(),
        "nw_ntcore/__init__.py": shim.encode(),
        "ntcore-1.0.dist-info/nativewheel.json": bytes(manifest),
    }
    return wheel(folder, tag, files, name="ntcore")


def consumer(folder: Path, requires: str = "==1.*", identity: str = UNIQUE, *, name: str = "ntuser") -> Path:
    """Write ntuser 1.0, which uses that library."""
    consumption = ManifestConsumption(provider="ntcore", version="1.0", original=PLAIN, identity=Identity(identity), requires=requires)
    return wheel(folder, TAG, {f"{name}-1.0.dist-info/nativewheel.json": bytes(Manifest(namespace=f"nw_{name}", consumes=(consumption,)))}, name=name)


def install(path: Path, folder: Path) -> Path:
    """Unpack a wheel as an installer would."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder
