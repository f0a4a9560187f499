"""The columns of a layered drawing (Sugiyama, Tagawa, Toda 1981): every arrow leads to the right, and each column is in an order with few crossings.

Long arrows run through the columns between as *lanes*.  All arrows to one node share their lanes, so that a library that everything asks for has one
line running to it and not a hundred: the lines of a picture then grow with its files instead of with its arrows.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SWEEPS = 16
MOST_PIECES = 20_000
"""Pieces of arrows beyond which order is not improved any more, and lanes beyond which long arrows go straight: only a hostile wheel has as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    """Slots in columns, each column in its order from the top.

    Slots below the number of nodes are the nodes; the others are lanes.  ``ways`` has the slots that each arrow passes, from its source to its
    target.  In ``turned`` are the arrows that lead to the left.
    """

    columns: tuple[tuple[int, ...], ...]
    ways: dict[tuple[int, int], tuple[int, ...]]
    turned: frozenset[tuple[int, int]]

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """The pieces of all arrows, left slot first, each once however many arrows share it."""
        found: dict[tuple[int, int], None] = {}
        for arrow, way in self.ways.items():
            forward = way[::-1] if arrow in self.turned else way
            found.update(dict.fromkeys(pairwise(forward)))
        return list(found)


def layered(count: int, arrows: Sequence[tuple[int, int]], last: frozenset[int]) -> Layered:
    """Put nodes ``range(count)`` into columns; those in ``last``, from which no arrow starts, share the one at the right end."""
    turned = _turned(count, arrows)
    forward = [(target, source) if (source, target) in turned else (source, target) for source, target in arrows]
    column = _columns(count, forward, last)
    slots = _Slots(column=column)
    slots.add_ways(arrows, turned)
    columns: list[list[int]] = [[] for _ in range(max(slots.column, default=-1) + 1)]
    for slot, place in enumerate(slots.column):
        columns[place].append(slot)
    result = Layered(columns=(), ways=slots.ways, turned=frozenset(turned))
    return Layered(columns=_ordered(columns, result.pieces, len(slots.column)), ways=slots.ways, turned=frozenset(turned))


@dataclass(slots=True, kw_only=True)
class _Slots:
    column: list[int]
    ways: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    _lanes: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def add_ways(self, arrows: Sequence[tuple[int, int]], turned: set[tuple[int, int]]) -> None:
        for source, target in arrows:
            left, right = (target, source) if (source, target) in turned else (source, target)
            straight = len(self._lanes) > MOST_PIECES
            # A turned arrow has lanes of its own: its head is at the other end.
            shared = -1 if left == source else source
            lanes = () if straight else (self._lane(shared, target, place) for place in range(self.column[left] + 1, self.column[right]))
            way = (left, *lanes, right)
            self.ways[source, target] = way if left == source else way[::-1]

    def _lane(self, shared: int, target: int, place: int) -> int:
        key = (shared, target, place)
        if key not in self._lanes:
            self._lanes[key] = len(self.column)
            self.column.append(place)
        return self._lanes[key]


def _turned(count: int, arrows: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return arrows without which there is no ring: those that lead back to where a walk in depth still is."""
    following: list[list[int]] = [[] for _ in range(count)]
    for source, target in arrows:
        following[source].append(target)
    asked = {target for _, target in arrows}
    back: set[tuple[int, int]] = set()
    active: set[int] = set()
    done: set[int] = set()
    for root in sorted(range(count), key=lambda node: (node in asked, node)):
        if root in done:
            continue
        work = [(root, iter(following[root]))]
        active.add(root)
        while work:
            node, rest = work[-1]
            for target in rest:
                if target in active:
                    back.add((node, target))
                elif target not in done:
                    active.add(target)
                    work.append((target, iter(following[target])))
                    break
            else:
                work.pop()
                active.discard(node)
                done.add(node)
    return back


def _columns(count: int, forward: Sequence[tuple[int, int]], last: frozenset[int]) -> list[int]:
    """Put each node one column to the right of the last one that asks for it."""
    following: list[list[int]] = [[] for _ in range(count)]
    pending = [0] * count
    for left, right in forward:
        following[left].append(right)
        pending[right] += 1
    column = [0] * count
    ready = [node for node in range(count) if not pending[node]]
    for node in ready:  # grows while it is walked
        for right in following[node]:
            column[right] = max(column[right], column[node] + 1)
            pending[right] -= 1
            if not pending[right]:
                ready.append(right)
    end = max((place for node, place in enumerate(column) if node not in last), default=-1) + 1
    return [end if node in last else place for node, place in enumerate(column)]


def _ordered(columns: list[list[int]], pieces: list[tuple[int, int]], count: int) -> tuple[tuple[int, ...], ...]:
    """Order each column by the middle of the neighbours in the column beside it, to and fro, and keep the order with the fewest crossings."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for left, right in pieces:
        after[left].append(right)
        before[right].append(left)
    place = {slot: float(index) for column in columns for index, slot in enumerate(column)}
    best, fewest = [tuple(column) for column in columns], _crossings(columns, after, place)
    for sweep in range(SWEEPS if len(pieces) <= MOST_PIECES else 1):
        if not fewest:
            break
        neighbours = (after, before)[sweep % 2]
        for column in columns if sweep % 2 else reversed(columns):
            means = {slot: _mean([place[other] for other in neighbours[slot]], place[slot]) for slot in column}
            column.sort(key=means.__getitem__)
            place.update((slot, float(index)) for index, slot in enumerate(column))
        crossings = _crossings(columns, after, place)
        if crossings < fewest:
            best, fewest = [tuple(column) for column in columns], crossings
    return tuple(best)


def _mean(places: list[float], own: float) -> float:
    return sum(places) / len(places) if places else own


def _crossings(columns: list[list[int]], after: list[list[int]], place: dict[int, float]) -> int:
    """Count the pairs of pieces that cross: inversions among the right ends, taken in the order of the left ends."""
    total = 0
    for column in columns:
        seen: list[float] = []
        for slot in column:
            ends = sorted(place[other] for other in after[slot])
            total += sum(len(seen) - bisect_left(seen, end + 0.5) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
