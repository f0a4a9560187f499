"""What the names that an image asks for become: those of libraries of its wheel that are exported, and of libraries of providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.image import Identity
from nativewheel.repair import consuming

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.formats.image import Symbol
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.repair.exporting import Exported
    from nativewheel.wheel.names import Member


def new_names(links: Iterable[Link], graph: Graph, exported: Mapping[Member, Exported]) -> tuple[tuple[Identity, Identity], ...]:
    """Return (old, new) for what other wheels supply, and for images of the wheel that do not have, or will not have, the name asked for."""
    links = tuple(links)
    shared = {link.name: exported[link.member].identity for link in links if link.member in exported and link.member is not None}
    names = {**dict(other_file_names(links, graph)), **shared}
    return (*sorted((old, new) for old, new in names.items() if old != new), *consuming.replacements(links))


def other_file_names(links: Iterable[Link], graph: Graph) -> tuple[tuple[Identity, Identity], ...]:
    """Return (old, new) for each image of the wheel that is asked for by its identity but has another file name: loaders search for files."""
    targets = {link.name: graph.images[link.member] for link in links if link.member is not None and not link.reachable}
    names = {old: Identity((target.installed or target.member).rpartition("/")[2]) for old, target in targets.items()}
    return tuple(sorted((old, new) for old, new in names.items() if old != new))


def new_symbols(links: Iterable[Link], imports: Iterable[Symbol], exported: Mapping[Member, Exported]) -> dict[str, str]:
    """Map each imported symbol that an exported library, here or of a provider, has given a unique name to that name."""
    links, imports = tuple(links), tuple(imports)
    renames: dict[str, str] = {}
    for link in links:
        if link.member in exported and link.member is not None:
            wanted = {symbol.name for symbol in imports if symbol.library in {None, link.name}}
            renames |= {old: new for old, new in exported[link.member].renames.items() if old in wanted}
    return renames | dict(consuming.renamed_symbols(links, imports))
