"""Decides what a repair does to one wheel; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, Kind
from nativewheel.linkage.contents import WheelImage, read_contents
from nativewheel.linkage.graph import GraphBuilder
from nativewheel.linkage.manifest import MANIFEST
from nativewheel.linkage.policy import policies, runs
from nativewheel.linkage.search import HostSearch
from nativewheel.linkage.verdict import Judge
from nativewheel.repair import rpaths
from nativewheel.repair.plan import Action, ImageEdit, Launcher, Plan, VendoredLibrary
from nativewheel.repair.tags import choose, libc_of
from nativewheel.repair.vendoring import member_folders, name_vendored, other_file_names, used_globs, vendored_libraries, without_libpython
from nativewheel.wheel.layout import Scheme
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from nativewheel.formats.image import Arch, Libc
    from nativewheel.linkage.contents import Contents
    from nativewheel.linkage.graph import Graph
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.options import AddedLibrary, RepairOptions
    from nativewheel.repair.tags import Choice
    from nativewheel.repair.vendoring import Vendored
    from nativewheel.wheel.archive import WheelArchive


def plan_repair(archive: WheelArchive, options: RepairOptions, host: HostLibraries, *, jobs: int = 1) -> Plan:
    """Return what a repair of the wheel does.

    Raises ``UnreadableError`` (images or platform), ``LinkageError`` (a library or tag cannot be had, a layout cannot be repaired), ``UsageError``.
    """
    contents = read_contents(archive, libc=libc_of(options.plat), jobs=jobs)
    if f"{archive.dist_info}/{MANIFEST}" in archive.entries:
        return _repaired_already(archive, contents, options)
    if contents.arch is None or contents.libc is None:
        reason = "nothing to repair" if contents.warnings else "no native files"
        return _copied(archive, reason, contents.warnings)
    return _Planner(archive=archive, options=options, host=host, contents=contents, arch=contents.arch, libc=contents.libc, jobs=jobs).plan()


def _copied(archive: WheelArchive, reason: str, warnings: tuple[str, ...] = (), matched: frozenset[str] = frozenset()) -> Plan:
    return Plan(wheel=archive.path, name=archive.name, output=archive.name, action=Action.COPY, reason=reason, warnings=warnings, matched=matched)


def _repaired_already(archive: WheelArchive, contents: Contents, options: RepairOptions) -> Plan:
    if contents.arch and contents.libc and options.plat and libc_of(options.plat) is contents.libc:
        wanted = policies(contents.libc, contents.arch).requested(options.plat)
        if set(wanted.tags).isdisjoint(archive.name.platforms):
            raise LinkageError(f"already repaired, and not for {wanted.tag}", where=(str(archive.name),), hint="repair the wheel that the build made")
    return _copied(archive, "already repaired by nativewheel")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """The planning of one wheel that has images; each step hands its result to the next."""

    archive: WheelArchive
    options: RepairOptions
    host: HostLibraries
    contents: Contents
    arch: Arch
    libc: Libc
    jobs: int

    def plan(self) -> Plan:
        added = tuple(self._added(library) for library in self.options.add_library)
        graph = self._graph((*self.contents.images, *added))
        judge = Judge(graph=graph, policies=policies(self.libc, self.arch), host=self.host)
        choice = choose(self.archive.name, judge, self.options.plat, only_plat=self.options.only_plat)
        vendored = self._named(choice, graph)
        edits = tuple(edit for image in self.contents.images if (edit := self._edited(image, graph, vendored)))
        warnings = (*self.contents.warnings, *choice.warnings, *self._warnings(graph))
        if not (vendored.identities or edits or added) and choice.satisfied:
            return _copied(self.archive, self._fits(choice), warnings, graph.matched)
        self._refuse_layout()
        copies = vendored_libraries(vendored, graph, self.host, strip=self.options.strip)
        return Plan(
            wheel=self.archive.path,
            name=self.archive.name,
            output=self.archive.name.with_platforms(choice.platforms),
            action=Action.REPAIR,
            vendored=(*copies, *(self._addition(image, graph, vendored) for image in added)),
            edits=edits,
            launchers=tuple(Launcher(member=edit.member, program=edit.target) for edit in edits if edit.target != edit.member),
            warnings=warnings,
            matched=graph.matched | used_globs(vendored, graph, self.options.no_mangle),
        )

    @property
    def _folder(self) -> str:
        return f"{self.archive.name.distribution}{self.options.lib_sdir}"

    def _graph(self, images: tuple[WheelImage, ...]) -> Graph:
        search = HostSearch(libraries=self.host, arch=self.arch, libc=self.libc, lib_path=self.options.lib_path, sysroot=self.options.sysroot)
        supplied = policies(self.libc, self.arch).always_supplied
        builder = GraphBuilder(
            images=images, search=search, supplied=supplied, exclude=self.options.exclude, allow_missing=self.options.allow_missing
        )
        return builder.build()

    def _named(self, choice: Choice, graph: Graph) -> Vendored:
        self.host.hash_all(choice.evaluation.external, self.jobs)
        return name_vendored(
            choice.evaluation.external,
            graph,
            self.host,
            folder=self._folder,
            no_mangle=self.options.no_mangle,
            strip=self.options.strip,
        )

    def _edited(self, image: WheelImage, graph: Graph, vendored: Vendored) -> ImageEdit | None:
        """Return what changes in an image of the wheel, None when nothing does."""
        links = graph.links[image.member]
        replace = vendored.replacements(links)
        folders = [*([vendored.folder] if replace else []), *member_folders(links, graph)]
        installed, target = image.installed, image.member
        if folders and installed is None:
            installed = self._moved(image)
            target = Member(installed)
        remove = without_libpython(links)
        if remove and image.image.kind is Kind.PROGRAM:
            raise LinkageError(
                f"the program needs {', '.join(remove)}, which a wheel cannot carry",
                where=(str(self.archive.name), image.member),
                hint="link it statically to Python, or exclude the library if every user has it",
            )
        entries = rpaths.kept(image)
        if installed is not None:
            entries = rpaths.leading_to(folders, installed, entries)
        replace = (*replace, *other_file_names(links, graph))
        edit = Edit(replace=replace, remove=remove, rpaths=None if entries == image.image.rpaths else entries, strip=self.options.strip)
        return ImageEdit(member=image.member, target=target, edit=edit) if edit else None

    def _moved(self, image: WheelImage) -> str:
        """Return where a native program goes, below the root of the installation, so that it has a fixed path to its libraries."""
        if self.archive.scheme(image.member) is not Scheme.SCRIPTS:
            raise LinkageError(
                "an image in the data folder needs libraries, and nothing there has a fixed path to the installed packages",
                where=(str(self.archive.name), image.member),
                hint="let the build put it into a package",
            )
        return f"{self.archive.name.distribution}.scripts/{image.member.rpartition('/')[2]}"

    def _refuse_layout(self) -> None:
        for image in self.contents.images:
            match self.archive.scheme(image.member):
                case Scheme.PURELIB:
                    problem = "a native file in the purelib folder"
                case Scheme.DATA if image.image.kind is Kind.LIBRARY:
                    problem = "a library in the data folder, where no package finds it"
                case _:
                    continue
            raise LinkageError(problem, where=(str(self.archive.name), image.member), hint="let the build put it into a package, below platlib")

    def _added(self, library: AddedLibrary) -> WheelImage:
        """Read a library that the user adds, as if the wheel held it already."""
        found = self.host.get(library.path.resolve())
        if found is None or not runs(self.arch, found.image) or found.image.libc not in {None, self.libc}:
            raise LinkageError(
                f"--add-library: {library.path.name} is not a native library for {self.arch} and {self.libc}",
                where=(str(self.archive.name),),
                hint="in a configuration, [[tool.nativewheel.overrides]] gives different wheels different libraries",
            )
        installed = f"{library.place or self._folder}/{library.path.name}"
        member = Member(installed)
        if member in self.archive.entries:
            raise LinkageError("--add-library: the wheel has this file already", where=(str(self.archive.name), member))
        return WheelImage(
            member=member,
            installed=installed,
            size=found.size,
            image=found.image,
            imports=self.host.imports(found.path),
            source=found.path,
        )

    def _addition(self, image: WheelImage, graph: Graph, vendored: Vendored) -> VendoredLibrary:
        edited = self._edited(image, graph, vendored)
        source = image.source or self.archive.path
        return VendoredLibrary(
            source=source,
            names=(),
            member=image.member,
            edit=edited.edit if edited else Edit(),
            size=image.size,
            sha256=self.host.sha256(source),
        )

    def _warnings(self, graph: Graph) -> tuple[str, ...]:
        found = []
        for image in self.contents.images:
            found += [
                f"{image.member}: search path {entry or '(current folder)'} dropped, it leads out of the wheel" for entry in rpaths.dropped(image)
            ]
            links = graph.links[image.member]
            found += [f"{image.member}: dependency on {name} dropped, as the interpreter has it" for name in without_libpython(links)]
        return (*found, *self._duplicates())

    def _duplicates(self) -> list[str]:
        """Name libraries that the archive holds several times, as happens when a build follows symbolic links."""
        groups: dict[tuple[int, int], list[str]] = {}
        for image in self.contents.images:
            entry = self.archive.entries[image.member]
            groups.setdefault((entry.crc32, entry.size), []).append(image.member)
        return [
            f"{group[0]}: the wheel holds this library {len(group)} times (also {', '.join(group[1:])}); keep the one named as its SONAME"
            for group in groups.values()
            if len(group) > 1
        ]

    def _fits(self, choice: Choice) -> str:
        better = choice.best not in self.archive.name.platforms
        return f"nothing to repair; the content also allows {choice.best}" if better else "nothing to repair"
