"""Search paths of images: what stays, what goes, what a repair adds."""

from __future__ import annotations

from posixpath import dirname
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.formats.image import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.formats.conventions import Conventions
    from nativewheel.formats.image import Image
    from nativewheel.linkage.contents import WheelImage


def kept(image: WheelImage) -> tuple[str, ...]:
    """Return the entries that lead to a place inside the installation or of the system, in order and once each.

    A program in the scripts folder has no fixed place below the installation's root, so all that is relative to its own folder stays.
    """
    entries, conventions = dict.fromkeys(image.image.rpaths), formats.conventions(image.image.format)
    if image.installed is None:
        return tuple(entry for entry in entries if conventions.is_relative_rpath(entry) or conventions.is_of_system(entry))
    here = dirname(image.installed)
    program = here if image.image.kind is Kind.PROGRAM else None
    return tuple(entry for entry in entries if conventions.expand_rpath(entry, here, program) is not None or conventions.is_of_system(entry))


def of_system(image: Image) -> tuple[str, ...]:
    """Return the entries that lead to a folder of the system, which mean the same wherever the image is."""
    return tuple(entry for entry in dict.fromkeys(image.rpaths) if formats.conventions(image.format).is_of_system(entry))


def dropped(image: WheelImage) -> tuple[str, ...]:
    """Return the entries that only make sense on the build host."""
    stay = kept(image)
    return tuple(entry for entry in dict.fromkeys(image.image.rpaths) if entry not in stay)


def away_from(folders: Iterable[str], here: str, entries: tuple[str, ...], conventions: Conventions) -> tuple[str, ...]:
    """Take out of ``entries`` what leads from an image in the folder ``here`` to one of ``folders`` (all below the root of the installation)."""
    avoided = frozenset(folders)
    return tuple(entry for entry in entries if conventions.expand_rpath(entry, here) not in avoided)


def leading_to(folders: Iterable[str], here: str, entries: tuple[str, ...], conventions: Conventions) -> tuple[str, ...]:
    """Add to ``entries`` what leads from an image in the folder ``here`` to each of ``folders``, where it takes a search path to find a library."""
    if not conventions.SEARCHED:
        return entries
    reached = {conventions.expand_rpath(entry, here) for entry in entries}
    missing = [folder for folder in dict.fromkeys(folders) if folder not in reached]
    return (*entries, *(conventions.relative_rpath(here, folder) for folder in missing))
