"""Which symbols the images of a wheel ask of which library: read only for those who want to see them, because every symbol table is walked."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import UnreadableError
from nativewheel.linkage.host import HostLibraries
from nativewheel.wheel.archive import WheelArchive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nativewheel.formats.image import Identity, Symbol
    from nativewheel.linkage.inspection import Inspection, SuppliedDependency
    from nativewheel.wheel.names import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSymbols:
    """What one image asks for, as ``name`` or ``name@version``, sorted.

    ``of`` has the symbols by the name of the dependency.  ``others`` belong to none of them as far as can be told: those of the interpreter, and
    those of a system library where the format does not record which library a symbol is wanted of.
    """

    of: Mapping[Identity, tuple[str, ...]]
    others: tuple[str, ...]


def asked_symbols(inspection: Inspection, *, jobs: int = 1) -> dict[str, AskedSymbols]:
    """Read what each image of the wheel (by member) and each external library (by path) asks for.

    An ELF symbol without a version names no library: it is taken to be asked of the first dependency that offers one of that name, as the loader
    would find it.  Raises ``UnreadableError`` for a symbol table that cannot be read.
    """
    host = HostLibraries()
    imports: dict[str, tuple[Symbol, ...]] = {}
    offered: dict[str, frozenset[str]] = {}
    with WheelArchive(inspection.wheel, strict_record=False) as archive, ThreadPoolExecutor(max_workers=jobs) as pool:
        members = [image.member for image in inspection.images]
        for member, (wanted, names) in zip(members, pool.map(lambda member: _tables(archive, member), members), strict=True):
            imports[member], offered[member] = wanted, names
    for library in inspection.external:
        imports[str(library.path)] = host.imports(library.path)
        offered[str(library.path)] = _exports(host, library.path)
    asking: dict[str, tuple[SuppliedDependency, ...]] = {image.member: image.dependencies for image in inspection.images}
    asking |= {str(library.path): library.dependencies for library in inspection.external}
    return {path: _asked(imports[path], dependencies, offered) for path, dependencies in asking.items()}


def _tables(archive: WheelArchive, member: Member) -> tuple[tuple[Symbol, ...], frozenset[str]]:
    data = archive.read(member)
    try:
        return formats.imports(data), frozenset(symbol.name for symbol in formats.exports(data))
    except UnreadableError as error:
        raise error.within(str(archive.name), member) from error


def _exports(host: HostLibraries, path: Path) -> frozenset[str]:
    try:
        return host.exports(path)
    except UnreadableError as error:
        raise error.within(str(path)) from error


def _asked(imports: Iterable[Symbol], dependencies: tuple[SuppliedDependency, ...], offered: Mapping[str, frozenset[str]]) -> AskedSymbols:
    """Sort what one image asks for by dependency."""
    names = {dependency.name for dependency in dependencies}
    resolved = [(dependency.name, offered[path]) for dependency in dependencies if (path := dependency.resolved) is not None and path in offered]
    of: dict[Identity, set[str]] = defaultdict(set)
    others: set[str] = set()
    for symbol in imports:
        text = f"{symbol.name}@{symbol.version}" if symbol.version else symbol.name
        library = symbol.library if symbol.library in names else next((name for name, offers in resolved if symbol.name in offers), None)
        (others if library is None else of[library]).add(text)
    return AskedSymbols(of={name: tuple(sorted(of[name])) for name in sorted(of)}, others=tuple(sorted(others)))
