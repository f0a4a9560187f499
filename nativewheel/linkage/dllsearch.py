"""The search for a DLL: in the wheel by where CPython has the loader of Windows look, on the build host in the folders that the user names."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename, dirname
from typing import TYPE_CHECKING

from nativewheel.formats.image import Format, Kind
from nativewheel.formats.pe.names import folded
from nativewheel.linkage.search import Found
from nativewheel.linkage.windows import dll_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.formats.image import Arch, Dependency, Identity, Image
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.host import HostLibraries, HostLibrary
    from nativewheel.linkage.search import Asker
    from nativewheel.linkage.windows import Supply

# A process for another architecture than that of Windows sees other folders under these names ("File System Redirector").
_SYSTEM_FOLDERS = ("System32", "SysWOW64", "Sysnative")


@dataclass(slots=True, kw_only=True)
class DllSearch:
    """Looks for DLLs of one architecture (a `Loader`).

    ``folders`` are those of the build host, first come first served.  ``members`` has the installed paths of the wheel's DLLs by `dll_name`;
    ``added`` are those of which the wheel knows nothing yet.  Names are compared without regard to case, on hosts that tell it apart, too.
    """

    libraries: HostLibraries
    arch: Arch
    supply: Supply
    members: Mapping[str, tuple[str, ...]]
    added: frozenset[str] = frozenset()
    folders: tuple[Path, ...] = ()
    _listings: dict[Path, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def supplies(self, name: Identity) -> bool:
        """Whether Windows or the interpreter brings the DLL."""
        return self.supply.has(name)

    @staticmethod
    def is_interpreter(name: Identity) -> bool:  # noqa: ARG004  (as every Loader)
        """Return False: on Windows, modules are right to ask for Python's DLL, which is one more that is supplied."""
        return False

    def places(self, name: Identity, image: Image, installed: str) -> tuple[str, ...]:  # noqa: ARG002  (as every Loader)
        """Return the DLLs of that name in the wheel: the one beside the asker, else all others, whose folders code of the wheel has to name.

        Other folders are not searched for what Windows or Python brings.
        """
        here, paths = folded(dirname(installed)), self.members.get(dll_name(name), ())
        beside = tuple(path for path in paths if folded(dirname(path)) == here)
        return beside or (() if self.supplies(name) else tuple(path for path in paths if path not in self.added))

    def find(self, name: Identity, asker: Asker) -> Found | None:
        """Return the first DLL of the architecture that the folders have, or None.

        Nothing is found for programs: Windows looks beside a program, and nothing can name it the folder of vendored DLLs before it starts.
        """
        if asker.image.kind is Kind.PROGRAM or self.supply.is_needless(name, asker.image.identity):
            return None
        for folder in self.folders:
            for file in self._listing(folder).get(dll_name(name), ()):
                if library := self._usable(folder / file):
                    return Found(library=library, folder=folder)
        return None

    def is_dispensable(self, dependency: Dependency, asker: Asker) -> bool:
        """Whether the asker needs the DLL on systems of the past only."""
        return self.supply.is_needless(dependency.name, asker.image.identity)

    @staticmethod
    def passed_on(asker: Asker) -> tuple[Path, ...]:  # noqa: ARG004  (as every Loader)
        """Return nothing: no image names folders."""
        return ()

    def _listing(self, folder: Path) -> Mapping[str, tuple[str, ...]]:
        if folder not in self._listings:
            try:
                files = sorted(os.listdir(folder))  # noqa: PTH208  (thousands of names, of which few become paths)
            except OSError:  # the loader, too, goes on to the next folder
                files = []
            self._listings[folder] = _by_name(files)
        return self._listings[folder]

    def _usable(self, path: Path) -> HostLibrary | None:
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):  # links that lead nowhere, or in a circle (RuntimeError before Python 3.13)
            return None
        library = self.libraries.get(real)
        return library if library and is_dll(library.image, self.arch) else None


def host_folders(lib_path: Iterable[Path], path_variable: str | None) -> tuple[Path, ...]:
    """Return where DLLs are looked for on the host: the folders that the user names, then those of PATH (None when the host is not Windows)."""
    folders = [*lib_path]
    for folder in (Path(entry.strip('"')) for entry in (path_variable or "").split(os.pathsep) if entry):
        others = _SYSTEM_FOLDERS if folder.name.lower() == _SYSTEM_FOLDERS[0].lower() else ()
        folders += [folder, *(folder.with_name(other) for other in others[1:])]
    return tuple(dict.fromkeys(folder.absolute() for folder in folders))


def member_dlls(images: Iterable[WheelImage]) -> dict[str, tuple[str, ...]]:
    """Return the installed paths of a wheel's DLLs by `dll_name`."""
    return _by_name(image.installed for image in images if image.installed is not None and image.image.kind is not Kind.PROGRAM)


def is_dll(image: Image, arch: Arch) -> bool:
    """Whether an image is a DLL for Windows on ``arch``."""
    return image.format is Format.PE and arch in image.archs and image.kind is not Kind.PROGRAM


def _by_name(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        found[dll_name(basename(path))].append(path)
    return {name: tuple(items) for name, items in found.items()}
