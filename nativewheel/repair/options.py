"""What the user asked of a repair, after the command line and the configuration were merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedLibrary:
    """A library that code loads by itself (dlopen, ctypes), so that no image names it.

    ``path`` is a file of the host.  ``place`` is the folder in the wheel, as installed ("pkg/lib"), or None for the folder of vendored libraries.
    """

    path: Path
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairOptions:
    """Options that may differ from wheel to wheel (`[[tool.nativewheel.overrides]]`).

    ``plat`` is a platform tag, with or without the architecture, or None for the best that the content allows.  Globs match a dependency's name;
    those of ``exclude`` also match the path that it resolves to.
    """

    plat: str | None = None
    only_plat: bool = False
    lib_path: tuple[Path, ...] = ()
    sysroot: Path | None = None
    exclude: tuple[str, ...] = ()
    add_library: tuple[AddedLibrary, ...] = ()
    allow_missing: tuple[str, ...] = ()
    no_mangle: tuple[str, ...] = ()
    lib_sdir: str = ".libs"
    strip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of a whole run: how to work, not what to make.

    ``zip_level`` is 0 (stored) to 9; ``jobs`` is the number of threads; ``verify`` hashes every member of the input, not only what is read.
    """

    wheel_dir: Path
    zip_level: int = 6
    jobs: int = 1
    verify: bool = False
    dry_run: bool = False
