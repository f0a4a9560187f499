"""Names of libraries that a repair cannot change, because only code knows what they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nativewheel.formats.image import Identity
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.plan import VendoredLibrary
    from nativewheel.wheel.archive import WheelArchive

    _Renamed = tuple[Identity, Identity]


def literal_names(
    archive: WheelArchive, images: Sequence[WheelImage], vendored: Iterable[VendoredLibrary], host: HostLibraries, renamed: Iterable[_Renamed]
) -> list[str]:
    """Return a sentence for each old name of a ``renamed`` library that images have among their strings: LoadLibrary may get it."""
    conventions = formats.conventions(images[0].image.format)
    new = {conventions.key(conventions.file_name(old)): identity for old, identity in renamed}
    # A DLL has no place that an image could say, so code, too, asks for it by its name alone; elsewhere dlopen mostly gets paths.
    if conventions.PLACED or not new:
        return []
    named = [(image.member, formats.named_libraries(archive.read(image.member))) for image in images]
    named += [(library.member, host.named_libraries(library.source)) for library in vendored]
    found: dict[str, list[str]] = {}
    for member, names in named:
        for name in sorted(name for name in names if conventions.key(name) in new):
            found.setdefault(name, []).append(member)
    return [
        f"{listed(members)}: has the text {name}; if code loads it by that name, it will not be found, as it is {new[conventions.key(name)]} now"
        for name, members in found.items()
    ]
