"""macOS platform tags, and which of them the content of a wheel allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.formats.image import Arch
from nativewheel.linkage.inspection import Blocker, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.formats.image import Image

Version = tuple[int, ...]

FIRST: Mapping[Arch, Version] = {Arch.AARCH64: (11, 0), Arch.X86_64: (10, 4)}
"""The first systems for each processor: what an image without a stated minimum can be taken to need."""

_TAG = re.compile(r"macosx_(\d{1,4})_(\d{1,4})_(\w+)")
_SPELLING = {Arch.AARCH64: "arm64", Arch.X86_64: "x86_64"}
_ARCHS = {"universal2": (Arch.AARCH64, Arch.X86_64), "arm64": (Arch.AARCH64,), "x86_64": (Arch.X86_64,)}
_ELEVEN = 11
"""From macOS 11 on the minor version tells of no new system, and tags have 0 in its place (packaging's macOS tags)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The oldest macOS on which all images run that a wheel has for one architecture, and the images that need it; ``exact`` as they say it."""

    exact: Version
    needed_by: tuple[str, ...]

    @property
    def release(self) -> Version:
        """The version as tags say it."""
        return release(self.exact)


def archs_of(platform: str) -> tuple[Arch, ...]:
    """Return the architectures that a macOS platform tag promises, none for a tag that is not understood."""
    match = _TAG.fullmatch(platform)
    return _ARCHS.get(match[3], ()) if match else ()


def is_version(plat: str) -> bool:
    """Whether ``plat`` is a macOS platform tag but for the architecture: ``macosx_11_0``."""
    return re.fullmatch(r"macosx_\d{1,4}_\d{1,4}", plat) is not None


def version_of(platform: str) -> Version:
    """Return the system that a macOS platform tag promises.  `archs_of` must know its architectures, or `is_version` accept it."""
    _, major, minor, *_ = platform.split("_")
    return int(major), int(minor)


def archs_named(word: str) -> tuple[Arch, ...]:
    """Return what ``arm64``, ``x86_64`` or ``universal2`` stands for, none for any other word."""
    return _ARCHS.get(word, ())


def spelled(arch: Arch) -> str:
    """Return the architecture as macOS calls it."""
    return _SPELLING.get(arch, str(arch))


def parse_version(text: str) -> Version:
    """Read a version such as "11.3"; its first two numbers are what counts.  The text must be numbers with points between."""
    major, minor, *_ = (*(int(part) for part in text.split(".")), 0)
    return major, minor


def release(version: Version) -> Version:
    """Return the version that a tag says for ``version``."""
    major, minor = version
    return major, 0 if major >= _ELEVEN else minor


def written(version: Version) -> str:
    """Return a version as macOS says it."""
    return ".".join(map(str, version))


def floors(images: Iterable[tuple[str, Image]], archs: Iterable[Arch]) -> dict[Arch, Floor]:
    """Return what the images (under the names that messages give them) need, by architecture; one for which none states a minimum is left out."""
    found, named = {}, list(images)
    for arch in archs:
        stated = [(name, minimum) for name, image in named if (minimum := _stated(image, arch))]
        if stated:
            newest = max(version for _, version in stated)
            found[arch] = Floor(exact=newest, needed_by=tuple(dict.fromkeys(name for name, version in stated if version == newest)))
    return found


def _stated(image: Image, arch: Arch) -> Version | None:
    minimum = dict(zip(image.archs, image.minimums, strict=True)).get(arch)
    return max(FIRST[arch], parse_version(minimum)) if minimum else None


def tags(versions: Mapping[Arch, Version]) -> tuple[str, ...]:
    """Return the tags that promise each architecture from its version on: one for both where that says the same.

    No Mac for arm64 has a system before 11.0, so a tag for both can say an older one.
    """
    first, *others = sorted(versions, key=spelled, reverse=True)
    if others and versions[others[0]] in {versions[first], FIRST[others[0]]}:
        return (tag(versions[first], versions),)
    return tuple(sorted(tag(version, (arch,)) for arch, version in versions.items()))


def verdict(images: Mapping[str, Image], archs: tuple[Arch, ...]) -> Verdict:
    """Return the tag of the oldest system that every image runs on, and the images that keep the wheel from an older one."""
    needs = {member: _floor(image, archs) for member, image in images.items()}
    newest = max(needs.values())
    older = [tag(version, archs) for version in sorted({version for version in needs.values() if version < newest}, reverse=True)]
    needing = [member for member, version in needs.items() if version == newest] if older else []
    return Verdict(
        tag=tag(newest, archs),
        better=tuple(older),
        blockers=tuple(Blocker(tag=older[0], member=member, library=None, symbol=None, needs=f"macOS {written(newest)}") for member in needing),
    )


def _floor(image: Image, archs: tuple[Arch, ...]) -> Version:
    first = min(FIRST[arch] for arch in archs)
    return first if image.minimum_os is None else max(first, release(parse_version(image.minimum_os)))


def tag(version: Version, archs: Iterable[Arch]) -> str:
    """Return the tag that promises one version for all of ``archs``."""
    spellings = [spelled(arch) for arch in archs]
    return f"macosx_{version[0]}_{version[1]}_{'universal2' if len(spellings) > 1 else spellings[0]}"
