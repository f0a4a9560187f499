"""A release of a provider: what its wheel offers, in the form in which two releases can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from nativewheel import formats
from nativewheel.errors import NativewheelError
from nativewheel.linkage import macos
from nativewheel.linkage.recorded import read_manifest
from nativewheel.linkage.requirement import requirement
from nativewheel.wheel.archive import WheelArchive

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.manifest import ManifestExport
    from nativewheel.wheel.names import WheelName


_LINUX = re.compile(r"(many|musl)linux(1|2010|2014|_(\d{1,4})_(\d{1,4}))_")
_LEGACY = {"1": (2, 5), "2010": (2, 12), "2014": (2, 17)}
"""The version of glibc for each of the older tags (PEP 600)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedLibrary:
    """An exported library; ``symbols`` are those that dependents cannot do without, as ``name`` or ``name@version``."""

    export: ManifestExport
    symbols: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A wheel of a provider."""

    name: WheelName
    libraries: tuple[OfferedLibrary, ...]

    @property
    def version(self) -> Version | None:
        """The version, None for one that is not after PEP 440."""
        try:
            return Version(self.name.version.replace("_", "-"))
        except InvalidVersion:
            return None

    def serves_users_of(self, previous: Release, export: ManifestExport) -> bool:
        """Whether users of ``export``, a library of a previous release, may meet this one: their range lets it in, or the major version is equal."""
        if previous.version is None or self.version is None:
            return True
        if (previous.version.epoch, previous.version.major) == (self.version.epoch, self.version.major):
            return True
        try:
            specifier = requirement(export.requires, previous.name.distribution, str(previous.version)).specifier
        except NativewheelError:  # a template that no release can use
            return True
        return SpecifierSet(specifier).contains(self.version.public, prereleases=True)


def read_release(path: Path) -> Release | None:
    """Read what a wheel offers, None when that is nothing.  Raises ``UnreadableError``."""
    with WheelArchive(path, strict_record=False) as archive:
        manifest = read_manifest(archive)
        if manifest is None or not manifest.exports:
            return None
        present = (export for export in manifest.exports if export.member in archive.entries)
        libraries = tuple(OfferedLibrary(export=export, symbols=symbols(archive.read(export.member))) for export in present)
        return Release(name=archive.name, libraries=libraries)


def symbols(data: bytes | bytearray) -> frozenset[str]:
    """Return the symbols that users of a library may depend on.

    Weak definitions are left out: users of C++ templates and inline functions have their own.  Raises ``UnreadableError``.
    """
    return frozenset(f"{item.name}@{item.version}" if item.version else item.name for item in formats.exports(data) if not item.weak)


def floors(name: WheelName) -> dict[str, tuple[int, ...]]:
    """Return the oldest system that the tags of a wheel promise, for each family of systems."""
    found: dict[str, tuple[int, ...]] = {}
    for platform in name.platforms:
        if macos.archs_of(platform):
            family, version = "macOS", macos.version_of(platform)
        elif match := _LINUX.match(platform):
            family = "glibc" if match[1] == "many" else "musl"
            version = _LEGACY.get(match[2]) or (int(match[3]), int(match[4]))
        else:
            continue
        found[family] = min(version, found.get(family, version))
    return found
