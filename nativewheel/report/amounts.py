"""Numbers as people read them."""

from __future__ import annotations


def size_text(size: int) -> str:
    """Render a number of bytes in decimal units: ``820 bytes``, ``12.3 kB``, ``34.5 MB``, ``1.2 GB``."""
    if size < 1000:  # noqa: PLR2004  (SI prefixes)
        return counted(size, "byte")
    amount = float(size)
    for unit in ("kB", "MB"):
        amount /= 1000
        if round(amount, 1) < 1000:  # noqa: PLR2004
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} GB"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Render a count with its noun: ``1 library``, ``12 libraries``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def libraries(count: int) -> str:
    """Render a number of libraries."""
    return counted(count, "library", "libraries")
