"""Whether the providers of a macOS wheel have the symbols that its images want, and whether each reference means one symbol.

A two-level reference names its library.  One in the flat namespace is for whatever image of the process has the symbol, so it can get another name
only where one library alone can be meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError
from nativewheel.linkage.graph import Reach
from nativewheel.repair.consuming import offered, refuse_lacking
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.exporting import Exported
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member


def check_symbols(archive: WheelArchive, graph: Graph, host: HostLibraries, exported: Mapping[Member, Exported]) -> None:
    """Check every image of a wheel that offers ``exported`` libraries.

    Raises ``ProviderError`` for symbols that a variant of the provider lacks, and ``LinkageError`` for references in the flat namespace that two
    libraries could satisfy, or that would lose the only one.
    """
    for member, image in graph.images.items():
        links = graph.links[member]
        for link in links:
            for variant in link.chosen.variants if link.chosen else ():
                has = offered(variant.library)
                wanted = [symbol.name for symbol in image.imports if symbol.library == link.name and not symbol.weak]
                refuse_lacking(archive, member, variant, [name for name in wanted if name not in has])
        flat = {symbol.name for symbol in image.imports if symbol.library is None}
        if flat and any(link.chosen for link in links):
            _refuse_ambiguous(archive, graph, host, image, flat)
        for own in exported.values() if flat else ():
            _refuse_lost(archive, image, own, flat, links)


def _refuse_ambiguous(archive: WheelArchive, graph: Graph, host: HostLibraries, image: WheelImage, flat: set[str]) -> None:
    links = graph.links[image.member]
    changed = {name for link in links if link.chosen for variant in link.chosen.variants for name in variant.library.renames()} & flat
    for link in links if changed else ():
        others: frozenset[str] = frozenset()
        if link.reach is Reach.MEMBER and link.member is not None:
            source = graph.images[link.member].source
            others = frozenset(symbol.name for symbol in formats.exports(archive.read(link.member) if source is None else source.read_bytes()))
        elif link.path is not None:
            others = host.exports(link.path)
        if both := sorted(changed & others):
            raise LinkageError(
                f"{listed(both)} is looked up in the flat namespace, and both {link.name} and a provider have it",
                where=(str(archive.name), image.member),
                hint="link the extension without -flat_namespace and -undefined dynamic_lookup",
            )


def _refuse_lost(archive: WheelArchive, image: WheelImage, own: Exported, flat: set[str], links: tuple[Link, ...]) -> None:
    """Refuse references to an exported library of the same wheel that the image does not name: they would not follow its new symbols."""
    if image.member == own.image.member or any(link.member == own.image.member for link in links):
        return
    if lost := sorted(flat.intersection(own.renames)):
        raise LinkageError(
            f"{listed(lost)} is looked up in the flat namespace, where {own.original} will have it under another name",
            where=(str(archive.name), image.member),
            hint=f'link it with {own.original}, or use binding = "install-name"',
        )
