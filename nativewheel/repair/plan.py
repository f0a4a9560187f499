"""What a repair will do to one wheel: frozen values that the planner makes, `--dry-run` prints and `apply` carries out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from nativewheel.formats.image import PeBackend

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Edit, Identity
    from nativewheel.linkage.manifest import ManifestConsumption, ManifestExport
    from nativewheel.wheel.names import Member, WheelName


class Action(StrEnum):
    """Whether a wheel changes."""

    REPAIR = "repaired"
    COPY = "copied"


@dataclass(frozen=True, slots=True, kw_only=True)
class VendoredLibrary:
    """A library of the build host that goes into the wheel.

    ``source`` is the real path on the host, ``sha256`` and ``size`` (bytes) are those of the source; ``names`` are the identities by which images
    ask for it (none for a library that only code loads); ``edit`` turns the source into ``member``.
    """

    source: Path
    names: tuple[Identity, ...]
    member: Member
    edit: Edit
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEdit:
    """An edit of an image that the wheel already holds; ``target`` differs from ``member`` when the image also moves."""

    member: Member
    target: Member
    edit: Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A Python script that takes the place of a native program in ``.data/scripts`` and starts ``program`` (path as installed below platlib)."""

    member: Member
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A small file with finished content: a new one, or one that takes the place of a member; ``mode`` are the permission bits of a new one."""

    member: Member
    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a repair does to one wheel.

    With ``action`` COPY, ``reason`` says why nothing changes and every collection but ``warnings`` is empty.  ``exports`` and
    ``consumes`` say what the wheel offers to others and takes from them, ``requires`` are the Requires-Dist lines that it gains for that.
    ``warnings`` are sentences for the user; ``matched`` are the globs of the options that applied to something;
    ``backend`` changes the images of Windows.
    """

    wheel: Path
    name: WheelName
    output: WheelName
    action: Action
    reason: str = ""
    vendored: tuple[VendoredLibrary, ...] = ()
    edits: tuple[ImageEdit, ...] = ()
    launchers: tuple[Launcher, ...] = ()
    files: tuple[NewFile, ...] = ()
    removed: tuple[Member, ...] = ()
    exports: tuple[ManifestExport, ...] = ()
    consumes: tuple[ManifestConsumption, ...] = ()
    requires: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    matched: frozenset[str] = frozenset()
    backend: PeBackend = PeBackend.NATIVEWHEEL
