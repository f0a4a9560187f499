"""The geometry of pictures: nothing overlaps, every arrow is drawn, the same picture every time, and no wheel takes for ever."""

from __future__ import annotations

import random
import time
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st
from madepictures import EVERY_ROLE, from_arrows

from nativewheel.report import svg_layers
from nativewheel.report.picture import Role, picture
from nativewheel.report.svg_layers import layered
from nativewheel.report.svg_layout import LANE_GAP, Layout, layout
from nativewheel.report.svg_places import heights

COUNT = 9
ARROWS = st.sets(st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda pair: pair[0] != pair[1]), max_size=30)


def drawn(count: int, arrows: set[tuple[int, int]] | list[tuple[int, int]]) -> Layout:
    return layout(picture([from_arrows(count, sorted(arrows))]))


@given(ARROWS)
def test_no_boxes_overlap_and_all_are_inside(arrows: set[tuple[int, int]]) -> None:
    place = drawn(COUNT, arrows)
    for one, other in combinations(place.boxes, 2):
        assert one.x + one.width < other.x or other.x + other.width < one.x or one.y + one.height < other.y or other.y + other.height < one.y
    for box in place.boxes:
        assert 0 < box.x < box.x + box.width < place.width
        assert 0 < box.y < box.y + box.height < place.height


@given(ARROWS)
def test_each_arrow_is_a_line_from_box_to_box(arrows: set[tuple[int, int]]) -> None:
    place = drawn(COUNT, arrows)
    assert set(place.ways) == arrows
    for (source, target), way in place.ways.items():
        lines = [place.lines[number] for number in way]
        left, right = (source, target) if place.boxes[source].x < place.boxes[target].x else (target, source)
        assert lines[0].start[0] == place.boxes[left].x + place.boxes[left].width
        assert lines[-1].end[0] == place.boxes[right].x
        assert lines[0].start[1] == place.boxes[left].y + place.boxes[left].height / 2
        assert lines[-1].end[1] == place.boxes[right].y + place.boxes[right].height / 2
        assert lines[-1].head_at_end if left == source else lines[0].head_at_start
        for one, other in pairwise(lines):
            assert one.end == other.start
        for line in lines:
            assert line.start[0] <= line.bend < line.end[0]


@given(ARROWS)
def test_lines_pass_beside_boxes(arrows: set[tuple[int, int]]) -> None:
    """A lane crosses a column on the level; no box of the column is there."""
    place = drawn(COUNT, arrows)
    for line in place.lines:
        (x, y), bend = line.start, line.bend
        for box in place.boxes:
            assert not (box.x < bend and x < box.x + box.width and box.y <= y <= box.y + box.height)


@given(ARROWS, st.sets(st.integers(0, COUNT - 1)))
def test_columns_lead_to_the_right(arrows: set[tuple[int, int]], wanted: set[int]) -> None:
    last = frozenset(wanted - {source for source, _ in arrows})
    layers = layered(COUNT, sorted(arrows), last)
    place = {slot: number for number, column in enumerate(layers.columns) for slot in column}
    assert sorted(place) == list(range(len(place)))
    for (source, target), way in layers.ways.items():
        assert (way[0], way[-1]) == (source, target)
        steps = {place[other] - place[one] for one, other in pairwise(way)}
        assert steps == ({-1} if (source, target) in layers.turned else {1})
        assert all(slot >= COUNT for slot in way[1:-1])
    assert len({place[node] for node in last}) <= 1
    assert all(place[node] > place[other] for node in last for other in set(range(COUNT)) - last)


@given(ARROWS)
def test_places_keep_the_order_and_the_distance(arrows: set[tuple[int, int]]) -> None:
    layers = layered(COUNT, sorted(arrows), frozenset())
    height = heights(layers, COUNT, lambda _upper, _lower: LANE_GAP)
    assert min(height) == 0
    for column in layers.columns:
        for upper, lower in pairwise(column):
            assert height[lower] - height[upper] >= LANE_GAP - 1e-6


def test_a_ring_is_broken_in_one_place() -> None:
    layers = layered(3, [(0, 1), (1, 2), (2, 0)], frozenset())
    assert layers.turned == {(2, 0)}
    assert layers.ways[2, 0][0] == 2


def test_arrows_to_one_node_share_their_lanes() -> None:
    layers = layered(5, [(0, 2), (1, 2), (2, 3), (3, 4), (0, 4), (1, 4)], frozenset())
    assert layers.ways[0, 4][1:] == layers.ways[1, 4][1:]
    assert sum(map(len, layers.columns)) == 5 + 2


def test_crossings_are_undone() -> None:
    layers = layered(6, [(0, 5), (1, 4), (2, 3)], frozenset())
    assert layers.columns[1] in {(5, 4, 3), (3, 4, 5)}
    assert layers.columns[0] == ((0, 1, 2) if layers.columns[1] == (5, 4, 3) else (2, 1, 0))


def test_system_libraries_stand_at_the_end() -> None:
    roles = {node.role: box for node, box in zip(picture([EVERY_ROLE]).nodes, layout(picture([EVERY_ROLE])).boxes, strict=True)}
    assert roles[Role.SYSTEM].x > max(box.x for role, box in roles.items() if role is not Role.SYSTEM)


def test_two_hundred_nodes_are_laid_out_at_once_and_always_alike() -> None:
    dice = random.Random(7)  # noqa: S311  (a graph, no secret)
    arrows = {(source, target) for source in range(200) for target in dice.sample(range(source, 201), min(4, 201 - source)) if target != source}
    started = time.process_time()
    place = drawn(201, arrows)
    assert time.process_time() - started < 3
    assert place == drawn(201, arrows)
    assert not place.complete
    widths = [box.x + box.width for box in place.boxes]
    assert max(widths) < place.width


def test_a_hostile_graph_costs_little() -> None:
    deep = 600
    arrows = {(node, node + 1) for node in range(deep)} | {(node, deep + 1 + node) for node in range(deep)}
    arrows |= {(0, deep + 1 + node) for node in range(deep)} | {(deep, 1)}
    started = time.process_time()
    place = drawn(2 * deep + 1, arrows)
    assert time.process_time() - started < 20
    assert len(place.lines) < 4 * svg_layers.MOST_PIECES


def test_wheels_lie_below_each_other() -> None:
    pictured = picture([from_arrows(3, [(0, 1)], name="one"), from_arrows(2, [(0, 1)], name="two")])
    place = layout(pictured)
    assert [frame.title.partition("-")[0] for frame in place.frames] == ["one", "two"]
    for frame, group in zip(place.frames, pictured.groups, strict=True):
        for node in group.nodes:
            assert frame.y < place.boxes[node].y < place.boxes[node].y + place.boxes[node].height < frame.y + frame.height
    assert place.frames[0].y + place.frames[0].height < place.frames[1].y
