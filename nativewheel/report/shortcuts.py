"""Which arrows of a graph say nothing new, because a longer way leads from their source to their target."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def implied(count: int, arrows: Iterable[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """Return the ``arrows`` between nodes ``range(count)`` that a transitive reduction leaves out.

    Arrows within a ring all stay: which of them a longer way implies would be a matter of taste.
    """
    pairs = list(arrows)
    following: list[list[int]] = [[] for _ in range(count)]
    for source, target in pairs:
        following[source].append(target)
    rings = components(following)
    ring = [0] * count
    for number, members in enumerate(rings):
        for node in members:
            ring[node] = number
    # Rings come out in the order of completion: whatever a ring leads to has a lower number and is known when its turn comes.
    reach = [0] * len(rings)
    beyond = [0] * len(rings)
    for number, members in enumerate(rings):
        after = {ring[target] for node in members for target in following[node]} - {number}
        for other in after:
            beyond[number] |= reach[other]
        reach[number] = beyond[number]
        for other in after:
            reach[number] |= 1 << other
    return frozenset((source, target) for source, target in pairs if ring[source] != ring[target] and beyond[ring[source]] >> ring[target] & 1)


def components(following: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the strongly connected components, each after everything that it leads to (Tarjan 1972, on a stack of our own)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    waiting: list[int] = []
    inside: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(following)):
        if root in order:
            continue
        work = [(root, iter(following[root]))]
        order[root] = low[root] = len(order)
        waiting.append(root)
        inside.add(root)
        while work:
            node, rest = work[-1]
            for target in rest:
                if target not in order:
                    order[target] = low[target] = len(order)
                    waiting.append(target)
                    inside.add(target)
                    work.append((target, iter(following[target])))
                    break
                if target in inside:
                    low[node] = min(low[node], order[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    members: list[int] = []
                    while not members or members[-1] != node:
                        members.append(waiting.pop())
                    inside.difference_update(members)
                    found.append(members)
    return found
