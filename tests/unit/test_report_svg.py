"""SVG: well-formed whatever the names are, complete, and told to screen readers."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from madepictures import EVERY_ROLE, HOSTILE, from_arrows, hostile, inspection, library

from nativewheel.report import svg
from nativewheel.report.markup import safe
from nativewheel.report.palette import LOOKS
from nativewheel.report.picture import Role, picture

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "style", "rect", "polygon", "path", "text", "tspan", "g"}


def parsed(text: str) -> ET.Element:
    assert text.isascii()
    root = ET.fromstring(text)  # noqa: S314  (our own)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= ELEMENTS
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or name.endswith("href")]
    return root


def labels(root: ET.Element) -> list[str]:
    return [str(node.find(f"{SVG}text").text) for node in root.iter(f"{SVG}g") if "data-node" in node.attrib]  # type: ignore[union-attr]


def test_nodes_lines_and_legend() -> None:
    root = parsed(svg.render([EVERY_ROLE]))
    nodes = picture([EVERY_ROLE]).nodes
    assert labels(root) == [node.label for node in nodes]
    legend = [str(text.text) for group in root.findall(f"{SVG}g") for text in group.findall(f"{SVG}text")]
    assert legend == [LOOKS[role].words for role in Role]
    tips = [group.attrib["data-node"] for group in root.iter(f"{SVG}g") if "data-node" in group.attrib]
    assert tips == [str(number) for number in range(len(nodes))]


def test_screen_readers_are_told() -> None:
    root = parsed(svg.render([EVERY_ROLE]))
    assert root.attrib["role"] == "img"
    title, description = root[0], root[1]
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], description.attrib["id"]]
    assert title.text == "Native libraries of spam-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    assert description.text is not None
    assert description.text.startswith(
        "A graph with 11 arrows, each from a file to a library that it asks for. Files of each kind: extension module: 1"
    )
    assert root.findtext(f".//{SVG}g[@data-node='0']/{SVG}title") == "extension module: spam/_a.cpython-311-x86_64-linux-gnu.so"


def test_dark_and_light() -> None:
    style = parsed(svg.render([EVERY_ROLE])).findtext(f"{SVG}style") or ""
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    for role, look in LOOKS.items():
        assert f".is-{role} text{{fill:{look.light.text}}}" in light
        assert f".is-{role} text{{fill:{look.dark.text}}}" in dark


def test_the_remark_says_what_is_left_out() -> None:
    def remark(count: int) -> str:
        arrows = [(source, target) for source in range(count) for target in range(source + 1, count)]
        return next(str(text.text) for text in parsed(svg.render([from_arrows(count, arrows)])).iter(f"{SVG}text") if text.get("class") == "remark")

    assert remark(3) == "3 native files, 15.0 kB; arrows lead to what a file asks for."
    assert remark(20) == "20 native files, 100.0 kB; arrows lead to what a file asks for; an arrow that a longer way implies is not drawn."


def test_several_wheels_are_framed() -> None:
    root = parsed(svg.render([from_arrows(1, [], name="one"), from_arrows(1, [], name="two")]))
    assert sum(rect.get("class") == "frame" for rect in root.iter(f"{SVG}rect")) == 2
    assert root[0].text == "Native libraries of 2 wheels"


def test_a_pure_wheel_is_an_empty_picture() -> None:
    root = parsed(svg.render([inspection()]))
    assert labels(root) == []
    assert "Files of each kind: none." in (root[1].text or "")


def test_hostile_names_stay_text() -> None:
    shown = labels(parsed(svg.render([hostile()])))
    assert {safe(name.rpartition("/")[2] or name, 44) for name in HOSTILE} <= set(shown)


@given(st.text(min_size=1))
def test_any_name_stays_text(name: str) -> None:
    assert len(labels(parsed(svg.render([inspection(library(f"spam/{name}"))])))) == 1
