"""What the user asked of a check, after the command line and the configuration were merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Identity
    from nativewheel.linkage.provider import ProviderNaming


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Options that may differ from wheel to wheel.

    ``allow_missing`` are globs of libraries that nothing needs to supply; ``provider`` are wheels, folders of wheels or site-packages folders where
    providers may be found; ``providers`` say who supplies which plain identity.  ``beside`` are the wheels that are checked together, and
    ``against`` those of previous releases.
    """

    allow_missing: tuple[str, ...] = ()
    provider: tuple[Path, ...] = ()
    providers: tuple[tuple[Identity, ProviderNaming], ...] = ()
    beside: tuple[Path, ...] = ()
    against: tuple[Path, ...] = ()
