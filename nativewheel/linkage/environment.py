"""Looks at the environment of the running interpreter for `doctor`: who shares libraries here, and what stands in the way."""

from __future__ import annotations

import mmap
import os
import platform
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.image import Libc
from nativewheel.linkage.distinfo import installed_member, installed_on
from nativewheel.linkage.health import Health, InstalledConsumer, InstalledLibrary, InstalledProvider, Need, Problem, ProblemCode
from nativewheel.linkage.loading import load_apart
from nativewheel.linkage.naming import module_name
from nativewheel.linkage.rivals import Rivals
from nativewheel.wheel.record import record_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nativewheel.linkage.distinfo import DistInfo
    from nativewheel.linkage.manifest import Manifest, ManifestConsumption, ManifestExport
    from nativewheel.wheel.record import RecordRow

_SWITCHES = {
    "NATIVEWHEEL_SKIP": "no wheel loads the libraries that it shares",
    "NATIVEWHEEL_PREFER_SYSTEM": "copies of the system may be taken for libraries that allow it",
}


def examine(search_path: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> Health:
    """Look at what is installed; ``search_path`` and ``environment`` (variables) take the place of those of this process."""
    path = sys.path if search_path is None else search_path
    return _Examination(search_path=path, environment=os.environ if environment is None else environment).health()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repaired:
    """An installed distribution that nativewheel has repaired."""

    dist: DistInfo
    manifest: Manifest


@dataclass(slots=True, kw_only=True)
class _Examination:
    """One look at an environment, and the problems that it brings up."""

    search_path: Sequence[str]
    environment: Mapping[str, str]
    _problems: list[Problem] = field(default_factory=list)
    _first: dict[str, DistInfo] = field(default_factory=dict)
    _repaired: dict[str, _Repaired] = field(default_factory=dict)

    def health(self) -> Health:
        places: dict[str, list[DistInfo]] = defaultdict(list)
        for found in installed_on(map(Path, self.search_path)):
            places[found.distribution].append(found)
        self._first = {distribution: found[0] for distribution, found in places.items()}
        for found in self._first.values():
            self._read(found)
        providers = [repaired for repaired in self._repaired.values() if repaired.manifest.exports]
        needed = {item.provider for repaired in self._repaired.values() for item in repaired.manifest.consumes}
        for distribution in sorted(needed.union(provider.dist.distribution for provider in providers)):
            self._check_places(places[distribution])
        self._check_identities(providers)
        rivals = Rivals(environment=self.environment, libc=_libc())
        return Health(
            providers=tuple(self._provider(provider, rivals) for provider in providers),
            consumers=tuple(self._consumer(repaired) for repaired in self._repaired.values() if repaired.manifest.consumes),
            problems=tuple(self._problems),
            notes=(*self._switches(), *self._plain_copies(providers, rivals)),
        )

    def _problem(self, code: ProblemCode, message: str, fix: str) -> None:
        self._problems.append(Problem(code=code, message=message, fix=fix))

    def _read(self, found: DistInfo) -> None:
        try:
            manifest = found.manifest()
        except (MachineError, UnreadableError) as error:
            self._problem(ProblemCode.MANIFEST_UNREADABLE, str(error), _reinstall(found))
            return
        if manifest:
            self._repaired[found.distribution] = _Repaired(dist=found, manifest=manifest)

    def _check_places(self, places: Sequence[DistInfo]) -> None:
        if len(places) > 1:
            others = " and ".join(f"{place.version} in {place.root}" for place in places[1:])
            self._problem(
                ProblemCode.PROVIDER_TWICE,
                f"{places[0].distribution} is installed several times: Python imports {places[0].version} in {places[0].root}, and there is {others}",
                f"uninstall all but one of them: python -m pip uninstall {places[0].distribution}",
            )

    def _check_identities(self, providers: Iterable[_Repaired]) -> None:
        owners: dict[str, list[str]] = defaultdict(list)
        for provider in providers:
            for export in provider.manifest.exports:
                owners[export.identity].append(provider.dist.distribution)
        for identity, distributions in owners.items():
            if len(set(distributions)) > 1:
                self._problem(
                    ProblemCode.IDENTITY_TWICE,
                    f"{' and '.join(distributions)} both have a library called {identity}: whichever is loaded first serves the users of both",
                    f"uninstall all but one of {', '.join(distributions)}",
                )

    def _provider(self, provider: _Repaired, rivals: Rivals) -> InstalledProvider:
        dist, exports = provider.dist, provider.manifest.exports
        self._check_files(provider)
        for export in exports:
            self._check_rivals(export, dist.path(export.member), rivals)
        names = {Path(export.member).name: export.identity for export in exports}
        loaded = load_apart(module_name(dist.distribution), names, self.search_path, self.environment)
        if loaded.error:
            self._problem(ProblemCode.LOAD_FAILED, f"the libraries of {dist} cannot be loaded: {loaded.error}", _reinstall(dist))
        return InstalledProvider(
            distribution=dist.distribution,
            version=dist.version,
            namespace=provider.manifest.namespace,
            root=dist.root,
            libraries=tuple(self._library(export, dist, loaded.files.get(Path(export.member).name, ())) for export in exports),
        )

    def _check_files(self, provider: _Repaired) -> None:
        dist = provider.dist
        try:
            record = dist.record()
        except (MachineError, UnreadableError) as error:
            self._problem(ProblemCode.MANIFEST_UNREADABLE, str(error), _reinstall(dist))
            return
        for export in provider.manifest.exports:
            path = dist.path(export.member)
            if not path.is_file():
                self._problem(ProblemCode.LIBRARY_MISSING, f"{dist} lacks its library {path}", _reinstall(dist))
            elif difference := _difference(path, record.get(installed_member(export.member))):
                self._problem(ProblemCode.LIBRARY_CHANGED, f"the library {path} is not the one of {dist}: {difference}", _reinstall(dist))

    def _check_rivals(self, export: ManifestExport, own: Path, rivals: Rivals) -> None:
        for file in rivals.preloaded(export, own):
            self._problem(
                ProblemCode.LIBRARY_PRELOADED,
                f"every process loads {file} before anything else, and its symbols go before those of {export.identity}",
                f"take it out of {rivals.preload_variable(export)}",
            )
        for other in () if export.system_fallback else rivals.found(export.identity, export, own):
            self._problem(
                ProblemCode.LIBRARY_SHADOWED,
                f"{other} has the name of {own}, and a process that has not loaded that one gets it",
                "remove it, or take its folder out of the loader's search path",
            )

    def _library(self, export: ManifestExport, dist: DistInfo, loaded: Sequence[str]) -> InstalledLibrary:
        own = dist.path(export.member)
        for file in loaded:
            if not export.system_fallback and not _same(Path(file), own):
                self._problem(
                    ProblemCode.OTHER_FILE_LOADED,
                    f"the loader takes {file} for {export.identity}, and not {own}",
                    "remove the other file, or what makes the loader prefer it",
                )
        return InstalledLibrary(identity=export.identity, path=own, loaded=loaded[0] if loaded else None)

    def _consumer(self, consumer: _Repaired) -> InstalledConsumer:
        needs: dict[tuple[str, str], list[ManifestConsumption]] = defaultdict(list)
        for item in consumer.manifest.consumes:
            needs[item.provider, item.requires].append(item)
        return InstalledConsumer(
            distribution=consumer.dist.distribution,
            needs=tuple(self._need(consumer.dist, provider, wanted, items) for (provider, wanted), items in needs.items()),
        )

    def _need(self, consumer: DistInfo, provider: str, wanted: str, items: Iterable[ManifestConsumption]) -> Need:
        found = self._first.get(provider)
        fix = f'python -m pip install "{provider}{wanted}"'
        if found is None:
            self._problem(ProblemCode.PROVIDER_MISSING, f"{consumer} needs {provider}{wanted}, which is not installed", fix)
            return Need(provider=provider, range=wanted, found=None, ok=False)
        ok = True
        if not SpecifierSet(wanted).contains(found.version, prereleases=True):
            ok = False
            self._problem(ProblemCode.PROVIDER_OUT_OF_RANGE, f"{consumer} needs {provider}{wanted}, and {found} is installed", fix)
        repaired = self._repaired.get(provider)
        offered = {export.identity for export in repaired.manifest.exports} if repaired else set()
        for item in items:
            if item.identity not in offered:
                ok = False
                self._problem(
                    ProblemCode.LIBRARY_NOT_OFFERED,
                    f"{consumer} needs {item.identity}, which {found} does not have",
                    f'install the wheel that its project publishes: python -m pip install --force-reinstall "{provider}{wanted}"',
                )
        return Need(provider=provider, range=wanted, found=found.version, ok=ok)

    def _switches(self) -> list[str]:
        return [f"{name} is set: {effect}" for name, effect in _SWITCHES.items() if self.environment.get(name)]

    def _plain_copies(self, providers: Iterable[_Repaired], rivals: Rivals) -> list[str]:
        """Name other copies of what is shared: they do no harm, but someone may wonder which one is in use."""
        found = []
        for provider in providers:
            for export in provider.manifest.exports:
                own = provider.dist.path(export.member)
                if export.original == export.identity and not export.system_fallback:
                    continue  # a problem, and told as such
                use = "may use it instead" if export.system_fallback else "do not use it"
                copies = rivals.found(export.original, export, own)
                found += [f"{file} is another copy of what {provider.dist.distribution} shares, and wheels here {use}" for file in copies]
        if self._repaired and (Path(sys.prefix) / "conda-meta").is_dir():
            found.append("this is a conda environment: conda packages do not use what wheels share; take each library from one side only")
        return found


def _libc() -> Libc | None:
    if sys.platform != "linux":
        return None
    return Libc.GLIBC if platform.libc_ver()[0] == "glibc" else Libc.MUSL


def _reinstall(dist: DistInfo) -> str:
    return f'python -m pip install --force-reinstall "{dist.distribution}=={dist.version}"'


def _difference(path: Path, row: RecordRow | None) -> str | None:
    """Say how a file differs from what RECORD says of it."""
    if row is None or row.algorithm is None:
        return None
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if row.size is not None and size != row.size:
                return f"it has {size} bytes instead of {row.size}"
            if size == 0:
                return None if record_hash(b"", row.algorithm) == row.hash else "its content is another one"
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
                return None if record_hash(view, row.algorithm) == row.hash else "its content is another one"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
