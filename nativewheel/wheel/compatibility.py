"""Whether two wheels can be installed into one environment, by their tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.wheel.names import WheelName

_PYTHON = re.compile(r"([a-z]+)([0-9])([0-9]{0,4})")
_LEGACY_MANYLINUX = re.compile(r"manylinux(?:1|2010|2014)_(\w+)")
_LINUX = re.compile(r"(manylinux|musllinux)_[0-9]+_[0-9]+_(\w+)")
_MACOS = re.compile(r"macosx_[0-9]+_[0-9]+_(\w+)")
# A universal file runs on each of its architectures ("Platform compatibility tags", macOS).
_UNIVERSAL = {
    "universal2": {"arm64", "x86_64"},
    "universal": {"i386", "ppc", "ppc64", "x86_64"},
    "intel": {"i386", "x86_64"},
    "fat": {"i386", "ppc"},
    "fat3": {"i386", "ppc", "x86_64"},
    "fat32": {"i386", "ppc"},
    "fat64": {"ppc64", "x86_64"},
}
_STABLE_ABIS = {"abi3": False, "abi3t": True}
_FIRST_FREE_THREADED = 13  # CPython 3.13 (PEP 703)
_FREE_THREADED = re.compile(r"cp[0-9]+[a-z]*t")  # "t" among the ABI flags (PEP 703)


def installable_together(one: WheelName, other: WheelName) -> bool:
    """Whether some environment can have both wheels: an interpreter, on a machine, that takes a tag of each."""
    parts = ((one.pythons, other.pythons), (one.abis, other.abis), (one.platforms, other.platforms))
    if all(not set(ours).isdisjoint(theirs) for ours, theirs in parts):  # also where a tag is not understood
        return True
    return any(_systems_meet(a, b) for a in one.platforms for b in other.platforms) and any(
        _interpreters_meet(a, b) for a in _interpreters(one) for b in _interpreters(other)
    )


def _systems_meet(one: str, other: str) -> bool:
    # Newer systems take wheels for older ones of their kind, so the numbers in a tag keep nothing apart.
    if one == other or "any" in {one, other}:
        return True
    (system, machines), (other_system, other_machines) = _system(one), _system(other)
    same = system == other_system or ("linux" in {system, other_system} and {system, other_system} <= {"linux", "manylinux", "musllinux"})
    return same and not machines.isdisjoint(other_machines)


def _system(platform: str) -> tuple[str, set[str]]:
    """Return what kind of system a platform tag is for, and which machines; bare ``linux_…`` may have either C library."""
    if match := _LEGACY_MANYLINUX.fullmatch(platform):
        return "manylinux", {match[1]}
    if match := _LINUX.fullmatch(platform):
        return match[1], {match[2]}
    if match := _MACOS.fullmatch(platform):
        return "macosx", _UNIVERSAL.get(match[1], {match[1]})
    system, _, machine = platform.partition("_")
    return (system, {machine}) if system == "linux" else (platform, set())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interpreters:
    """The interpreters that take one Python and ABI tag.

    ``implementation`` is None for any; ``minors`` are the first and last minor version, both inclusive.  ``abi`` is the exact ABI tag, None for
    any; ``free_threaded`` is None where both kinds do.
    """

    implementation: str | None
    major: int
    minors: tuple[float, float]
    abi: str | None
    free_threaded: bool | None


def _interpreters(name: WheelName) -> Iterable[_Interpreters]:
    return (found for python in name.pythons for abi in name.abis if (found := _taking(python, abi)))


def _taking(python: str, abi: str) -> _Interpreters | None:
    match = _PYTHON.fullmatch(python)
    if not match:
        return None
    generic, stable = match[1] == "py", abi in _STABLE_ABIS
    least = int(match[3] or 0)
    if _STABLE_ABIS.get(abi):
        least = max(least, _FIRST_FREE_THREADED)
    onwards = generic or stable or not match[3]  # "py311" is 3.11 or newer, "cp311" is 3.11
    return _Interpreters(
        implementation=None if generic else match[1],
        major=int(match[2]),
        minors=(least, float("inf") if onwards else least),
        abi=None if stable or abi == "none" else abi,
        free_threaded=_STABLE_ABIS.get(abi, bool(_FREE_THREADED.match(abi)) if abi.startswith("cp") else None),
    )


def _interpreters_meet(one: _Interpreters, other: _Interpreters) -> bool:
    return (
        (one.implementation == other.implementation or None in {one.implementation, other.implementation})
        and one.major == other.major
        and max(one.minors[0], other.minors[0]) <= min(one.minors[1], other.minors[1])
        and (one.abi == other.abi or None in {one.abi, other.abi})
        and (one.free_threaded == other.free_threaded or None in {one.free_threaded, other.free_threaded})
    )
