"""Relations between ranges of versions (PEP 440)."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet


def intersects(one: str, other: str) -> bool:
    """Whether some version, which need not exist, lies in both ranges.  Raises ``InvalidSpecifier``."""
    return not (SpecifierSet(one) & SpecifierSet(other)).is_unsatisfiable()


def is_within(inner: str, outer: str) -> bool:
    """Whether every version of ``inner`` lies in ``outer``; False where ``===`` keeps that from being known.  Raises ``InvalidSpecifier``."""
    narrow, wide = SpecifierSet(inner), SpecifierSet(outer)
    try:
        return narrow.is_subset(wide)
    except ValueError:
        return narrow == wide
