"""Libraries of the build host: read once each, whoever needs them."""

from __future__ import annotations

import hashlib
import mmap
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import MachineError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nativewheel.formats.image import Image, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLibrary:
    """A library file of the host; ``path`` is its real path, ``size`` is in bytes."""

    path: Path
    size: int
    image: Image


class HostLibraries:
    """Reads host files on demand and remembers what they are, so that a run reads, parses and hashes each of them once."""

    def __init__(self) -> None:
        self._images: dict[Path, HostLibrary | None] = {}
        self._imports: dict[Path, tuple[Symbol, ...]] = {}
        self._exports: dict[Path, frozenset[str]] = {}
        self._digests: dict[Path, str] = {}

    def get(self, path: Path) -> HostLibrary | None:
        """Return the library at the real path ``path``, or None when no image can be read there (linker scripts, foreign machines, no permission)."""
        if path not in self._images:
            self._images[path] = self._read(path)
        return self._images[path]

    def imports(self, path: Path) -> tuple[Symbol, ...]:
        """Return the dynamic symbols that the library wants from others."""
        if path not in self._imports:
            try:
                with _mapped(path) as data:
                    self._imports[path] = formats.imports(data)
            except UnreadableError as error:
                raise error.within(str(path)) from error
        return self._imports[path]

    def exports(self, path: Path) -> frozenset[str]:
        """Return the names of the dynamic symbols that the library offers."""
        if path not in self._exports:
            with _mapped(path) as data:
                self._exports[path] = frozenset(symbol.name for symbol in formats.exports(data))
        return self._exports[path]

    def named_libraries(self, path: Path) -> frozenset[str]:
        """Return the libraries that the library names where no edit changes it."""
        with _mapped(path) as data:
            return formats.named_libraries(data)

    def sha256(self, path: Path) -> str:
        """Return the hash of the whole file, in hexadecimal."""
        if path not in self._digests:
            with _mapped(path) as data:
                self._digests[path] = hashlib.sha256(data).hexdigest()
        return self._digests[path]

    def hash_all(self, paths: Iterable[Path], jobs: int) -> None:
        """Hash files that will be asked for, ``jobs`` at a time."""
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            deque(pool.map(self.sha256, dict.fromkeys(paths)), maxlen=0)

    @staticmethod
    def _read(path: Path) -> HostLibrary | None:
        try:
            size = path.stat().st_size
            if not path.is_file() or size == 0:
                return None
            with _mapped(path) as data:
                if formats.detect(data[:64]) is None:
                    return None
                return HostLibrary(path=path, size=size, image=formats.read(data, path.name))
        except (MachineError, OSError, UnreadableError):
            # The loader, too, passes over a candidate that it cannot use and looks on (glibc, elf/dl-load.c, open_path).
            return None


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise MachineError(f"cannot be read: {error}", where=(path.name,)) from error
