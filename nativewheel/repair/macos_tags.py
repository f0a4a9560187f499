"""The platform tags of a repaired macOS wheel, and what of its content no tag can help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UsageError
from nativewheel.linkage import macos
from nativewheel.linkage.graph import Reach
from nativewheel.repair import rpaths
from nativewheel.repair.platform import Choice
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nativewheel.formats.image import Arch
    from nativewheel.linkage.graph import Graph
    from nativewheel.linkage.macos import Floor, Version
    from nativewheel.repair.options import RepairOptions
    from nativewheel.wheel.names import WheelName

_FRAMEWORK = ".framework/"


def is_for_macos(plat: str) -> bool:
    """Whether a platform tag is one of macOS."""
    return plat.startswith("macosx_")


def with_archs(plat: str, archs: Sequence[Arch]) -> str:
    """Add the architectures of a wheel to a tag that names none."""
    return macos.tag(macos.version_of(plat), archs) if macos.is_version(plat) else plat


def choose(name: WheelName, archs: tuple[Arch, ...], graph: Graph, options: RepairOptions) -> Choice:
    """Choose the tags by the macOS versions that all images state, those of the host among them.

    Each tag of the input gets the oldest version that is true of its architectures, or that MACOSX_DEPLOYMENT_TARGET asks for.  Raises
    ``LinkageError`` for a library that is missing or part of a framework, and when ``--plat`` or MACOSX_DEPLOYMENT_TARGET promises an older system
    than an image needs; ``UsageError`` for a tag that is none.
    """
    _refuse_missing(name, graph)
    images = [(str(member), image.image) for member, image in graph.images.items()]
    images += [(path.name, library.image) for path, library in graph.libraries.items()]  # two of one name may need different systems
    floors = macos.floors(images, archs)
    target = _deployment_target(options.deployment_target)
    if target:
        _refuse_newer(name, floors, target)
    best = _best(name, floors, target)
    requested = with_archs(options.plat, archs) if options.plat and is_for_macos(options.plat) else None
    if requested:
        _require_promise(name, requested, archs, floors)
    untrue = [platform for platform in name.platforms if _broken_by(platform, floors)]
    new = {requested} if requested and options.only_plat else {*best, *([requested] if requested else [])}
    return Choice(
        external=tuple(graph.libraries),
        platforms=tuple(sorted(new)),
        satisfied=not untrue and requested in {None, *name.platforms} and _is_sound(graph),
        best=best,
        warnings=(*_raised(untrue, best, floors), *_inexact(floors, target)),
    )


def _refuse_missing(name: WheelName, graph: Graph) -> None:
    """Refuse what cannot be vendored: what is not there, and frameworks, whose other files a library in another place would not find."""
    missing: dict[str, str] = {}
    for key, links in graph.links.items():
        asker = key if isinstance(key, str) else key.name
        for link in links:
            if link.reach is Reach.NOWHERE:
                missing.setdefault(link.name, asker)
            elif link.reach is Reach.HOST and _FRAMEWORK in link.name:
                raise LinkageError(
                    f"needs {link.name}, which is part of a framework: its resources would be missing in the wheel",
                    where=(str(name), asker),
                    hint="link a plain library, or --exclude it when every user has it",
                )
    if missing:
        items = [f"{library} (wanted by {asker})" for library, asker in missing.items()]
        raise LinkageError(
            f"{'a library was' if len(items) == 1 else f'{len(items)} libraries were'} not found: {listed(items)}",
            where=(str(name),),
            hint="it must have every architecture of the wheel; use --lib-path, --sysroot, --exclude or --allow-missing",
        )


def _deployment_target(text: str | None) -> Version | None:
    if not text:
        return None
    if not all(part.isascii() and part.isdigit() and len(part) <= len("2026") for part in text.split(".")):
        raise UsageError(f"MACOSX_DEPLOYMENT_TARGET is no version of macOS: {text!r}", hint="write it as in 11.0")
    return macos.parse_version(text)


def _refuse_newer(name: WheelName, floors: Mapping[Arch, Floor], target: Version) -> None:
    for arch, floor in floors.items():
        if floor.exact > max(target, macos.FIRST[arch]):
            raise LinkageError(
                f"{listed(floor.needed_by)} needs macOS {macos.written(floor.exact)} on {macos.spelled(arch)}, "
                f"and MACOSX_DEPLOYMENT_TARGET is {macos.written(target)}",
                where=(str(name),),
                hint=f"build it for {macos.written(target)}, or set MACOSX_DEPLOYMENT_TARGET={macos.written(floor.exact)}",
            )


def _best(name: WheelName, floors: Mapping[Arch, Floor], target: Version | None) -> tuple[str, ...]:
    found: list[str] = []
    for platform in name.platforms:
        stated = macos.version_of(platform) if macos.archs_of(platform) else None
        versions = {}
        for arch in macos.archs_of(platform):
            version = floors[arch].release if arch in floors else max(stated or (), macos.FIRST[arch])
            versions[arch] = max(version, macos.release(target)) if target else version
        found += macos.tags(versions) if versions else [platform]
    return tuple(dict.fromkeys(found))


def _require_promise(name: WheelName, requested: str, archs: tuple[Arch, ...], floors: Mapping[Arch, Floor]) -> None:
    asked = macos.archs_of(requested)
    # Installers look for no tag of macOS 11 or later with another minor version than 0.
    if not asked or not set(asked) <= set(archs) or macos.release(macos.version_of(requested)) != macos.version_of(requested):
        fitting = ", ".join(dict.fromkeys(macos.tags({arch: floor.release for arch, floor in floors.items()}))) if floors else "macosx_11_0_arm64"
        raise UsageError(f"--plat {requested} is not a tag for macOS on {' and '.join(map(macos.spelled, archs))}", hint=f"such as {fitting}")
    for arch in asked:
        if arch in floors and floors[arch].release > max(macos.version_of(requested), macos.FIRST[arch]):
            raise LinkageError(
                f"the content does not allow {requested}: {listed(floors[arch].needed_by)} needs macOS {macos.written(floors[arch].exact)}",
                where=(str(name),),
                hint="build it for an older system, or leave out --plat for the best tag that the content allows",
            )


def _broken_by(platform: str, floors: Mapping[Arch, Floor]) -> list[Floor]:
    """Return what needs a newer system than the tag promises."""
    archs = [arch for arch in macos.archs_of(platform) if arch in floors]
    return [floors[arch] for arch in archs if floors[arch].release > max(macos.version_of(platform), macos.FIRST[arch])]


def _is_sound(graph: Graph) -> bool:
    """Whether the images find each other, and no search path leads to a folder of the build host: the tags of a build tell nothing of that."""
    lost = any(not link.reachable for member in graph.images for link in graph.links[member])
    return not lost and not any(rpaths.dropped(image) for image in graph.images.values())


def _raised(untrue: Iterable[str], best: tuple[str, ...], floors: Mapping[Arch, Floor]) -> list[str]:
    lines = []
    for platform in untrue:
        floor = max(_broken_by(platform, floors), key=lambda floor: floor.exact)
        needs = f"{listed(floor.needed_by)} needs macOS {macos.written(floor.exact)}"
        lines.append(f"the content does not allow the tag {platform}, which becomes {'.'.join(best)}: {needs}")
    return lines


def _inexact(floors: Mapping[Arch, Floor], target: Version | None) -> list[str]:
    """Name what no tag can say: from macOS 11 on, tags have no minor version."""
    return [
        f"{listed(floor.needed_by)} needs macOS {macos.written(floor.exact)} on {macos.spelled(arch)}, and no tag says more than "
        f"{macos.written(floor.release)}; MACOSX_DEPLOYMENT_TARGET={floor.exact[0] + 1}.0 would"
        for arch, floor in floors.items()
        if floor.exact != floor.release and (target is None or macos.release(target) < floor.exact)
    ]
