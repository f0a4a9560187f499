"""Images, libraries of a host and wheels made of plain values, for tests of what is decided about them."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.formats.elf.patchelf import program
from nativewheel.formats.image import Arch, Dependency, Format, Identity, Image, Kind, Libc
from nativewheel.linkage.contents import WheelImage
from nativewheel.linkage.graph import GraphBuilder
from nativewheel.linkage.host import HostLibraries, HostLibrary
from nativewheel.linkage.policy import policies
from nativewheel.linkage.search import HostSearch
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.formats.image import Symbol
    from nativewheel.linkage.graph import Graph

FIXTURES = Path(__file__).parents[2] / "fixtures"
LIBRARIES = FIXTURES / "lib" / "linux-x86_64-glibc"


def needs(name: str, *versions: str) -> Dependency:
    return Dependency(name=Identity(name), versions=versions)


def library(
    identity: str | None,
    *needed: str | Dependency,
    kind: Kind = Kind.LIBRARY,
    arch: Arch = Arch.X86_64,
    libc: Libc | None = Libc.GLIBC,
    rpaths: tuple[str, ...] = (),
    inherited: bool = False,
) -> Image:
    """Make a shared library that needs what ``needed`` names."""
    return Image(
        format=Format.ELF,
        archs=(arch,),
        kind=kind,
        identity=None if identity is None else Identity(identity),
        dependencies=tuple(needs(item) if isinstance(item, str) else item for item in needed),
        rpaths=rpaths,
        inherited_rpaths=inherited,
        libc=libc,
    )


def extension(*needed: str | Dependency, rpaths: tuple[str, ...] = (), inherited: bool = False, libc: Libc | None = Libc.GLIBC) -> Image:
    """Make an extension module."""
    return library(None, *needed, kind=Kind.EXTENSION, rpaths=rpaths, inherited=inherited, libc=libc)


def member(path: str, image: Image, *, imports: Iterable[Symbol] = (), installed: bool = True, source: Path | None = None) -> WheelImage:
    """Put an image into a wheel; one that is not ``installed`` goes to the scripts or data folder."""
    return WheelImage(member=Member(path), installed=path if installed else None, size=1, image=image, imports=tuple(imports), source=source)


class MadeHost(HostLibraries):
    """A host whose files are real, but hold their name instead of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[Path, HostLibrary] = {}
        self.wanted: dict[Path, tuple[Symbol, ...]] = {}

    def put(self, path: Path, image: Image, *, content: str | None = None, imports: Iterable[Symbol] = ()) -> Path:
        """Put a library at ``path``; files with the same ``content`` have the same hash."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or str(path))
        self.made[path] = HostLibrary(path=path, size=path.stat().st_size, image=image)
        self.wanted[path] = tuple(imports)
        return path

    def get(self, path: Path) -> HostLibrary | None:
        return self.made.get(path)

    def imports(self, path: Path) -> tuple[Symbol, ...]:
        return self.wanted[path]


def graph_of(
    host: HostLibraries,
    *images: WheelImage,
    lib_path: Iterable[Path] = (),
    sysroot: Path | None = None,
    exclude: tuple[str, ...] = (),
    allow_missing: tuple[str, ...] = (),
    libc: Libc = Libc.GLIBC,
) -> Graph:
    """Build the graph of a wheel for x86_64."""
    supplied = policies(libc, Arch.X86_64).always_supplied
    search = HostSearch(libraries=host, arch=Arch.X86_64, libc=libc, supplied=supplied, lib_path=tuple(lib_path), sysroot=sysroot)
    return GraphBuilder(images=images, loader=search, exclude=exclude, allow_missing=allow_missing).build()


def patched(source: Path, target: Path, *arguments: str) -> Path:
    """Write a variant of an image with patchelf, such as one with another SONAME."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([program(), *arguments, "--output", target, source], check=True, capture_output=True)
    return target


def content(wheel: str, name: str) -> bytes:
    """Return a member of a wheel of the fixtures."""
    with zipfile.ZipFile(FIXTURES / "wheels" / wheel) as archive:
        return archive.read(name)


def vend(platform: str = "linux_x86_64", *, tag: str = "cp38-abi3") -> bytes:
    """Return the extension module that needs libntouter.so.2; with ``tag`` cp311-cp311 the one for musl."""
    suffix = "abi3" if tag == "cp38-abi3" else f"cpython-311-{platform.removeprefix('linux_')}-linux-musl"
    return content(f"ntvendor-0.1.0-{tag}-{platform}.whl", f"ntvendor/_vend.{suffix}.so")


def for_gpu(elf: bytes) -> bytes:
    """Make an ELF file one for an NVIDIA GPU (e_machine 190)."""
    return elf[:18] + b"\xbe\0" + elf[20:]
