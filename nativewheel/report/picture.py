"""What the pictures of `show` draw: the native files of wheels and the libraries that they ask for, as nodes and arrows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from nativewheel.formats.image import Kind
from nativewheel.linkage.inspection import Supply
from nativewheel.report.amounts import size_text
from nativewheel.report.shortcuts import implied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nativewheel.linkage.inspection import Inspection, SuppliedDependency

MOST_ARROWS = 60
"""Arrows beyond which those that longer ways imply are left out."""


class Role(StrEnum):
    """What a node is to its wheel, in the order of the legend."""

    EXTENSION = "extension"
    """An extension module."""
    PROGRAM = "program"
    """An executable."""
    WHEEL = "wheel"
    """A library that the wheel was built with."""
    VENDORED = "vendored"
    """A library that a repair tool put into the wheel."""
    SHARED = "shared"
    """A library that the wheel offers to others."""
    PROVIDER = "provider"
    """A library of another wheel, which is not in the picture."""
    EXTERNAL = "external"
    """A library of the build host, which a repair would vendor."""
    SYSTEM = "system"
    """A library of the platform."""
    MISSING = "missing"
    """A library that was found nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One file.

    ``label`` is short, ``path`` says where it is: a member, a path of this host, or the name that was asked for.  ``size`` is in bytes, None for a
    file that was not looked at.  ``provider`` is the distribution that a library comes from.
    """

    role: Role
    label: str
    path: str
    size: int | None = None
    provider: str | None = None

    @property
    def note(self) -> str:
        """What to write beside the label: where it comes from, that it is missing, its size, or nothing."""
        match self.role:
            case Role.PROVIDER:
                return f"of {self.provider}"
            case Role.MISSING:
                return "missing"
            case _:
                return "" if self.size is None else size_text(self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """One dependency: the node with index ``source`` asks for the one with index ``target`` by ``name``.

    ``implied`` says that a longer way leads there as well, so that a crowded picture may leave the arrow out.
    """

    source: int
    target: int
    name: str
    implied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The nodes of one wheel: those with an index in ``nodes``."""

    title: str
    nodes: range


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The nodes and arrows of one wheel or of several."""

    groups: tuple[Group, ...]
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]

    @property
    def essential(self) -> tuple[Arrow, ...]:
        """The arrows to draw: where many would be a tangle, without those that longer ways imply."""
        return self.arrows if len(self.arrows) <= MOST_ARROWS else tuple(arrow for arrow in self.arrows if not arrow.implied)


def picture(inspections: Sequence[Inspection]) -> Picture:
    """Gather the nodes and arrows of wheels.  What a wheel takes from another one of them leads there."""
    builder = _Builder(offers=_offers(inspections))
    groups = []
    for index, inspection in enumerate(inspections):
        first = len(builder.nodes)
        builder.add_files(index, inspection)
        builder.add_asked(index, inspection)
        groups.append(Group(title=inspection.wheel.name, nodes=range(first, len(builder.nodes))))
    for index, inspection in enumerate(inspections):
        builder.add_arrows(index, inspection)
    hidden = implied(len(builder.nodes), builder.arrows)
    arrows = (
        Arrow(source=source, target=target, name=name, implied=(source, target) in hidden)
        for (source, target), name in sorted(builder.arrows.items())
    )
    return Picture(groups=tuple(groups), nodes=tuple(builder.nodes), arrows=tuple(arrows))


_Key = tuple[int, Supply | None, str]
"""A node's wheel, who supplies it (None for what lies in the wheel or on this host), and its path or name."""


@dataclass(slots=True, kw_only=True)
class _Builder:
    offers: dict[tuple[int, str], tuple[int, str]]
    nodes: list[Node] = field(default_factory=list)
    arrows: dict[tuple[int, int], str] = field(default_factory=dict)
    _found: dict[_Key, int] = field(default_factory=dict)

    def add_files(self, index: int, inspection: Inspection) -> None:
        """Add the images of a wheel and the libraries that a repair would vendor."""
        asked = [dependency for _, dependencies in _asking(inspection) for dependency in dependencies]
        vendored = {dependency.resolved for dependency in asked if dependency.supply is Supply.VENDORED}
        exported = {export.member for export in inspection.manifest.exports} if inspection.manifest else set()
        for image in inspection.images:
            role = Role.SHARED if image.member in exported else Role.VENDORED if image.member in vendored else _ROLES[image.image.kind]
            label = _module(image.member) if role is Role.EXTENSION else _file(image.member)
            self._add((index, None, image.member), Node(role=role, label=label, path=image.member, size=image.size))
        for library in inspection.external:
            node = Node(role=Role.EXTERNAL, label=library.path.name, path=str(library.path), size=library.size)
            self._add((index, None, str(library.path)), node)

    def add_asked(self, index: int, inspection: Inspection) -> None:
        """Add what images of a wheel ask for and what is neither in it nor in another wheel of the picture."""
        for _, dependencies in _asking(inspection):
            for dependency in dependencies:
                key = self._key(index, dependency)
                if key not in self._found and key[0] == index:
                    name = dependency.resolved or dependency.name
                    self._add(key, Node(role=Role(dependency.supply), label=_file(name), path=name, provider=dependency.provider))

    def add_arrows(self, index: int, inspection: Inspection) -> None:
        """Add the dependencies of a wheel's images and of its external libraries, each pair of nodes once."""
        for path, dependencies in _asking(inspection):
            source = self._found[index, None, path]
            for dependency in dependencies:
                target = self._found[self._key(index, dependency)]
                if target != source:
                    self.arrows.setdefault((source, target), dependency.name)

    def _key(self, index: int, dependency: SuppliedDependency) -> _Key:
        """Return the key of the node that a dependency leads to."""
        if dependency.resolved is not None:
            return index, None, dependency.resolved
        if dependency.supply is Supply.PROVIDER and (index, dependency.name) in self.offers:
            wheel, member = self.offers[index, dependency.name]
            return wheel, None, member
        return index, dependency.supply, dependency.name

    def _add(self, key: _Key, node: Node) -> None:
        self._found[key] = len(self.nodes)
        self.nodes.append(node)


_ROLES = {Kind.EXTENSION: Role.EXTENSION, Kind.PROGRAM: Role.PROGRAM, Kind.LIBRARY: Role.WHEEL}


def _asking(inspection: Inspection) -> Iterator[tuple[str, Iterable[SuppliedDependency]]]:
    """Yield everything that asks for libraries: the path of its node, and its dependencies."""
    yield from ((image.member, image.dependencies) for image in inspection.images)
    yield from ((str(library.path), library.dependencies) for library in inspection.external)


def _offers(inspections: Sequence[Inspection]) -> dict[tuple[int, str], tuple[int, str]]:
    """Map what each wheel can take from others, by its index and the name, to the index and member that supply it.

    A name alone does not do: the wheels of a release for several platforms share it.
    """
    offered = [
        (export.identity, number, export.member)
        for number, inspection in enumerate(inspections)
        if inspection.manifest
        for export in inspection.manifest.exports
        if any(image.member == export.member for image in inspection.images)
    ]
    platforms = [(_families(inspection), frozenset(arch for image in inspection.images for arch in image.image.archs)) for inspection in inspections]
    found: dict[tuple[int, str], tuple[int, str]] = {}
    for identity, number, member in offered:
        systems, archs = platforms[number]
        for other, (its_systems, its_archs) in enumerate(platforms):
            if systems & its_systems and its_archs <= archs:
                found.setdefault((other, identity), (number, member))
    return found


def _families(inspection: Inspection) -> frozenset[str]:
    """Return the systems of a wheel's platform tags: manylinux, musllinux, macosx, win."""
    return frozenset(family for platform in inspection.name.platforms if (family := platform.partition("_")[0].rstrip("0123456789")))


def _file(path: str) -> str:
    return path.rpartition("/")[2] or path


def _module(member: str) -> str:
    """Return the name by which Python imports an extension module."""
    top, _, rest = member.partition("/")
    if top.endswith(".data"):
        member = rest.partition("/")[2] or member
    folder, _, file = member.rpartition("/")
    return ".".join((*folder.split("/"), file.partition(".")[0])) if folder else file.partition(".")[0]
