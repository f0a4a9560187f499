"""Where the slots of a layered drawing lie: straight lines where the order of the columns and the distances allow them."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nativewheel.report.svg_layers import Layered

PASSES = 12

_Sides = list[list[int]]
"""The neighbours of each slot on one side."""


def heights(layers: Layered, count: int, distance: Callable[[int, int], float]) -> list[float]:
    """Return the height of the middle of each slot, the topmost at 0.

    ``distance`` says how far apart two neighbours in a column must be; slots from ``count`` on are lanes, whose lines are kept straighter than those
    that end at nodes.
    """
    total = sum(map(len, layers.columns))
    before: _Sides = [[] for _ in range(total)]
    after: _Sides = [[] for _ in range(total)]
    for left, right in layers.pieces:
        before[right].append(left)
        after[left].append(right)
    weights = [4.0 if slot >= count else 1.0 + 0.25 * len(before[slot]) for slot in range(total)]
    packed = [_packed(column, distance) for column in layers.columns]
    height = [0.0] * total
    for column, offsets in zip(layers.columns, packed, strict=True):
        for slot, offset in zip(column, offsets, strict=True):
            height[slot] = offset - offsets[-1] / 2
    for turn in range(PASSES):
        sides = (before, after) if turn >= PASSES - 2 else ((before, after)[turn % 2],)
        columns = list(zip(layers.columns, packed, strict=True))
        for column, offsets in columns if turn % 2 == 0 else reversed(columns):
            wishes = [_wish(slot, height, sides) - offset for slot, offset in zip(column, offsets, strict=True)]
            for slot, offset, shift in zip(column, offsets, _nearest(wishes, [weights[slot] for slot in column]), strict=True):
                height[slot] = offset + shift
    top = min(height, default=0.0)
    return [value - top for value in height]


def _packed(column: Sequence[int], distance: Callable[[int, int], float]) -> list[float]:
    """Return how far below the first slot of a column each one lies when they are as close as may be."""
    return list(accumulate((distance(upper, lower) for upper, lower in pairwise(column)), initial=0.0))


def _wish(slot: int, height: list[float], sides: Iterable[_Sides]) -> float:
    places = sorted(height[other] for side in sides for other in side[slot])
    if not places:
        return height[slot]
    half = len(places) // 2
    return places[half] if len(places) % 2 else (places[half - 1] + places[half]) / 2


def _nearest(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the never falling numbers that differ least from ``wishes``, in squares (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for wish, weight in zip(wishes, weights, strict=True):
        value, heavy, length = wish, weight, 1
        while pools and pools[-1][0] > value:
            other, more, longer = pools.pop()
            value = (value * heavy + other * more) / (heavy + more)
            heavy, length = heavy + more, length + longer
        pools.append((value, heavy, length))
    return [value for value, _, length in pools for _ in range(length)]
