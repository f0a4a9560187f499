"""The page: self-contained, valid, and closed to whatever a wheel's names want to be."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepictures import EVERY_ROLE, HOSTILE, extension, from_arrows, hostile, image, inspection, library

from nativewheel.check.finding import Finding, Severity
from nativewheel.formats.image import Identity, Kind
from nativewheel.linkage.asked import AskedSymbols
from nativewheel.linkage.inspection import Blocker, ExternalLibrary, Inspection, Verdict
from nativewheel.report import html_page
from nativewheel.report.html_data import MOST_SYMBOLS, json_text
from nativewheel.report.html_tables import MOST_LINES
from nativewheel.report.markup import safe
from nativewheel.wheel.names import Member

VOID = {"meta", "input", "rect", "path", "polygon"}
TEXTS = {"title", "style", "script", "h1", "h2", "h3", "h4", "p", "a", "code", "kbd", "label", "caption", "summary", "span", "text", "tspan"}
PARTS = {"html", "head", "body", "header", "nav", "main", "section", "div", "ul", "li", "dl", "dt", "dd", "details", "input", "button", "meta"}
TABLES = {"table", "thead", "tbody", "tr", "th", "td"}
DRAWING = {"svg", "g", "rect", "path", "polygon"}


class Page(HTMLParser):
    """The elements of a page, checked for balance while they are read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        assert text.isascii()
        self.feed(text)
        self.close()
        assert self.open == []
        assert {tag for tag, _ in self.elements} <= TEXTS | PARTS | TABLES | DRAWING
        assert not [name for _, attributes in self.elements for name in attributes if name.startswith("on") or name in {"style", "src"}]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def attributes(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]

    def text(self, tag: str) -> list[str]:
        """Return the texts right inside elements of one kind."""
        return [text for inside, text in self.texts if inside == tag]

    @property
    def data(self) -> Any:
        """What the script gets."""
        return json.loads(self.text("script")[0])


def finding(rule: str, severity: Severity, wheel: str, member: str | None, message: str, fix: str) -> Finding:
    return Finding(rule=rule, severity=severity, wheel=wheel, member=None if member is None else Member(member), message=message, fix=fix)


NO_SYMBOLS: dict[str, AskedSymbols] = {}


def page(*inspections: Inspection, **options: Any) -> Page:
    return Page(html_page.render(inspections, [NO_SYMBOLS] * len(inspections), **options))


def test_ids_are_unique_and_references_lead_somewhere() -> None:
    shown = page(EVERY_ROLE, replace(EVERY_ROLE, images=EVERY_ROLE.images[:1]), inspection())
    identifiers = Counter(shown.attributes("id"))
    assert max(identifiers.values()) == 1
    references = [shown.attributes(name) for name in ("for", "aria-labelledby", "aria-describedby")]
    assert {reference for found in references for value in found for reference in value.split()} <= set(identifiers)
    assert {value.removeprefix("#") for value in shown.attributes("href")} <= set(identifiers)


def test_nothing_is_loaded_and_only_our_own_style_and_script_run() -> None:
    text = html_page.render([EVERY_ROLE], [NO_SYMBOLS])
    assert re.findall(r"(?:https?:)?//[\w.]+", text.replace('"http://www.w3.org/2000/svg"', "")) == []
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert policy.startswith("default-src 'none'; ")
    for directive, pattern in (("style-src", r"<style>(.*?)</style>"), ("script-src", r"<script>(.*?)</script>")):
        (inline,) = re.findall(pattern, text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_the_table_says_what_the_graph_shows() -> None:
    shown = page(EVERY_ROLE)
    assert shown.attributes("data-select") == [str(number) for number in range(9)] == shown.attributes("data-node")
    cells = shown.text("td")
    assert "libown.so, libin-1a2b3c4d.so.1, libout.so.2, libnw_core__core.so.1, libgone.so.3, libc.so.6" in cells
    assert "spam._a, libown.so, libin-1a2b3c4d.so.1, libnw_spam__egg.so.1, tool, libout.so.2" in cells
    assert "library of another wheel (core)" in cells


def test_facts_verdict_and_blockers() -> None:
    shown = page(EVERY_ROLE)
    facts = dict(zip(shown.text("dt"), [text for text in shown.text("dd") if text.strip()], strict=True))
    assert facts == {
        "Distribution": "spam 1.0",
        "Tags": "cp311-cp311-manylinux_2_17_x86_64",
        "Native files": "5 native files, 1.5 MB",
        "A repair would vendor": "1 library, 34.0 MB",
        "Shares": "libegg.so.1 as libnw_spam__egg.so.1; consumers require ==1.*",
        "Uses": "libcore.so.1 of core==1.*",
    }
    assert "The file name promises manylinux_2_17_x86_64, but the content does not keep that." in shown.text("p")
    assert {"linux_x86_64", "manylinux_2_17_x86_64"} <= set(shown.text("code"))
    assert "spam/_a.so wants libout.so.2: a library from elsewhere" in shown.text("li")
    assert "Warning: One sentence." in shown.text("li")


def test_a_repaired_verdict_and_what_sharing_saves() -> None:
    saved = ExternalLibrary(path=EVERY_ROLE.external[0].path, size=7_000_000, image=image(Kind.LIBRARY), dependencies=())
    text = html_page.render([replace(EVERY_ROLE, repaired=Verdict(tag="manylinux_2_28_x86_64", aliases=("same",)), spared=(saved,))], [NO_SYMBOLS])
    assert "Repaired, it would allow <code>manylinux_2_28_x86_64</code> (also known as same)." in text
    assert "<dt>Saved by sharing</dt><dd>1 library, 7.0 MB</dd>" in text


def test_a_pure_wheel_has_no_graph() -> None:
    shown = page(replace(inspection(), verdict=None))
    assert "svg" not in {tag for tag, _ in shown.elements}
    assert "Pure: no native files." in shown.text("p")
    assert shown.data == [{"nodes": [], "arrows": []}]


def test_several_wheels_have_a_section_each_and_a_list() -> None:
    shown = page(from_arrows(1, [], name="one"), from_arrows(2, [(0, 1)], name="two"))
    names = ["one-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "two-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"]
    assert shown.text("h2") == names == shown.text("a")[1:]
    assert shown.attributes("data-wheel") == ["0", "1"]
    assert [len(wheel["nodes"]) for wheel in shown.data] == [1, 2]
    assert "Native libraries of 2 wheels" in shown.text("title")


def test_findings_go_to_their_wheels() -> None:
    name = EVERY_ROLE.wheel.name
    findings = (
        finding("NW501", Severity.ERROR, name, "spam/_a.so", "Nothing supplies libgone.so.3.", "Add it."),
        finding("NW603", Severity.WARNING, "elsewhere.whl", None, "The set differs.", "Build it again."),
    )
    shown = page(EVERY_ROLE, findings=findings)
    text = html_page.render([EVERY_ROLE], [NO_SYMBOLS], findings=findings)
    assert text.index("NW603") < text.index(name + "</h2>") < text.index("NW501")
    assert {"Nothing supplies libgone.so.3.", "Add it.", "spam/_a.so", "elsewhere.whl", "The set differs."} <= set(shown.text("td"))
    assert "Findings" not in page(EVERY_ROLE).text("h3")


def test_symbols_by_arrow() -> None:
    asked = {
        EVERY_ROLE.images[0].member: AskedSymbols(
            of={Identity("libown.so"): ("do_it", "undo_it"), Identity("libc.so.6"): ("exit@GLIBC_2.2.5",)}, others=("PyList_New",)
        ),
        "/lib/libout.so.2": AskedSymbols(of={Identity("libc.so.6"): tuple(f"f{number}" for number in range(MOST_SYMBOLS + 5))}, others=()),
    }
    wheel = Page(html_page.render([EVERY_ROLE], [asked])).data[0]
    symbols = {(arrow["source"], arrow["target"]): arrow["symbols"] for arrow in wheel["arrows"]}
    assert symbols[0, 1] == {"names": ["do_it", "undo_it"], "total": 2}
    assert symbols[0, 8] == {"names": ["exit@GLIBC_2.2.5"], "total": 1}
    assert symbols[5, 8]["total"] == MOST_SYMBOLS + 5
    assert len(symbols[5, 8]["names"]) == MOST_SYMBOLS
    assert symbols[1, 8] == {"names": [], "total": 0}
    assert wheel["nodes"][0]["others"] == {"names": ["PyList_New"], "total": 1}
    assert all(
        0 <= line < len(re.findall("data-line=", html_page.render([EVERY_ROLE], [asked]))) for arrow in wheel["arrows"] for line in arrow["lines"]
    )


def test_long_lists_end() -> None:
    count = MOST_LINES + 10
    many = from_arrows(count, [(source, 0) for source in range(1, count)])
    blockers = tuple(Blocker(tag="better", member=f"m{number}", library=None, symbol=None, needs="a thing") for number in range(count))
    shown = page(replace(many, verdict=Verdict(tag="linux_x86_64", better=("better",), blockers=blockers)))
    assert "and 10 more" in shown.text("li")
    assert [text for text in shown.text("td") if text.endswith(" and 9 more")]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    wheel = inspection(extension("spam/_a.so"), library(f"spam/{name}"), warnings=(name,))
    asked = {"spam/_a.so": AskedSymbols(of={}, others=(name,))}
    found = finding(name, Severity.ERROR, wheel.wheel.name, name, name, name)
    shown = Page(html_page.render([wheel], [asked], findings=(found,)))
    assert f"Warning: {safe(name, 991)}"[:200] in {text[:200] for text in shown.text("li")}
    assert safe(f"spam/{name}") in shown.text("span")
    assert shown.data[0]["nodes"][1]["path"] == safe(f"spam/{name}")
    assert shown.data[0]["nodes"][0]["others"]["names"] == [safe(name, 400)]
    assert shown.text("td").count(safe(name)) >= 3


def test_all_hostile_names_together() -> None:
    shown = page(hostile())
    assert len(shown.data[0]["nodes"]) == 1 + 4 * len(HOSTILE)


@given(st.text(min_size=1))
def test_json_ends_no_script(text: str) -> None:
    written = json_text([text])
    assert written.isascii()
    assert not set("<>&") & set(written)
    assert json.loads(written) == [text]
