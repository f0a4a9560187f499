"""Linux, as a platform that wheels are repaired for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.linkage.graph import Reach
from nativewheel.linkage.loaders import loader_for
from nativewheel.linkage.policy import policies, runs
from nativewheel.linkage.verdict import Judge
from nativewheel.repair.linux_symbols import SymbolCheck
from nativewheel.repair.linux_tags import choose, libc_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nativewheel.formats.image import Arch, Image, Libc
    from nativewheel.linkage.contents import LinuxTarget, WheelImage
    from nativewheel.linkage.graph import Graph, Link, Loader
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.options import RepairOptions
    from nativewheel.repair.platform import Choice
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member, WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Linux:
    """A `Platform`: one architecture and one C library."""

    target: LinuxTarget

    @property
    def archs(self) -> tuple[Arch, ...]:
        """The one architecture."""
        return self.target.archs

    @property
    def libc(self) -> Libc:
        """The C library."""
        return self.target.libc

    def __str__(self) -> str:
        return f"{self.target.arch} and {self.libc}"

    def runs(self, image: Image) -> bool:
        """Whether a library of the host can go into the wheel."""
        return runs(self.target.arch, image) and image.libc in {None, self.libc}

    def refuse(self, name: WheelName, images: Sequence[WheelImage], options: RepairOptions) -> None:
        """Do nothing: the options that ask for architectures are for universal files."""

    def keeps_promise(self, name: WheelName, plat: str) -> bool:
        """Whether the wheel has the tag that ``--plat`` asks for; also when that is one of another system."""
        if libc_of(plat) is not self.libc:
            return True
        return not set(policies(self.libc, self.target.arch).requested(plat).tags).isdisjoint(name.platforms)

    def loader(self, name: WheelName, images: Sequence[WheelImage], host: HostLibraries, options: RepairOptions) -> Loader:
        """Return the search that glibc's or musl's loader makes."""
        return loader_for(self.target, name, images, host=host, lib_path=options.lib_path, sysroot=options.sysroot)

    def needs_shim(self, link: Link) -> bool:
        """Whether the link leads to another wheel: only there is a library that nobody knows the place of beforehand."""
        return link.reach is Reach.PROVIDER

    def shim_folders(self, graph: Graph, vendored: str | None) -> None:  # noqa: ARG002  (as every Platform)
        """Return nothing: images say by themselves where their libraries are."""
        return

    def choose(self, name: WheelName, graph: Graph, host: HostLibraries, options: RepairOptions) -> Choice:
        """Choose the policy to aim at."""
        judge = Judge(graph=graph, policies=policies(self.libc, self.target.arch), host=host)
        return choose(name, judge, options.plat, only_plat=options.only_plat)

    def check_symbols(
        self,
        archive: WheelArchive,
        graph: Graph,
        host: HostLibraries,
        exported: Mapping[Member, Exported],  # noqa: ARG002  (as every Platform)
        options: RepairOptions,
    ) -> None:
        """Compare what images import with what their providers export."""
        search = self.loader(archive.name, (), host, options)
        SymbolCheck(archive=archive, graph=graph, search=search, libc=self.libc, host=host).check()
