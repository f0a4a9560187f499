"""Whether the systems that a consumer promises can have its providers at all."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.wheel.compatibility import installable_together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativewheel.linkage.provider import Provider
    from nativewheel.repair.plan import Plan
    from nativewheel.wheel.names import WheelName

_FLOOR = re.compile(r"(?:manylinux|musllinux|macosx)_(\d+)_(\d+)_")
# PEP 600, "Legacy manylinux tags"
_LEGACY = {"manylinux1_": (2, 5), "manylinux2010_": (2, 12), "manylinux2014_": (2, 17)}


def floor(name: WheelName) -> tuple[int, int] | None:
    """Return the version of the oldest C library or macOS that one of the wheel's tags promises to run on, None when none names any."""
    found = [(int(match[1]), int(match[2])) for platform in name.platforms if (match := _FLOOR.match(platform))]
    found += [version for platform in name.platforms for prefix, version in _LEGACY.items() if platform.startswith(prefix)]
    return min(found, default=None)


def with_floor_warnings(plans: Sequence[Plan], providers: Sequence[tuple[Provider, ...]]) -> list[Plan]:
    """Return the plans, with a warning for each consumer that promises systems which no wheel of its provider promises.

    ``providers`` are those that each wheel could choose from; what the set itself offers has its new tags in ``plans``.  A consumer's tag is its own
    affair and stays.
    """
    return [replace(plan, warnings=(*plan.warnings, *_warnings(plan, plans, given))) for plan, given in zip(plans, providers, strict=True)]


def _warnings(plan: Plan, plans: Sequence[Plan], given: tuple[Provider, ...]) -> list[str]:
    found = []
    own = floor(plan.output)
    for distribution in sorted({item.provider for item in plan.consumes}):
        names = [other.output for other in plans if other.name.normalized == distribution]
        names = names or [provider.name for provider in given if provider.distribution == distribution and provider.name]
        floors = {name: oldest for name in names if installable_together(name, plan.output) and (oldest := floor(name))}
        if own and floors and min(floors.values()) > own:
            best = min(floors, key=lambda name: floors[name])
            found.append(f"{plan.output} is for systems that cannot install {best}, its provider: it promises too much there")
    return found
