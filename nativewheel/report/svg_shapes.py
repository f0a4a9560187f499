"""The shapes of nodes in SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.report.markup import number
from nativewheel.report.picture import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

SLANT = 7


def shape(role: Role, x: float, y: float, width: float, height: float) -> str:  # noqa: PLR0911  (one for each role)
    """Return the elements that draw a node of ``role`` into a box."""
    right, bottom, middle = x + width, y + height, y + height / 2
    match role:
        case Role.EXTENSION:
            return _rectangle(x, y, width, height, 6)
        case Role.SYSTEM:
            return _rectangle(x, y, width, height, height / 2)
        case Role.WHEEL:
            return _rectangle(x, y, width, height, 0)
        case Role.SHARED:
            return _rectangle(x, y, width, height, 0) + _rectangle(x + 3, y + 3, width - 6, height - 6, 0)
        case Role.PROGRAM:
            return _polygon([(x + SLANT, y), (right - SLANT, y), (right, bottom), (x, bottom)])
        case Role.VENDORED:
            return _polygon([(x, middle), (x + SLANT, y), (right - SLANT, y), (right, middle), (right - SLANT, bottom), (x + SLANT, bottom)])
        case Role.PROVIDER:
            return _polygon([(x + SLANT, y), (right, y), (right - SLANT, bottom), (x, bottom)])
        case Role.EXTERNAL:
            return _polygon([(x, y), (right - SLANT, y), (right, y + SLANT), (right, bottom), (x, bottom)])
        case Role.MISSING:
            corners = [(x + SLANT, y), (right - SLANT, y), (right, y + SLANT), (right, bottom - SLANT)]
            return _polygon([*corners, (right - SLANT, bottom), (x + SLANT, bottom), (x, bottom - SLANT), (x, y + SLANT)])


def _rectangle(x: float, y: float, width: float, height: float, radius: float) -> str:
    round_ = f' rx="{number(radius)}"' if radius else ""
    return f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"{round_}/>'


def _polygon(corners: Iterable[tuple[float, float]]) -> str:
    return f'<polygon points="{" ".join(f"{number(x)},{number(y)}" for x, y in corners)}"/>'
