"""`show --format html`: one page that needs nothing but itself, for one wheel or a set of them."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from nativewheel import __version__
from nativewheel.report import html_tables as tables
from nativewheel.report import svg
from nativewheel.report.amounts import counted
from nativewheel.report.html_data import json_text, wheel_data
from nativewheel.report.markup import escaped, number
from nativewheel.report.palette import DARK, LIGHT, LOOKS
from nativewheel.report.picture import Role, picture
from nativewheel.report.svg_layout import BOX, layout
from nativewheel.report.svg_shapes import shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nativewheel.check.finding import Finding
    from nativewheel.linkage.asked import AskedSymbols
    from nativewheel.linkage.inspection import Inspection
    from nativewheel.report.picture import Picture
    from nativewheel.report.svg_layout import Layout

_PLACE = re.compile(r"\{\{(\w+)\}\}")
SAMPLE = 30


def render(
    inspections: Sequence[Inspection],
    asked: Sequence[Mapping[str, AskedSymbols]],
    *,
    findings: Sequence[Finding] = (),
) -> str:
    """Render a page with a section for each wheel.

    ``asked`` has, for each wheel, what its files ask of libraries, by path.  ``findings`` go to the sections of their wheels, and those of no wheel
    here to the head of the page.
    """
    names = [inspection.wheel.name for inspection in inspections]
    title = f"Native libraries of {names[0]}" if len(names) == 1 else f"Native libraries of {len(names)} wheels"
    pictures = [picture([inspection]) for inspection in inspections]
    places = [layout(drawn) for drawn in pictures]
    loose = [finding for finding in findings if finding.wheel not in names]
    sections = [
        _section(index, inspection, pictures[index], places[index], [finding for finding in findings if finding.wheel == inspection.wheel.name])
        for index, inspection in enumerate(inspections)
    ]
    style = f"{_variables()}{_file('page.css')}{svg.style()}"
    script = _file("page.js")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    return _filled(
        "page.html",
        title=escaped(title),
        subtitle=f"{counted(len(names), 'wheel')}, as nativewheel {escaped(__version__)} sees {'it' if len(names) == 1 else 'them'}.",
        version=escaped(__version__),
        policy=policy,
        style=style,
        script=script,
        contents=(_contents(names) if len(names) > 1 else "") + tables.findings_table(loose, "findings", level=2),
        sections="\n".join(sections),
        data=json_text([wheel_data(drawn, place, symbols) for drawn, place, symbols in zip(pictures, places, asked, strict=True)]),
    )


def _section(index: int, inspection: Inspection, drawn: Picture, place: Layout, findings: Sequence[Finding]) -> str:
    name = f"w{index}"
    return _filled(
        "section.html",
        id=name,
        number=str(index),
        title=escaped(inspection.wheel.name),
        verdict=tables.verdict(inspection),
        facts=tables.facts(inspection),
        warnings=tables.warnings(inspection),
        findings=tables.findings_table(findings, f"{name}-findings", level=3),
        graph=_graph(name, drawn, place) if drawn.nodes else "",
        sizes=tables.sizes(drawn, f"{name}-sizes") if drawn.nodes else "",
        blockers=tables.blockers(inspection, f"{name}-blockers"),
    )


def _graph(name: str, drawn: Picture, place: Layout) -> str:
    return _filled(
        "graph.html",
        id=name,
        remark=escaped(svg.remark(drawn, place)),
        width=number(place.width),
        height=number(place.height),
        label=escaped(svg.description(drawn)),
        drawing="\n".join(svg.elements(drawn, place)),
        legend="".join(_legend(drawn)),
        rows="\n".join(tables.file_rows(drawn)),
    )


def _legend(drawn: Picture) -> Iterator[str]:
    for role in Role:
        if count := sum(node.role is role for node in drawn.nodes):
            drawing = f'<g class="node is-{role}">{shape(role, 2, 3, SAMPLE, BOX - 6)}</g>'
            yield f'<li class="item"><svg width="{SAMPLE + 4}" height="{BOX}" aria-hidden="true">{drawing}</svg>{LOOKS[role].words} ({count})</li>'


def _contents(names: Sequence[str]) -> str:
    items = "".join(f'<li><a href="#w{index}">{escaped(name)}</a></li>' for index, name in enumerate(names))
    return f'<nav aria-label="Wheels"><ul>{items}</ul></nav>'


def _variables() -> str:
    """Return the colours as variables of the style sheet."""
    light, dark = ("".join(f"--{item.name}:{getattr(ground, item.name)};" for item in fields(ground)) for ground in (LIGHT, DARK))
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _hash(text: str) -> str:
    """Return the source expression that allows an inline element with this very text (Content Security Policy Level 3, 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _file(name: str) -> str:
    return (files("nativewheel") / "report" / "page" / name).read_text(encoding="utf-8")


def _filled(template: str, **values: str) -> str:
    """Return a template with its places filled.  What is put in is not searched for places again."""
    return _PLACE.sub(lambda match: values[match[1]], _file(template))
