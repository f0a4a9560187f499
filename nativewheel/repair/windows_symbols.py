"""Whether the providers of a Windows wheel have the symbols that its images want: each import names its DLL, and a symbol or its ordinal there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.linkage.offers import offered
from nativewheel.linkage.windows import dll_name
from nativewheel.repair.consuming import refuse_lacking
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nativewheel.formats.image import Symbol
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.wheel.archive import WheelArchive


def check_symbols(archive: WheelArchive, graph: Graph, host: HostLibraries) -> None:
    """Check the images of a wheel, and the DLLs of the host that it takes in.

    Raises ``ProviderError`` for symbols that a variant of the provider lacks: Windows looks for all of them when it loads an image, and those of a
    delayed import end the process when they are called.
    """
    for member, image in graph.images.items():
        _check(archive, member, graph.links[member], image.imports)
    for path in graph.libraries:
        _check_host(archive, path, graph.links[path], host)


def _check_host(archive: WheelArchive, path: Path, links: Iterable[Link], host: HostLibraries) -> None:
    # Reading what a library imports takes time.
    if any(link.chosen for link in links):
        _check(archive, Member(path.name), links, host.imports(path))


def _check(archive: WheelArchive, asker: Member, links: Iterable[Link], imports: Iterable[Symbol]) -> None:
    for link in links:
        for variant in link.chosen.variants if link.chosen else ():
            has, asked = offered(variant.library), dll_name(link.name)
            wanted = (symbol.name for symbol in imports if symbol.library is not None and dll_name(symbol.library) == asked)
            refuse_lacking(archive, asker, variant, [name for name in dict.fromkeys(wanted) if name not in has])
