"""Names of wheels and of the files inside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, NewType, Self

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from nativewheel.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence

Member = NewType("Member", str)
"""The path of a file inside a wheel: POSIX separators, relative, as the archive's directory spells it."""


def printable(name: str) -> str:
    """Return ``name`` in a form that is safe to show on a terminal."""
    return name if name.isprintable() else ascii(name)


def listed(items: Sequence[str], most: int = 5) -> str:
    """Join the first ``most`` items with commas, and say how many are left."""
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelName:
    """The file name of a wheel, taken apart; ``str()`` gives the file name back.

    ``distribution`` and ``version`` stay as the file name spells them, because the ``.dist-info`` and ``.libs`` folders follow that spelling.
    Source: the binary distribution format specification, "File name convention".
    """

    distribution: str
    version: str
    build: str | None
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]

    @classmethod
    def parse(cls, filename: str) -> Self:
        """Take ``filename`` (no folder) apart.

        Raises ``UnreadableError`` when it is no wheel's file name.
        """
        try:
            parse_wheel_filename(filename)
        except InvalidWheelFilename as error:
            raise UnreadableError(
                f"not the file name of a wheel: {error}",
                where=(filename,),
                hint="wheels are named {distribution}-{version}[-{build}]-{python}-{abi}-{platform}.whl",
            ) from error
        parts = filename.removesuffix(".whl").split("-")
        return cls(
            distribution=parts[0],
            version=parts[1],
            build=parts[2] if len(parts) == 6 else None,  # noqa: PLR2004  (the specification's six parts)
            pythons=tuple(parts[-3].split(".")),
            abis=tuple(parts[-2].split(".")),
            platforms=tuple(parts[-1].split(".")),
        )

    def __str__(self) -> str:
        build = (self.build,) if self.build else ()
        return "-".join((self.distribution, self.version, *build, *map(".".join, (self.pythons, self.abis, self.platforms)))) + ".whl"

    @property
    def normalized(self) -> str:
        """The distribution's normalised name (PEP 503)."""
        return canonicalize_name(self.distribution)

    @property
    def tags(self) -> tuple[str, ...]:
        """Every expanded tag, in the order of the file name."""
        return tuple("-".join(tag) for tag in product(self.pythons, self.abis, self.platforms))

    def with_platforms(self, platforms: tuple[str, ...]) -> Self:
        """Return the name with other platform tags."""
        return replace(self, platforms=platforms)
