"""What a wheel takes from providers: whether it can, and what it says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError, ProviderError
from nativewheel.formats.image import Kind
from nativewheel.linkage.manifest import ManifestConsumption
from nativewheel.linkage.offers import new_names, offered
from nativewheel.linkage.provider import choose_provider
from nativewheel.linkage.requirement import requirement
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nativewheel.formats.image import Arch, Identity, Libc
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph
    from nativewheel.linkage.provider import Chosen, Provider, ProviderNaming, Variant
    from nativewheel.linkage.requirement import ProviderRequirement
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import WheelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """The providers that one wheel may use (a `ProviderSearch`)."""

    providers: tuple[Provider, ...]
    consumer: WheelName
    archs: tuple[Arch, ...]
    libc: Libc | None
    named: Mapping[str, ProviderNaming]
    requires_dist: frozenset[str]

    def find(self, name: Identity, *, named: bool) -> Chosen | None:
        """Return who supplies ``name``; with ``named``, only one that the name itself or the user points at."""
        return choose_provider(
            name,
            self.providers,
            consumer=self.consumer,
            archs=self.archs,
            libc=self.libc,
            named=self.named,
            requires_dist=self.requires_dist,
            pointed_only=named,
        )


def chosen_providers(graph: Graph) -> dict[Identity, Chosen]:
    """Return what the wheel takes from others, by unique identity, sorted."""
    found = {link.chosen.identity: link.chosen for links in graph.links.values() for link in links if link.chosen}
    return dict(sorted(found.items()))


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
            own = 'executables = "vendor" in the provider\'s [[tool.nativewheel.export]] gives programs a copy of their own'
            raise LinkageError(
                "the program needs a library of another wheel, and nothing can load that before a native program starts",
                where=(str(archive.name), image.member),
                hint=own if formats.conventions(image.image.format).PLACED else "let the build put a copy of the library beside the program",
            )


def renames(chosen: Chosen, wanted: Iterable[str]) -> dict[str, str]:
    """Map those of the symbols ``wanted`` that the provider has given unique names to these.

    Raises ``ProviderError`` when its wheels do not agree.
    """
    maps = [(variant, new_names(variant), {name for library in variant.offering() for name in offered(library)}) for variant in chosen.variants]
    found: dict[str, str] = {}
    for name in wanted:
        names = {renamed.get(name, name): variant for variant, renamed, has in maps if name in has}
        if len(names) > 1:
            origins = listed([variant.provider.origin for variant in names.values()])
            raise ProviderError(f"{origins} have different names for {name}", hint="repair all wheels of a release with one configuration")
        for new in names.keys() - {name}:
            found[name] = new
    return found


def refuse_lacking(archive: WheelArchive, asker: str, variant: Variant, missing: Sequence[str]) -> None:
    """Raise ``ProviderError`` when an image wants symbols that a variant of its provider does not have."""
    if missing:
        raise ProviderError(
            f"wants {listed(missing)}, which {variant.provider.origin} does not export from {variant.library.original}",
            where=(str(archive.name), asker),
            hint="build both against the same release of the library",
        )
