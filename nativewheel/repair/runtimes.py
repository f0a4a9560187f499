"""The C and C++ runtimes of Windows wheels: what may be said of them only as long as every wheel has a copy of its own, and what is said of a copy.

Microsoft promises that a newer Visual C++ runtime serves what an older toolset (14.0 and later) has built, and nothing for the reverse ("C++ binary
compatibility between Visual Studio versions").
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError, MachineError
from nativewheel.formats.pe.toolset import linker_version
from nativewheel.linkage.windows import dll_name, is_msvc_runtime
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.repair.exporting import Exported
    from nativewheel.wheel.archive import WheelArchive

_UNSHARED = re.compile(
    r"(msvcp|vcruntime|vccorlib|concrt|mfcm?)\d.*\.dll"  # Visual C++
    r"|msvcr(t|\d+)d?\.dll|ucrtbased?\.dll"
    r"|lib(gcc_s|stdc\+\+|winpthread).*\.dll"  # GCC of MinGW-w64
    r"|lib(c\+\+|c\+\+abi|unwind)\.dll"  # LLVM of MinGW-w64
)
_DEBUG = re.compile(r"(msvcp|vcruntime|vccorlib|concrt|mfcm?|msvcr)\d+u?(_.*)?d\.dll|ucrtbased\.dll|msvcrtd\.dll")
_TENS = 10


def is_unshared(name: str) -> bool:
    """Whether a DLL is a C or C++ runtime, of which each wheel has its own: the one that its compiler asks for."""
    return _UNSHARED.fullmatch(dll_name(name)) is not None


def is_debug(name: str) -> bool:
    """Whether a DLL is a debug version of Visual C++, which nobody may pass on (its licence, "Debug Files")."""
    return _DEBUG.fullmatch(dll_name(name)) is not None


def refuse_shared(archive: WheelArchive, exported: Iterable[Exported]) -> None:
    """Raise ``LinkageError`` when a wheel offers a runtime to other wheels."""
    for item in exported:
        if is_unshared(item.original):
            raise LinkageError(
                f"{item.original} is a C++ runtime, and those are not shared: another wheel may need a newer one",
                where=(str(archive.name), item.image.member),
                hint="leave it out of the export; wheels that need it get a copy when they are repaired",
            )


def warnings(archive: WheelArchive, graph: Graph) -> tuple[str, ...]:
    """Name runtimes in the wheel, or about to be, that are older than what they serve, or that are for debugging."""
    return (*_old(archive, graph), *_for_debugging(graph))


def _old(archive: WheelArchive, graph: Graph) -> Iterator[str]:
    """Compare versions of linkers, of which the tens count: Visual C++ 14.41 comes with the runtime 14.40, and what breaks came with such steps."""
    for key, links in graph.links.items():
        for link in links:
            target = _copy(link)
            if target is None or not is_msvc_runtime(link.name):
                continue
            asking, serving = _linker(archive, graph, key), _linker(archive, graph, target)
            if asking and serving and (serving[0], serving[1] // _TENS) < (asking[0], asking[1] // _TENS):
                yield (
                    f"{_shown(key)}: made by a newer Visual C++ ({_dotted(asking)}) than the {link.name} of the wheel ({_dotted(serving)}), "
                    "with which it may fail; take one that is as new"
                )


def _for_debugging(graph: Graph) -> Iterator[str]:
    for key, links in graph.links.items():
        for link in links:
            if link.path and is_debug(link.name):
                yield f"{_shown(key)}: needs {link.name}, a debug runtime, which its licence does not allow to pass on; build it for release"


def _copy(link: Link) -> Member | Path | None:
    return link.member if link.member is not None else link.path


def _linker(archive: WheelArchive, graph: Graph, key: Member | Path) -> tuple[int, int] | None:
    source = key if isinstance(key, Path) else graph.images[key].source
    if source is None:
        return linker_version(archive.head(Member(str(key)), formats.HEAD))
    try:
        with source.open("rb") as file:
            return linker_version(file.read(formats.HEAD))
    except OSError as error:
        raise MachineError(f"cannot be read: {error.strerror}", where=(str(source),)) from error


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _shown(key: Member | Path) -> str:
    return key.name if isinstance(key, Path) else key
