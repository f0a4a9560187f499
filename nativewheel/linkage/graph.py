"""Who needs whom: the images of a wheel, the host libraries that they reach, and a link for each dependency."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from enum import Enum, auto
from fnmatch import fnmatchcase
from posixpath import dirname, join
from typing import TYPE_CHECKING, Protocol

from nativewheel import formats
from nativewheel.formats.image import Kind
from nativewheel.linkage.search import Asker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nativewheel.formats.conventions import Conventions
    from nativewheel.formats.image import Dependency, Identity, Image
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.host import HostLibrary
    from nativewheel.linkage.provider import Chosen
    from nativewheel.linkage.search import Found
    from nativewheel.wheel.names import Member


class Reach(Enum):
    """Where a dependency leads."""

    MEMBER = auto()
    """To an image of the same wheel."""
    PLATFORM = auto()
    """To a library that every policy in question promises; it is not looked for."""
    PROVIDER = auto()
    """To a library of another wheel."""
    HOST = auto()
    """To a library of the build host."""
    EXCLUDED = auto()
    """Nowhere: the user excluded it, or the user or the image allows that it is missing."""
    INTERPRETER = auto()
    """To libpython, which the running interpreter supplies."""
    NOWHERE = auto()
    """It was not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One dependency of an image and where it leads.

    ``member`` is set for MEMBER, ``path`` (real path) for HOST, ``chosen`` for PROVIDER.  ``reachable`` is False for a MEMBER that the image's own
    search path does not lead to.
    """

    dependency: Dependency
    reach: Reach
    member: Member | None = None
    path: Path | None = None
    chosen: Chosen | None = None
    reachable: bool = True

    @property
    def name(self) -> Identity:
        """The name that the image asks for."""
        return self.dependency.name


class ProviderSearch(Protocol):
    """Looks for a library among the wheels that offer some."""

    def find(self, name: Identity, *, named: bool) -> Chosen | None:
        """Return who supplies ``name``; with ``named``, only one that the name itself or the user points at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The dependency graph of one wheel.

    ``links`` has an entry for each image of the wheel (by member) and for each host library that is reached (by real path); ``matched`` are the
    ``--exclude`` and ``--allow-missing`` globs that applied to something.
    """

    images: Mapping[Member, WheelImage]
    libraries: Mapping[Path, HostLibrary]
    links: Mapping[Member | Path, tuple[Link, ...]]
    matched: frozenset[str]


class Loader(Protocol):
    """How one platform's loader finds what an image asks for."""

    def supplies(self, name: Identity) -> bool:
        """Whether the platform has the library in any case, so that it is not looked for."""

    def is_interpreter(self, name: Identity) -> bool:
        """Whether the name is that of Python's own library."""

    def places(self, name: Identity, image: Image, installed: str) -> tuple[str, ...]:
        """Return the paths below the root of the installation where the image at ``installed`` has the loader look, in its order."""

    def find(self, name: Identity, asker: Asker) -> Found | None:
        """Return the library of the build host that the loader would take."""

    def is_dispensable(self, dependency: Dependency, asker: Asker) -> bool:
        """Whether the asker can do without the library."""

    def passed_on(self, asker: Asker) -> tuple[Path, ...]:
        """Return the search folders that apply to the dependencies of the asker's dependencies too."""


@dataclass(slots=True, kw_only=True)
class GraphBuilder:
    """Follows dependencies breadth first, as loaders do."""

    images: Sequence[WheelImage]
    loader: Loader
    exclude: tuple[str, ...] = ()
    allow_missing: tuple[str, ...] = ()
    providers: ProviderSearch | None = None
    _matched: set[str] = field(default_factory=set)
    _libraries: dict[Path, HostLibrary] = field(default_factory=dict)
    _links: dict[Member | Path, tuple[Link, ...]] = field(default_factory=dict)
    _queue: deque[tuple[Path, Asker]] = field(default_factory=deque)
    _placed: dict[str, WheelImage] = field(default_factory=dict)
    _named: dict[str, list[WheelImage]] = field(default_factory=lambda: defaultdict(list))

    def build(self) -> Graph:
        """Return the graph of all images and of everything that they reach."""
        for image in self.images:
            names, identity = formats.conventions(image.image.format), image.image.identity
            self._placed[names.key(image.installed or image.member)] = image
            if image.installed is not None:
                files = {image.installed.rpartition("/")[2], names.file_name(identity) if identity else None} - {None}
                for name in {names.key(str(file)) for file in files}:
                    self._named[name].append(image)
        # Programs last: a library of the host that modules reach as well stays one for both.
        for alone in (False, True):
            for image in self.images:
                if (image.image.kind is Kind.PROGRAM) is alone:
                    origins = (image.source.parent,) if image.source else ()
                    self._links[image.member] = self._links_of(Asker(image=image.image, origins=origins), image, alone=alone)
            while self._queue:
                path, asker = self._queue.popleft()
                self._links[path] = self._links_of(asker, None, alone=alone)
        return Graph(
            images={image.member: image for image in self.images},
            libraries=self._libraries,
            links=self._links,
            matched=frozenset(self._matched),
        )

    def _links_of(self, asker: Asker, holder: WheelImage | None, *, alone: bool) -> tuple[Link, ...]:
        """Find what an image depends on; ``alone`` says that only programs reach it, before which nothing can load a provider."""
        return tuple(self._link(dependency, asker, holder, alone=alone) for dependency in asker.image.dependencies)

    def _link(self, dependency: Dependency, asker: Asker, holder: WheelImage | None, *, alone: bool) -> Link:
        name, names = dependency.name, formats.conventions(asker.image.format)
        if self._names(name, self.exclude, names):
            return Link(dependency=dependency, reach=Reach.EXCLUDED)
        chosen = self._provided(name, named=True, alone=alone)
        if chosen is None and (found := self._in_wheel(name, asker.image, holder)):
            image, reachable = found
            return Link(dependency=dependency, reach=Reach.MEMBER, member=image.member, reachable=reachable)
        if chosen is None and self.loader.supplies(name):
            return Link(dependency=dependency, reach=Reach.PLATFORM)
        if chosen is None and self.loader.is_interpreter(name):
            return Link(dependency=dependency, reach=Reach.INTERPRETER)
        if chosen := chosen or self._provided(name, named=False, alone=alone):
            return Link(dependency=dependency, reach=Reach.PROVIDER, chosen=chosen)
        return self._on_host(dependency, asker)

    def _provided(self, name: Identity, *, named: bool, alone: bool) -> Chosen | None:
        chosen = self.providers.find(name, named=named) if self.providers else None
        copied = chosen and alone and any(variant.library.copied_for_programs for variant in chosen.variants)
        return None if copied else chosen

    def _on_host(self, dependency: Dependency, asker: Asker) -> Link:
        found, names = self.loader.find(dependency.name, asker), formats.conventions(asker.image.format)
        if found is None:
            allowed = self._names(dependency.name, self.allow_missing, names) or self.loader.is_dispensable(dependency, asker)
            return Link(dependency=dependency, reach=Reach.EXCLUDED if allowed else Reach.NOWHERE)
        path = found.library.path
        met = found.folder / names.file_name(dependency.name)
        if self._matches(str(path), self.exclude, names) or self._matches(str(met), self.exclude, names):
            return Link(dependency=dependency, reach=Reach.EXCLUDED)
        if path not in self._libraries:
            self._libraries[path] = found.library
            origins = tuple(dict.fromkeys((found.folder, path.parent)))
            self._queue.append((path, Asker(image=found.library.image, origins=origins, inherited=self.loader.passed_on(asker))))
        return Link(dependency=dependency, reach=Reach.HOST, path=path)

    def _in_wheel(self, name: Identity, image: Image, holder: WheelImage | None) -> tuple[WheelImage, bool] | None:
        """Return the member that satisfies ``name``, and whether the image's own search path leads there.

        Wherever a scheme puts ``holder``, which is ``image`` as the wheel has it, it puts what is beside it, where Windows looks without being told.
        """
        names, installed = formats.conventions(image.format), holder.installed if holder else None
        places = self.loader.places(name, image, installed) if installed is not None else ()
        if holder and installed is None and not names.PLACED:
            places = (join(dirname(holder.member), names.file_name(name)),)
        for place in places:
            if found := self._placed.get(names.key(place)):
                return found, True
        if self.loader.supplies(name):
            return None
        candidates = self._named.get(names.key(names.file_name(name)), [])
        beside = [found for found in candidates if installed is not None and dirname(found.installed or "") == dirname(installed)]
        if beside or len(candidates) == 1:
            return (beside or candidates)[0], False
        # Several copies, none beside the asker: which of them is loaded is up to code in the wheel that loads one first, so no path is missing.
        return (candidates[0], True) if candidates else None

    def _names(self, name: Identity, globs: tuple[str, ...], names: Conventions) -> bool:
        """Whether a glob matches the name of a dependency, or that of the file that it stands for."""
        return self._matches(name, globs, names) or self._matches(names.file_name(name), globs, names)

    def _matches(self, text: str, globs: tuple[str, ...], names: Conventions) -> bool:
        hits = [glob for glob in globs if fnmatchcase(names.key(text), names.key(glob))]
        self._matched.update(hits)
        return bool(hits)
