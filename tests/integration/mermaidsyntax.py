"""A small and strict reader of Mermaid flowcharts: it takes less than Mermaid does, so that what it takes is safe there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SHAPES = {
    ("(", ")"): "rounded",
    ("[/", "\\]"): "trapezoid",
    ("[", "]"): "rectangle",
    ("{{", "}}"): "hexagon",
    ("[[", "]]"): "subroutine",
    ("[/", "/]"): "parallelogram",
    (">", "]"): "flag",
    ("([", "])"): "stadium",
    ("[\\", "/]"): "turned trapezoid",
}
"""The brackets of flowchart nodes (the Mermaid documentation, "Flowcharts - Basic Syntax")."""

# In quotes: words, marks inside a word, entity codes, and line breaks.  Nothing that quotes, brackets, Markdown or HTML could be made of.
_TEXT = r"(?:[A-Za-z0-9]|(?<=[A-Za-z0-9])[._+/@-](?=[A-Za-z0-9])|(?<=[A-Za-z0-9;]) (?=[A-Za-z0-9#])|#[0-9]+;|<br/>)*"
_NODE = re.compile(r'n(\d+)([\[({>][\[({/\\]?)"(' + _TEXT + r')"([/\\\])}]?[\])}])')
_SUBGRAPH = re.compile(rf'subgraph (w\d+)\["({_TEXT})"\]')
_ARROWS = re.compile(r"n(\d+) --> (n\d+(?: & n\d+)*)")
_CLASS_DEFINITION = re.compile(r"classDef (\w+) ((?:fill|stroke|color):#[0-9a-f]{6}(?:,[a-z-]+:[#0-9a-z ]+)*)")
_CLASS = re.compile(r"class (n\d+(?:,n\d+)*) (\w+)")


@dataclass(slots=True)
class Flowchart:
    """What a flowchart says: the nodes of each subgraph with shape and text, arrows, and the class of each node."""

    nodes: dict[int, tuple[str, str]] = field(default_factory=dict)
    subgraphs: dict[str, list[int]] = field(default_factory=dict)
    titles: list[str] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)
    classes: dict[int, str] = field(default_factory=dict)


def parse(text: str) -> Flowchart:
    """Read a flowchart; ``AssertionError`` names the first line that is none of ours."""
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    chart, inside, defined = Flowchart(), "", set()
    for line in map(str.strip, lines[1:]):
        if match := _SUBGRAPH.fullmatch(line):
            assert not inside, line
            inside = match[1]
            chart.subgraphs[inside] = []
            chart.titles.append(_decoded(match[2]))
        elif line == "end":
            assert inside
            inside = ""
        elif match := _NODE.fullmatch(line):
            assert inside, line
            assert int(match[1]) not in chart.nodes, line
            chart.nodes[int(match[1])] = SHAPES[match[2], match[4]], _decoded(match[3])
            chart.subgraphs[inside].append(int(match[1]))
        elif match := _ARROWS.fullmatch(line):
            chart.arrows += [(int(match[1]), int(target[1:])) for target in match[2].split(" & ")]
        elif match := _CLASS_DEFINITION.fullmatch(line):
            defined.add(match[1])
        elif match := _CLASS.fullmatch(line):
            assert match[2] in defined, line
            chart.classes |= {int(node[1:]): match[2] for node in match[1].split(",")}
        else:
            raise AssertionError(f"not understood: {line}")
    assert not inside
    assert all(node in chart.nodes for arrow in chart.arrows for node in arrow)
    assert set(chart.classes) == set(chart.nodes)
    return chart


def _decoded(text: str) -> str:
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), text.replace("<br/>", "\n"))
