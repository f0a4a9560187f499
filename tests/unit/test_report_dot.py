"""DOT, by its text; Graphviz itself reads it in tests/integration/test_pictures.py."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from madepictures import EVERY_ROLE, from_arrows, hostile, inspection, library

from nativewheel.report import dot
from nativewheel.report.picture import Role, picture

STRING = r'"(?:[^"\\\n]|\\.)*"'
NODE = re.compile(rf"    n\d+ \[label={STRING} tooltip={STRING} shape=\w+(?: \w+=(?:\w+|{STRING}))*\]")


def nodes(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r"    n\d+ ", line)]


def test_nodes_and_every_arrow() -> None:
    text = dot.render([EVERY_ROLE])
    assert text.startswith("digraph wheels {\n")
    assert text.endswith("}\n")
    assert len(nodes(text)) == len(Role)
    assert all(NODE.fullmatch(line) for line in nodes(text))
    assert nodes(text)[0].startswith(
        '    n0 [label="spam._a\\n2.0 kB" tooltip="extension module: spam/_a.cpython-311-x86_64-linux-gnu.so" shape=box '
    )
    for arrow in picture([EVERY_ROLE]).arrows:
        faint = ' [color="#c5ccd4" constraint=false]' if arrow.implied else ""
        assert f"\n  n{arrow.source} -> n{arrow.target}{faint}\n" in text


def test_kinds_differ_in_shape_not_only_in_colour() -> None:
    shapes = [re.findall(r"(?:shape|peripheries|style)=\S+", line) for line in nodes(dot.render([EVERY_ROLE]))]
    assert len({tuple(shape) for shape in shapes}) == len(Role)


def test_one_cluster_a_wheel() -> None:
    text = dot.render([from_arrows(1, [], name="one"), from_arrows(1, [], name="two")])
    assert re.findall(r'subgraph cluster_(\d) \{\n    label="(\w+)-', text) == [("0", "one"), ("1", "two")]


def test_hostile_names_stay_text() -> None:
    assert all(NODE.fullmatch(line) for line in nodes(dot.render([hostile()])))


@given(st.text(min_size=1))
def test_any_name_stays_text(name: str) -> None:
    text = dot.render([inspection(library(f"spam/{name}"))])
    assert text.isascii()
    (line,) = nodes(text)
    assert NODE.fullmatch(line)
