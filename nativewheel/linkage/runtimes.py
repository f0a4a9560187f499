"""Runtimes of Visual C++ in a wheel that are older than the images that ask for them.

Microsoft promises that a newer Visual C++ runtime serves what an older toolset (14.0 and later) has built, and nothing for the reverse ("C++ binary
compatibility between Visual Studio versions").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import MachineError
from nativewheel.formats.pe.toolset import linker_version
from nativewheel.linkage.windows import is_msvc_runtime
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.formats.image import Identity
    from nativewheel.linkage.graph import Graph
    from nativewheel.wheel.archive import WheelArchive

_TENS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """A runtime called ``name`` that is older than what asks for it; both versions are those of linkers, such as "14.41"."""

    name: Identity
    asking: str
    serving: str


def outdated(archive: WheelArchive, graph: Graph) -> Iterator[tuple[Member | Path, Outdated]]:
    """Yield each image that asks for a runtime which is, or would be, in the wheel and is older.

    The tens of versions count: Visual C++ 14.41 comes with the runtime 14.40, and what breaks came with such steps.
    """
    for key, links in graph.links.items():
        for link in links:
            target = link.member if link.member is not None else link.path
            if target is None or not is_msvc_runtime(link.name):
                continue
            asking, serving = _linker(archive, graph, key), _linker(archive, graph, target)
            if asking and serving and (serving[0], serving[1] // _TENS) < (asking[0], asking[1] // _TENS):
                yield key, Outdated(name=link.name, asking=_dotted(asking), serving=_dotted(serving))


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
