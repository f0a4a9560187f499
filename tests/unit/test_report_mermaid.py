"""Mermaid flowcharts, read by a parser that takes less than Mermaid does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepictures import EVERY_ROLE, HOSTILE, extension, from_arrows, hostile, inspection, library
from mermaidsyntax import parse

from nativewheel.report import mermaid
from nativewheel.report.markup import safe
from nativewheel.report.picture import Role, picture


def test_every_role_has_its_own_shape_and_class() -> None:
    chart = parse(mermaid.render([EVERY_ROLE]))
    roles = [node.role for node in picture([EVERY_ROLE]).nodes]
    assert [chart.classes[number] for number in range(len(roles))] == list(map(str, roles))
    assert len({shape for shape, _ in chart.nodes.values()}) == len(Role)
    assert chart.nodes[0] == ("rounded", "spam._a\n2.0 kB")
    assert chart.titles == ["spam-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"]
    assert chart.arrows == [(arrow.source, arrow.target) for arrow in picture([EVERY_ROLE]).arrows]


def test_one_subgraph_a_wheel() -> None:
    chart = parse(mermaid.render([from_arrows(2, [(0, 1)], name="one"), inspection(name="none"), from_arrows(1, [], name="two")]))
    assert chart.subgraphs == {"w0": [0, 1], "w1": [], "w2": [2]}


def test_hostile_names_stay_text() -> None:
    chart = parse(mermaid.render([hostile()]))
    texts = {text.partition("\n")[0] for _, text in chart.nodes.values()}
    assert {safe(name.rpartition("/")[2] or name, 60) for name in HOSTILE} <= texts


@given(st.text(min_size=1))
def test_any_name_stays_text(name: str) -> None:
    text = mermaid.render([inspection(extension("a.so"), library(f"spam/{name}"))])
    assert text.isascii()
    assert parse(text).nodes[1][1] == f"{safe(name.rpartition('/')[2] or f'spam/{name}', 60)}\n5.0 kB"


@pytest.mark.parametrize(("count", "shown"), [(10, 45), (40, 39)])
def test_a_crowded_picture_leaves_out_what_is_implied(count: int, shown: int) -> None:
    arrows = [(source, target) for source in range(count) for target in range(source + 1, count)]
    assert len(parse(mermaid.render([from_arrows(count, arrows)])).arrows) == shown
