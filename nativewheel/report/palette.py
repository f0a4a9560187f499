"""How each kind of node looks in every picture: shape and colour, so that nobody needs to tell colours apart.

The hues are those of Okabe and Ito, "Color Universal Design" (2008).  Text has a contrast of at least 4.5 with its ground and a border
one of at least 3 (WCAG 2.2, 1.4.3 and 1.4.11), in light and in dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.report.picture import Role

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Colors:
    """What a node is filled with, drawn with and written with."""

    fill: str
    line: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One kind of node.

    ``words`` is its name in the legend.  ``dot`` are Graphviz attributes, ``mermaid`` the brackets that make its shape there; the shape in SVG is
    drawn by `svg_shapes`.
    """

    words: str
    light: Colors
    dark: Colors
    dot: str
    mermaid: tuple[str, str]
    dashed: bool = False
    heavy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The colours of everything that is no node: ``raised`` is a second paper, ``frame`` and ``line`` are drawn, the others are written."""

    paper: str
    raised: str
    ink: str
    faint: str
    accent: str
    warning: str
    error: str
    line: str
    frame: str


LIGHT = Ground(
    paper="#ffffff",
    raised="#f4f6f8",
    ink="#1b1f24",
    faint="#4d5661",
    accent="#0b5394",
    warning="#7a5000",
    error="#a12a00",
    line="#7b8591",
    frame="#c5ccd4",
)
DARK = Ground(
    paper="#14171c",
    raised="#1e232a",
    ink="#e9ecf0",
    faint="#b3bcc7",
    accent="#7cc4f8",
    warning="#f0b429",
    error="#ff9d6b",
    line="#828d9a",
    frame="#3b434d",
)

LOOKS: Mapping[Role, Look] = {
    Role.EXTENSION: Look(
        words="extension module",
        light=Colors(fill="#d6ecfa", line="#0072b2", text="#0a2540"),
        dark=Colors(fill="#0d3552", line="#56b4e9", text="#e3f3fd"),
        dot='shape=box style="rounded,filled"',
        mermaid=("(", ")"),
    ),
    Role.PROGRAM: Look(
        words="program",
        light=Colors(fill="#e6e8eb", line="#3d4650", text="#15191d"),
        dark=Colors(fill="#30363e", line="#c3cad2", text="#f2f4f6"),
        dot="shape=trapezium style=filled",
        mermaid=("[/", "\\]"),
    ),
    Role.WHEEL: Look(
        words="library of the wheel",
        light=Colors(fill="#d5f2e7", line="#007a57", text="#06281d"),
        dark=Colors(fill="#063f2e", line="#2fc79a", text="#dff9f0"),
        dot="shape=box style=filled",
        mermaid=("[", "]"),
    ),
    Role.VENDORED: Look(
        words="vendored library",
        light=Colors(fill="#fdebc8", line="#a36a00", text="#332200"),
        dark=Colors(fill="#4a3300", line="#e69f00", text="#fff3da"),
        dot="shape=hexagon style=filled",
        mermaid=("{{", "}}"),
    ),
    Role.SHARED: Look(
        words="library that it shares",
        light=Colors(fill="#f7dcea", line="#a8437b", text="#3a0d26"),
        dark=Colors(fill="#4d1d38", line="#e08fbb", text="#fdeaf4"),
        dot="shape=box peripheries=2 style=filled",
        mermaid=("[[", "]]"),
        heavy=True,
    ),
    Role.PROVIDER: Look(
        words="library of another wheel",
        light=Colors(fill="#eee3fa", line="#7040a8", text="#26093f"),
        dark=Colors(fill="#38215a", line="#b995ea", text="#f3ebfd"),
        dot="shape=parallelogram style=filled",
        mermaid=("[/", "/]"),
    ),
    Role.EXTERNAL: Look(
        words="library of this host",
        light=Colors(fill="#fbf7c0", line="#7d7400", text="#2c2900"),
        dark=Colors(fill="#403c00", line="#f0e442", text="#fdfbdc"),
        dot='shape=note style="filled,dashed"',
        mermaid=(">", "]"),
        dashed=True,
    ),
    Role.SYSTEM: Look(
        words="system library",
        light=Colors(fill="#f0f2f4", line="#6b7580", text="#262c33"),
        dark=Colors(fill="#22272e", line="#949eaa", text="#dfe4e9"),
        dot="shape=ellipse style=filled",
        mermaid=("([", "])"),
    ),
    Role.MISSING: Look(
        words="missing library",
        light=Colors(fill="#fde0d2", line="#b8430a", text="#4a1600"),
        dark=Colors(fill="#591c00", line="#f58b4c", text="#ffeee4"),
        dot='shape=octagon style="filled,dashed"',
        mermaid=("[\\", "/]"),
        dashed=True,
        heavy=True,
    ),
}
