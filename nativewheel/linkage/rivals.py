"""Other files that the loader of this system could take for a shared library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.formats.image import Format
from nativewheel.linkage.ldso import default_folders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nativewheel.formats.image import Libc
    from nativewheel.linkage.manifest import ManifestExport

# Which variables name libraries to load first, and folders to search first (ld.so(8); dyld(1)).
_VARIABLES = {Format.ELF: ("LD_PRELOAD", "LD_LIBRARY_PATH"), Format.MACHO: ("DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """Looks for libraries of given names where the loader would; ``libc`` is that of the system, None where it is not Linux."""

    environment: Mapping[str, str]
    libc: Libc | None

    @staticmethod
    def preload_variable(export: ManifestExport) -> str:
        """Return the variable that makes every process load libraries."""
        return _VARIABLES.get(export.format, ("",))[0]

    def preloaded(self, export: ManifestExport, own: Path) -> tuple[str, ...]:
        """Return libraries that every process loads and that rival with ``export``: of its name, or of its plain name when symbols are plain too."""
        names = {export.identity} if export.uniquify else {export.identity, export.original}
        # ld.so(8): separated by spaces or colons.
        files = re.split("[: ]+", self.environment.get(self.preload_variable(export), ""))
        return tuple(
            file for file in files if file.rpartition("/")[2] in names and ("/" not in file or _is_file(Path(file))) and not _is(Path(file), own)
        )

    def found(self, name: str, export: ManifestExport, own: Path) -> tuple[Path, ...]:
        """Return the files called ``name`` that a search of the loader meets, other than ``own``."""
        files = (folder / name.rpartition("/")[2] for folder in self._folders(export))
        return tuple(dict.fromkeys(file for file in files if _is_file(file) and not _is(file, own)))

    def _folders(self, export: ManifestExport) -> Iterator[Path]:
        variables = _VARIABLES.get(export.format)
        if variables and (value := self.environment.get(variables[1])):
            yield from (Path(item or ".").absolute() for item in re.split("[:;]", value))
        if export.format is Format.ELF and self.libc:
            yield from default_folders(self.libc, export.archs[0], Path("/"))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be searched
        return False


def _is(path: Path, own: Path) -> bool:
    try:
        return path.samefile(own)
    except OSError:
        return False
