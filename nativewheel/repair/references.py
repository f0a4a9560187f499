"""What an image calls its libraries and their symbols after a repair: vendored ones, exported ones of its wheel, and those of providers."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import basename, dirname, join
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.formats.image import FlatBinding, Identity
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.manifest import Binding
from nativewheel.repair import consuming

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from nativewheel.formats.conventions import Conventions
    from nativewheel.formats.image import Image, Symbol
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.repair.exporting import Exported
    from nativewheel.wheel.names import Member

Names = tuple[tuple[Identity, Identity], ...]
"""What images called libraries (old, new)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What changes in the references of one image: the fields of the same names of an `Edit`."""

    replace: Names = ()
    remove: tuple[Identity, ...] = ()
    flat: tuple[FlatBinding, ...] = ()
    rename_imports: tuple[tuple[Identity, tuple[tuple[str, str], ...]], ...] = ()
    rename_weak: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrer:
    """One image that asks for libraries: from ``folder`` (as installed), by ``links``; ``imports`` are the symbols that it wants."""

    image: Image
    folder: str
    links: tuple[Link, ...]
    imports: Collection[Symbol]


def references(referrer: Referrer, graph: Graph, exported: Mapping[Member, Exported]) -> References:
    """Return what changes for libraries of the wheel and of providers; those that are vendored come on top."""
    conventions = formats.conventions(referrer.image.format)
    flat, names = [], dict(_members(referrer, graph, exported, conventions))
    symbols: dict[Identity, tuple[tuple[str, str], ...]] = {}
    weak: set[str] = set()
    for link in referrer.links:
        renames = _new_symbols(link, referrer.imports, exported)
        if _renames_weak(link, exported):
            weak |= {old for old, _ in renames}
        if link.chosen and link.chosen.binding is Binding.FLAT:
            flat.append(FlatBinding(dependency=link.name, identity=link.chosen.identity, renames=renames))
            continue
        if link.chosen:
            names[link.name] = link.chosen.identity
        if renames:
            symbols[link.name] = renames
    return References(
        replace=_changed(names),
        remove=without_libpython(referrer.links),
        flat=tuple(flat),
        rename_imports=tuple(sorted(symbols.items())),
        rename_weak=tuple(sorted(weak)),
    )


def without_libpython(links: Iterable[Link]) -> tuple[Identity, ...]:
    """Return the dependencies on libpython, which are taken out: the interpreter that imports the module has these symbols already."""
    return tuple(link.name for link in links if link.reach is Reach.INTERPRETER)


def _members(referrer: Referrer, graph: Graph, exported: Mapping[Member, Exported], conventions: Conventions) -> Iterable[tuple[Identity, Identity]]:
    """Yield (old, new) for images of the wheel that do not have, or will not have, the name asked for, or that are not found by it."""
    for link in referrer.links:
        if link.member is None:
            continue
        place = graph.images[link.member].installed or link.member
        if link.member in exported:
            place = join(dirname(place), basename(exported[link.member].member))
        elif link.reachable:
            continue
        yield link.name, conventions.reference(referrer.folder, place)


def _new_symbols(link: Link, imports: Iterable[Symbol], exported: Mapping[Member, Exported]) -> tuple[tuple[str, str], ...]:
    """Return (old, new) for each imported symbol that an exported library, here or of a provider, has given a unique name."""
    own = exported.get(link.member) if link.member is not None else None
    if not (own or link.chosen):
        return ()
    wanted = {symbol.name for symbol in imports if symbol.library in {None, link.name}}
    renames = {old: new for old, new in own.renames.items() if old in wanted} if own else {}
    if link.chosen:
        renames |= consuming.renames(link.chosen, wanted)
    return tuple(sorted(renames.items()))


def _renames_weak(link: Link, exported: Mapping[Member, Exported]) -> bool:
    own = exported.get(link.member) if link.member is not None else None
    return own.rule.rename_weak if own else link.chosen is not None and link.chosen.variants[0].library.rename_weak


def _changed(names: Mapping[Identity, Identity]) -> Names:
    return tuple(sorted((old, new) for old, new in names.items() if old != new))
