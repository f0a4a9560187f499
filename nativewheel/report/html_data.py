"""What the script of the page knows of a wheel: its nodes and arrows, and the symbols that each arrow stands for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nativewheel.report.amounts import size_text
from nativewheel.report.markup import safe
from nativewheel.report.palette import LOOKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nativewheel.linkage.asked import AskedSymbols
    from nativewheel.report.picture import Picture
    from nativewheel.report.svg_layout import Layout

MOST_SYMBOLS = 1000
"""Symbols of one arrow that the page lists."""
MOST_SYMBOL = 400
"""Characters of a symbol that it shows."""


def wheel_data(drawn: Picture, place: Layout, asked: Mapping[str, AskedSymbols]) -> dict[str, object]:
    """Return the nodes and arrows of one wheel as JSON has them."""
    return {
        "nodes": [
            {
                "label": safe(node.label),
                "path": safe(node.path),
                "words": LOOKS[node.role].words,
                "size": "" if node.size is None else size_text(node.size),
                "box": {"x": round(box.x, 1), "y": round(box.y, 1), "width": round(box.width, 1), "height": box.height},
                "others": _symbols(asked[node.path].others if node.path in asked else ()),
            }
            for node, box in zip(drawn.nodes, place.boxes, strict=True)
        ],
        "arrows": [
            {
                "source": arrow.source,
                "target": arrow.target,
                "lines": place.ways.get((arrow.source, arrow.target), ()),
                "symbols": _symbols(_asked(asked, drawn.nodes[arrow.source].path, arrow.name)),
            }
            for arrow in drawn.arrows
        ],
    }


def json_text(value: object) -> str:
    """Return JSON for the inside of a script element, which a "</script" or "<!--" in a name must not end."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asked(asked: Mapping[str, AskedSymbols], path: str, name: str) -> Sequence[str]:
    return next((symbols for library, symbols in asked[path].of.items() if library == name), ()) if path in asked else ()


def _symbols(names: Sequence[str]) -> dict[str, object]:
    return {"names": [safe(name, MOST_SYMBOL) for name in names[:MOST_SYMBOLS]], "total": len(names)}
