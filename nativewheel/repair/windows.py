"""Windows, as a platform that wheels are repaired for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname
from typing import TYPE_CHECKING

from nativewheel.formats.image import Kind, Requirement
from nativewheel.linkage import windows
from nativewheel.linkage.dllsearch import is_dll
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.loaders import loader_for
from nativewheel.repair.runtimes import refuse_shared
from nativewheel.repair.windows_dlls import choose
from nativewheel.repair.windows_symbols import check_symbols

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nativewheel.formats.image import Arch, Image
    from nativewheel.linkage.contents import WheelImage, WindowsTarget
    from nativewheel.linkage.graph import Graph, Link, Loader
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.options import RepairOptions
    from nativewheel.repair.platform import Choice
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member, WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """A `Platform`: one architecture, and the interpreters that the tags of the wheel ``archive`` are for."""

    target: WindowsTarget
    archive: WheelArchive

    @property
    def archs(self) -> tuple[Arch, ...]:
        """The one architecture."""
        return self.target.archs

    @property
    def libc(self) -> None:
        """Each image has the C runtime of its compiler, and different ones get along in one process."""
        return

    def __str__(self) -> str:
        return f"Windows on {windows.spelled(self.target.arch)}"

    def runs(self, image: Image) -> bool:
        """Whether a library of the host can go into the wheel."""
        return is_dll(image, self.target.arch)

    def refuse(self, name: WheelName, images: Sequence[WheelImage], options: RepairOptions) -> None:
        """Do nothing: the options that ask for architectures are for universal files."""

    def keeps_promise(self, name: WheelName, plat: str) -> bool:
        """Whether the wheel has the tag that ``--plat`` asks for; also when that is one of another system."""
        return not windows.is_for_windows(plat) or plat in name.platforms

    def loader(self, name: WheelName, images: Sequence[WheelImage], host: HostLibraries, options: RepairOptions) -> Loader:
        """Return the search that CPython has the loader of Windows make, and the one for DLLs of the host."""
        return loader_for(self.target, name, images, host=host, lib_path=options.lib_path, sysroot=options.sysroot)

    def needs_shim(self, link: Link) -> bool:
        """Whether the DLL is of another wheel, or in a folder that a repair has filled: modules say neither, and PATH does not count for them."""
        return link.reach in {Reach.PROVIDER, Reach.HOST} or not link.reachable

    def shim_folders(self, graph: Graph, vendored: str | None) -> tuple[str, ...]:
        """Return the folder ``vendored``, and those of the wheel's own DLLs that other DLLs need.

        A provider's DLL is loaded for other wheels, too, before code of its own wheel has named these folders.
        """
        return tuple(dict.fromkeys((*([vendored] if vendored else []), *_folders(graph, vendored))))

    def choose(self, name: WheelName, graph: Graph, host: HostLibraries, options: RepairOptions) -> Choice:  # noqa: ARG002  (as every Platform)
        """Keep the tags, which promise no version of Windows; everything that is found on the host has to be vendored."""
        return choose(self.archive, self.target.arch, graph, options.plat)

    def check_symbols(
        self,
        archive: WheelArchive,
        graph: Graph,
        host: HostLibraries,
        exported: Mapping[Member, Exported],
        options: RepairOptions,  # noqa: ARG002  (as every Platform)
    ) -> None:
        """Compare what images import with what their providers export, and refuse to share a C++ runtime."""
        refuse_shared(archive, exported.values())
        check_symbols(archive, graph, host)


def _folders(graph: Graph, vendored: str | None) -> Iterator[str]:
    """Yield the folders of DLLs that DLLs in other folders need or any DLL forwards to, or that a module needs and the user adds."""
    for key, links in graph.links.items():
        asker = None if isinstance(key, Path) else graph.images[key]
        here = vendored if asker is None else dirname(asker.installed or "")
        for link in links:
            target = graph.images[link.member].installed if link.member is not None else None
            # What a DLL forwards to is looked for on behalf of the image that imports the symbol, and not beside the DLL.
            if target is None or (dirname(target) == here and link.dependency.requirement is not Requirement.FORWARDED):
                continue
            if asker is None or asker.image.kind is Kind.LIBRARY or not link.reachable:
                yield dirname(target)
