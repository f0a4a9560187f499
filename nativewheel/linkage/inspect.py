"""Looks at one wheel for `show`: its images, who supplies their dependencies, and which tags the content allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.linkage import macos, windows
from nativewheel.linkage.contents import LinuxTarget, MacTarget, WindowsTarget, read_contents
from nativewheel.linkage.graph import GraphBuilder, Reach
from nativewheel.linkage.host import HostLibraries
from nativewheel.linkage.inspection import ExternalLibrary, InspectedImage, Inspection, SuppliedDependency, Supply, Verdict
from nativewheel.linkage.loaders import known_policies, loader_for
from nativewheel.linkage.naming import is_hashed
from nativewheel.linkage.recorded import RecordedProviders, read_manifest
from nativewheel.linkage.verdict import Judge
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.headers import Headers
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from nativewheel.linkage.contents import Contents, WheelImage
    from nativewheel.linkage.graph import Graph, Link, Loader
    from nativewheel.linkage.manifest import ManifestConsumption
    from nativewheel.linkage.verdict import Evaluation
    from nativewheel.wheel.source import WheelUrl

# How the repair tools of this field name the folders that they fill: auditwheel and delvewheel "<dist>.libs", delocate ".dylibs".
_VENDOR_FOLDERS = (".libs", ".dylibs")
_TOOLS = {"nativewheel.json": "nativewheel", "DELVEWHEEL": "delvewheel", "sboms/auditwheel.cdx.json": "auditwheel"}


def inspect_wheel(path: Path | WheelUrl, *, lib_path: Iterable[Path] = (), sysroot: Path | None = None, jobs: int = 1) -> Inspection:
    """Look at the wheel at ``path``, which may be on a web server.

    ``lib_path`` and ``sysroot`` say where else libraries of the build host may be; ``jobs`` is the number of threads.  A RECORD that disagrees with
    the archive is a warning.  Raises ``UnreadableError`` for what is no wheel, or holds what is no image.
    """
    with WheelArchive(path, strict_record=False) as archive:
        contents = read_contents(archive, jobs=jobs)
        metadata = Headers.parse(bytes(archive.read(Member(f"{archive.dist_info}/METADATA"))))
        tool = next((tool for file, tool in _TOOLS.items() if f"{archive.dist_info}/{file}" in archive.entries), None)
        manifest = read_manifest(archive)
        warnings = (*contents.warnings, *archive.record_issues)
        name = archive.name
    inspection = Inspection(
        wheel=path,
        name=name,
        version=metadata.first("Version") or name.version,
        tags=name.tags,
        verdict=None,
        repaired=None,
        images=(),
        warnings=warnings,
        repaired_by=tool,
        manifest=manifest,
    )
    match contents.target:
        case None:
            return inspection
        case LinuxTarget() as target:
            return _linux(inspection, contents, target, tuple(lib_path), sysroot)
        case MacTarget() as mac:
            return _macos(inspection, contents, mac, tuple(lib_path), sysroot)
        case WindowsTarget() as win:
            return _windows(inspection, contents, win, tuple(lib_path))


def _macos(inspection: Inspection, contents: Contents, target: MacTarget, lib_path: tuple[Path, ...], sysroot: Path | None) -> Inspection:
    search = loader_for(target, inspection.name, contents.images, host=HostLibraries(), lib_path=lib_path, sysroot=sysroot)
    found, graph = _looked_up(inspection, contents, search)
    own = {str(image.member): image.image for image in contents.images}
    external = {str(path): library.image for path, library in graph.libraries.items()}
    return replace(
        found,
        verdict=macos.verdict(own, target.archs),
        repaired=macos.verdict({**own, **external}, target.archs) if external and not _lacks_any(graph) else None,
    )


def _windows(inspection: Inspection, contents: Contents, target: WindowsTarget, lib_path: tuple[Path, ...]) -> Inspection:
    search = loader_for(target, inspection.name, contents.images, host=HostLibraries(), lib_path=lib_path)
    found, graph = _looked_up(inspection, contents, search)
    tag = next(platform for platform in inspection.name.platforms if windows.arch_of(platform) is target.arch)
    verdict = Verdict(tag=tag)  # no tag says which version of Windows
    return replace(found, verdict=verdict, repaired=verdict if graph.libraries and not _lacks_any(graph) else None)


def _looked_up(inspection: Inspection, contents: Contents, search: Loader) -> tuple[Inspection, Graph]:
    """Fill in who supplies what; everything that the host has and the platform does not is external."""
    consumes = inspection.manifest.consumes if inspection.manifest else ()
    graph = GraphBuilder(images=contents.images, loader=search, providers=RecordedProviders(consumes=consumes)).build()
    plain = GraphBuilder(images=_plain(contents, consumes), loader=search).build() if consumes else graph
    found = replace(
        inspection,
        images=_images(contents, graph, tuple(graph.libraries)),
        external=_libraries(graph, tuple(graph.libraries)),
        spared=_libraries(plain, [path for path in plain.libraries if path not in graph.libraries]),
    )
    return found, graph


def _lacks_any(graph: Graph) -> bool:
    return any(link.reach is Reach.NOWHERE for links in graph.links.values() for link in links)


def _linux(inspection: Inspection, contents: Contents, target: LinuxTarget, lib_path: tuple[Path, ...], sysroot: Path | None) -> Inspection:
    known, host = known_policies(target), HostLibraries()
    search = loader_for(target, inspection.name, contents.images, host=host, lib_path=lib_path, sysroot=sysroot)
    consumes = inspection.manifest.consumes if inspection.manifest else ()
    graph = GraphBuilder(images=contents.images, loader=search, providers=RecordedProviders(consumes=consumes)).build()
    judge = Judge(graph=graph, policies=known, host=host)
    evaluations = judge.evaluations(inspection.name.platforms)
    fewest = [evaluation for evaluation in evaluations if evaluation.grafts == min(item.grafts for item in evaluations)]
    aim = next((evaluation for evaluation in fewest if evaluation.fits), fewest[-1] if fewest else None)
    external = aim.external if aim else tuple(judge.graph.libraries)
    return replace(
        inspection,
        verdict=judge.verdict(evaluations, vendoring=False),
        repaired=judge.verdict(fewest, vendoring=True) if aim and aim.external and not aim.missing else None,
        images=_images(contents, judge.graph, external),
        external=_libraries(judge.graph, external),
        spared=_spared(contents, judge, search, aim, consumes) if consumes and aim else (),
    )


def _spared(
    contents: Contents, wheel: Judge, search: Loader, aim: Evaluation, consumes: tuple[ManifestConsumption, ...]
) -> tuple[ExternalLibrary, ...]:
    """Return what the host would have given in the place of the providers' libraries: the same images, asking for the plain names.

    ``wheel`` judges the wheel as it is; what ``aim`` takes of the host in any case is not among it.
    """
    graph = GraphBuilder(images=_plain(contents, consumes), loader=search).build()
    judge = Judge(graph=graph, policies=wheel.policies, host=wheel.host)
    return _libraries(judge.graph, [path for path in judge.evaluate(aim.policy).external if path not in aim.external])


def _plain(contents: Contents, consumes: tuple[ManifestConsumption, ...]) -> tuple[WheelImage, ...]:
    """Return the images as they would be if they asked for the plain names of what they take from providers."""
    plain = {item.identity: item.original for item in consumes}
    return tuple(
        replace(
            image,
            image=replace(image.image, dependencies=tuple(replace(item, name=plain.get(item.name, item.name)) for item in image.image.dependencies)),
        )
        for image in contents.images
    )


def _images(contents: Contents, graph: Graph, external: Collection[Path]) -> tuple[InspectedImage, ...]:
    return tuple(
        InspectedImage(member=image.member, image=image.image, size=image.size, dependencies=_supplied(graph.links[image.member], external))
        for image in contents.images
    )


def _libraries(graph: Graph, paths: Collection[Path]) -> tuple[ExternalLibrary, ...]:
    return tuple(
        ExternalLibrary(
            path=path,
            size=graph.libraries[path].size,
            image=graph.libraries[path].image,
            dependencies=_supplied(graph.links[path], paths),
        )
        for path in paths
    )


def _supplied(links: Iterable[Link], external: Collection[Path]) -> tuple[SuppliedDependency, ...]:
    return tuple(_one_supplied(link, external) for link in links)


def _one_supplied(link: Link, external: Collection[Path]) -> SuppliedDependency:
    match link.reach:
        case Reach.MEMBER:
            folder, _, file = str(link.member).rpartition("/")
            vendored = folder.rpartition("/")[2].endswith(_VENDOR_FOLDERS) or is_hashed(file)
            return SuppliedDependency(name=link.name, supply=Supply.VENDORED if vendored else Supply.WHEEL, resolved=link.member)
        case Reach.PROVIDER:
            provider = link.chosen.distribution if link.chosen else None
            return SuppliedDependency(name=link.name, supply=Supply.PROVIDER, provider=provider)
        case Reach.HOST if link.path in external:
            return SuppliedDependency(name=link.name, supply=Supply.EXTERNAL, resolved=str(link.path))
        case Reach.HOST | Reach.PLATFORM | Reach.EXCLUDED:
            return SuppliedDependency(name=link.name, supply=Supply.SYSTEM)
        case Reach.INTERPRETER:
            return SuppliedDependency(name=link.name, supply=Supply.EXTERNAL)
        case Reach.NOWHERE:
            return SuppliedDependency(name=link.name, supply=Supply.MISSING)
