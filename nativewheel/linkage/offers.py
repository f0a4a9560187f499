"""What the libraries of providers offer, by plain and by unique names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativewheel.formats.image import Arch
    from nativewheel.linkage.provider import ProvidedLibrary, Variant


def offered(library: ProvidedLibrary, arch: Arch | None = None) -> dict[str, frozenset[str | None]]:
    """Return what a provider's library exports, on ``arch`` or anywhere, under unique and plain names alike."""
    partial = library.partial() if arch else {}
    now = {name: versions for name, versions in library.symbols().items() if name not in partial or arch in partial[name]}
    return {**now, **{old: now[new] for old, new in library.renames().items() if new in now}}


def new_names(variant: Variant) -> dict[str, str]:
    """Map the plain names of what a library offers, by itself or of others of its wheel, to those that it has now."""
    return {old: new for library in variant.offering() for old, new in library.renames().items()}
