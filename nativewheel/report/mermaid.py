"""A picture as a Mermaid flowchart, which code hosting sites draw in Markdown; one subgraph for each wheel."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from nativewheel.report.markup import safe
from nativewheel.report.palette import LOOKS
from nativewheel.report.picture import Role, picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.linkage.inspection import Inspection
    from nativewheel.report.picture import Arrow, Node

MOST_LABEL = 60

# Kept are letters, digits, spaces between words, and marks inside a word; at its edge a mark can start Markdown ("1. ", "- ", "`").
_SPECIAL = re.compile(r"(?<=[A-Za-z0-9])[._+/@-](?=[A-Za-z0-9])|(?<=\w) (?=\w)|[A-Za-z0-9]|(.)", re.DOTALL)


def render(inspections: Sequence[Inspection]) -> str:
    """Render one flowchart of all wheels."""
    drawn = picture(inspections)
    lines = ["flowchart LR"]
    for index, group in enumerate(drawn.groups):
        lines.append(f'  subgraph w{index}["{_text(group.title)}"]')
        lines += (f"    n{number}{_node(drawn.nodes[number])}" for number in group.nodes)
        lines.append("  end")
    lines += _arrows(drawn.essential)  # no more than 500 are drawn there unless the site allows more (maxEdges)
    for role in Role:
        members = [f"n{number}" for number, node in enumerate(drawn.nodes) if node.role is role]
        if members:
            lines += (_class(role), f"  class {','.join(members)} {role}")
    return "\n".join(lines) + "\n"


def _node(node: Node) -> str:
    opening, closing = LOOKS[node.role].mermaid
    note = f"<br/>{_text(node.note)}" if node.note else ""
    return f'{opening}"{_text(node.label)}{note}"{closing}'


def _arrows(arrows: Sequence[Arrow]) -> Iterator[str]:
    """Yield one line for all arrows of a node: Mermaid limits the length of its text."""
    for source, group in groupby(arrows, key=lambda arrow: arrow.source):
        yield f"  n{source} --> {' & '.join(f'n{arrow.target}' for arrow in group)}"


def _class(role: Role) -> str:
    look = LOOKS[role]
    extra = (",stroke-dasharray:5 3" if look.dashed else "") + (",stroke-width:3px" if look.heavy else "")
    return f"  classDef {role} fill:{look.light.fill},stroke:{look.light.line},color:{look.light.text}{extra}"


def _text(text: str) -> str:
    """Return text for quotes: what could mean something to Mermaid, Markdown or HTML becomes an entity code (``#35;`` is "#")."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[1])};" if match[1] else match[0], safe(text, MOST_LABEL))
