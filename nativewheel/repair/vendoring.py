"""Which host libraries go into a wheel, under which names, and how they are edited."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import dirname
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, PeBackend
from nativewheel.linkage.naming import Ingredient, vendored_names
from nativewheel.repair.plan import VendoredLibrary
from nativewheel.repair.references import Referrer, references
from nativewheel.repair.rpaths import leading_to, of_system
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nativewheel.formats.image import Identity, Image
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries, HostLibrary
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.references import References


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendored:
    """The new names of the host libraries that a wheel takes in.

    ``files`` has a file name for every real path by which the graph knows a library; identical files share one.  ``stand_ins`` maps each of these
    paths to the one file that is copied.  ``folder`` is where the files land, below the root of the installation.  ``exported`` are the libraries
    that the wheel offers, by the member that stays: they get other names, too.
    """

    folder: str
    files: Mapping[Path, str]
    stand_ins: Mapping[Path, Path]
    exported: Mapping[Member, Exported]

    def replacements(self, links: Iterable[Link], image: Image, here: str) -> tuple[tuple[Identity, Identity], ...]:
        """Return (old, new) for each dependency of an image in the folder ``here`` that a vendored library satisfies."""
        reference = formats.conventions(image.format).reference
        taken = [(link.name, self.files[link.path]) for link in links if link.path and link.path in self.files]
        found = {old: reference(here, f"{self.folder}/{file}") for old, file in taken}
        return tuple(sorted((old, new) for old, new in found.items() if old != new))


def name_vendored(
    external: Iterable[Path],
    graph: Graph,
    host: HostLibraries,
    *,
    folder: str,
    no_mangle: tuple[str, ...],
    strip: bool,
    exported: Mapping[Member, Exported],
    backend: PeBackend = PeBackend.NATIVEWHEEL,
) -> Vendored:
    """Give every external library its name.

    Raises ``LinkageError`` when two different libraries would get one name, which only ``--no-mangle`` can cause.
    """
    paths = tuple(external)
    stand_ins = _stand_ins(paths, graph, host)
    plain = {path: identity for path in dict.fromkeys(stand_ins.values()) if (identity := _plain_name(path, graph, no_mangle))}
    editor = _Editor(graph=graph, host=host, folder=folder, strip=strip, exported=exported)
    ingredients = {path: editor.ingredient(path, stand_ins, plain) for path in dict.fromkeys(stand_ins.values())}
    writers = {formats.writer_version(graph.libraries[path].image.format, backend) for path in ingredients}
    hashed = vendored_names(ingredients, " ".join(sorted(writers)))
    names = {path: plain.get(path) or hashed[path] for path in hashed}
    if len(set(names.values())) < len(names):
        twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
        raise LinkageError(f"--no-mangle gives one name to different libraries: {', '.join(twice)}", hint="use it for one of them only")
    return Vendored(folder=folder, files={path: names[stand_ins[path]] for path in paths}, stand_ins=stand_ins, exported=exported)


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
            member=Member(f"{vendored.folder}/{vendored.files[path]}"),
            edit=editor.edit(path, vendored),
            size=graph.libraries[path].size,
            sha256=host.sha256(path),
        )
        for path, names in asked.items()
    ]
    return tuple(sorted(made, key=lambda library: library.member))


def load_order(vendored: Vendored, graph: Graph) -> tuple[Path, ...]:
    """Return the files that are copied, each after those of them that it needs, as far as they do not need each other."""
    ordered: dict[Path, None] = {}
    begun: set[Path] = set()
    waiting = sorted(set(vendored.stand_ins.values()), key=lambda path: vendored.files[path], reverse=True)
    while waiting:
        path = waiting[-1]
        needed = [vendored.stand_ins[link.path] for link in graph.links[path] if link.path and link.path in vendored.stand_ins]
        missing = [other for other in needed if other not in begun] if path not in begun else []
        begun.add(path)
        if missing:
            waiting += missing
        else:
            ordered.setdefault(waiting.pop())
    return tuple(ordered)


def used_globs(vendored: Vendored, graph: Graph, no_mangle: tuple[str, ...]) -> frozenset[str]:
    """Return the ``--no-mangle`` globs that apply to a vendored library."""
    return frozenset(glob for path in vendored.files for glob in no_mangle if _plain_name(path, graph, (glob,)))


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
        digest: min(group, key=lambda path: (path.name != _file_name(graph.libraries[path]), path.name, str(path)))
        for digest, group in groups.items()
    }
    return {path: chosen[host.sha256(path)] for path in paths}


def _plain_name(path: Path, graph: Graph, no_mangle: tuple[str, ...]) -> str | None:
    own, key = _file_name(graph.libraries[path]), formats.conventions(graph.libraries[path].image.format).key
    return own if any(fnmatchcase(key(name), key(glob)) for name in (own, path.name) for glob in no_mangle) else None


def _file_name(library: HostLibrary) -> str:
    """Return the file name that loaders take for the library's identity."""
    identity = library.image.identity
    return formats.conventions(library.image.format).file_name(identity) if identity else library.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Editor:
    """Decides what changes in each copy of a host library."""

    graph: Graph
    host: HostLibraries
    folder: str
    strip: bool
    exported: Mapping[Member, Exported]

    def edit(self, path: Path, vendored: Vendored) -> Edit:
        image, links = self.graph.libraries[path].image, self.graph.links[path]
        conventions = formats.conventions(image.format)
        replace, others = vendored.replacements(links, image, self.folder), self._references(path)
        folders = (*([self.folder] if replace else []), *member_folders(links, self.graph))
        rpaths = leading_to(folders, self.folder, of_system(image), conventions)
        identity = conventions.named_as_file(vendored.files[path])
        return Edit(
            identity=None if identity == image.identity else identity,
            replace=(*replace, *others.replace),
            remove=others.remove,
            rpaths=None if rpaths == image.rpaths else rpaths,
            flat=others.flat,
            rename_imports=others.rename_imports,
            rename_weak=others.rename_weak,
            strip=self.strip,
        )

    def ingredient(self, path: Path, stand_ins: Mapping[Path, Path], plain: Mapping[Path, str]) -> Ingredient:
        links = self.graph.links[path]
        uses = {link.name: stand_ins[link.path] for link in links if link.path and link.path in stand_ins}
        # Neighbours by content, because two of them may have one file name, and with the name that --no-mangle leaves them.
        edits = [f"{old} is {self.host.sha256(new)} {plain.get(new, '')}" for old, new in uses.items()]
        others = self._references(path)
        edits += [f"{old} is {new} of the wheel" for old, new in others.replace]
        edits += [f"{item.dependency} is {item.identity} in the flat namespace" for item in others.flat]
        renames = (*((item.dependency, item.renames) for item in others.flat), *others.rename_imports)
        edits += [f"calls {old} of {library} {new}" for library, names in renames for old, new in names]
        edits += [f"without {name}" for name in others.remove]
        edits += [f"finds {target} from {self.folder}" for target in member_folders(links, self.graph)]
        return Ingredient(
            sha256=self.host.sha256(path),
            edits=(*sorted(edits), *(("stripped",) if self.strip else ())),
            uses=tuple(sorted(set(uses.values()))),
        )

    def _references(self, path: Path) -> References:
        image, links = self.graph.libraries[path].image, self.graph.links[path]
        # Reading what a library imports takes time.
        shared = any(link.chosen or link.member in self.exported for link in links)
        referrer = Referrer(image=image, folder=self.folder, links=links, imports=self.host.imports(path) if shared else ())
        return references(referrer, self.graph, self.exported)
