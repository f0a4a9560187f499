"""The package that a repaired wheel carries for sharing, and what the wheel's metadata says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.linkage.manifest import ManifestExport, ManifestRenames
from nativewheel.linkage.naming import module_name
from nativewheel.linkage.requirement import DEFAULT_TEMPLATE, lower_bound, requirement
from nativewheel.repair import consuming
from nativewheel.repair.plan import NewFile
from nativewheel.shim.inject import runtime, windows_runtime
from nativewheel.shim.package import ShimLibrary, ShimPackage, ShimProvider, package_init
from nativewheel.wheel.entrypoints import with_entry_point
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.formats.image import Identity
    from nativewheel.linkage.graph import Graph
    from nativewheel.linkage.manifest import ManifestConsumption
    from nativewheel.linkage.provider import Chosen
    from nativewheel.linkage.requirement import ProviderRequirement
    from nativewheel.repair.exporting import Exported
    from nativewheel.wheel.archive import WheelArchive

ENTRY_POINTS = "nativewheel.provider"
_APART = "type information of classes that consumers define as well differs from theirs, so exceptions and dynamic_cast may not work between them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shim:
    """The files of the package ``module``, none when the wheel neither offers nor uses anything, and what the manifest and METADATA say."""

    module: str
    files: tuple[NewFile, ...] = ()
    exports: tuple[ManifestExport, ...] = ()
    consumes: tuple[ManifestConsumption, ...] = ()
    requires: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DllPlaces:
    """Where a wheel has DLLs, by paths below the root of the installation: images for Windows do not say it.

    ``vendored`` are in load order; some image loads those in ``delayed`` only when it first calls them, or only forwards symbols to them.
    """

    folders: tuple[str, ...]
    vendored: tuple[str, ...]
    delayed: tuple[str, ...]


def shim_of(archive: WheelArchive, exports: tuple[Exported, ...], graph: Graph, dlls: DllPlaces | None) -> Shim:
    """Return the shim of a wheel; ``dlls`` is what it tells the loader of Windows, None elsewhere.

    Raises ``LinkageError`` when a package of that name is there already, ``UsageError`` and ``LinkageError`` for a template of requirements that
    makes no sense.
    """
    module = module_name(archive.name.distribution)
    chosen = consuming.chosen_providers(graph)
    if not (exports or chosen or (dlls and dlls.folders)):
        return Shim(module=module)
    taken = next((member for member in archive.entries if _is_module(archive.installed_path(member) or "", module)), None)
    if taken:
        raise LinkageError("this place is for the package that loads shared libraries", where=(str(archive.name), taken))
    required = consuming.requirements(chosen.values())
    offered = [requirement(exported.rule.requires, archive.name.distribution, archive.name.version) for exported in exports]
    package = ShimPackage(
        distribution=archive.name.normalized,
        version=archive.name.version,
        libraries=tuple(_library(archive, exported, _needs(exported, exports, graph)) for exported in _in_load_order(exports, graph)),
        providers=_providers(chosen, required),
        requires=tuple(dict.fromkeys(item.line for item in offered)),
        windows=dlls is not None,
        dll_folders=dlls.folders if dlls else (),
        vendored=dlls.vendored if dlls else (),
        delayed=dlls.delayed if dlls else (),
    )
    files = [
        NewFile(member=Member(f"{module}/__init__.py"), data=package_init(package)),
        NewFile(member=Member(f"{module}/_nativewheel.py"), data=runtime()),
        *([NewFile(member=Member(f"{module}/_windows.py"), data=windows_runtime())] if dlls else []),
    ]
    return Shim(
        module=module,
        files=(*files, *([_entry_points(archive, module)] if exports else [])),
        exports=tuple(_manifest_export(exported, graph) for exported in exports),
        consumes=consuming.consumptions(chosen, required),
        requires=tuple(dict.fromkeys(item.line for item in required.values())),
        warnings=(
            *(warning for item in (*offered, *required.values()) for warning in item.warnings),
            *(f"{exported.original}: its weak definitions get unique names: {_APART}" for exported in exports if exported.rule.rename_weak),
        ),
    )


def _is_module(path: str, module: str) -> bool:
    return path.startswith((f"{module}/", f"{module}."))


def _needs(exported: Exported, exports: Iterable[Exported], graph: Graph) -> tuple[str, ...]:
    """Return the identities of the exported libraries of the same wheel that one needs, directly or through others of it."""
    reached: dict[Member, None] = {exported.image.member: None}
    waiting = list(reached)
    while waiting:
        found = [link.member for link in graph.links[waiting.pop()] if link.member is not None and link.member not in reached]
        reached |= dict.fromkeys(found)
        waiting += found
    return tuple(other.identity for other in exports if other is not exported and other.image.member in reached)


def _library(archive: WheelArchive, exported: Exported, needs: tuple[str, ...]) -> ShimLibrary:
    def installed(member: Member) -> str:
        return archive.installed_path(member) or member

    return ShimLibrary(
        original=exported.original,
        identity=exported.identity,
        path=installed(exported.member),
        anchor=installed(exported.anchor) if exported.anchor else None,
        mode="global" if exported.is_global else "local",
        system_fallback=exported.rule.system_fallback,
        needs=needs,
    )


def _providers(chosen: Mapping[Identity, Chosen], required: Mapping[Identity, ProviderRequirement]) -> tuple[ShimProvider, ...]:
    by_distribution: dict[str, list[Chosen]] = {}
    for item in chosen.values():
        by_distribution.setdefault(item.distribution, []).append(item)
    return tuple(
        ShimProvider(
            module=items[0].module,
            distribution=distribution,
            requirement=",".join(dict.fromkeys(required[item.identity].specifier for item in items)),
            minimum=max(lower_bound(required[item.identity].specifier) or () for item in items),
            names={item.original: item.identity for item in items},
            system_fallback=all(variant.library.system_fallback for item in items for variant in item.variants),
        )
        for distribution, items in sorted(by_distribution.items())
    )


def _in_load_order(exports: Iterable[Exported], graph: Graph) -> list[Exported]:
    """Sort libraries so that each comes after those of the same wheel that it needs; a cycle is broken anywhere, as the loader follows it itself."""
    by_member = {exported.image.member: exported for exported in exports}
    ordered: dict[Member, Exported] = {}
    begun: set[Member] = set()
    waiting = list(reversed(by_member))
    while waiting:
        member = waiting[-1]
        needed = [link.member for link in graph.links[member] if link.member in by_member and link.member not in begun] if member not in begun else []
        begun.add(member)
        if needed:
            waiting += needed
        else:
            ordered.setdefault(waiting.pop(), by_member[member])
    return list(ordered.values())


def _manifest_export(exported: Exported, graph: Graph) -> ManifestExport:
    image = exported.image.image
    return ManifestExport(
        original=exported.original,
        identity=exported.identity,
        member=exported.member,
        anchor=exported.anchor,
        link=exported.link,
        format=image.format,
        archs=image.archs,
        abi=exported.rule.abi,
        binding=exported.binding,
        uniquify=bool(exported.rule.uniquify),
        requires=exported.rule.requires or DEFAULT_TEMPLATE,
        renames=ManifestRenames.of(exported.renames) if exported.renames else None,
        kept=exported.kept,
        rename_weak=exported.rule.rename_weak,
        system_fallback=exported.rule.system_fallback,
        uses=tuple(sorted({link.chosen.distribution for link in graph.links[exported.image.member] if link.chosen})),
    )


def _entry_points(archive: WheelArchive, module: str) -> NewFile:
    member = Member(f"{archive.dist_info}/entry_points.txt")
    text = bytes(archive.read(member)) if member in archive.entries else b""
    return NewFile(member=member, data=with_entry_point(text, ENTRY_POINTS, archive.name.normalized, module))
