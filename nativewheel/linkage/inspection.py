"""What `show` reports of one wheel, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Identity, Image
    from nativewheel.linkage.manifest import Manifest
    from nativewheel.wheel.names import Member, WheelName
    from nativewheel.wheel.source import WheelUrl


class Supply(StrEnum):
    """Who supplies a dependency (design: the dependency kinds of `show --format json`)."""

    SYSTEM = "system"
    """The platform's policy promises it."""
    WHEEL = "wheel"
    """An image of the same wheel."""
    VENDORED = "vendored"
    """An image of the same wheel that a repair tool put there."""
    PROVIDER = "provider"
    """Another wheel."""
    EXTERNAL = "external"
    """Found on this host only: a repair would vendor it."""
    MISSING = "missing"
    """Found nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedDependency:
    """One dependency of an image and where it comes from.

    ``resolved`` is a member of the wheel (WHEEL, VENDORED) or a path of this host (EXTERNAL), else None; ``provider`` is a distribution.
    """

    name: Identity
    supply: Supply
    resolved: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One thing that keeps a wheel from a better platform tag.

    ``member`` is the image that asks: a member of the wheel, or the file name of a library that would be vendored.  ``library`` and ``symbol`` are
    what it asks for, None where the obstacle has no such part.  ``needs`` is the symbol version, the instruction set level or a short phrase.
    ``tag`` is the nearest better tag that this blocks.
    """

    tag: str
    member: str
    library: Identity | None
    symbol: str | None
    needs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The best platform tag that the content allows.

    ``tag`` is the name as policies spell it (``manylinux_2_17_x86_64``); ``aliases`` are legacy spellings of the same tag; ``blockers`` keep it from
    the better tags in ``better`` (nearest first).
    """

    tag: str
    aliases: tuple[str, ...] = ()
    better: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedImage:
    """One image of the wheel, and who supplies each of its dependencies."""

    member: Member
    image: Image
    size: int
    dependencies: tuple[SuppliedDependency, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalLibrary:
    """A library of this host that a repair would vendor."""

    path: Path
    size: int
    image: Image
    dependencies: tuple[SuppliedDependency, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A wheel, looked at.

    ``manifest`` is what an earlier repair left in the wheel.  ``spared`` are the libraries of this host that would have been vendored in the place of
    those that it takes from providers.

    ``verdict`` judges the wheel as it is; ``repaired`` judges it with the external libraries vendored, and is None when nothing is external or
    something is missing.  Both are None for a wheel without images.  ``tags`` are those of the file name.
    """

    wheel: Path | WheelUrl
    name: WheelName
    version: str
    tags: tuple[str, ...]
    verdict: Verdict | None
    repaired: Verdict | None
    images: tuple[InspectedImage, ...]
    external: tuple[ExternalLibrary, ...] = ()
    warnings: tuple[str, ...] = ()
    repaired_by: str | None = None
    manifest: Manifest | None = None
    spared: tuple[ExternalLibrary, ...] = ()
