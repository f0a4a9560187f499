"""The providers that a checked wheel may use: those of its manifest, and those that the user gives or that are checked with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

from nativewheel.errors import ProviderError, UnreadableError
from nativewheel.linkage.discovery import provider_in_wheel, providers_in
from nativewheel.linkage.naming import owner_of
from nativewheel.linkage.provider import choose_provider
from nativewheel.linkage.recorded import RecordedProviders
from nativewheel.wheel.requires import required_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nativewheel.check.options import CheckOptions
    from nativewheel.formats.image import Identity
    from nativewheel.linkage.contents import Contents
    from nativewheel.linkage.manifest import Manifest
    from nativewheel.linkage.provider import Chosen, Provider, ProviderNaming
    from nativewheel.wheel.headers import Headers
    from nativewheel.wheel.names import WheelName


@dataclass(kw_only=True)
class Suppliers:
    """Looks for a library among providers (a `ProviderSearch`); ``refused`` has why one that is pointed at cannot be it."""

    wheel: WheelName
    contents: Contents
    manifest: Manifest | None
    metadata: Headers
    options: CheckOptions
    refused: dict[Identity, ProviderError] = field(default_factory=dict)

    @cached_property
    def given(self) -> tuple[Provider, ...]:
        """The providers of the options, looked up when the first library is asked for that may come from one."""
        given = [provider for path in self.options.provider for provider in providers_in(path)]
        return (*given, *(provider for path in self.options.beside if (provider := _beside(path))))

    @cached_property
    def required(self) -> frozenset[str]:
        """The distributions that METADATA requires."""
        return required_names(self.metadata)

    def find(self, name: Identity, *, named: bool) -> Chosen | None:
        """Return who supplies ``name``; with ``named``, only one that the name itself or the user points at.

        A given provider goes before what the manifest says, because its symbols can be looked at.
        """
        recorded = RecordedProviders(consumes=self.manifest.consumes if self.manifest else ()).find(name, named=named)
        if named and recorded is None and owner_of(name) is None and not self.options.providers:
            return None
        return self._given(name, pointed_only=named) or recorded

    def _given(self, name: Identity, *, pointed_only: bool) -> Chosen | None:
        target, names = self.contents.target, self._named
        try:
            return choose_provider(
                name,
                self.given,
                consumer=self.wheel,
                archs=target.archs if target else (),
                libc=target.libc if target else None,
                named=names,
                requires_dist=self.required,
                pointed_only=pointed_only,
            )
        except ProviderError as error:
            self.refused.setdefault(name, error)
            return None

    @property
    def _named(self) -> Mapping[str, ProviderNaming]:
        return dict(self.options.providers)


@cache
def _beside(path: Path) -> Provider | None:
    try:
        return provider_in_wheel(path)
    except UnreadableError:  # which is said when that wheel is checked itself
        return None
