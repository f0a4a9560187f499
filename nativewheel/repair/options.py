"""What the user asked of a repair, after the command line and the configuration were merged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from nativewheel.formats.image import PeBackend

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Arch, Identity
    from nativewheel.linkage.manifest import Binding
    from nativewheel.linkage.provider import ProviderNaming


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedLibrary:
    """A library that code loads by itself (dlopen, ctypes), so that no image names it.

    ``path`` is a file of the host.  ``place`` is the folder in the wheel, as installed ("pkg/lib"), or None for the folder of vendored libraries.
    """

    path: Path
    place: str | None = None


class ImportLibraries(StrEnum):
    """What the import libraries beside an exported DLL say: its plain name, which a repair of what is linked with them changes, or the unique one."""

    KEEP = "keep"
    RENAME = "rename"


class Executables(StrEnum):
    """What becomes of a native program that needs an exported library of another wheel, which nothing can load for it beforehand."""

    REFUSE = "refuse"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRule:
    """Which libraries a wheel offers to other wheels, and how.

    ``library`` are globs over members, as installed or as the archive spells them.  ``distribution`` is a normalised name: the rule is for its
    wheels only, and each of them must have a match.  ``requires`` is a template for the consumers' Requires-Dist; ``abi`` an ABI series, part of
    the namespace; ``uniquify`` renames the dynamic symbols (None: as the run's default says).  ``binding`` says how consumers on macOS get them
    (None: likewise, and in the end flat), ``rename_weak`` that weak definitions get unique names there as well; ``import_libs`` is what import
    libraries for Windows say.  Without ``rename`` the library keeps its plain identity, and only then may a consumer fall back on a system copy.
    """

    library: tuple[str, ...]
    distribution: str | None = None
    requires: str | None = None
    abi: str | None = None
    uniquify: bool | None = None
    binding: Binding | None = None
    rename_weak: bool = False
    import_libs: ImportLibraries = ImportLibraries.KEEP
    executables: Executables = Executables.REFUSE
    rename: bool = True
    system_fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairOptions:
    """Options that may differ from wheel to wheel (`[[tool.nativewheel.overrides]]`).

    ``plat`` is a platform tag, with or without the architecture, or None for the best that the content allows; ``deployment_target`` is what the
    environment's MACOSX_DEPLOYMENT_TARGET says.  ``require_archs`` are those that every image for macOS must have.  Globs match a dependency's name;
    those of ``exclude`` also match the path that it resolves to.  ``provider`` are wheels, folders of wheels or site-packages folders where
    providers may be found; ``providers`` say who supplies which plain identity.  ``pe_backend`` changes the images of Windows.
    """

    plat: str | None = None
    only_plat: bool = False
    deployment_target: str | None = None
    require_archs: tuple[Arch, ...] = ()
    lib_path: tuple[Path, ...] = ()
    sysroot: Path | None = None
    exclude: tuple[str, ...] = ()
    add_library: tuple[AddedLibrary, ...] = ()
    allow_missing: tuple[str, ...] = ()
    no_mangle: tuple[str, ...] = ()
    lib_sdir: str = ".libs"
    pe_backend: PeBackend = PeBackend.NATIVEWHEEL
    strip: bool = False
    provider: tuple[Path, ...] = ()
    export: tuple[ExportRule, ...] = ()
    providers: tuple[tuple[Identity, ProviderNaming], ...] = ()


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
