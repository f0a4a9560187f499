"""A picture in the DOT language of Graphviz: every arrow, one cluster for each wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.report.markup import references, safe
from nativewheel.report.palette import LIGHT, LOOKS
from nativewheel.report.picture import picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.linkage.inspection import Inspection
    from nativewheel.report.picture import Arrow, Group, Node

MOST_LABEL = 80


def render(inspections: Sequence[Inspection]) -> str:
    """Render one graph of all wheels.  Arrows that longer ways imply are faint, and have no say in the layout."""
    drawn = picture(inspections)
    lines = [
        "digraph wheels {",
        "  graph [rankdir=LR ranksep=1.2 nodesep=0.15 fontname=monospace compound=true]",
        "  node [fontname=monospace fontsize=10 height=0.3]",
        f'  edge [color="{LIGHT.line}" arrowsize=0.6]',
        *(line for index, group in enumerate(drawn.groups) for line in _cluster(index, group, drawn.nodes)),
        *map(_arrow, drawn.arrows),
        "}\n",
    ]
    return "\n".join(lines)


def _cluster(index: int, group: Group, nodes: Sequence[Node]) -> Iterator[str]:
    yield f"  subgraph cluster_{index} {{"
    yield f"    label={_quoted(group.title)}"
    yield f'    color="{LIGHT.frame}"'
    yield from (f"    n{number} {_node(nodes[number])}" for number in group.nodes)
    yield "  }"


def _node(node: Node) -> str:
    look = LOOKS[node.role]
    label = f"{_quoted(node.label)[:-1]}\\n{_quoted(node.note)[1:]}" if node.note else _quoted(node.label)
    colors = f'fillcolor="{look.light.fill}" color="{look.light.line}" fontcolor="{look.light.text}"'
    return f"[label={label} tooltip={_quoted(f'{look.words}: {node.path}', 1000)} {look.dot} {colors}{' penwidth=2' if look.heavy else ''}]"


def _arrow(arrow: Arrow) -> str:
    faint = f' [color="{LIGHT.frame}" constraint=false]' if arrow.implied else ""
    return f"  n{arrow.source} -> n{arrow.target}{faint}"


def _quoted(text: str, most: int = MOST_LABEL) -> str:
    """Return a string in quotes.  Graphviz takes a backslash and a letter in labels for a name, and decodes the entities of HTML."""
    text = safe(text, most).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{references(text)}"'
