"""Where the slots of a layered drawing lie: straight lines where the order of the columns and the distances allow them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nativewheel.report.svg_layers import Layered

PASSES = 12


def heights(layers: Layered, count: int, distance: Callable[[int, int], float]) -> list[float]:
    """Return the height of the middle of each slot, the topmost at 0.

    ``distance`` says how far apart two neighbours in a column must be; slots from ``count`` on are lanes, whose lines are kept straighter than those
    that end at nodes.
    """
    total = sum(map(len, layers.columns))
    neighbours: tuple[list[list[int]], list[list[int]]] = ([[] for _ in range(total)], [[] for _ in range(total)])
    for left, right in layers.pieces:
        neighbours[0][right].append(left)
        neighbours[1][left].append(right)
    height = [0.0] * total
    offsets = []
    for column in layers.columns:
        offset = [0.0]
        for upper, lower in pairwise(column):
            offset.append(offset[-1] + distance(upper, lower))
        offsets.append(offset)
        middle = offset[-1] / 2
        for slot, down in zip(column, offset, strict=False):
            height[slot] = down - middle
    for turn in range(PASSES):
        sides = neighbours if turn >= PASSES - 2 else (neighbours[turn % 2], [[] for _ in range(total)])
        order = range(len(offsets)) if turn % 2 == 0 else range(len(offsets) - 1, -1, -1)
        for index in order:
            column, offset = layers.columns[index], offsets[index]
            wishes = [_wish(slot, height, sides) for slot in column]
            weights = [4.0 if slot >= count else 1.0 + 0.25 * len(sides[0][slot]) for slot in column]
            for slot, down, shift in zip(
                column, offset, _nearest([wish - down for wish, down in zip(wishes, offset, strict=True)], weights), strict=True
            ):
                height[slot] = down + shift
    top = min(height, default=0.0)
    return [value - top for value in height]


def _wish(slot: int, height: list[float], sides: tuple[list[list[int]], list[list[int]]]) -> float:
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
