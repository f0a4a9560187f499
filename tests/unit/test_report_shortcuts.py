"""Which arrows longer ways imply, against a plain search."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nativewheel.report.shortcuts import components, implied

COUNT = 7
ARROWS = st.sets(st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda pair: pair[0] != pair[1]), max_size=20)


def reached(arrows: set[tuple[int, int]], start: int) -> set[int]:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        fresh = {target for source, target in arrows if source == node} - found
        found |= fresh
        waiting += fresh
    return found


@given(ARROWS)
def test_rings_are_what_reach_each_other(arrows: set[tuple[int, int]]) -> None:
    rings = components([[target for source, target in sorted(arrows) if source == node] for node in range(COUNT)])
    assert sorted(node for ring in rings for node in ring) == list(range(COUNT))
    for number, ring in enumerate(rings):
        for node in ring:
            mutual = {other for other in range(COUNT) if other in reached(arrows, node) and node in reached(arrows, other)} | {node}
            assert mutual == set(ring)
            assert all(other in {inner for earlier in rings[: number + 1] for inner in earlier} for other in reached(arrows, node))


@given(ARROWS)
def test_without_the_implied_arrows_everything_is_still_reached(arrows: set[tuple[int, int]]) -> None:
    hidden = implied(COUNT, arrows)
    assert hidden <= arrows
    rest = arrows - hidden
    for node in range(COUNT):
        assert reached(rest, node) == reached(arrows, node)
    for source, target in rest:
        if source not in reached(arrows, target):
            # Nothing but the direct arrow, or another one into the same ring, leads there.
            ring = {node for node in range(COUNT) if node in reached(arrows, target) and target in reached(arrows, node)} | {target}
            own = {node for node in range(COUNT) if node in reached(arrows, source) and source in reached(arrows, node)} | {source}
            direct = {(one, other) for one, other in arrows if one in own and other in ring}
            assert target not in reached(arrows - direct, source)


def test_a_long_chain_does_not_recurse() -> None:
    length = 5000
    chain = [(node, node + 1) for node in range(length)]
    assert implied(length + 1, [*chain, (0, length)]) == {(0, length)}
