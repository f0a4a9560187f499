"""The geometry of a picture: a box for each node, a line for each piece of an arrow, a frame around each wheel.  The units are those of SVG."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from nativewheel.report.markup import safe
from nativewheel.report.picture import Role
from nativewheel.report.svg_layers import layered
from nativewheel.report.svg_places import heights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativewheel.report.picture import Arrow, Group, Node, Picture
    from nativewheel.report.svg_layers import Layered

BOX, LANE = 26, 4
BOX_GAP, LANE_GAP = 10, 8
CHARACTER, SMALL = 7.25, 6.1
"""Widths of a character of a label and of its size, in the monospaced fonts of common systems."""
PADDING = 14
NEAR, FAR = 56, 220
"""Least and greatest distance between two columns: the more lines cross there, the wider."""
PER_LINE = 0.9
MARGIN, HEADING = 20, 34
MOST_LABEL = 44


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node's place: its left upper corner, and its size; what is written into it."""

    x: float
    y: float
    width: float
    height: float = BOX
    label: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A piece of one or more arrows: level from ``start`` to ``bend``, then in a curve to ``end``; heads say at which ends an arrow points."""

    start: tuple[float, float]
    bend: float
    end: tuple[float, float]
    head_at_end: bool
    head_at_start: bool
    crosses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The place of one wheel."""

    title: str
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A picture, laid out.

    ``boxes`` are in the order of the nodes.  ``ways`` has the indices of the lines of each drawn arrow, by source and target.  ``complete`` says
    that every arrow is drawn.
    """

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    ways: dict[tuple[int, int], tuple[int, ...]]
    frames: tuple[Frame, ...]
    complete: bool


def layout(picture: Picture) -> Layout:
    """Lay out each wheel by itself, one below the other, and join them."""
    arrows = picture.essential
    home = {node: number for number, group in enumerate(picture.groups) for node in group.nodes}
    builder = _Builder(nodes=picture.nodes)
    for number, group in enumerate(picture.groups):
        builder.add_group(group, [arrow for arrow in arrows if home[arrow.source] == home[arrow.target] == number], framed=len(picture.groups) > 1)
    for arrow in arrows:
        if home[arrow.source] != home[arrow.target]:
            builder.add_crossing(arrow)
    width = max((box.x + box.width for box in builder.boxes.values()), default=0.0)
    return Layout(
        width=width + 2 * MARGIN,
        height=builder.bottom,
        boxes=tuple(builder.boxes[node] for node in range(len(picture.nodes))),
        lines=tuple(builder.lines),
        ways=builder.ways,
        frames=tuple(builder.frames),
        complete=len(arrows) == len(picture.arrows),
    )


@dataclass(slots=True, kw_only=True)
class _Builder:
    nodes: Sequence[Node]
    bottom: float = MARGIN
    boxes: dict[int, Box] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    ways: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)

    def add_group(self, group: Group, arrows: list[Arrow], *, framed: bool) -> None:
        """Lay out the nodes of one wheel below everything that is there."""
        first, count = group.nodes.start, len(group.nodes)
        top = self.bottom
        if framed:
            self.bottom += HEADING
        last = frozenset(node - first for node in group.nodes if self.nodes[node].role is Role.SYSTEM)
        layers = layered(count, [(arrow.source - first, arrow.target - first) for arrow in arrows], last)
        height = heights(layers, count, lambda upper, lower: _distance(upper, lower, count))
        texts = [_texts(self.nodes[node]) for node in group.nodes]
        edges = _edges(layers, [_width(*text) for text in texts], count)
        for slot, place in ((slot, place) for place, column in enumerate(layers.columns) for slot in column if slot < count):
            label, note = texts[slot]
            self.boxes[first + slot] = Box(x=edges[place][0], y=self.bottom + height[slot], width=_width(label, note), label=label, note=note)
        self._add_lines(layers, height, edges, first, count)
        self.bottom += (max(height) + BOX if height else 0) + MARGIN
        if framed:
            self.frames.append(Frame(title=group.title, y=top, height=self.bottom - top))
            self.bottom += MARGIN

    def add_crossing(self, arrow: Arrow) -> None:
        """Join nodes of two wheels."""
        source, target = self.boxes[arrow.source], self.boxes[arrow.target]
        self.ways[arrow.source, arrow.target] = (len(self.lines),)
        right = source.x + source.width
        self.lines.append(
            Line(
                start=(right, source.y + BOX / 2),
                bend=right,
                end=(target.x, target.y + BOX / 2),
                head_at_end=True,
                head_at_start=False,
                crosses=True,
            )
        )

    def _add_lines(self, layers: Layered, height: list[float], edges: list[tuple[float, float]], first: int, count: int) -> None:
        """Add the pieces of the arrows of one wheel."""
        place = {slot: number for number, column in enumerate(layers.columns) for slot in column}
        numbers = {piece: len(self.lines) + index for index, piece in enumerate(layers.pieces)}
        starts = {(way[-1], way[-2]) for arrow, way in layers.ways.items() if arrow in layers.turned}
        ends = {(way[-2], way[-1]) for arrow, way in layers.ways.items() if arrow not in layers.turned}
        for left, right in layers.pieces:
            (left_edge, right_edge), target_edge = edges[place[left]], edges[place[right]][0]
            box = self.boxes.get(first + left) if left < count else None
            self.lines.append(
                Line(
                    start=(box.x + box.width if box else left_edge, self.bottom + height[left] + BOX / 2),
                    bend=right_edge,
                    end=(target_edge, self.bottom + height[right] + BOX / 2),
                    head_at_end=(left, right) in ends,
                    head_at_start=(left, right) in starts,
                )
            )
        for (source, target), way in layers.ways.items():
            turned = (source, target) in layers.turned
            self.ways[first + source, first + target] = tuple(numbers[pair] for pair in pairwise(way[::-1] if turned else way))


def _distance(upper: int, lower: int, count: int) -> float:
    """Return how far apart the middles of two neighbours in a column must be."""
    lanes = (upper >= count) + (lower >= count)
    return (BOX + BOX_GAP, (BOX + LANE) / 2 + LANE_GAP, LANE + LANE_GAP)[lanes]


def _edges(layers: Layered, widths: list[float], count: int) -> list[tuple[float, float]]:
    """Return the left and right edge of each column."""
    place = {slot: number for number, column in enumerate(layers.columns) for slot in column}
    lines = [0] * len(layers.columns)
    for left, _ in layers.pieces:
        lines[place[left]] += 1
    edges: list[tuple[float, float]] = []
    x = float(MARGIN * 2)
    for number, column in enumerate(layers.columns):
        right = x + max((widths[slot] for slot in column if slot < count), default=0.0)
        edges.append((x, right))
        x = right + min(FAR, NEAR + PER_LINE * lines[number])
    return edges


def _texts(node: Node) -> tuple[str, str]:
    """Return what a node's box says: its label and its note."""
    return safe(node.label, MOST_LABEL), safe(node.note, MOST_LABEL)


def _width(label: str, note: str) -> float:
    gap = 8 if note else 0
    return 2 * PADDING + CHARACTER * _columns(label) + gap + SMALL * _columns(note)


def _columns(text: str) -> int:
    """Return how many columns of a monospaced font a text takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
