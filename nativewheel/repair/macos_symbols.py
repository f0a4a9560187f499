"""Whether the providers of a macOS wheel have the symbols that its images want, and whether each reference means one symbol.

A two-level reference names its library.  One in the flat namespace is for whatever image of the process has the symbol, so it can get another name
only where one library alone can be meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError
from nativewheel.formats.image import Requirement
from nativewheel.linkage.manifest import Binding
from nativewheel.linkage.offers import new_names, offered
from nativewheel.repair.consuming import refuse_lacking
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nativewheel.formats.image import Arch, Identity, Symbol
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.linkage.provider import Chosen, Variant
    from nativewheel.repair.exporting import Exported
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member


def check_symbols(archive: WheelArchive, graph: Graph, host: HostLibraries, exported: Mapping[Member, Exported], archs: Iterable[Arch]) -> None:
    """Check every image of a wheel for ``archs`` that offers ``exported`` libraries.

    Raises ``ProviderError`` for symbols that a variant of the provider lacks, and ``LinkageError`` for references in the flat namespace that two
    libraries could satisfy, or that would lose the only one.
    """
    chosen = {link.chosen.identity: link.chosen for links in graph.links.values() for link in links if link.chosen}
    for asker in _askers(graph, host, exported):
        for link in asker.links:
            _refuse_unbindable(archive, asker.name, link)
            for variant in link.chosen.variants if link.chosen else ():
                refuse_lacking(archive, asker.name, variant, _lacking(asker, link, variant, archs))
        flat = {symbol.name for symbol in asker.imports if symbol.library is None}
        if flat:
            _Flat(archive=archive, graph=graph, host=host, exported=exported).refuse_ambiguous(asker, flat)
            _refuse_lost(archive, asker, flat, _unlinked(asker, exported, chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asker:
    """An image of the wheel (``name`` is its member), or a library of the host that goes into it (its file name)."""

    name: str
    links: tuple[Link, ...]
    imports: tuple[Symbol, ...]


def _askers(graph: Graph, host: HostLibraries, exported: Mapping[Member, Exported]) -> Iterator[_Asker]:
    """Yield all images of the wheel, and the libraries of the host that need one which other wheels share."""
    for member, image in graph.images.items():
        yield _Asker(name=member, links=graph.links[member], imports=image.imports)
    for path in graph.libraries:
        if any(link.chosen or link.member in exported for link in graph.links[path]):
            yield _Asker(name=path.name, links=graph.links[path], imports=host.imports(path))


def _refuse_unbindable(archive: WheelArchive, asker: str, link: Link) -> None:
    """Refuse a library that the image passes on, or loads when it is first called: neither works without a place in the image's list."""
    if link.chosen and link.chosen.binding is Binding.FLAT and link.dependency.requirement in {Requirement.REEXPORT, Requirement.DELAYED}:
        raise LinkageError(
            f"{link.name} cannot be bound to in the flat namespace: it is a {link.dependency.requirement} dependency",
            where=(str(archive.name), asker),
            hint='link it plainly, or export it with binding = "install-name"',
        )


def _lacking(asker: _Asker, link: Link, variant: Variant, archs: Iterable[Arch]) -> list[str]:
    """Return what the image wants of a library on some architecture, and does not find there."""
    missing: dict[str, None] = {}
    for arch in archs:
        if arch in variant.library.archs:
            has = {name for library in variant.offering() for name in offered(library, arch)}
            wanted = (symbol.name for symbol in asker.imports if symbol.library == link.name and not symbol.weak and symbol.is_for(arch))
            missing |= dict.fromkeys(name for name in wanted if name not in has)
    return list(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flat:
    """What references in the flat namespace may mean."""

    archive: WheelArchive
    graph: Graph
    host: HostLibraries
    exported: Mapping[Member, Exported]

    def refuse_ambiguous(self, asker: _Asker, flat: set[str]) -> None:
        """Refuse references of which one library gives the symbol another name, and a second one that the image asks for has it, too."""
        links = asker.links
        changed = flat.intersection(name for link in links for name in self._renamed(link))
        having = {link.member or link.path or link.name: (link.name, changed & self._offered(link)) for link in links} if changed else {}
        for (name, has), (other, others) in combinations(having.values(), 2):
            if both := sorted(has & others):
                raise LinkageError(
                    f"{listed(both)} is looked up in the flat namespace, and both {name} and {other} have it",
                    where=(str(self.archive.name), asker.name),
                    hint="link the extension without -flat_namespace and -undefined dynamic_lookup",
                )

    def _renamed(self, link: Link) -> Iterator[str]:
        if link.member is not None and link.member in self.exported:
            yield from self.exported[link.member].renames
        for variant in link.chosen.variants if link.chosen else ():
            yield from new_names(variant)

    def _offered(self, link: Link) -> frozenset[str]:
        """Return what the library has now, under plain names; nothing is known of the system's."""
        if link.chosen:
            return frozenset(name for variant in link.chosen.variants for name in offered(variant.library))
        if link.path is not None:
            return self.host.exports(link.path)
        if link.member is None:
            return frozenset()
        source = self.graph.images[link.member].source
        return frozenset(symbol.name for symbol in formats.exports(self.archive.read(link.member) if source is None else source.read_bytes()))


def _unlinked(asker: _Asker, exported: Mapping[Member, Exported], chosen: Mapping[Identity, Chosen]) -> Iterator[tuple[Identity, Iterable[str]]]:
    """Yield the libraries of the wheel and of its providers that get new symbols and that the image does not name, with the old ones."""
    linked = {link.member for link in asker.links} | {link.chosen.identity for link in asker.links if link.chosen}
    yield from ((own.original, own.renames) for own in exported.values() if own.image.member not in {*linked, asker.name})
    yield from ((item.original, new_names(variant)) for item in chosen.values() if item.identity not in linked for variant in item.variants)


def _refuse_lost(archive: WheelArchive, asker: _Asker, flat: set[str], unlinked: Iterable[tuple[Identity, Iterable[str]]]) -> None:
    """Refuse references to a library that the image does not name: they would not follow its new symbols."""
    for original, renames in unlinked:
        if lost := sorted(flat.intersection(renames)):
            raise LinkageError(
                f"{listed(lost)} is looked up in the flat namespace, where {original} will have it under another name",
                where=(str(archive.name), asker.name),
                hint=f'link it with {original}, or export that with binding = "install-name"',
            )
