"""What is kept of each wheel of a set after it was checked: small values that one process can send to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativewheel.formats.image import Format, Identity
    from nativewheel.wheel.names import Member, WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFacts:
    """A library that a wheel has.

    ``size`` is in bytes; ``digest`` is equal for equal files; ``exported`` says that the manifest offers it to other wheels.
    """

    member: Member
    format: Format
    identity: Identity | None
    size: int
    digest: str
    exported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """One wheel; ``version`` is METADATA's and ``requires`` are its Requires-Dist lines."""

    file: str
    name: WheelName
    version: str
    requires: tuple[str, ...]
    libraries: tuple[LibraryFacts, ...]
