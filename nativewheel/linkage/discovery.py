"""Where providers are found: in wheels, and in the folders where wheels are installed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import MachineError, ProviderError, UnreadableError, UsageError
from nativewheel.formats.image import Requirement
from nativewheel.linkage import manifest
from nativewheel.linkage.contents import libc_of_tags
from nativewheel.linkage.distinfo import installed, installed_member, installed_on
from nativewheel.linkage.manifest import MANIFEST, digest_of
from nativewheel.linkage.naming import module_name, owner_of, plain_symbol
from nativewheel.linkage.provider import Consideration, ProvidedLibrary, Provider
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from nativewheel.formats.image import Arch
    from nativewheel.linkage.distinfo import DistInfo
    from nativewheel.linkage.manifest import Manifest, ManifestExport
    from nativewheel.wheel.names import WheelName


def providers_in(path: Path) -> tuple[Provider, ...]:
    """Return the providers that ``--provider`` gives: a repaired wheel, a folder of wheels, or a folder where wheels are installed.

    In a folder, what offers nothing is passed over.  Raises ``UsageError`` when there is no such path, or for a wheel that offers nothing;
    ``UnreadableError`` for what cannot be read.
    """
    if path.is_dir():
        wheels = (provider_in_wheel(wheel) for wheel in sorted(path.glob("*.whl")) if wheel.is_file())
        folders = (_installed(found, Consideration.OPTION) for found in installed(path))
        return tuple(provider for provider in (*wheels, *folders) if provider)
    if not path.exists():
        raise UsageError(f"--provider: there is no {path}")
    provider = provider_in_wheel(path)
    if provider is None:
        raise UsageError(f"--provider: {path.name} offers no libraries", hint="repair it first, with an [[tool.nativewheel.export]] or --export")
    return (provider,)


def installed_providers(names: Collection[str], search_path: Iterable[str] | None = None) -> tuple[Provider, ...]:
    """Return the providers of the running environment among the distributions ``names`` (normalised): of each the one that Python imports.

    ``search_path`` takes the place of sys.path.  Raises ``UnreadableError`` for manifests that cannot be read.
    """
    roots = [Path(entry) for entry in (sys.path if search_path is None else search_path)]
    first: dict[str, DistInfo] = {}
    for found in installed_on(roots):
        if found.distribution in names:
            first.setdefault(found.distribution, found)
    return tuple(provider for found in first.values() if (provider := _installed(found, Consideration.NAMED)))


def provider_in_wheel(path: Path) -> Provider | None:
    """Return what a repaired wheel offers, None when that is nothing.  Raises ``UnreadableError`` for what cannot be read."""
    with WheelArchive(path) as archive:
        member = Member(f"{archive.dist_info}/{MANIFEST}")
        if member not in archive.entries:
            return None
        try:
            document = manifest.parse(bytes(archive.read(member)))
        except UnreadableError as error:
            raise error.within(path.name, member) from error
        lacking = [export.member for export in document.exports if export.member not in archive.entries]
        if lacking:
            raise UnreadableError("its manifest names a file that is not there", where=(path.name, lacking[0]))
        return _provider(
            document,
            distribution=archive.name.normalized,
            version=archive.name.version,
            tags=archive.name,
            origin=path.name,
            reason=Consideration.OPTION,
            read=lambda export: _member(path, export.member),
        )


def _installed(found: DistInfo, reason: Consideration) -> Provider | None:
    document = found.manifest()
    if document is None:
        return None
    return _provider(
        document,
        distribution=found.distribution,
        version=found.version,
        tags=found.tags(),
        origin=str(found),
        reason=reason,
        read=lambda export: _file(found.path(export.member)),
    )


def _provider(
    document: Manifest,
    *,
    distribution: str,
    version: str,
    tags: WheelName | None,
    origin: str,
    reason: Consideration,
    read: Callable[[ManifestExport], bytes],
) -> Provider | None:
    if not document.exports:
        return None
    return Provider(
        distribution=distribution,
        version=version,
        namespace=document.namespace,
        module=module_name(distribution),
        name=tags,
        libraries=tuple(_library(export, tags, origin, read) for export in document.exports),
        origin=origin,
        considered_because=reason,
    )


def _library(export: ManifestExport, tags: WheelName | None, origin: str, read: Callable[[ManifestExport], bytes]) -> ProvidedLibrary:
    @cache
    def file() -> ExportedFile:
        try:
            return exported_file(read(export))
        except UnreadableError as error:
            raise error.within(origin, export.member) from error

    def symbols() -> Mapping[str, frozenset[str | None]]:
        return file().symbols

    @cache
    def renames() -> Mapping[str, str]:
        return _renames(export, symbols(), origin)

    return ProvidedLibrary(
        original=export.original,
        identity=export.identity,
        member=installed_member(export.member),
        format=export.format,
        archs=export.archs,
        libc=None if tags is None else libc_of_tags(tags),
        requires=export.requires,
        abi=export.abi,
        binding=export.binding,
        uniquify=export.uniquify,
        uses=export.uses,
        system_fallback=export.system_fallback,
        rename_weak=export.rename_weak,
        symbols=symbols,
        partial=lambda: file().partial,
        renames=renames,
        reexports=lambda: file().reexports,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """What a library's file says of its symbols: the fields of the same names of a `ProvidedLibrary`."""

    symbols: Mapping[str, frozenset[str | None]]
    partial: Mapping[str, frozenset[Arch]]
    reexports: tuple[str, ...]


def exported_file(data: bytes) -> ExportedFile:
    """Read the symbols that an image offers.  Raises ``UnreadableError``."""
    found: dict[str, set[str | None]] = {}
    archs: dict[str, set[Arch]] = {}
    image = formats.read(data, "")
    for symbol in formats.exports(data):
        found.setdefault(symbol.name, set()).add(symbol.version)
        archs.setdefault(symbol.name, set()).update(symbol.archs or image.archs)
    for ordinal in formats.ordinals(data):
        found.setdefault(ordinal, {None})
    name = formats.conventions(image.format).file_name
    return ExportedFile(
        symbols={symbol: frozenset(versions) for symbol, versions in found.items()},
        partial={symbol: frozenset(some) for symbol, some in archs.items() if len(some) < len(image.archs)},
        reexports=tuple(name(item.name) for item in image.dependencies if item.requirement is Requirement.REEXPORT),
    )


def _renames(export: ManifestExport, symbols: Iterable[str], origin: str) -> dict[str, str]:
    """Recompute which symbols were renamed; the manifest holds only a digest, since it could not be believed anyway."""
    namespace = owner_of(export.identity)
    if export.renames is None or namespace is None:
        return {}
    kept, prefix = set(export.kept), formats.conventions(export.format).SYMBOL_PREFIX
    renames = {plain: name for name in symbols if name not in kept and (plain := plain_symbol(namespace, name, prefix))}
    if (len(renames), digest_of(renames)) != (export.renames.count, export.renames.digest):
        raise ProviderError(
            "the symbols of the library are not those that its manifest speaks of",
            where=(origin, export.member),
            hint="the library was changed after the repair: build and repair the provider again",
        )
    return renames


def _member(path: Path, member: Member) -> bytes:
    with WheelArchive(path) as archive:
        return bytes(archive.read(member))


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ProviderError("the library is not there any more", where=(str(path),), hint="install its distribution again") from error
    except OSError as error:
        raise MachineError(f"cannot be read: {error.strerror}", where=(str(path),)) from error
