"""The edits of the images that a wheel holds already, or that the user adds."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import dirname
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, Kind
from nativewheel.linkage.contents import WheelImage
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.policy import runs
from nativewheel.repair import rpaths
from nativewheel.repair.plan import ImageEdit, VendoredLibrary
from nativewheel.repair.references import new_names, new_symbols
from nativewheel.repair.vendoring import member_folders, without_libpython
from nativewheel.wheel.layout import Scheme
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.formats.image import Arch, Identity, Libc
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.options import AddedLibrary
    from nativewheel.repair.vendoring import Vendored
    from nativewheel.wheel.archive import WheelArchive


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEditor:
    """Decides what changes in each image of one wheel.

    ``exported`` are the libraries that the wheel offers, by the member that stays; ``swapped`` gives extension modules that make way for a Python
    module their new places.
    """

    archive: WheelArchive
    graph: Graph
    vendored: Vendored
    exported: Mapping[Member, Exported]
    swapped: Mapping[Member, Member]
    strip: bool

    def edit(self, image: WheelImage) -> ImageEdit | None:
        """Return what changes in ``image``, None when nothing does."""
        links = self.graph.links[image.member]
        replace = self.vendored.replacements(links)
        folders = [*([self.vendored.folder] if replace else []), *member_folders(links, self.graph)]
        installed, target = image.installed, self.swapped.get(image.member, image.member)
        if folders and installed is None:
            installed = self._moved(image)
            target = Member(installed)
        # The program that moves has other folders around it than those that its own entries meant.
        entries = rpaths.kept(image) if installed == image.installed else ()
        if installed is not None:
            entries = rpaths.leading_to(folders, installed, rpaths.away_from(self._others_folders(links), installed, entries))
        own = self.exported.get(image.member)
        replace = (*replace, *new_names(links, self.graph, self.exported))
        edit = Edit(
            identity=own.identity if own and own.identity != image.image.identity else None,
            replace=replace,
            remove=self._removed(image, links),
            rpaths=None if entries == image.image.rpaths else entries,
            rename_symbols=self._renamed(image, links),
            strip=self.strip,
        )
        target = own.member if own else target
        return ImageEdit(member=image.member, target=target, edit=edit) if edit or target != image.member else None

    def addition(self, image: WheelImage, host: HostLibraries) -> VendoredLibrary:
        """Return the copy to make of a library that the user adds."""
        edited = self.edit(image)
        source = image.source or self.archive.path
        return VendoredLibrary(
            source=source, names=(), member=image.member, edit=edited.edit if edited else Edit(), size=image.size, sha256=host.sha256(source)
        )

    def _others_folders(self, links: Iterable[Link]) -> set[str]:
        """Return the folders of providers alone: whether they are installed beside this wheel must not matter.

        One that an excluded library may be in stays on the search path.
        """
        if any(link.reach is Reach.EXCLUDED for link in links):
            return set()
        own = {dirname(image.installed or "") for image in self.graph.images.values()}
        return {dirname(variant.library.member) for link in links if link.chosen for variant in link.chosen.variants} - own

    def _renamed(self, image: WheelImage, links: Iterable[Link]) -> tuple[tuple[str, str], ...]:
        own = self.exported.get(image.member)
        renames = {**(own.renames if own else {}), **new_symbols(links, image.imports, self.exported)}
        return tuple(sorted(renames.items()))

    def _removed(self, image: WheelImage, links: Iterable[Link]) -> tuple[Identity, ...]:
        remove = without_libpython(links)
        if remove and image.image.kind is Kind.PROGRAM:
            raise LinkageError(
                f"the program needs {', '.join(remove)}, which a wheel cannot carry",
                where=(str(self.archive.name), image.member),
                hint="link it statically to Python, or exclude the library if every user has it",
            )
        return remove

    def _moved(self, image: WheelImage) -> str:
        """Return where a native program goes, below the root of the installation, so that it has a fixed path to its libraries."""
        if self.archive.scheme(image.member) is not Scheme.SCRIPTS:
            raise LinkageError(
                "an image in the data folder needs libraries, and nothing there has a fixed path to the installed packages",
                where=(str(self.archive.name), image.member),
                hint="let the build put it into a package",
            )
        return f"{self.archive.name.distribution}.scripts/{image.member.rpartition('/')[2]}"


def added_image(archive: WheelArchive, library: AddedLibrary, folder: str, host: HostLibraries, arch: Arch, libc: Libc) -> WheelImage:
    """Read a library that the user adds, as if the wheel held it already; ``folder`` is that of vendored libraries.

    Raises ``LinkageError`` when it is no library for this wheel, or when the wheel has a file of that name.
    """
    found = host.get(library.path.resolve())
    if found is None or not runs(arch, found.image) or found.image.libc not in {None, libc}:
        raise LinkageError(
            f"--add-library: {library.path.name} is not a native library for {arch} and {libc}",
            where=(str(archive.name),),
            hint="in a configuration, [[tool.nativewheel.overrides]] gives different wheels different libraries",
        )
    installed = f"{library.place or folder}/{library.path.name}"
    member = Member(installed)
    if member in archive.entries:
        raise LinkageError("--add-library: the wheel has this file already", where=(str(archive.name), member))
    return WheelImage(member=member, installed=installed, size=found.size, image=found.image, imports=host.imports(found.path), source=found.path)


def refuse_layout(archive: WheelArchive, images: Iterable[WheelImage]) -> None:
    """Raise ``LinkageError`` for images in places where a repair cannot help them."""
    for image in images:
        match archive.scheme(image.member):
            case Scheme.PURELIB:
                problem = "a native file in the purelib folder"
            case Scheme.DATA if image.image.kind is Kind.LIBRARY:
                problem = "a library in the data folder, where no package finds it"
            case _:
                continue
        raise LinkageError(problem, where=(str(archive.name), image.member), hint="let the build put it into a package, below platlib")
