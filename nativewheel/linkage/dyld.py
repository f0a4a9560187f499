"""The search for a library as macOS' loader does it (dyld(1), "Dynamic library loading")."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.formats.image import Format, Kind, Requirement
from nativewheel.formats.macho import conventions
from nativewheel.linkage.ldso import in_root, real_path
from nativewheel.linkage.search import Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nativewheel.formats.image import Arch, Dependency, Identity, Image
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.host import HostLibraries, HostLibrary
    from nativewheel.linkage.search import Asker

# Xcode's is Python3.framework, that of the free-threaded build PythonT.framework.
_PYTHON = re.compile(r"(?:.*/)?(?:Python[3T]?\.framework/.*|libpython\d[\d.]*[a-z]*\.dylib)")


@dataclass(slots=True, kw_only=True)
class DyldSearch:
    """Looks for libraries that have slices for all of ``archs`` (a `Loader`).

    ``lib_path`` and DYLD_LIBRARY_PATH are searched by file name before the name itself is tried, as dyld does with the latter; with a ``sysroot``,
    absolute names are taken inside it and DYLD_LIBRARY_PATH, which is the host's, is ignored.  ``chain`` are folders (below the root of the
    installation) that search paths of the wheel's own images lead to: dyld also goes through the paths of all that led to an image, and code decides
    which those are.
    """

    libraries: HostLibraries
    archs: tuple[Arch, ...]
    lib_path: tuple[Path, ...] = ()
    sysroot: Path | None = None
    chain: tuple[str, ...] = ()
    _found: dict[Path, HostLibrary | None] = field(default_factory=dict)

    @staticmethod
    def supplies(name: Identity) -> bool:
        """Whether macOS has the library: what it brings lies in these folders, and nothing else may be put there."""
        return conventions.is_of_system(name)

    @staticmethod
    def is_interpreter(name: Identity) -> bool:
        """Whether the name is that of Python's framework or libpython."""
        return _PYTHON.fullmatch(name) is not None

    def places(self, name: Identity, image: Image, installed: str) -> tuple[str, ...]:
        """Return the paths below the root of the installation that ``name`` means for the image at ``installed``."""
        rest = conventions.behind_rpath(name)
        if rest is None:
            here = posixpath.dirname(installed)
            place = conventions.expand_rpath(name, here, here if image.kind is Kind.PROGRAM else None)
            return () if place is None else (place,)
        return tuple(posixpath.join(folder, rest) for folder in (*folders(image, installed), *self.chain))

    def find(self, name: Identity, asker: Asker) -> Found | None:
        """Return the first usable library that the search meets, or None."""
        for path in self._candidates(name, asker):
            if library := self._usable(path):
                return Found(library=library, folder=path.parent)
        return None

    @staticmethod
    def is_dispensable(dependency: Dependency, asker: Asker) -> bool:  # noqa: ARG004  (as every Loader)
        """Whether LC_LOAD_WEAK_DYLIB names the library: dyld goes on without it."""
        return dependency.requirement is Requirement.WEAK

    def passed_on(self, asker: Asker) -> tuple[Path, ...]:
        """Return the search folders of the asker and of those that loaded it: dyld goes through LC_RPATH of the whole chain."""
        own = [folder for entry in asker.image.rpaths for folder in self._expanded(entry, asker)]
        return tuple(dict.fromkeys((*own, *asker.inherited)))

    def _candidates(self, name: Identity, asker: Asker) -> Iterator[Path]:
        leaf = conventions.file_name(name)
        environment = os.environ.get("DYLD_LIBRARY_PATH", "") if self.sysroot is None else ""
        yield from (folder / leaf for folder in (*self.lib_path, *map(Path, filter(None, environment.split(":")))))
        rest = conventions.behind_rpath(name)
        if rest is not None:
            yield from (folder / rest for folder in self.passed_on(asker))
        else:
            yield from self._expanded(name, asker)

    def _expanded(self, text: str, asker: Asker) -> list[Path]:
        """Return what a name or a search path entry means on the host; ``@loader_path`` is the asker's folder there."""
        root = self.sysroot.absolute() if self.sysroot else Path("/")
        if text.startswith(conventions.LOADER):
            return [Path(os.path.normpath(f"{origin}{text.removeprefix(conventions.LOADER)}")) for origin in asker.origins]
        return [in_root(root, os.path.normpath(text))] if text.startswith("/") else []

    def _usable(self, path: Path) -> HostLibrary | None:
        if path not in self._found:
            real = real_path(self.sysroot.absolute() if self.sysroot else Path("/"), path)
            library = self.libraries.get(real) if real else None
            self._found[path] = library if library and has_slices(library.image, self.archs) else None
        return self._found[path]


def folders(image: Image, installed: str) -> tuple[str, ...]:
    """Return the folders below the root of the installation that the search path of the image at ``installed`` leads to."""
    here = posixpath.dirname(installed)
    found = (conventions.expand_rpath(entry, here, here if image.kind is Kind.PROGRAM else None) for entry in image.rpaths)
    return tuple(folder for folder in found if folder is not None)


def chain(images: Iterable[WheelImage]) -> tuple[str, ...]:
    """Return the folders that the search paths of the wheel's images lead to."""
    return tuple(dict.fromkeys(folder for image in images if image.installed is not None for folder in folders(image.image, image.installed)))


def has_slices(image: Image, archs: Iterable[Arch]) -> bool:
    """Whether the image is for macOS on all of ``archs``."""
    return image.format is Format.MACHO and set(archs) <= set(image.archs)
