"""The C and C++ runtimes of Windows wheels: which are never shared, because every wheel has a copy of its own, and what is said of a copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.linkage.runtimes import outdated
from nativewheel.linkage.windows import dll_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nativewheel.linkage.graph import Graph
    from nativewheel.repair.exporting import Exported
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member

_UNSHARED = re.compile(
    r"(msvcp|vcruntime|vccorlib|concrt|mfcm?)\d.*\.dll"  # Visual C++
    r"|msvcr(t|\d+)d?\.dll|ucrtbased?\.dll"
    r"|lib(gcc_s|stdc\+\+|winpthread).*\.dll"  # GCC of MinGW-w64
    r"|lib(c\+\+|c\+\+abi|unwind)\.dll"  # LLVM of MinGW-w64
)
_DEBUG = re.compile(r"(msvcp|vcruntime|vccorlib|concrt|mfcm?|msvcr)\d+u?(_.*)?d\.dll|ucrtbased\.dll|msvcrtd\.dll")


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
    for key, item in outdated(archive, graph):
        yield (
            f"{_shown(key)}: made by a newer Visual C++ ({item.asking}) than the {item.name} of the wheel ({item.serving}), "
            "with which it may fail; take one that is as new"
        )


def _for_debugging(graph: Graph) -> Iterator[str]:
    for key, links in graph.links.items():
        for link in links:
            if link.path and is_debug(link.name):
                yield f"{_shown(key)}: needs {link.name}, a debug runtime, which its licence does not allow to pass on; build it for release"


def _shown(key: Member | Path) -> str:
    return key.name if isinstance(key, Path) else key
