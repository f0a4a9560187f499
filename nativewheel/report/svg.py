"""A picture as SVG: one file that needs nothing else, follows the reader's choice of dark or light, and tells screen readers what it shows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nativewheel.report.amounts import counted, size_text
from nativewheel.report.markup import escaped, number
from nativewheel.report.palette import DARK, LIGHT, LOOKS
from nativewheel.report.picture import Role, picture
from nativewheel.report.svg_layout import BOX, MARGIN, PADDING, layout
from nativewheel.report.svg_shapes import shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.linkage.inspection import Inspection
    from nativewheel.report.palette import Ground
    from nativewheel.report.picture import Node, Picture
    from nativewheel.report.svg_layout import Box, Layout, Line

FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
LEGEND_ITEM, LEGEND_ROW = 236, 36
HEAD = 62
LEAST_WIDTH = 560
TIP = 7
_NAMED = 'role="img" aria-labelledby="title desc"'


def render(inspections: Sequence[Inspection]) -> str:
    """Render one picture of all wheels."""
    drawn = picture(inspections)
    place = layout(drawn)
    roles = [role for role in Role if any(node.role is role for node in drawn.nodes)]
    across = max(place.width, LEAST_WIDTH)
    each_row = int((across - MARGIN) // LEGEND_ITEM)
    top = HEAD + LEGEND_ROW * -(-len(roles) // each_row)
    width, height = number(across), number(top + place.height)
    title = inspections[0].wheel.name if len(inspections) == 1 else f"{len(inspections)} wheels"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" {_NAMED}>',
            f'<title id="title">Native libraries of {escaped(title)}</title>',
            f'<desc id="desc">{escaped(description(drawn))}</desc>',
            f"<style>{style()}</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            f'<text class="heading" x="{MARGIN}" y="30">{escaped(title, 120)}</text>',
            f'<text class="remark" x="{MARGIN}" y="50">{escaped(remark(drawn, place))}</text>',
            *_legend(roles, each_row),
            f'<g transform="translate(0 {number(top)})">',
            *elements(drawn, place),
            "</g>",
            "</svg>\n",
        )
    )


def description(drawn: Picture) -> str:
    """Say in a sentence what a picture shows."""
    counts = Counter(node.role for node in drawn.nodes)
    kinds = ", ".join(f"{LOOKS[role].words}: {counts[role]}" for role in Role if counts[role])
    arrows = counted(len(drawn.arrows), "arrow")
    return f"A graph with {arrows}, each from a file to a library that it asks for. Files of each kind: {kinds or 'none'}."


def remark(drawn: Picture, place: Layout) -> str:
    """Say how much there is, and what is not drawn."""
    own = [node.size for node in drawn.nodes if node.size is not None and node.role is not Role.EXTERNAL]
    left_out = "" if place.complete else "; an arrow that a longer way implies is not drawn"
    return f"{counted(len(own), 'native file')}, {size_text(sum(own))}; arrows lead to what a file asks for{left_out}."


def style() -> str:
    """Return the style sheet of a drawing."""
    common = (
        f"text{{font-family:{FONT};font-size:12px}}"
        ".heading{font-size:16px;font-weight:600}.small{font-size:10px}.halo{paint-order:stroke;stroke-width:5px}"
        ".line{fill:none;stroke-width:1.1}.crosses{stroke-width:1.8}.frame{fill:none;stroke-width:1.2}"
        ".node rect,.node polygon{stroke-width:1.4}"
    )
    dashed = ",".join(f".is-{role} rect,.is-{role} polygon" for role in Role if LOOKS[role].dashed)
    heavy = ",".join(f".is-{role} rect,.is-{role} polygon" for role in Role if LOOKS[role].heavy)
    outlines = f"{dashed}{{stroke-dasharray:5 3}}{heavy}{{stroke-width:2}}"
    return f"{common}{outlines}{_colors(LIGHT, dark=False)}@media (prefers-color-scheme:dark){{{_colors(DARK, dark=True)}}}"


def elements(drawn: Picture, place: Layout) -> Iterator[str]:
    """Yield the elements of a drawing: frames, lines, nodes."""
    for frame in place.frames:
        box = f'x="{MARGIN}" y="{number(frame.y)}" width="{number(place.width - 2 * MARGIN)}" height="{number(frame.height)}"'
        yield f'<rect class="frame" {box} rx="8"/>'
    for index, line in enumerate(place.lines):
        yield _line(index, line)
    for frame in place.frames:
        yield f'<text class="remark halo" x="{MARGIN * 2}" y="{number(frame.y + 22)}">{escaped(frame.title, 120)}</text>'
    yield from (_node(index, *both) for index, both in enumerate(zip(drawn.nodes, place.boxes, strict=True)))


def _line(index: int, line: Line) -> str:
    (x, y), (end_x, end_y) = line.start, line.end
    tips = "".join(
        f'<path class="tip" d="M{number(at)} {number(height)}l{direction} -3.5v7z"/>'
        for wanted, at, height, direction in ((line.head_at_end, end_x, end_y, -TIP), (line.head_at_start, x, y, TIP))
        if wanted
    )
    reach = max(abs(end_x - line.bend) / 2, 40.0 if line.crosses else 0.0)
    curve = f"C{number(line.bend + reach)} {number(y)} {number(end_x - reach)} {number(end_y)} {number(end_x)} {number(end_y)}"
    kind = "line crosses" if line.crosses else "line"
    return f'<g data-line="{index}"><path class="{kind}" d="M{number(x)} {number(y)}H{number(line.bend)}{curve}"/>{tips}</g>'


def _node(index: int, node: Node, box: Box) -> str:
    note = f'<tspan class="small" dx="8">{escaped(box.note)}</tspan>' if box.note else ""
    about = f"{LOOKS[node.role].words}: {node.path}"
    return (
        f'<g class="node is-{node.role}" data-node="{index}"><title>{escaped(about)}</title>{shape(node.role, box.x, box.y, box.width, box.height)}'
        f'<text x="{number(box.x + PADDING)}" y="{number(box.y + BOX / 2 + 4)}">{escaped(box.label)}{note}</text></g>'
    )


def _legend(roles: list[Role], each_row: int) -> Iterator[str]:
    for index, role in enumerate(roles):
        x, y = MARGIN + LEGEND_ITEM * (index % each_row), HEAD + LEGEND_ROW * (index // each_row)
        words = f'<text x="{x + PADDING}" y="{number(y + BOX / 2 + 4)}">{LOOKS[role].words}</text>'
        yield f'<g class="node is-{role}">{shape(role, x, y, LEGEND_ITEM - 16, BOX)}{words}</g>'


def _colors(ground: Ground, *, dark: bool) -> str:
    """Return the rules that colour a drawing."""
    rules = [
        f".paper{{fill:{ground.paper}}}.halo{{stroke:{ground.paper}}}.heading{{fill:{ground.ink}}}.remark{{fill:{ground.faint}}}",
        f".line{{stroke:{ground.line}}}.tip{{fill:{ground.line}}}.frame{{stroke:{ground.frame}}}.crosses{{stroke:{ground.accent}}}.crosses~.tip{{fill:{ground.accent}}}",
    ]
    for role, look in LOOKS.items():
        colors = look.dark if dark else look.light
        rules.append(f".is-{role} rect,.is-{role} polygon{{fill:{colors.fill};stroke:{colors.line}}}.is-{role} text{{fill:{colors.text}}}")
    return "".join(rules)
