"""What an earlier repair has written into a wheel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.linkage.manifest import MANIFEST, parse
from nativewheel.linkage.provider import Chosen
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from nativewheel.formats.image import Identity
    from nativewheel.linkage.manifest import Manifest, ManifestConsumption
    from nativewheel.wheel.archive import WheelArchive


def read_manifest(archive: WheelArchive) -> Manifest | None:
    """Read the manifest of a repaired wheel, None for any other wheel.  Raises ``UnreadableError``."""
    member = Member(f"{archive.dist_info}/{MANIFEST}")
    if member not in archive.entries:
        return None
    try:
        return parse(bytes(archive.read(member)))
    except UnreadableError as error:
        raise error.within(str(archive.name), member) from error.__cause__


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProviders:
    """The providers that a manifest says the wheel uses (a `ProviderSearch`)."""

    consumes: tuple[ManifestConsumption, ...]

    def find(self, name: Identity, *, named: bool) -> Chosen | None:
        """Return who supplies ``name``; every one of them is pointed at."""
        for item in self.consumes if named else ():
            if item.identity == name:
                return Chosen(
                    distribution=item.provider,
                    version=item.version,
                    original=item.original,
                    identity=item.identity,
                    requires=item.requires,
                    marker=None,
                    pointed=True,
                    variants=(),
                )
        return None
