"""Unrepaired macOS wheels, made on any host: what a build on a Mac leaves, with the libraries in folders of the build host."""

from __future__ import annotations

import posixpath
import shutil
import struct
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import smallwheels
from machoedit import hash_again
from machofile import DYLIBS, LC_BUILD_VERSION, LC_CODE_SIGNATURE, LC_SEGMENT_64, MachO
from machosamples import Samples, linkers, sample_folder
from realwheels import published

from nativewheel import formats
from nativewheel.formats.image import Edit, Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PADDING = ("-headerpad", "1000")
"""Room for the names of a build host's folders."""
FOO = "@rpath/libfoo.dylib"


def sampled(linker: str, arch: str, factory: pytest.TempPathFactory) -> Samples:
    """Return the samples of a linker, and skip the test where there is no such linker."""
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    return Samples(linker=linker, arch=arch, folder=sample_folder(factory))


class Undelocated(NamedTuple):
    """A published wheel as it was before its libraries were put into it, and the folder of the host that has those."""

    wheel: Path
    libraries: Path


def undelocated(filename: str, folder: Path) -> Undelocated:
    """Move the libraries of a published wheel's ``.dylibs`` folder to ``folder``/lib, and give everything the names that they have there."""
    libraries = folder / "lib"
    libraries.mkdir(parents=True)
    scratch, new = folder / "before", folder / "after"
    with zipfile.ZipFile(published(filename)) as archive:
        members = [name for name in archive.namelist() if not name.endswith("/")]
        moved = {name: str(libraries / posixpath.basename(name)) for name in members if posixpath.basename(posixpath.dirname(name)) == ".dylibs"}
        assert len(set(moved.values())) == len(moved)
        changed: dict[str, bytes] = {}
        for member in members:
            if not member.endswith((".so", ".dylib")):
                continue
            scratch.write_bytes(archive.read(member))
            formats.apply(scratch, _host_names(scratch, member, moved), new)
            if member in moved:
                new.rename(moved[member])
            else:
                changed[member] = new.read_bytes()
        wheel = smallwheels.repacked(archive, folder / "dist" / filename, {name: changed.get(name) for name in members if name not in moved})
    return Undelocated(wheel=wheel, libraries=libraries)


def _host_names(image: Path, member: str, moved: Mapping[str, str]) -> Edit:
    """Replace names relative to the image by what they stand for on the host."""
    found = formats.read(image.read_bytes(), posixpath.basename(member))
    replace = []
    for dependency in found.dependencies:
        if dependency.name.startswith("@loader_path/"):
            place = posixpath.normpath(posixpath.join(posixpath.dirname(member), dependency.name.removeprefix("@loader_path/")))
            replace.append((dependency.name, Identity(moved[place])))
    return Edit(identity=Identity(moved[member]) if member in moved else None, replace=tuple(replace))


def mac_wheel(folder: Path, samples: Samples, images: Mapping[str, Path], *, tag: str = "macosx_11_0", **keywords: Any) -> Path:
    """Write a wheel called ``user`` of images by their members, for the architecture of the samples unless ``tag`` has one; the rest is `wheel`'s."""
    platform = tag if tag.endswith(("arm64", "x86_64", "universal2")) else f"{tag}_{samples.arch}"
    files = {"user/__init__.py": b"", **{member: path.read_bytes() for member, path in images.items()}}
    return smallwheels.wheel(folder, f"cp312-cp312-{platform}", files, **{"name": "user", **keywords})


def user(folder: Path, samples: Samples, *, name: object = FOO, rpaths: Iterable[object] = (), **keywords: Any) -> Path:
    """Write a wheel of a module that asks for libfoo by ``name``."""
    module = edited(samples.bar(*PADDING), folder / "build/_bar.so", replace={} if name == FOO else {FOO: name}, rpaths=rpaths)
    return mac_wheel(folder / "dist", samples, {"user/_bar.so": module}, **keywords)


def host(folder: Path, *libraries: Path) -> Path:
    """Make a folder of the build host with libraries."""
    folder.mkdir(parents=True)
    for library in libraries:
        shutil.copy(library, folder)
    return folder


def edited(
    source: Path,
    target: Path,
    *,
    identity: object = None,
    replace: Mapping[str, object] | None = None,
    rpaths: Iterable[object] | None = None,
) -> Path:
    """Write an image with other names to ``target``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    edit = Edit(
        identity=Identity(str(identity)) if identity else None,
        replace=tuple((Identity(old), Identity(str(new))) for old, new in (replace or {}).items()),
        rpaths=None if rpaths is None else tuple(map(str, rpaths)),
    )
    formats.apply(source, edit, target)
    return target


def stub(folder: Path, name: str, *symbols: str) -> Path:
    """Write a text-based stub of the library ``name``, for linkers."""
    path = folder / (posixpath.basename(name).removesuffix(".dylib") + ".tbd")
    targets = "targets: [ x86_64-macos, arm64-macos ]"
    exports = f"exports:\n  - {targets}\n    symbols: [ {', '.join(symbols)} ]"
    path.write_text(f"--- !tapi-tbd\ntbd-version: 4\n{targets}\ninstall-name: '{name}'\n{exports}\n...\n")
    return path


def with_minimum(data: bytes, version: str) -> bytes:
    """Return a thin image that says that it needs a system of at least ``version``."""
    major, minor = map(int, version.split("."))
    changed, image = bytearray(data), MachO(data)
    (place,) = (at for command, at, _ in image.commands if command == LC_BUILD_VERSION)
    struct.pack_into("<I", changed, place + 12, major << 16 | minor << 8)
    hash_again(changed, image)
    return bytes(changed)


def with_kind(data: bytes, name: str, kind: str) -> bytes:
    """Return an image that asks for a library by another load command."""
    changed, image = bytearray(data), MachO(data)
    commands = [at for command, at, _ in image.commands if command in DYLIBS]
    (place,) = (at for at, dylib in zip(commands, image.dylibs, strict=True) if dylib.name == name)
    struct.pack_into("<I", changed, place, next(command for command, found in DYLIBS.items() if found == kind))
    hash_again(changed, image)
    return bytes(changed)


def with_certificate(data: bytes) -> bytes:
    """Return a signed image whose signature has a CMS message, as that of a Developer ID has."""
    image = MachO(data)
    ((at, signature),) = ((at, struct.unpack_from("<I", data, at + 8)[0]) for command, at, _ in image.commands if command == LC_CODE_SIGNATURE)
    directory = _code_directory(data, signature)
    message = struct.pack(">2I", 0xFADE0B01, 16) + b"messages"
    index = struct.pack(">4I", 0, 28, 0x10000, 28 + len(directory))
    blob = struct.pack(">3I", 0xFADE0CC0, 28 + len(directory) + len(message), 2) + index + directory + message
    changed = bytearray(data[:signature] + blob)
    struct.pack_into("<I", changed, at + 12, len(blob))
    linkedit = [place for command, place, _ in image.commands if command == LC_SEGMENT_64][-1]
    size = len(changed) - image.segments[-1].offset
    struct.pack_into("<Q", changed, linkedit + 48, size)
    struct.pack_into("<Q", changed, linkedit + 32, -(-size // 0x4000) * 0x4000)
    hash_again(changed, MachO(bytes(changed)))
    return bytes(changed)


def _code_directory(data: bytes, signature: int) -> bytes:
    (count,) = struct.unpack_from(">I", data, signature + 8)
    slots = dict(struct.iter_unpack(">2I", data[signature + 12 : signature + 12 + 8 * count]))
    start = signature + slots[0]
    return data[start : start + struct.unpack_from(">I", data, start + 4)[0]]
