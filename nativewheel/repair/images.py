"""The edits of the images that a wheel holds already, or that the user adds."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import dirname
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, Kind
from nativewheel.linkage.contents import WheelImage
from nativewheel.linkage.graph import Reach
from nativewheel.repair import rpaths
from nativewheel.repair.plan import ImageEdit, VendoredLibrary
from nativewheel.repair.references import Referrer, references
from nativewheel.repair.vendoring import member_folders
from nativewheel.wheel.layout import Scheme
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.formats.image import Identity
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.options import AddedLibrary
    from nativewheel.repair.platform import Platform
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
        taken = any(link.path in self.vendored.files for link in links if link.path)
        folders = [*([self.vendored.folder] if taken else []), *member_folders(links, self.graph)]
        installed, target = image.installed, self.swapped.get(image.member, image.member)
        if folders and installed is None and formats.conventions(image.image.format).PLACED:
            installed = self._moved(image)
            target = Member(installed)
        here = dirname(installed or "")
        referrer = Referrer(image=image.image, folder=here, links=links, imports=image.imports)
        others = references(referrer, self.graph, self.exported)
        self._refuse_libpython(image, others.remove)
        entries = self._rpaths(image, installed, folders)
        own = self.exported.get(image.member)
        edit = Edit(
            identity=own.identity if own and own.identity != image.image.identity else None,
            replace=(*self.vendored.replacements(links, image.image, here), *others.replace),
            remove=others.remove,
            rpaths=None if entries == image.image.rpaths else entries,
            rename_symbols=tuple(sorted(own.renames.items())) if own else (),
            flat=others.flat,
            rename_imports=others.rename_imports,
            rename_weak=others.rename_weak,
            strip=self.strip,
        )
        target = own.member if own else target
        return ImageEdit(member=image.member, target=target, edit=edit) if edit or target != image.member else None

    def _rpaths(self, image: WheelImage, installed: str | None, folders: Iterable[str]) -> tuple[str, ...]:
        # The program that moves has other folders around it than those that its own entries meant.
        entries = rpaths.kept(image) if installed == image.installed else rpaths.of_system(image.image)
        if installed is None:
            return entries
        here, conventions = dirname(installed), formats.conventions(image.image.format)
        entries = rpaths.away_from(self._others_folders(self.graph.links[image.member]), here, entries, conventions)
        return rpaths.leading_to(folders, here, entries, conventions)

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

    def _refuse_libpython(self, image: WheelImage, remove: tuple[Identity, ...]) -> None:
        if remove and image.image.kind is Kind.PROGRAM:
            raise LinkageError(
                f"the program needs {', '.join(remove)}, which a wheel cannot carry",
                where=(str(self.archive.name), image.member),
                hint="link it statically to Python, or exclude the library if every user has it",
            )

    def _moved(self, image: WheelImage) -> str:
        """Return where a native program goes, below the root of the installation, so that it has a fixed path to its libraries."""
        if self.archive.scheme(image.member) is not Scheme.SCRIPTS:
            raise LinkageError(
                "an image in the data folder needs libraries, and nothing there has a fixed path to the installed packages",
                where=(str(self.archive.name), image.member),
                hint="let the build put it into a package",
            )
        return f"{self.archive.name.distribution}.scripts/{image.member.rpartition('/')[2]}"


def added_image(archive: WheelArchive, library: AddedLibrary, folder: str, host: HostLibraries, platform: Platform) -> WheelImage:
    """Read a library that the user adds, as if the wheel held it already; ``folder`` is that of vendored libraries.

    Raises ``LinkageError`` when it is no library for this wheel, or when the wheel has a file of that name.
    """
    found = host.get(library.path.resolve())
    if found is None or not platform.runs(found.image):
        raise LinkageError(
            f"--add-library: {library.path.name} is not a native library for {platform}",
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
