"""macOS, as a platform that wheels are repaired for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Kind
from nativewheel.linkage.contents import MacTarget
from nativewheel.linkage.dyld import has_slices
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.loaders import loader_for
from nativewheel.linkage.macos import spelled
from nativewheel.repair.macos_symbols import check_symbols
from nativewheel.repair.macos_tags import choose, is_for_macos, with_archs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nativewheel.formats.image import Arch, Image
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph, Link, Loader
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.options import RepairOptions
    from nativewheel.repair.platform import Choice
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member, WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class MacOS:
    """A `Platform`: one architecture, or the two of universal2.  ``incomplete`` are images of the wheel that lack one of them."""

    target: MacTarget
    incomplete: tuple[WheelImage, ...] = ()

    @property
    def archs(self) -> tuple[Arch, ...]:
        """The architectures that the tags promise."""
        return self.target.archs

    @property
    def libc(self) -> None:
        """MacOS has one C library, which is part of it."""
        return

    def __str__(self) -> str:
        return f"macOS on {_joined(self.archs)}"

    def runs(self, image: Image) -> bool:
        """Whether a library of the host can go into the wheel."""
        return has_slices(image, self.archs)

    def refuse(self, name: WheelName, images: Sequence[WheelImage], options: RepairOptions) -> None:
        """Raise ``LinkageError`` for an image without a slice that the options ask for, and for an extension module that lacks one of the tags'."""
        for image in (*images, *self.incomplete):
            wanted = {*options.require_archs, *(self.archs if image.image.kind is Kind.EXTENSION else ())}
            if lacking := wanted.difference(image.image.archs):
                asked = "--require-archs" if lacking <= {*options.require_archs} else "the tag"
                raise LinkageError(
                    f"made for {_joined(image.image.archs)}, and {asked} asks for {_joined(lacking)} as well",
                    where=(str(name), image.member),
                    hint="build it for both, or give the wheel the tag of what it is built for",
                )

    def keeps_promise(self, name: WheelName, plat: str) -> bool:
        """Whether the wheel has the tag that ``--plat`` asks for; also when that is one of another system."""
        return not is_for_macos(plat) or with_archs(plat, self.archs) in name.platforms

    def loader(self, name: WheelName, images: Sequence[WheelImage], host: HostLibraries, options: RepairOptions) -> Loader:
        """Return the search that dyld makes, for all architectures that are asked for."""
        target = MacTarget(archs=(*self.archs, *options.require_archs))
        return loader_for(target, name, images, host=host, lib_path=options.lib_path, sysroot=options.sysroot)

    def needs_shim(self, link: Link) -> bool:
        """Whether the link leads to another wheel: only there is a library that nobody knows the place of beforehand."""
        return link.reach is Reach.PROVIDER

    def shim_folders(self, graph: Graph, vendored: str | None) -> None:  # noqa: ARG002  (as every Platform)
        """Return nothing: images say by themselves where their libraries are."""
        return

    def choose(self, name: WheelName, graph: Graph, host: HostLibraries, options: RepairOptions) -> Choice:  # noqa: ARG002  (as every Platform)
        """Choose tags by the systems that the images are made for; everything that is found on the host has to be vendored."""
        return choose(name, self.archs, graph, options)

    def check_symbols(
        self,
        archive: WheelArchive,
        graph: Graph,
        host: HostLibraries,
        exported: Mapping[Member, Exported],
        options: RepairOptions,  # noqa: ARG002  (as every Platform)
    ) -> None:
        """Compare what images import with what their providers export, and look for names that would mean two symbols."""
        check_symbols(archive, graph, host, exported, self.archs)


def _joined(archs: Iterable[Arch]) -> str:
    return " and ".join(sorted(spelled(arch) for arch in archs))
