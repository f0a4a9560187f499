"""Which host libraries go into a wheel, under which names, and how they are edited."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import dirname
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, Identity
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.naming import Ingredient, vendored_names
from nativewheel.repair.plan import VendoredLibrary
from nativewheel.repair.references import new_names, new_symbols
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.repair.exporting import Exported


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendored:
    """The new names of the host libraries that a wheel takes in.

    ``identities`` has an entry for every real path by which the graph knows a library; identical files share one.  ``stand_ins`` maps each of these
    paths to the one file that is copied.  ``folder`` is where the files land, below the root of the installation.  ``exported`` are the libraries
    that the wheel offers, by the member that stays: they get other names, too.
    """

    folder: str
    identities: Mapping[Path, Identity]
    stand_ins: Mapping[Path, Path]
    exported: Mapping[Member, Exported]

    def replacements(self, links: Iterable[Link]) -> tuple[tuple[Identity, Identity], ...]:
        """Return (old, new) for each dependency that a vendored library satisfies."""
        found = {link.name: self.identities[link.path] for link in links if link.path and link.path in self.identities}
        return tuple(sorted(found.items()))


def name_vendored(
    external: Iterable[Path],
    graph: Graph,
    host: HostLibraries,
    *,
    folder: str,
    no_mangle: tuple[str, ...],
    strip: bool,
    exported: Mapping[Member, Exported],
) -> Vendored:
    """Give every external library its name.

    Raises ``LinkageError`` when two different libraries would get one name, which only ``--no-mangle`` can cause.
    """
    paths = tuple(external)
    stand_ins = _stand_ins(paths, graph, host)
    plain = {path: identity for path in dict.fromkeys(stand_ins.values()) if (identity := _plain_name(path, graph, no_mangle))}
    editor = _Editor(graph=graph, host=host, folder=folder, strip=strip, exported=exported)
    ingredients = {path: editor.ingredient(path, stand_ins, plain) for path in dict.fromkeys(stand_ins.values())}
    hashed = vendored_names(ingredients, formats.writer_version()) if ingredients else {}
    names = {path: plain.get(path) or Identity(hashed[path]) for path in hashed}
    if len(set(names.values())) < len(names):
        twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
        raise LinkageError(f"--no-mangle gives one name to different libraries: {', '.join(twice)}", hint="use it for one of them only")
    return Vendored(folder=folder, identities={path: names[stand_ins[path]] for path in paths}, stand_ins=stand_ins, exported=exported)


def vendored_libraries(vendored: Vendored, graph: Graph, host: HostLibraries, *, strip: bool) -> tuple[VendoredLibrary, ...]:
    """Return the copies to make, sorted by member."""
    asked: dict[Path, set[Identity]] = {path: set() for path in vendored.stand_ins.values()}
    for links in graph.links.values():
        for link in links:
            if link.path and link.path in vendored.stand_ins:
                asked[vendored.stand_ins[link.path]].add(link.name)
    editor = _Editor(graph=graph, host=host, folder=vendored.folder, strip=strip, exported=vendored.exported)
    made = [
        VendoredLibrary(
            source=path,
            names=tuple(sorted(names)),
            member=Member(f"{vendored.folder}/{vendored.identities[path]}"),
            edit=editor.edit(path, vendored),
            size=graph.libraries[path].size,
            sha256=host.sha256(path),
        )
        for path, names in asked.items()
    ]
    return tuple(sorted(made, key=lambda library: library.member))


def used_globs(vendored: Vendored, graph: Graph, no_mangle: tuple[str, ...]) -> frozenset[str]:
    """Return the ``--no-mangle`` globs that apply to a vendored library."""
    return frozenset(glob for path in vendored.identities for glob in no_mangle if _plain_name(path, graph, (glob,)))


def without_libpython(links: Iterable[Link]) -> tuple[Identity, ...]:
    """Return the dependencies on libpython, which are taken out: the interpreter that imports the module has these symbols already."""
    return tuple(link.name for link in links if link.reach is Reach.INTERPRETER)


def member_folders(links: Iterable[Link], graph: Graph) -> tuple[str, ...]:
    """Return the folders (below the root of the installation) of images of the wheel that no search path leads to yet."""
    targets = [graph.images[link.member] for link in links if link.member is not None and not link.reachable]
    return tuple(dict.fromkeys(dirname(target.installed) for target in targets if target.installed is not None))


def _stand_ins(paths: tuple[Path, ...], graph: Graph, host: HostLibraries) -> dict[Path, Path]:
    """Map each path to the file that stands for all files with the same bytes (flattened symbolic links), by preference one named as its identity."""
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(host.sha256(path), []).append(path)
    chosen = {
        digest: min(group, key=lambda path: (path.name != graph.libraries[path].image.identity, path.name, str(path)))
        for digest, group in groups.items()
    }
    return {path: chosen[host.sha256(path)] for path in paths}


def _plain_name(path: Path, graph: Graph, no_mangle: tuple[str, ...]) -> Identity | None:
    identity = graph.libraries[path].image.identity or Identity(path.name)
    return identity if any(fnmatchcase(name, glob) for name in (identity, path.name) for glob in no_mangle) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Editor:
    """Decides what changes in each copy of a host library."""

    graph: Graph
    host: HostLibraries
    folder: str
    strip: bool
    exported: Mapping[Member, Exported]

    def edit(self, path: Path, vendored: Vendored) -> Edit:
        image = self.graph.libraries[path].image
        links = self.graph.links[path]
        replace = vendored.replacements(links)
        folders = (*([self.folder] if replace else []), *member_folders(links, self.graph))
        rpaths = tuple(formats.relative_rpath(self.folder, folder) for folder in folders)
        identity = vendored.identities[path]
        return Edit(
            identity=None if identity == image.identity else identity,
            replace=(*replace, *new_names(links, self.graph, self.exported)),
            remove=without_libpython(links),
            rpaths=None if rpaths == image.rpaths else rpaths,
            rename_symbols=self._symbols(path),
            strip=self.strip,
        )

    def ingredient(self, path: Path, stand_ins: Mapping[Path, Path], plain: Mapping[Path, Identity]) -> Ingredient:
        links = self.graph.links[path]
        uses = {link.name: stand_ins[link.path] for link in links if link.path and link.path in stand_ins}
        # Neighbours by content, because two of them may have one file name, and with the name that --no-mangle leaves them.
        edits = [f"{old} is {self.host.sha256(new)} {plain.get(new, '')}" for old, new in uses.items()]
        edits += [f"{old} is {new} of the wheel" for old, new in new_names(links, self.graph, self.exported)]
        edits += [f"calls {old} {new}" for old, new in self._symbols(path)]
        edits += [f"without {name}" for name in without_libpython(links)]
        edits += [f"finds {formats.relative_rpath(self.folder, target)}" for target in member_folders(links, self.graph)]
        return Ingredient(
            sha256=self.host.sha256(path),
            edits=(*sorted(edits), *(("stripped",) if self.strip else ())),
            uses=tuple(sorted(set(uses.values()))),
        )

    def _symbols(self, path: Path) -> tuple[tuple[str, str], ...]:
        links = self.graph.links[path]
        if not any(link.chosen or link.member in self.exported for link in links):
            return ()  # reading what a library imports takes time
        return tuple(sorted(new_symbols(links, self.host.imports(path), self.exported).items()))
