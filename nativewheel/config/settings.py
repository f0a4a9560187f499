"""One layer of options, and how layers are laid over each other."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nativewheel.errors import UsageError
from nativewheel.formats.image import PeBackend
from nativewheel.repair.options import AddedLibrary, ExportRule, RepairOptions, RunOptions

if TYPE_CHECKING:
    from nativewheel.formats.image import Arch, Identity
    from nativewheel.linkage.manifest import Binding
    from nativewheel.linkage.provider import ProviderNaming

DEFAULT_WHEEL_DIR = Path("wheelhouse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one source of options says: None and () where it says nothing.

    ``plat`` keeps "auto" and "" (the best that the content allows), so that a layer can undo what a lower one asked for.  ``deployment_target`` is
    what the environment says for macOS; no other layer can.
    """

    wheel_dir: Path | None = None
    plat: str | None = None
    only_plat: bool | None = None
    deployment_target: str | None = None
    require_archs: frozenset[Arch] | None = None
    lib_path: tuple[Path, ...] = ()
    sysroot: Path | None = None
    exclude: tuple[str, ...] = ()
    add_library: tuple[AddedLibrary, ...] = ()
    allow_missing: tuple[str, ...] = ()
    no_mangle: tuple[str, ...] = ()
    lib_sdir: str | None = None
    strip: bool | None = None
    pe_backend: PeBackend | None = None
    provider: tuple[Path, ...] = ()
    export: tuple[ExportRule, ...] = ()
    providers: tuple[tuple[Identity, ProviderNaming], ...] = ()
    export_requires: str | None = None
    uniquify_symbols: bool | None = None
    macos_binding: Binding | None = None
    zip_level: int | None = None
    jobs: int | None = None
    verify: bool | None = None

    def over(self, lower: Settings) -> Settings:
        """Lay these settings over ``lower``: single values replace, lists go after those of ``lower``."""
        said: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        said = {name: value for name, value in said.items() if value is not None and value != ()}
        lists = {name: getattr(lower, name) + value for name, value in said.items() if isinstance(value, tuple)}
        return replace(lower, **{**said, **lists})

    def repair_options(self) -> RepairOptions:
        """Fill in the defaults of what may differ from wheel to wheel.

        Raises ``UsageError`` when a library to add or the sysroot is not there: only now, because an override may not apply to any wheel.
        """
        for library in self.add_library:
            if not library.path.is_file():
                raise UsageError(
                    f"the library to add is not a file: {library.path}", hint="relative paths start at the current or the configuration's folder"
                )
        if self.sysroot is not None and not self.sysroot.is_dir():
            raise UsageError(f"the sysroot is not a folder: {self.sysroot}")
        return RepairOptions(
            plat=None if self.plat in (None, "", "auto") else self.plat,
            only_plat=bool(self.only_plat),
            deployment_target=self.deployment_target,
            require_archs=tuple(sorted(self.require_archs or ())),
            lib_path=self.lib_path,
            sysroot=self.sysroot,
            exclude=self.exclude,
            add_library=self.add_library,
            allow_missing=self.allow_missing,
            no_mangle=self.no_mangle,
            lib_sdir=".libs" if self.lib_sdir is None else self.lib_sdir,
            strip=bool(self.strip),
            pe_backend=self.pe_backend or PeBackend.NATIVEWHEEL,
            provider=self.provider,
            export=tuple(map(self._with_defaults, self.export)),
            providers=tuple(dict(self.providers).items()),
        )

    def _with_defaults(self, rule: ExportRule) -> ExportRule:
        uniquify = bool(self.uniquify_symbols) and rule.rename if rule.uniquify is None else rule.uniquify
        binding = rule.binding or (self.macos_binding if rule.rename else None)
        return replace(rule, requires=rule.requires or self.export_requires, uniquify=uniquify, binding=binding)

    def run_options(self, *, dry_run: bool) -> RunOptions:
        """Fill in the defaults of what holds for a whole run."""
        return RunOptions(
            wheel_dir=self.wheel_dir or DEFAULT_WHEEL_DIR,
            zip_level=6 if self.zip_level is None else self.zip_level,
            jobs=self.jobs or usable_cpus(),
            verify=bool(self.verify),
            dry_run=dry_run,
        )


def usable_cpus() -> int:
    """Count the processors that this process may use, which in a container can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
