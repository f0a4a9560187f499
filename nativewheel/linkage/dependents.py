"""Which images of a wheel reach something, directly or through others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph, Link
    from nativewheel.wheel.names import Member


def dependents(graph: Graph, wanted: Callable[[Link], bool]) -> tuple[WheelImage, ...]:
    """Return the images of the wheel from which a ``wanted`` link is reached, directly or through other libraries, in archive order."""
    users: dict[Member | Path, list[Member | Path]] = {}
    reached: list[Member | Path] = []
    for key, links in graph.links.items():
        if any(map(wanted, links)):
            reached.append(key)
        for link in links:
            target = link.member or link.path
            if target is not None:
                users.setdefault(target, []).append(key)
    seen = set(reached)
    while reached:
        for user in users.get(reached.pop(), []):
            if user not in seen:
                seen.add(user)
                reached.append(user)
    return tuple(image for member, image in graph.images.items() if member in seen)
