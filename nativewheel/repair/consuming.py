"""What a wheel takes from providers: whether it can, and what it says about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError, ProviderError
from nativewheel.formats.image import Identity, Kind, Libc
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.manifest import ManifestConsumption
from nativewheel.linkage.provider import choose_provider
from nativewheel.linkage.requirement import requirement
from nativewheel.linkage.search import Asker
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from nativewheel.formats.image import Arch, Symbol
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.linkage.provider import Chosen, ProvidedLibrary, Provider, ProviderNaming, Variant
    from nativewheel.linkage.requirement import ProviderRequirement
    from nativewheel.linkage.search import HostSearch
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member, WheelName

# Not a library's: what the interpreter that imports a module has, and names that C reserves for the compiler and its run-time support (C17, 7.1.3),
# such as __aeabi_unwind_cpp_pr0.  C++ names start with _Z and belong to anybody.
_OTHERS = re.compile(r"_?Py|__|_(?!Z)[A-Z]")
# What CPython's configure.ac links the interpreter with on glibc, so that modules find it without asking; the others are parts of libc since 2.34.
_INTERPRETERS = (Identity("libm.so.6"), Identity("libpthread.so.0"), Identity("libdl.so.2"), Identity("libutil.so.1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """The providers that one wheel may use (a `ProviderSearch`)."""

    providers: tuple[Provider, ...]
    consumer: WheelName
    arch: Arch
    libc: Libc
    named: Mapping[str, ProviderNaming]
    requires_dist: frozenset[str]

    def find(self, name: Identity, *, named: bool) -> Chosen | None:
        """Return who supplies ``name``; with ``named``, only one that the name itself or the user points at."""
        return choose_provider(
            name,
            self.providers,
            consumer=self.consumer,
            arch=self.arch,
            libc=self.libc,
            named=self.named,
            requires_dist=self.requires_dist,
            pointed_only=named,
        )


def chosen_providers(graph: Graph) -> dict[Identity, Chosen]:
    """Return what the wheel takes from others, by unique identity, sorted."""
    found = {link.chosen.identity: link.chosen for links in graph.links.values() for link in links if link.chosen}
    return dict(sorted(found.items()))


def replacements(links: Iterable[Link]) -> tuple[tuple[Identity, Identity], ...]:
    """Return (old, new) for each dependency that a provider's library satisfies under another name."""
    return tuple(sorted({(link.name, link.chosen.identity) for link in links if link.chosen and link.chosen.identity != link.name}))


def renamed_symbols(links: Iterable[Link], imports: Collection[Symbol]) -> tuple[tuple[str, str], ...]:
    """Return (old, new) for each imported symbol that its provider has given a unique name."""
    found: dict[str, str] = {}
    for link in links:
        if link.chosen:
            renames = link.chosen.variants[0].library.renames()
            wanted = {symbol.name for symbol in imports if symbol.library in {None, link.name}}
            found |= {old: new for old, new in renames.items() if old in wanted}
    return tuple(sorted(found.items()))


def requirements(chosen: Iterable[Chosen]) -> dict[Identity, ProviderRequirement]:
    """Return the requirement that each library's provider asks its consumers for."""
    return {item.identity: requirement(item.requires, item.distribution, item.version, item.marker) for item in chosen}


def consumptions(chosen: Mapping[Identity, Chosen], required: Mapping[Identity, ProviderRequirement]) -> tuple[ManifestConsumption, ...]:
    """Return what the manifest says of the libraries that the wheel uses."""
    return tuple(
        ManifestConsumption(
            provider=item.distribution, version=item.version, original=item.original, identity=identity, requires=required[identity].specifier
        )
        for identity, item in chosen.items()
    )


def refuse_circles(archive: WheelArchive, chosen: Iterable[Chosen], providers: Iterable[Provider]) -> None:
    """Raise ``LinkageError`` when a provider that was repaired before uses the wheel's own distribution, so that neither could be loaded first."""
    uses: dict[str, set[str]] = {}
    for provider in providers:
        uses.setdefault(provider.distribution, set()).update(*(library.uses for library in provider.libraries))
    own = archive.name.normalized
    waiting: list[tuple[str, ...]] = [(own, item.distribution) for item in chosen]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        if path[-1] == own:
            raise LinkageError(
                f"these distributions need each other's libraries: {' → '.join(path)}",
                where=(str(archive.name),),
                hint="move the libraries that need each other into one wheel",
            )
        if path[-1] not in seen:
            seen.add(path[-1])
            waiting += [(*path, used) for used in sorted(uses.get(path[-1], ()))]


def refuse_programs(archive: WheelArchive, images: Iterable[WheelImage]) -> None:
    """Raise ``LinkageError`` when a native program is among the images that reach a provider's library."""
    for image in images:
        if image.image.kind is Kind.PROGRAM:
            raise LinkageError(
                "the program needs a library of another wheel, and nothing can load that before a native program starts",
                where=(str(archive.name), image.member),
                hint='executables = "vendor" in the provider\'s [[tool.nativewheel.export]] gives programs a copy of their own',
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolCheck:
    """Compares what images import with what their providers export.

    A versioned symbol says which library it is from.  For the others the whole scope counts, because an ELF reference names no library: a
    symbol is missing when neither the image nor the interpreter reaches anything that has it, and the check is left out when some library of that
    scope cannot be read.
    """

    archive: WheelArchive
    graph: Graph
    search: HostSearch
    host: HostLibraries
    _read: dict[Member, frozenset[str]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ``ProviderError`` that names the symbols which an image wants and a variant of its provider lacks."""
        for member, image in self.graph.images.items():
            chosen = [(link, link.chosen) for link in self.graph.links[member] if link.chosen]
            for link, choice in chosen:
                for variant in choice.variants:
                    self._refuse(member, variant, self._versioned(image, link, variant))
            scope = self._scope(member) if chosen else None
            for variant in (variant for _, choice in chosen for variant in choice.variants):
                if scope:
                    self._refuse(member, variant, _unversioned(image, scope, variant))

    def _versioned(self, image: WheelImage, link: Link, variant: Variant) -> list[str]:
        offered = _offered(variant.library)
        wanted = [symbol for symbol in image.imports if symbol.library == link.name and symbol.version and not symbol.weak]
        return [f"{symbol.name}@{symbol.version}" for symbol in wanted if symbol.version not in offered.get(symbol.name, ())]

    def _scope(self, member: Member) -> _Scope | None:
        """Return what the image reaches, None when that cannot be known."""
        interpreters = self._of_interpreter()
        if interpreters is None:
            return None
        names: set[str] = set()
        chosen: dict[Identity, Chosen] = {}
        waiting: list[Member | Path] = [member, *interpreters]
        seen: set[Member | Path] = set(waiting)
        while waiting:
            key = waiting.pop()
            names |= self._exports(key)
            for link in self.graph.links.get(key, ()):
                target = link.member or link.path or self._system(link)
                if link.chosen:
                    chosen[link.chosen.identity] = link.chosen
                elif target is None:
                    if not link.dependency.versions and link.reach is not Reach.INTERPRETER:
                        return None
                elif target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return _Scope(names=frozenset(names), chosen=tuple(chosen.values()))

    def _exports(self, key: Member | Path) -> frozenset[str]:
        if key not in self.graph.images:
            return self.host.exports(key)  # type: ignore[arg-type]
        image = self.graph.images[key]  # type: ignore[index]
        if image.member not in self._read:
            data = self.archive.read(image.member) if image.source is None else image.source.read_bytes()
            self._read[image.member] = frozenset(symbol.name for symbol in formats.exports(data))
        return self._read[image.member]

    def _system(self, link: Link) -> Path | None:
        """Return the host's copy of a library that the platform supplies: its names are what they are on any system."""
        return self._host_copy(link.name) if link.reach is Reach.PLATFORM else None

    def _of_interpreter(self) -> list[Path] | None:
        """Return the libraries that the interpreter puts into every module's scope, None when they cannot be read; musl's libc has all in one."""
        if self.search.libc is Libc.MUSL:
            return []
        paths = [self._host_copy(name) for name in _INTERPRETERS]
        return [path for path in paths if path] if paths[0] else None

    def _host_copy(self, name: Identity) -> Path | None:
        asker = Asker(image=next(iter(self.graph.images.values())).image)
        found = self.search.find(name, asker)
        return found.library.path if found else None

    def _refuse(self, member: Member, variant: Variant | None, missing: list[str]) -> None:
        if missing and variant:
            raise ProviderError(
                f"wants {listed(missing)}, which {variant.provider.origin} does not export from {variant.library.original}",
                where=(str(self.archive.name), member),
                hint="build both against the same release of the library",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """Every name that an image reaches without providers, and the libraries that it reaches of these."""

    names: frozenset[str]
    chosen: tuple[Chosen, ...]


def _unversioned(image: WheelImage, scope: _Scope, variant: Variant) -> list[str]:
    """Return what nothing has where ``variant`` is installed, whichever variants of other providers are.

    The other libraries of the same wheel count, too: the one that is asked for may need them, and brings them into scope.
    """
    found = set(scope.names)
    for choice in scope.chosen:
        found.update(*(_offered(item.library) for item in ((variant,) if variant in choice.variants else choice.variants)))
    wanted = {symbol.name for symbol in image.imports if symbol.library is None and not symbol.weak}
    missing = {name for name in wanted - found if not _OTHERS.match(name)}
    for library in variant.provider.libraries if missing else ():
        missing -= _offered(library).keys()
    return sorted(missing)


def _offered(library: ProvidedLibrary) -> dict[str, frozenset[str | None]]:
    """Return what a provider's library exports, under unique and plain names alike."""
    now = dict(library.symbols())
    return {**now, **{old: now[new] for old, new in library.renames().items() if new in now}}
