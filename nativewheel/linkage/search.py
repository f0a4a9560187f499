"""The search for a library on the build host, as the dynamic loader of the target would do it (ld.so(8); musl, ldso/dynlink.c)."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.formats.image import Libc
from nativewheel.linkage.ldso import default_folders, in_root, lib_folders, real_path
from nativewheel.linkage.policy import is_libpython, is_loader, runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.formats.image import Arch, Dependency, Identity, Image
    from nativewheel.linkage.host import HostLibraries, HostLibrary

_TOKEN = re.compile(r"\$(?:(ORIGIN|LIB|PLATFORM)\b|\{(ORIGIN|LIB|PLATFORM)\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """An image that asks for libraries, with the images that loaded it.

    ``origins`` are the host folders that stand for ``$ORIGIN``: none for a member of a wheel, else the folder where the loader found the file and
    the one of its real path.  ``inherited`` are search folders that loaders pass on (DT_RPATH).
    """

    image: Image
    origins: tuple[Path, ...] = ()
    inherited: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A library and the folder in which the search met it (before symbolic links were followed)."""

    library: HostLibrary
    folder: Path


@dataclass(slots=True, kw_only=True)
class HostSearch:
    """Looks for libraries of one architecture and C library (a `Loader`); ``supplied`` are those that every system has.

    ``lib_path`` comes first, because the user named it; then the loader's own order: DT_RPATH of the asker and of those that loaded it (unless
    the asker has DT_RUNPATH), LD_LIBRARY_PATH, DT_RUNPATH, the configured and built-in folders.  musl takes LD_LIBRARY_PATH first and passes on both
    tags (ldso/dynlink.c, load_library).  With a ``sysroot``, absolute folders are taken inside it and LD_LIBRARY_PATH, which is the host's, is
    ignored.
    """

    libraries: HostLibraries
    arch: Arch
    libc: Libc
    supplied: frozenset[str] = frozenset()
    lib_path: tuple[Path, ...] = ()
    sysroot: Path | None = None
    _found: dict[tuple[Path, str], HostLibrary | None] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder that stands for ``/`` on the target."""
        return self.sysroot.absolute() if self.sysroot else Path("/")

    def supplies(self, name: Identity) -> bool:
        """Whether every system of the platform has the library; the dynamic loader itself is one."""
        return name in self.supplied or is_loader(name)

    @staticmethod
    def is_interpreter(name: Identity) -> bool:
        """Whether the name is that of libpython."""
        return is_libpython(name)

    @staticmethod
    def places(name: Identity, image: Image, installed: str) -> tuple[str, ...]:
        """Return the paths below the root of the installation that the search path of the image at ``installed`` leads to."""
        here = posixpath.dirname(installed)
        conventions = formats.conventions(image.format)
        folders = (conventions.expand_rpath(entry, here) for entry in image.rpaths)
        return tuple(posixpath.join(folder, name) for folder in folders if folder is not None)

    def find(self, name: Identity, asker: Asker) -> Found | None:
        """Return the first usable library that the search meets, or None."""
        if "/" in name:
            # A name with a slash is a path, not searched for (ld.so(8)).
            path = in_root(self.root, name)
            library = self._usable(path.parent, path.name) if name.startswith("/") else None
            return Found(library=library, folder=path.parent) if library else None
        for folder in self._folders(asker):
            if library := self._usable(folder, name):
                return Found(library=library, folder=folder)
        return None

    @staticmethod
    def is_dispensable(dependency: Dependency, asker: Asker) -> bool:  # noqa: ARG004  (as every Loader)
        """Return False: what DT_NEEDED names must be there."""
        return False

    def passed_on(self, asker: Asker) -> tuple[Path, ...]:
        """Return the search folders that apply to the dependencies of ``asker``'s dependencies too."""
        passed = asker.image.inherited_rpaths or self.libc is Libc.MUSL
        own = self._expand(asker.image.rpaths, asker.origins) if passed else ()
        return tuple(dict.fromkeys((*own, *asker.inherited)))

    def _folders(self, asker: Asker) -> Iterator[Path]:
        yield from (folder.absolute() for folder in self.lib_path)
        environment = _environment() if self.sysroot is None else []
        if self.libc is Libc.MUSL:
            yield from environment
            yield from self.passed_on(asker)
        elif asker.image.rpaths and not asker.image.inherited_rpaths:
            yield from environment
            yield from self._expand(asker.image.rpaths, asker.origins)
        else:
            yield from self.passed_on(asker)
            yield from environment
        yield from default_folders(self.libc, self.arch, self.root)

    def _expand(self, entries: Sequence[str], origins: Sequence[Path]) -> tuple[Path, ...]:
        folders: list[Path] = []
        for entry in entries:
            if "ORIGIN" in entry and _TOKEN.search(entry):
                folders += [Path(os.path.normpath(text)) for origin in origins for text in self._substituted(entry, str(origin))]
            elif entry.startswith(("/", "$")):
                folders += [in_root(self.root, os.path.normpath(text)) for text in self._substituted(entry, "")]
        return tuple(dict.fromkeys(folders))

    def _substituted(self, entry: str, origin: str) -> list[str]:
        values = {"ORIGIN": origin, "PLATFORM": str(self.arch)}
        libs = lib_folders(self.arch) if "LIB" in entry else ("",)
        return [_TOKEN.sub(lambda match, lib=lib: {**values, "LIB": lib}[match[1] or match[2]], entry) for lib in libs]  # type: ignore[misc]

    def _usable(self, folder: Path, name: str) -> HostLibrary | None:
        key = (folder, name)
        if key not in self._found:
            path = real_path(self.root, folder / name)
            library = self.libraries.get(path) if path else None
            self._found[key] = library if library and self._fits(library.image) else None
        return self._found[key]

    def _fits(self, image: Image) -> bool:
        # A file of another machine is passed over, as the loaders do; so is one that is made for the other C library.
        return runs(self.arch, image) and image.libc in {None, self.libc}


def _environment() -> list[Path]:
    # ld.so(8): separated by colons or semicolons; an empty item means the current folder.
    value = os.environ.get("LD_LIBRARY_PATH", "")
    return [Path(item or ".").absolute() for item in re.split("[:;]", value)] if value else []
