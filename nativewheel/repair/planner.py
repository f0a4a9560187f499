"""Decides what a repair does to one wheel; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError, NativewheelError
from nativewheel.formats.image import Kind, Requirement
from nativewheel.linkage.contents import LinuxTarget, MacTarget, WindowsTarget
from nativewheel.linkage.dependents import dependents
from nativewheel.linkage.graph import GraphBuilder
from nativewheel.linkage.manifest import MANIFEST
from nativewheel.repair import consuming, exporting, rpaths, shimming
from nativewheel.repair.images import ImageEditor, added_image, refuse_layout
from nativewheel.repair.injection import plan_injection
from nativewheel.repair.linux import Linux
from nativewheel.repair.literals import literal_names
from nativewheel.repair.macos import MacOS
from nativewheel.repair.metadata import metadata_of
from nativewheel.repair.plan import Action, Launcher, Plan
from nativewheel.repair.references import without_libpython
from nativewheel.repair.vendoring import load_order, name_vendored, used_globs, vendored_libraries
from nativewheel.repair.windows import Windows
from nativewheel.wheel.requires import required_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nativewheel.linkage.contents import Contents, WheelImage
    from nativewheel.linkage.graph import Graph
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.linkage.provider import Provider
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.injection import Injection
    from nativewheel.repair.options import RepairOptions
    from nativewheel.repair.plan import ImageEdit, VendoredLibrary
    from nativewheel.repair.platform import Choice, Platform
    from nativewheel.repair.shimming import Shim
    from nativewheel.repair.vendoring import Vendored
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member, WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One wheel of a set, read: what it holds, what it offers to others, and what others could offer to it."""

    archive: WheelArchive
    options: RepairOptions
    contents: Contents
    exports: tuple[Exported, ...] = ()
    providers: tuple[Provider, ...] = ()

    @property
    def platform(self) -> Platform | None:
        """What the wheel is for, None without images."""
        match self.contents.target:
            case LinuxTarget() as target:
                return Linux(target=target)
            case MacTarget() as target:
                return MacOS(target=target, incomplete=self.contents.incomplete)
            case WindowsTarget() as target:
                return Windows(target=target, archive=self.archive)
            case None:
                return None

    @property
    def is_repaired(self) -> bool:
        """Whether nativewheel has repaired the wheel before."""
        return f"{self.archive.dist_info}/{MANIFEST}" in self.archive.entries


def plan_repair(subject: Subject, host: HostLibraries, *, jobs: int = 1) -> Plan:
    """Return what a repair of the wheel does.

    Raises ``LinkageError`` (a library or tag cannot be had, a layout cannot be repaired), ``ProviderError`` (a provider does not fit) and
    ``UsageError``.
    """
    contents = subject.contents
    if subject.is_repaired:
        return _repaired_already(subject)
    platform = subject.platform
    if platform is None:
        reason = "nothing to repair" if contents.warnings else "no native files"
        return _copied(subject.archive, reason, contents.warnings)
    name = str(subject.archive.name)
    try:
        return _Planner(subject=subject, host=host, platform=platform, jobs=jobs).plan()
    except NativewheelError as error:
        raise (error if error.where[:1] == (name,) else error.within(name)) from error.__cause__


def _copied(archive: WheelArchive, reason: str, warnings: tuple[str, ...] = (), matched: frozenset[str] = frozenset()) -> Plan:
    return Plan(wheel=archive.path, name=archive.name, output=archive.name, action=Action.COPY, reason=reason, warnings=warnings, matched=matched)


def _repaired_already(subject: Subject) -> Plan:
    plat, name, platform = subject.options.plat, subject.archive.name, subject.platform
    if platform and plat and not platform.keeps_promise(name, plat):
        raise LinkageError(f"already repaired, and not for {plat}", where=(str(name),), hint="repair the wheel that the build made")
    return _copied(subject.archive, "already repaired by nativewheel")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    """What a repair has to go by.

    ``images`` are those of the wheel without further ``copies`` of exported libraries; ``added`` are libraries that the user adds.
    """

    images: tuple[WheelImage, ...]
    added: tuple[WheelImage, ...]
    copies: frozenset[Member]
    graph: Graph
    choice: Choice
    vendored: Vendored
    shim: Shim
    injection: Injection


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """The planning of one wheel that has images; each step hands its result to the next."""

    subject: Subject
    host: HostLibraries
    platform: Platform
    jobs: int

    def plan(self) -> Plan:
        found = self._findings()
        if self._is_satisfied(found):
            warnings = (*self.subject.contents.warnings, *found.choice.warnings, *self._kept_paths(found.images))
            return _copied(self.subject.archive, _fits(self.subject.archive.name, found.choice), warnings, found.graph.matched)
        refuse_layout(self.subject.archive, self.subject.contents.images)
        return self._repair(found)

    def _findings(self) -> _Findings:
        archive, options = self.subject.archive, self.subject.options
        added = tuple(added_image(archive, library, self._folder, self.host, self.platform) for library in options.add_library)
        copies = {copy for exported in self.subject.exports for copy in exported.copies}
        images = tuple(image for image in self.subject.contents.images if image.member not in copies)
        self.platform.refuse(archive.name, (*images, *added), options)
        graph = self._graph((*images, *added))
        choice = self.platform.choose(archive.name, graph, self.host, options)
        users = dependents(graph, self.platform.needs_shim)
        consuming.refuse_programs(archive, dependents(graph, lambda link: link.chosen is not None))
        consuming.refuse_circles(archive, consuming.chosen_providers(graph).values(), self.subject.providers)
        self.platform.check_symbols(archive, graph, self.host, self._exported, options)
        vendored = self._named(choice, graph)
        shim = shimming.shim_of(archive, self.subject.exports, graph, self._dlls(graph, vendored))
        return _Findings(
            images=images,
            added=added,
            copies=frozenset(copies),
            graph=graph,
            choice=choice,
            vendored=vendored,
            shim=shim,
            injection=plan_injection(archive, [user for user in users if user.source is None], shim.module),
        )

    def _is_satisfied(self, found: _Findings) -> bool:
        """Whether the wheel needs nothing: its tags are true, and nobody asks for a change."""
        asked = found.added or self.subject.exports or found.shim.consumes or self.subject.options.strip
        return found.choice.satisfied and not (found.vendored.files or asked or _needs_python(found.graph))

    def _repair(self, found: _Findings) -> Plan:
        archive, options, exports, graph = self.subject.archive, self.subject.options, self.subject.exports, found.graph
        editor = ImageEditor(
            archive=archive,
            graph=graph,
            vendored=found.vendored,
            exported=self._exported,
            swapped=found.injection.swapped,
            strip=options.strip,
        )
        edits = tuple(edit for image in found.images if (edit := editor.edit(image)))
        copied = vendored_libraries(found.vendored, graph, self.host, strip=options.strip)
        moved = [edit for edit in edits if edit.target != edit.member and graph.images[edit.member].installed is None]
        return Plan(
            wheel=archive.path,
            name=archive.name,
            output=self._output(found.choice),
            action=Action.REPAIR,
            vendored=(*copied, *(editor.addition(image, self.host) for image in found.added)),
            edits=edits,
            launchers=tuple(Launcher(member=edit.member, program=edit.target) for edit in moved),
            files=(
                *found.shim.files,
                *found.injection.files,
                *exporting.files_beside(archive, exports),
                *exporting.build_files(archive, exports),
                *exporting.import_libraries(archive, exports),
            ),
            removed=(*sorted(found.copies - {exported.link for exported in exports}), *found.injection.removed),
            exports=found.shim.exports,
            consumes=found.shim.consumes,
            requires=found.shim.requires,
            warnings=(*self._warnings(found), *self._lost_signatures(edits, copied, graph), *self._literals(found.images, edits, copied)),
            matched=graph.matched | used_globs(found.vendored, graph, options.no_mangle),
            backend=options.pe_backend,
        )

    @property
    def _folder(self) -> str:
        return f"{self.subject.archive.name.distribution}{self.subject.options.lib_sdir}"

    @property
    def _exported(self) -> dict[Member, Exported]:
        return {exported.image.member: exported for exported in self.subject.exports}

    def _graph(self, images: tuple[WheelImage, ...]) -> Graph:
        archive, options = self.subject.archive, self.subject.options
        considered = consuming.Considered(
            providers=self.subject.providers,
            consumer=archive.name,
            archs=self.platform.archs,
            libc=self.platform.libc,
            named={str(identity): naming for identity, naming in options.providers},
            requires_dist=required_names(metadata_of(archive)),
        )
        return GraphBuilder(
            images=images,
            loader=self.platform.loader(archive.name, images, self.host, options),
            exclude=options.exclude,
            allow_missing=options.allow_missing,
            providers=considered,
        ).build()

    def _named(self, choice: Choice, graph: Graph) -> Vendored:
        self.host.hash_all(choice.external, self.jobs)
        return name_vendored(
            choice.external,
            graph,
            self.host,
            folder=self._folder,
            no_mangle=self.subject.options.no_mangle,
            strip=self.subject.options.strip,
            exported=self._exported,
            backend=self.subject.options.pe_backend,
        )

    def _dlls(self, graph: Graph, vendored: Vendored) -> shimming.DllPlaces | None:
        """Return what a shim has to tell the loader; None where images say by themselves where their libraries are."""
        folders = self.platform.shim_folders(graph, self._folder if vendored.files else None)
        if folders is None:
            return None
        order = {path: f"{self._folder}/{vendored.files[path]}" for path in load_order(vendored, graph)}
        late = {
            vendored.stand_ins[link.path]
            for links in graph.links.values()
            for link in links
            if link.path and link.path in vendored.stand_ins and link.dependency.requirement in {Requirement.DELAYED, Requirement.FORWARDED}
        }
        delayed = tuple(place for path, place in order.items() if path in late)
        return shimming.DllPlaces(folders=folders, vendored=tuple(order.values()), delayed=delayed)

    def _output(self, choice: Choice) -> WheelName:
        """Return the new file name; a provider without extension modules works with every Python."""
        name = self.subject.archive.name.with_platforms(choice.platforms)
        modules = any(image.image.kind is Kind.EXTENSION for image in self.subject.contents.images)
        return replace(name, pythons=("py3",), abis=("none",)) if self.subject.exports and not modules else name

    def _warnings(self, found: _Findings) -> tuple[str, ...]:
        lines = [*self.subject.contents.warnings, *found.choice.warnings, *found.shim.warnings]
        lines += exporting.hidden_names(self.subject.archive, self.subject.exports)
        for image in found.images:
            lines += [
                f"{image.member}: search path {entry or '(current folder)'} dropped, it leads out of the wheel" for entry in rpaths.dropped(image)
            ]
            links = found.graph.links[image.member]
            lines += [f"{image.member}: dependency on {name} dropped, as the interpreter has it" for name in without_libpython(links)]
        return (*lines, *self._duplicates(found.images), *self._uncalled(found))

    @staticmethod
    def _lost_signatures(edits: Iterable[ImageEdit], copied: Iterable[VendoredLibrary], graph: Graph) -> list[str]:
        changes = [(edit.member, graph.images[edit.member].image, edit.edit) for edit in edits]
        changes += [(library.member, graph.libraries[library.source].image, library.edit) for library in copied]
        return [
            f"{member}: the signature of its certificate is lost, because the file changes; sign the wheel's files again if you need one"
            for member, image, edit in changes
            # A signed DLL of which only the file gets another name keeps every byte.
            if image.certified and (edit if formats.conventions(image.format).PLACED else edit.replace)
        ]

    def _literals(self, images: tuple[WheelImage, ...], edits: Iterable[ImageEdit], copied: Sequence[VendoredLibrary]) -> list[str]:
        changes = (*(item.edit for item in edits), *(library.edit for library in copied))
        renamed = [pair for edit in changes for pair in edit.replace]
        renamed += [(exported.original, exported.identity) for exported in self.subject.exports if exported.original != exported.identity]
        return literal_names(self.subject.archive, images, copied, self.host, renamed)

    def _uncalled(self, found: _Findings) -> list[str]:
        """Name images that only code can open, since no image needs them and the shim does not load them."""
        needed = {link.member for links in found.graph.links.values() for link in links}
        return [
            f"{member}: needs a library that has to be loaded or found first: call {found.shim.module}.load() before your code opens it"
            for member in found.injection.uncalled
            if member not in needed and member not in self._exported
        ]

    def _kept_paths(self, images: tuple[WheelImage, ...]) -> list[str]:
        """Name what a repair would drop, but what alone is no reason to change a wheel whose tags are right: it was published like that."""
        return [
            f"{image.member}: search path {entry or '(current folder)'} leads out of the wheel" for image in images for entry in rpaths.dropped(image)
        ]

    def _duplicates(self, images: tuple[WheelImage, ...]) -> list[str]:
        """Name libraries that the archive holds several times, as happens when a build follows symbolic links."""
        groups: dict[tuple[int, int], list[Member]] = {}
        for image in images:
            entry = self.subject.archive.entries[image.member]
            groups.setdefault((entry.crc32, entry.size), []).append(image.member)
        return [
            f"{group[0]}: the wheel holds this library {len(group)} times (also {', '.join(group[1:])}); keep the one named as its identity"
            for group in groups.values()
            if len(group) > 1
        ]


def _needs_python(graph: Graph) -> bool:
    return any(without_libpython(links) for links in graph.links.values())


def _fits(name: WheelName, choice: Choice) -> str:
    better = [tag for tag in choice.best if tag not in name.platforms]
    return f"nothing to repair; the content also allows {'.'.join(better)}" if better else "nothing to repair"
