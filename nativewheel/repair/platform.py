"""What planning asks of the system that a wheel is for: its loader, its tags, and whether its symbols are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nativewheel.formats.image import Arch, Image, Libc
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph, Link, Loader
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.options import RepairOptions
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member, WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The libraries of the host that a repair takes in, and the tags that the wheel gets.

    ``satisfied`` says that the tags of the input are true as they are and include what was asked for, and that its images find each other;
    ``best`` are the best tags that the content allows.
    """

    external: tuple[Path, ...]
    platforms: tuple[str, ...]
    satisfied: bool
    best: tuple[str, ...]
    warnings: tuple[str, ...] = ()


class Platform(Protocol):
    """One system, with the architectures and the C library (None where there is but one) that a wheel is for."""

    @property
    def archs(self) -> tuple[Arch, ...]:
        """The architectures that every image of the wheel must be made for."""

    @property
    def libc(self) -> Libc | None:
        """The C library."""

    def __str__(self) -> str:
        """Return what the wheel is for, as messages say it."""

    def runs(self, image: Image) -> bool:
        """Whether a library of the host can go into the wheel."""

    def refuse(self, name: WheelName, images: Sequence[WheelImage], options: RepairOptions) -> None:
        """Raise ``LinkageError`` when an image is not made for what the options ask for."""

    def keeps_promise(self, name: WheelName, plat: str) -> bool:
        """Whether the wheel has the tag that ``--plat`` asks for; also when that is one of another system."""

    def loader(self, name: WheelName, images: Sequence[WheelImage], host: HostLibraries, options: RepairOptions) -> Loader:
        """Return the search for libraries on the host and in the wheel."""

    def needs_shim(self, link: Link) -> bool:
        """Whether the loader finds what the link leads to only after a shim has done something for it."""

    def shim_folders(self, graph: Graph, vendored: str | None) -> tuple[str, ...] | None:
        """Return the folders (below the root of the installation) that the shim has to tell the loader of; ``vendored`` is that of new libraries.

        None on systems where images say by themselves where their libraries are.
        """

    def choose(self, name: WheelName, graph: Graph, host: HostLibraries, options: RepairOptions) -> Choice:
        """Choose tags, and what has to be vendored for them.  Raises ``LinkageError`` and ``UsageError``."""

    def check_symbols(
        self, archive: WheelArchive, graph: Graph, host: HostLibraries, exported: Mapping[Member, Exported], options: RepairOptions
    ) -> None:
        """Raise ``ProviderError`` or ``LinkageError`` for symbols that no library has, or that two have."""
