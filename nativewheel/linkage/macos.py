"""macOS platform tags, and which of them the content of a wheel allows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nativewheel.formats.image import Arch
from nativewheel.linkage.inspection import Blocker, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.image import Image

Version = tuple[int, int]

_TAG = re.compile(r"macosx_\d+_\d+_(\w+)")
_SPELLING = {Arch.AARCH64: "arm64", Arch.X86_64: "x86_64"}
_ARCHS = {"universal2": (Arch.AARCH64, Arch.X86_64), "arm64": (Arch.AARCH64,), "x86_64": (Arch.X86_64,)}
_FIRST: Mapping[Arch, Version] = {Arch.AARCH64: (11, 0), Arch.X86_64: (10, 4)}
"""The first systems for each processor: what an image without a stated minimum can be taken to need."""
_ELEVEN = 11
"""From macOS 11 on the minor version tells of no new system, and tags have 0 in its place (packaging's macOS tags)."""


def archs_of(platform: str) -> tuple[Arch, ...]:
    """Return the architectures that a macOS platform tag promises, none for a tag that is not understood."""
    match = _TAG.fullmatch(platform)
    return _ARCHS.get(match[1], ()) if match else ()


def spelled(arch: Arch) -> str:
    """Return the architecture as macOS calls it."""
    return _SPELLING.get(arch, str(arch))


def verdict(images: Mapping[str, Image], archs: tuple[Arch, ...]) -> Verdict:
    """Return the tag of the oldest system that every image runs on, and the images that keep the wheel from an older one."""
    floors = {member: _floor(image, archs) for member, image in images.items()}
    newest = max(floors.values())
    older = [_tag(version, archs) for version in sorted({version for version in floors.values() if version < newest}, reverse=True)]
    needing = [member for member, version in floors.items() if version == newest] if older else []
    needs = f"macOS {newest[0]}.{newest[1]}"
    return Verdict(
        tag=_tag(newest, archs),
        better=tuple(older),
        blockers=tuple(Blocker(tag=older[0], member=member, library=None, symbol=None, needs=needs) for member in needing),
    )


def _floor(image: Image, archs: tuple[Arch, ...]) -> Version:
    first = min(_FIRST[arch] for arch in archs)
    if image.minimum_os is None:
        return first
    major, minor, *_ = (*(int(part) for part in image.minimum_os.split(".")), 0)
    return max(first, (major, 0 if major >= _ELEVEN else minor))


def _tag(version: Version, archs: tuple[Arch, ...]) -> str:
    name = "universal2" if len(archs) > 1 else _SPELLING[archs[0]]
    return f"macosx_{version[0]}_{version[1]}_{name}"
