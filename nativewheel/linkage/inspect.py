"""Looks at one wheel for `show`: its images, who supplies their dependencies, and which tags the content allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from nativewheel.errors import LinkageError
from nativewheel.linkage.contents import read_contents
from nativewheel.linkage.graph import GraphBuilder, Reach
from nativewheel.linkage.host import HostLibraries
from nativewheel.linkage.inspection import ExternalLibrary, InspectedImage, Inspection, SuppliedDependency, Supply
from nativewheel.linkage.naming import is_hashed
from nativewheel.linkage.policy import PolicySet, policies
from nativewheel.linkage.search import HostSearch
from nativewheel.linkage.verdict import Judge
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.headers import Headers
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from nativewheel.linkage.contents import Contents
    from nativewheel.linkage.graph import Link
    from nativewheel.linkage.inspection import Verdict
    from nativewheel.wheel.names import WheelName

# How the repair tools of this field name the folders that they fill: auditwheel and delvewheel "<dist>.libs", delocate ".dylibs".
_VENDOR_FOLDERS = (".libs", ".dylibs")
_TOOLS = {"nativewheel.json": "nativewheel", "DELVEWHEEL": "delvewheel", "sboms/auditwheel.cdx.json": "auditwheel"}


def inspect_wheel(path: Path, *, lib_path: Iterable[Path] = (), sysroot: Path | None = None, jobs: int = 1) -> Inspection:
    """Look at the wheel at ``path``.

    ``lib_path`` and ``sysroot`` say where else libraries of the build host may be; ``jobs`` is the number of threads.  A RECORD that disagrees with
    the archive is a warning.  Raises ``UnreadableError`` for what is no wheel, or holds what is no image.
    """
    with WheelArchive(path, strict_record=False) as archive:
        contents = read_contents(archive, jobs=jobs)
        metadata = Headers.parse(bytes(archive.read(Member(f"{archive.dist_info}/METADATA"))))
        tool = next((tool for file, tool in _TOOLS.items() if f"{archive.dist_info}/{file}" in archive.entries), None)
        warnings = (*contents.warnings, *archive.record_issues)
        name = archive.name
    return Inspection(
        wheel=path,
        name=name,
        version=metadata.first("Version") or name.version,
        tags=name.tags,
        warnings=warnings,
        repaired_by=tool,
        **_judged(contents, name, tuple(lib_path), sysroot),
    )


class _Judged(TypedDict):
    verdict: Verdict | None
    repaired: Verdict | None
    images: tuple[InspectedImage, ...]
    external: tuple[ExternalLibrary, ...]


def _judged(contents: Contents, name: WheelName, lib_path: tuple[Path, ...], sysroot: Path | None) -> _Judged:
    if contents.arch is None or contents.libc is None:
        return _Judged(verdict=None, repaired=None, images=(), external=())
    host = HostLibraries()
    try:
        known = policies(contents.libc, contents.arch)
    except LinkageError:  # no tag can promise anything for this architecture
        known = PolicySet(libc=contents.libc, arch=contents.arch, policies=())
    search = HostSearch(libraries=host, arch=contents.arch, libc=contents.libc, lib_path=lib_path, sysroot=sysroot)
    graph = GraphBuilder(images=contents.images, search=search, supplied=known.always_supplied).build()
    judge = Judge(graph=graph, policies=known, host=host)
    evaluations = judge.evaluations(name.platforms)
    fewest = [evaluation for evaluation in evaluations if evaluation.grafts == min(item.grafts for item in evaluations)]
    aim = next((evaluation for evaluation in fewest if evaluation.fits), fewest[-1] if fewest else None)
    repairable = aim is not None and aim.external and not aim.missing
    external = aim.external if aim else tuple(graph.libraries)
    return _Judged(
        verdict=judge.verdict(evaluations, vendoring=False),
        repaired=judge.verdict(fewest, vendoring=True) if repairable else None,
        images=tuple(
            InspectedImage(member=image.member, image=image.image, size=image.size, dependencies=_supplied(graph.links[image.member], external))
            for image in contents.images
        ),
        external=tuple(
            ExternalLibrary(
                path=path,
                size=graph.libraries[path].size,
                image=graph.libraries[path].image,
                dependencies=_supplied(graph.links[path], external),
            )
            for path in external
        ),
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
