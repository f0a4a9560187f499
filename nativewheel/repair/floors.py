"""Whether the systems that a consumer promises can have its providers at all."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.wheel.compatibility import installable_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.linkage.provider import Provider
    from nativewheel.repair.plan import Plan
    from nativewheel.wheel.names import WheelName

_FLOOR = re.compile(r"(?:manylinux|musllinux|macosx)_(\d+)_(\d+)_(\w+)")
# PEP 600, "Legacy manylinux tags"
_LEGACY = {"manylinux1_": (2, 5), "manylinux2010_": (2, 12), "manylinux2014_": (2, 17)}
_UNIVERSAL = {"universal2": ("arm64", "x86_64")}
_FIRST_ARM64_MAC = (11, 0)


def floors(name: WheelName) -> dict[str, tuple[int, int]]:
    """Return the version of the oldest C library or macOS that one of the wheel's tags promises to run on, for each machine that they name."""
    found: dict[str, tuple[int, int]] = {}
    for platform in name.platforms:
        for machine, version in _promised(platform):
            found[machine] = min(found.get(machine, version), version)
    return found


def _promised(platform: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for prefix, version in _LEGACY.items():
        if platform.startswith(prefix):
            yield platform.removeprefix(prefix), version
    if match := _FLOOR.fullmatch(platform):
        stated = int(match[1]), int(match[2])
        for machine in _UNIVERSAL.get(match[3], (match[3],)):
            # No Mac with such a processor has an older system.
            yield machine, max(stated, _FIRST_ARM64_MAC) if machine == "arm64" else stated


def with_floor_warnings(plans: Sequence[Plan], providers: Sequence[tuple[Provider, ...]]) -> list[Plan]:
    """Return the plans, with a warning for each consumer that promises systems which no wheel of its provider promises.

    ``providers`` are those that each wheel could choose from; what the set itself offers has its new tags in ``plans``.  A consumer's tag is its own
    affair and stays.
    """
    return [replace(plan, warnings=(*plan.warnings, *_warnings(plan, plans, given))) for plan, given in zip(plans, providers, strict=True)]


def _warnings(plan: Plan, plans: Sequence[Plan], given: tuple[Provider, ...]) -> list[str]:
    found = []
    for distribution in sorted({item.provider for item in plan.consumes}):
        names = [other.output for other in plans if other.name.normalized == distribution]
        names = names or [provider.name for provider in given if provider.distribution == distribution and provider.name]
        offered = {name: floors(name) for name in names if installable_together(name, plan.output)}
        for machine, own in floors(plan.output).items():
            oldest = {name: versions[machine] for name, versions in offered.items() if machine in versions}
            if oldest and min(oldest.values()) > own:
                best = min(oldest, key=lambda name: oldest[name])
                found.append(f"{plan.output} is for systems that cannot install {best}, its provider: it promises too much there")
            elif not oldest and (met := [name for name, versions in offered.items() if _is_for_mac(machine, *versions)]):
                found.append(f"{plan.output} is for {machine} as well, and its provider {met[0]} is not: give the provider's wheel for both")
    return list(dict.fromkeys(found))


def _is_for_mac(*machines: str) -> bool:
    """Whether these are two machines of which one wheel for macOS can be for both; elsewhere an eligible provider is for the consumer's own."""
    return len(machines) > 1 and set(machines) <= {*_UNIVERSAL["universal2"]}
