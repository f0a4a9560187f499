"""The pictures of `show`, where they are used: Graphviz reads the DOT, a browser draws the SVG and runs the page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from browser import DOWN, ENTER, ESCAPE, LEFT, RIGHT, TAB, UP, Browser, browser
from command import CONFIG, FIXTURES, ROOT, fixture, nativewheel, repair, vendored
from madepictures import EVERY_ROLE, HOSTILE, from_arrows, hostile
from mermaidsyntax import parse
from realwheels import unrepaired

from nativewheel.report import dot, html_page, svg
from nativewheel.report.markup import safe
from nativewheel.report.palette import LOOKS
from nativewheel.report.picture import Role, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser that all tests of this module share."""
    with browser(tmp_path_factory.mktemp("browser") / "profile") as shared:
        yield shared


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a provider, a consumer and a wheel with vendored libraries."""
    folder = tmp_path_factory.mktemp("repaired")
    names = ("ntcore-1.2.7-py3-none", "ntuser-0.4.0-cp38-abi3", "ntvendor-0.1.0-cp38-abi3")
    nativewheel("repair", "--config", CONFIG, "-w", folder, *(FIXTURES / "wheels" / f"{name}-linux_x86_64.whl" for name in names))
    return sorted(folder.iterdir())


@pytest.fixture
def page(window: Browser, repaired: list[Path], tmp_path: Path) -> Browser:
    """Return the browser with the page of the repaired wheels open."""
    return opened(window, nativewheel("show", "--format", "html", *repaired).stdout, tmp_path)


def opened(window: Browser, text: str, folder: Path) -> Browser:
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    window.scheme("light")
    window.resize(1400, 1000)
    window.open(path)
    return window


def focused(window: Browser) -> str:
    return str(window.run("return document.activeElement.getAttribute('aria-label') || document.activeElement.id"))


def chosen(window: Browser) -> list[str]:
    found: list[str] = window.run("return [...document.querySelectorAll('[aria-pressed=true] text')].map(text => text.firstChild.data)")
    return found


def graphviz(text: str) -> ET.Element:
    """Return what Graphviz makes of DOT; a warning is a failure."""
    if shutil.which("dot") is None:
        pytest.skip("no dot: Debian's graphviz")
    done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    return ET.fromstring(done.stdout)  # noqa: S314  (Graphviz's)


def groups(drawn: ET.Element, kind: str) -> list[ET.Element]:
    return [group for group in drawn.iter(f"{SVG}g") if group.get("class") == kind]


def test_graphviz_draws_every_node_and_arrow() -> None:
    drawn = graphviz(dot.render([EVERY_ROLE]))
    expected = picture([EVERY_ROLE])
    assert {group.findtext(f"{SVG}title") for group in groups(drawn, "node")} == {f"n{number}" for number in range(len(expected.nodes))}
    assert {group.findtext(f"{SVG}title") for group in groups(drawn, "edge")} == {f"n{arrow.source}->n{arrow.target}" for arrow in expected.arrows}
    assert len(groups(drawn, "cluster")) == 1


def test_graphviz_takes_hostile_names_for_text() -> None:
    drawn = graphviz(dot.render([hostile()]))
    shown = {str(group.findtext(f".//{SVG}text")).replace("\xa0", " ").strip() for group in groups(drawn, "node")}
    assert {safe(name.rpartition("/")[2] or name, 80).strip() for name in HOSTILE} <= shown


def test_the_command_draws_a_set(repaired: list[Path]) -> None:
    drawn = graphviz(nativewheel("show", "--format", "dot", *repaired).stdout)
    assert len(groups(drawn, "cluster")) == 3
    chart = parse(nativewheel("show", "--format", "mermaid", *repaired).stdout)
    assert [title.partition("-")[0] for title in chart.titles] == ["ntcore", "ntuser", "ntvendor"]
    owner = {node: subgraph for subgraph, nodes in chart.subgraphs.items() for node in nodes}
    crossing = [(owner[source], owner[target], chart.classes[target]) for source, target in chart.arrows if owner[source] != owner[target]]
    assert crossing == [("w1", "w0", Role.SHARED)]
    drawing = ET.fromstring(nativewheel("show", "--format", "svg", *repaired).stdout)  # noqa: S314  (our own)
    assert sum("crosses" in (path.get("class") or "") for path in drawing.iter(f"{SVG}path")) == 1


def test_forms_do_not_depend_on_the_machine(repaired: list[Path], tmp_path: Path) -> None:
    for form in ("mermaid", "dot", "svg", "html"):
        texts = {
            nativewheel(
                "show", "--format", form, "-j", jobs, *repaired, cwd=tmp_path, env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": coding}
            ).stdout
            for jobs, seed, coding in ((1, "1", "utf-8"), (4, "2", "ascii"))
        }
        assert len(texts) == 1


@pytest.mark.parametrize("system", ["win_amd64", "macosx_11_0_universal2", "linux_aarch64"])
def test_wheels_for_other_systems(system: str) -> None:
    wheel = fixture("ntuser", f"abi3-{system}")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', nativewheel("show", "--format", "html", wheel).stdout)
    (shown,) = json.loads(data)
    assert shown["nodes"][0]["label"] == "ntuser._ext"
    assert any(arrow["symbols"]["total"] for arrow in shown["arrows"] if arrow["source"] == 0)


def test_the_documentation_explains_each_kind() -> None:
    text = (ROOT / "docs" / "pictures.rst").read_text(encoding="utf-8")
    assert re.findall(r"^   \* - ([a-z ]+)\n     - ", text, re.MULTILINE) == [look.words for look in LOOKS.values()]


def test_an_svg_is_drawn(window: Browser, tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    path.write_text(svg.render([EVERY_ROLE]), encoding="utf-8")
    window.open(path)
    overfull = """
        return [...document.querySelectorAll("[data-node]")].filter(node => {
            const text = node.querySelector("text").getBBox(), box = node.querySelector("rect, polygon").getBBox();
            return text.x < box.x || text.x + text.width > box.x + box.width || text.height === 0;
        }).map(node => node.textContent)"""
    assert window.run(overfull) == []
    ground = "return getComputedStyle(document.querySelector('.paper')).fill"
    window.scheme("light")
    assert window.run(ground) == "rgb(255, 255, 255)"
    window.scheme("dark")
    assert window.run(ground) == "rgb(20, 23, 28)"
    assert window.log("browser") == []


def test_two_hundred_nodes_are_legible(window: Browser, tmp_path: Path) -> None:
    arrows = [(source, target) for source in range(200) for target in (source * 2 + 1, source * 3 + 1, 199) if source < target < 200]
    assert len(seen(window, svg.render([from_arrows(200, arrows)]), tmp_path)) == 200


@pytest.mark.network
@pytest.mark.debian
def test_rasterio_is_legible(window: Browser, tmp_path: Path) -> None:
    wheel = repair(unrepaired("rasterio"), tmp_path / "repaired")
    libraries = {safe(name.rpartition("/")[2], 44) for name in vendored(wheel)}
    assert len(libraries) > 90
    assert libraries <= set(seen(window, nativewheel("show", "--format", "svg", wheel).stdout, tmp_path))


def seen(window: Browser, text: str, folder: Path) -> list[str]:
    """Return the labels of a drawing; each must be seen whole, under no other box and no line."""
    path = folder / "large.svg"
    path.write_text(text, encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314  (our own)
    window.resize(int(float(root.attrib["width"])) + 50, int(float(root.attrib["height"])) + 250)
    window.open(path)
    hidden = """
        return [...document.querySelectorAll("[data-node]")].filter(node => {
            const box = node.querySelector("text").getBoundingClientRect();
            return [0.1, 0.5, 0.9].some(part => !node.contains(document.elementFromPoint(box.x + box.width * part, box.y + box.height / 2)));
        }).length"""
    assert window.run(hidden) == 0
    labels: list[str] = window.run("return [...document.querySelectorAll('[data-node] text')].map(text => text.firstChild.data)")
    return labels


def test_the_page_opens_without_network_or_complaints(page: Browser) -> None:
    addresses = page.requests()
    assert len(addresses) == 1
    assert addresses[0].startswith("file:///")
    assert page.log("browser") == []
    assert page.run("return document.querySelectorAll('.sheet.live').length") == 3
    sizes = page.run("return [...document.querySelectorAll('.graph [data-node]')].map(node => node.getBoundingClientRect().width)")
    assert sizes
    assert min(sizes) > 20


def test_everything_has_a_name_for_screen_readers(page: Browser) -> None:
    assert page.role("#w1 .graph svg") == "application"
    assert page.label("#w1 .graph svg").startswith("A graph with ")
    assert page.role("#w1 [data-node]") == "button"
    assert page.label("#w1 [data-node]") == "ntuser._ext, extension module, needed by 0, needs 2"
    assert page.label("#w1-search") == "Search"
    assert page.role("#w1 .files") == "table"
    unnamed = "return [...document.querySelectorAll('button, [role=region], [role=group]')].filter(e => !e.hidden).map((e, i) => (e.id ||= `e${i}`))"
    for identifier in page.run(unnamed):
        assert page.label(f"#{identifier}"), identifier


def test_search(page: Browser) -> None:
    page.click("#w2-search")
    page.press(*"OUTER")
    assert page.text("#w2-status") == "1 of 5 match."
    rows = (
        "return [...document.querySelectorAll('#w2 .files tbody tr')].filter(row => !row.hidden).map(row => row.querySelector('button').textContent)"
    )
    (found,) = page.run(rows)
    assert found.startswith("libntouter-")
    page.press(ENTER)
    assert chosen(page) == [found]
    assert focused(page).startswith(found)
    page.click("#w2-search")
    page.press(ESCAPE)
    assert page.text("#w2-status") == ""
    assert len(page.run(rows)) == 5
    page.press(*"none such", ENTER)
    assert page.text("#w2-status") == "0 of 5 match."
    assert chosen(page) == [found]


def test_the_keyboard_goes_everywhere(page: Browser) -> None:
    page.press(TAB)
    assert page.run("return document.activeElement.className") == "skip"
    page.run("document.querySelector('#w2 [data-zoom=fit]').focus()")
    page.press(TAB)
    first = focused(page)
    assert page.run("return document.activeElement.closest('.graph') !== null")
    assert page.run("return getComputedStyle(document.activeElement.querySelector('rect, polygon')).strokeWidth") == "3.5px"
    page.press(UP, DOWN)
    assert focused(page) != first
    page.press(UP)
    assert focused(page) == first
    page.press(RIGHT)
    assert focused(page).startswith("libntouter-")
    page.press(ENTER)
    (label,) = chosen(page)
    assert label.startswith("libntouter-")
    assert page.text("#w2-status") == f"{label} selected: needed by 2, needs 2."
    page.press(LEFT, "0", "+", "-")
    assert chosen(page) == [label]
    page.press(TAB)
    assert page.run("return document.activeElement.className") == "panel"
    page.press(TAB)
    assert page.run("return document.activeElement.textContent") in {"ntprog", "ntvendor._vend"}
    page.press(ENTER)
    assert chosen(page) == [focused(page).partition(",")[0]]
    page.press(ESCAPE)
    assert chosen(page) == []
    assert page.run("return document.querySelector('#w2 .panel').hidden")


def test_a_click_tells_who_needs_a_library_and_which_symbols(page: Browser) -> None:
    node = page.run("return [...document.querySelectorAll('#w2 [data-node]')].find(node => node.textContent.includes('libntouter')).dataset.node")
    page.click(f"#w2 [data-node='{node}']")
    text = page.text("#w2 .panel")
    assert "Needed by (2)" in text
    assert "Needs (2)" in text
    page.run("for (const details of document.querySelectorAll('#w2 .panel details')) details.open = true")
    for _ in range(50):  # "toggle" comes when the browser has time for it
        if "nt_outer_name" in (text := page.text("#w2 .panel")):
            break
    assert re.search(r"ntvendor\._vend\s+2 symbols\s+nt_outer\s+nt_outer_name", text)
    assert "abort@GLIBC_2.2.5" in text
    assert page.run("return document.querySelectorAll('#w2 .hot').length") >= 3
    page.click(f"#w2 [data-node='{node}']")
    assert chosen(page) == []
    page.click("#w2 .files [data-select='0']")
    assert chosen(page) == [page.text("#w2 .files [data-select='0']")]


def test_zoom(page: Browser) -> None:
    view = "return document.querySelector('#w2 .graph svg').getAttribute('viewBox').split(' ').map(Number)"
    page.click("#w2 [data-zoom=fit]")
    fitting = page.run(view)
    page.click("#w2 [data-zoom=in]")
    assert page.run(view)[2] == pytest.approx(fitting[2] / 1.3)
    page.click("#w2 [data-zoom=out]")
    assert page.run(view)[2] == pytest.approx(fitting[2])
    page.click("#w2 [data-zoom=in]")
    page.click("#w2 [data-zoom=in]")
    before = page.run(view)
    page.run("document.querySelector('#w2 .graph').scrollIntoView({block: 'center'})")
    middle = page.run("const box = document.querySelector('#w2 .graph').getBoundingClientRect(); return [box.x + 20, box.y + 20]")
    steps = [
        {"type": "pointerMove", "x": int(middle[0]) + 100, "y": int(middle[1])},
        {"type": "pointerDown", "button": 0},
        {"type": "pointerMove", "x": int(middle[0]), "y": int(middle[1])},
        {"type": "pointerUp", "button": 0},
    ]
    page.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps}]})
    assert page.run(view)[0] > before[0]
    assert chosen(page) == []


def test_a_narrow_screen_shows_everything(page: Browser) -> None:
    page.resize(500, 900)
    assert page.run("return document.documentElement.scrollWidth <= window.innerWidth")
    page.click("#w2 .files [data-select='0']")
    assert min(page.run("return [...document.querySelectorAll('.graph svg')].map(graph => graph.getBoundingClientRect().height)")) >= 200
    graph, panel = page.run("return ['.graph', '.panel'].map(part => document.querySelector(`#w2 ${part}`).getBoundingClientRect().toJSON())")
    assert graph["bottom"] <= panel["top"]


def test_reduced_motion(page: Browser) -> None:
    duration = "return getComputedStyle(document.querySelector('[data-line]')).transitionDuration"
    page.scheme("light", motion="reduce")
    assert page.run(duration) == "0s"
    page.scheme("light")
    assert page.run(duration) != "0s"


def test_hostile_names_run_nothing(window: Browser, tmp_path: Path) -> None:
    page = opened(window, html_page.render([hostile()], [{}]), tmp_path)
    assert page.run("return window.broken") is None
    for number in range(0, page.run("return document.querySelectorAll('[data-node]').length"), 7):
        page.run("document.querySelector(`.files [data-select='${arguments[0]}']`).click()", number)
        assert len(chosen(page)) == 1
    page.click("#w0-search")
    page.press(*"<script>")
    assert page.text("#w0-status").endswith(" match.")
    assert page.run("return window.broken") is None
    assert page.run("return document.images.length") == 0
    assert page.log("browser") == []
    assert len(page.requests()) == 1


def test_the_policy_stops_what_is_not_ours(window: Browser, tmp_path: Path) -> None:
    text = html_page.render([EVERY_ROLE], [{}]).replace("</main>", "<script>window.broken=1</script></main>")
    page = opened(window, text, tmp_path)
    assert page.run("return window.broken") is None
    assert page.run("return document.querySelector('.sheet.live') !== null")
    assert "Content Security Policy" in page.log("browser")[0]["message"]
