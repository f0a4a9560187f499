"""Wheels that offer libraries to others, and which of them supplies a dependency."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from packaging.version import Version

from nativewheel.errors import ProviderError
from nativewheel.formats.image import Arch
from nativewheel.linkage.naming import owner_of
from nativewheel.wheel.compatibility import installable_together
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from nativewheel.formats.image import Format, Identity, Libc
    from nativewheel.linkage.manifest import Binding
    from nativewheel.wheel.names import WheelName


class Consideration(IntEnum):
    """Why a provider is considered at all, the weightiest reason first: where one distribution is there twice, the weightier one counts."""

    SET = 0
    """It is in the set of wheels that is repaired."""
    OPTION = 1
    """It was given with --provider."""
    NAMED = 2
    """It is installed, and the configuration or a consumer's Requires-Dist names its distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvidedLibrary:
    """A library that a provider offers.

    ``original`` is its plain identity and ``identity`` the one that consumers get; ``member`` is its path as installed, below platlib; ``libc`` is
    None where the provider's tags name none.  ``requires`` is the template of the consumers' range.  ``copied_for_programs`` says that native
    programs, for which nothing can load the library beforehand, get a copy of their own; ``system_fallback`` that consumers may run on a system's
    copy; ``rename_weak`` that weak definitions are among the symbols with unique names.  ``symbols`` maps what the file exports, under the names
    that it has now, to symbol versions (None: without one); ``partial`` has those that not all slices of a universal file have, with the
    architectures of these; ``renames`` maps plain symbols to unique ones; ``reexports`` are the file names of libraries whose symbols count as its
    own.  These read the file when they are called, and raise ``UnreadableError``; ``renames`` also ``ProviderError`` when the manifest says
    otherwise.
    """

    original: Identity
    identity: Identity
    member: str
    format: Format
    archs: tuple[Arch, ...]
    libc: Libc | None
    requires: str
    abi: str | None = None
    binding: Binding | None = None
    uniquify: bool = False
    uses: tuple[str, ...] = ()
    copied_for_programs: bool = False
    system_fallback: bool = False
    rename_weak: bool = False
    symbols: Callable[[], Mapping[str, frozenset[str | None]]] = field(compare=False, repr=False)
    partial: Callable[[], Mapping[str, frozenset[Arch]]] = field(compare=False, repr=False, default=dict)
    renames: Callable[[], Mapping[str, str]] = field(compare=False, repr=False, default=dict)
    reexports: Callable[[], tuple[str, ...]] = field(compare=False, repr=False, default=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One wheel of a distribution that offers libraries, or an installation of one.

    ``distribution`` is normalised; ``module`` is the package with its shim; ``name`` has its tags, None where they are not known; ``origin`` says in
    messages which wheel or folder it is.
    """

    distribution: str
    version: str
    namespace: str
    module: str
    name: WheelName | None
    libraries: tuple[ProvidedLibrary, ...]
    origin: str
    considered_because: Consideration


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNaming:
    """The distribution that the user names as the supplier of a library (`[tool.nativewheel.providers]`).

    ``built_against`` is the version that the consumer was linked with; with a ``marker`` the requirement goes into every wheel of the consumer.
    """

    dist: str
    built_against: str | None = None
    marker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A wheel of the chosen distribution that the consumer may meet, and the library in it."""

    provider: Provider
    library: ProvidedLibrary

    def offering(self) -> tuple[ProvidedLibrary, ...]:
        """Return the library and those of the same wheel that it re-exports, in turn."""
        found = [self.library]
        for library in found:  # grows while it is walked
            files = set(library.reexports())
            found += [other for other in self.provider.libraries if other not in found and files & {_key(other.original), _key(other.identity)}]
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Who supplies a dependency.

    ``version`` is the one that the consumer is built against.  ``pointed`` says that the dependency's own name or the user points at this
    distribution, so that it goes before the wheel itself and the system.  The ``variants`` agree in everything but content and platform: symbols are
    to be checked against each.
    """

    distribution: str
    version: str
    original: Identity
    identity: Identity
    requires: str
    marker: str | None
    pointed: bool
    variants: tuple[Variant, ...]

    @property
    def module(self) -> str:
        """The package with the provider's shim."""
        return self.variants[0].provider.module

    @property
    def binding(self) -> Binding | None:
        """How the consumer is bound to the library, on macOS."""
        return self.variants[0].library.binding


def choose_provider(
    name: Identity,
    candidates: Iterable[Provider],
    *,
    consumer: WheelName,
    archs: Collection[Arch],
    libc: Libc | None,
    named: Mapping[str, ProviderNaming],
    requires_dist: Collection[str],
    pointed_only: bool = False,
) -> Chosen | None:
    """Return who supplies ``name`` to ``consumer``, None when no provider does.

    ``named`` maps plain identities to what the user says of them; ``requires_dist`` are the normalised names in the consumer's Requires-Dist.  With
    ``pointed_only``, distributions that merely have such a library do not count.  Raises ``ProviderError`` when two of them do and nothing decides,
    when the one that is pointed at lacks the library, and for versions that disagree.
    """
    allowed = {*requires_dist, *(naming.dist for naming in named.values())}
    considered = [
        provider
        for provider in candidates
        if provider.distribution != consumer.normalized
        and (provider.considered_because is not Consideration.NAMED or provider.distribution in allowed)
    ]
    choice = _Choice(name=name, considered=considered, consumer=consumer, archs=archs, libc=libc)
    naming = next((naming for identity, naming in named.items() if _key(identity) == _key(name)), None)
    if owner_of(name) is not None and (offers := choice.offers(lambda library: library.identity)):
        return choice.pointed(offers, next((found for identity, found in named.items() if _key(identity) == _key(offers[0].library.original)), None))
    if naming is not None:
        offers = [variant for variant in choice.offers(lambda library: library.original) if variant.provider.distribution == naming.dist]
        return choice.pointed(offers, naming) if offers else choice.refuse_unknown(naming)
    return None if pointed_only else choice.merely_offered(requires_dist)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """The choice for one dependency of one wheel."""

    name: Identity
    considered: Sequence[Provider]
    consumer: WheelName
    archs: Collection[Arch]
    libc: Libc | None

    def offers(self, naming: Callable[[ProvidedLibrary], Identity]) -> list[Variant]:
        """Return every library whose name, as ``naming`` gives it, is the one that is asked for."""
        return [
            Variant(provider=provider, library=library)
            for provider in self.considered
            for library in provider.libraries
            if _key(naming(library)) == _key(self.name)
        ]

    def pointed(self, offers: list[Variant], naming: ProviderNaming | None) -> Chosen:
        """Choose among the wheels of the one distribution that is pointed at."""
        eligible = [variant for variant in offers if self._eligible(variant)]
        if not eligible:
            raise self._error(
                f"{offers[0].provider.distribution} supplies it, but no wheel of it that is given can be installed together with this one: "
                + _listed(offers),
                hint="give its wheel for this platform and Python with --provider, or repair both at once",
            )
        return self._agreed(eligible, naming if naming and naming.dist == offers[0].provider.distribution else None, pointed=True)

    def merely_offered(self, requires_dist: Collection[str]) -> Chosen | None:
        """Choose among all distributions that have such a library."""
        eligible = [variant for variant in self.offers(lambda library: library.original) if self._eligible(variant)]
        distributions = {variant.provider.distribution for variant in eligible}
        required = distributions.intersection(requires_dist)
        if len(distributions) > 1 and len(required) != 1:
            raise self._error(
                f"several distributions supply it: {', '.join(sorted(distributions))}",
                hint=f'say which: [tool.nativewheel.providers] "{self.name}" = "{min(required or distributions)}"',
            )
        if len(distributions) > 1:
            eligible = [variant for variant in eligible if variant.provider.distribution in required]
        return self._agreed(eligible, None, pointed=False) if eligible else None

    def refuse_unknown(self, naming: ProviderNaming) -> Chosen:
        """Say that the distribution that the user names does not have the library."""
        theirs = [provider for provider in self.considered if provider.distribution == naming.dist]
        if not theirs:
            raise self._error(
                f"[providers] says that {naming.dist} supplies it, and no wheel of that is given",
                hint="repair it in the same call, or give its repaired wheel or the folder where it is installed with --provider",
            )
        known = ", ".join(dict.fromkeys(library.original for provider in theirs for library in provider.libraries)) or "nothing"
        raise self._error(f"[providers] says that {naming.dist} supplies it, but {theirs[0].origin} offers {known}")

    def _eligible(self, variant: Variant) -> bool:
        """Whether some environment can have both the consumer and the provider."""
        library, tags = variant.library, variant.provider.name
        archs = {*self.archs, *library.archs}
        runs = not set(self.archs).isdisjoint(library.archs) or archs <= {Arch.ARMV6L, Arch.ARMV7L}  # as policy.runs
        return (
            runs and (None in {library.libc, self.libc} or library.libc is self.libc) and (tags is None or installable_together(self.consumer, tags))
        )

    def _agreed(self, eligible: list[Variant], naming: ProviderNaming | None, *, pointed: bool) -> Chosen:
        """Make the choice of variants of one distribution that are to be one version of one library."""
        weightiest = min(variant.provider.considered_because for variant in eligible)
        variants = [variant for variant in eligible if variant.provider.considered_because is weightiest]
        if naming and naming.built_against:
            variants = self._built_against(variants, naming.built_against)
        first = variants[0]
        for variant in variants:
            if difference := _difference(first, variant):
                raise self._error(
                    f"{first.provider.origin} and {variant.provider.origin} have different {difference}",
                    hint="give wheels of one release only, or say built-against in [tool.nativewheel.providers]",
                )
        return Chosen(
            distribution=first.provider.distribution,
            version=first.provider.version,
            original=first.library.original,
            identity=first.library.identity,
            requires=first.library.requires,
            marker=naming.marker if naming else None,
            pointed=pointed,
            variants=tuple(variants),
        )

    def _built_against(self, variants: list[Variant], version: str) -> list[Variant]:
        agreeing = [variant for variant in variants if _public(variant.provider.version) == _public(version)]
        if not agreeing:
            raise self._error(
                f"[providers] says that it was built against {variants[0].provider.distribution} {version}, but given is {_listed(variants)}",
                hint="give the provider that it was built against, or correct built-against",
            )
        return agreeing

    def _error(self, message: str, *, hint: str | None = None) -> ProviderError:
        return ProviderError(message, where=(str(self.consumer), self.name), hint=hint)


def _key(identity: str) -> str:
    """Return what must be equal for two names to mean one library: the file name, in lower case for DLLs."""
    name = identity.rpartition("/")[2]
    return name.lower() if name.lower().endswith(".dll") else name


def _public(version: str) -> Version:
    return Version(Version(version).public)


def _difference(one: Variant, other: Variant) -> str | None:
    """Say in what two variants differ that must be equal for one consumer to work with both."""
    pairs: dict[str, tuple[object, object]] = {
        "distributions": (one.provider.distribution, other.provider.distribution),
        "versions": (_public(one.provider.version), _public(other.provider.version)),
        "names for it": (one.library.identity, other.library.identity),
        "ABI series": (one.library.abi, other.library.abi),
        "bindings": (one.library.binding, other.library.binding),
        "symbol names": ((one.library.uniquify, one.library.rename_weak), (other.library.uniquify, other.library.rename_weak)),
        "ranges for its users": (one.library.requires, other.library.requires),
    }
    return next((what for what, (ours, theirs) in pairs.items() if ours != theirs), None)


def _listed(variants: Sequence[Variant]) -> str:
    return listed(list(dict.fromkeys(variant.provider.origin for variant in variants)))
