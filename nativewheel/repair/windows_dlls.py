"""Which DLLs a Windows wheel takes in, and what is said of those that it cannot have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UsageError
from nativewheel.formats.image import Kind
from nativewheel.linkage import windows
from nativewheel.linkage.graph import Reach
from nativewheel.repair import runtimes
from nativewheel.repair.platform import Choice
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.formats.image import Arch, Image
    from nativewheel.linkage.graph import Graph
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member, WheelName

_LIBPYTHON = re.compile(r"libpython\d.*\.dll")
_CPYTHONS = re.compile(r"vcruntime140(_1)?\.dll")


def choose(archive: WheelArchive, arch: Arch, graph: Graph, plat: str | None) -> Choice:
    """Keep the tags, which promise no version of Windows, and take in every DLL that was found on the host.

    Raises ``LinkageError`` for a DLL that is missing or that no wheel may bring, ``UsageError`` when ``plat`` asks for another Windows than the
    wheel is made for.
    """
    name = archive.name
    _refuse_msys2(name, graph)
    if plat is not None and windows.is_for_windows(plat) and plat not in name.platforms:
        raise UsageError(f"--plat {plat} is not what the wheel is made for", where=(str(name),), hint=f"its platform is {'.'.join(name.platforms)}")
    lost = _missing(archive, arch, graph)
    alone = {dll: asker for dll, asker in lost.items() if _image(graph, asker).kind is Kind.PROGRAM}
    _refuse_missing(name, {dll: _shown(asker) for dll, asker in lost.items() if dll not in alone})
    return Choice(
        external=tuple(graph.libraries),
        platforms=name.platforms,
        satisfied=True,
        best=name.platforms,
        warnings=(*_without(alone), *runtimes.warnings(archive, graph), *_other_pythons(name, graph)),
    )


def _missing(archive: WheelArchive, arch: Arch, graph: Graph) -> dict[str, Member | Path]:
    """Return the DLLs that were not found, each with an image that needs it: a program only where no module or DLL does."""
    supply = windows.supply(archive.name, arch)
    found: dict[str, Member | Path] = {}
    for key in sorted(graph.links, key=lambda key: _image(graph, key).kind is Kind.PROGRAM):
        for link in graph.links[key]:
            if link.reach is Reach.NOWHERE and not supply.is_needless(link.name, _image(graph, key).identity):
                found.setdefault(windows.dll_name(link.name), key)
    return found


def _refuse_msys2(name: WheelName, graph: Graph) -> None:
    for path in graph.libraries:
        if _LIBPYTHON.fullmatch(windows.dll_name(path.name)):
            asker = next(key for key, links in graph.links.items() if any(link.path == path for link in links))
            raise LinkageError(
                f"needs {path.name}, the Python of MSYS2: one that installs a wheel for {'.'.join(name.platforms)} is another program",
                where=(str(name), _shown(asker)),
                hint="build the wheel with the Python of python.org",
            )


def _refuse_missing(name: WheelName, missing: Mapping[str, str]) -> None:
    if not missing:
        return
    items = [f"{dll} (wanted by {asker})" for dll, asker in missing.items()]
    hint = "it must be made for the architecture of the wheel; use --lib-path, --exclude or --allow-missing"
    if any(map(runtimes.is_debug, missing)):
        hint = "debug runtimes may not be passed on: build the wheel for release, or --exclude them"
    elif all(map(_CPYTHONS.fullmatch, missing)):
        hint = (
            "CPython brings it, but not every Python that can install the wheel does: --exclude 'vcruntime140*.dll' relies on CPython's, "
            "--lib-path with a folder below Visual Studio's VC\\Redist\\MSVC takes a copy"
        )
    elif any(map(windows.is_msvc_runtime, missing)):
        hint = "Visual Studio has its runtimes below VC\\Redist\\MSVC: give the folder of one with --lib-path"
    raise LinkageError(
        f"{'a DLL was' if len(items) == 1 else f'{len(items)} DLLs were'} not found: {listed(items)}",
        where=(str(name),),
        hint=hint,
    )


def _without(alone: Mapping[str, Member | Path]) -> Iterable[str]:
    """Name what only programs lack: most find it where they are used, and a folder of vendored DLLs is no place where Windows looks for them."""
    for dll, asker in alone.items():
        yield f"{_shown(asker)}: needs {dll}, which a program finds only beside itself, in Windows or on PATH; a repair puts it into none of these"


def _other_pythons(name: WheelName, graph: Graph) -> Iterable[str]:
    for key, links in graph.links.items():
        for link in links:
            if link.reach is Reach.PLATFORM and windows.other_python(name, link.name):
                yield f"{_shown(key)}: needs {link.name}, which a Python that can install the wheel ({'.'.join(name.pythons)}) does not have"


def _image(graph: Graph, key: Member | Path) -> Image:
    return graph.libraries[key].image if isinstance(key, Path) else graph.images[key].image


def _shown(key: Member | Path) -> str:
    return key.name if isinstance(key, Path) else key
