"""The requirements of a wheel: reading them, and adding one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nativewheel.errors import ProviderError
from nativewheel.wheel.ranges import intersects, is_within

if TYPE_CHECKING:
    from nativewheel.wheel.headers import Headers

_REQUIRES = "Requires-Dist"
# Before 2.2 there was no Dynamic field (core metadata specification).
_FIRST_WITH_DYNAMIC = Version("2.2")
_LONGEST_LINE = 4096  # Python refuses to read numbers of more than 4300 digits


def required_names(headers: Headers) -> frozenset[str]:
    """Return the normalised names of the distributions that METADATA requires, under whatever conditions."""
    return frozenset(canonicalize_name(requirement.name) for requirement in _requirements(headers))


def with_requirement(headers: Headers, line: str) -> Headers:
    """Add a requirement to METADATA, after the last one that is there, unless one that is there asks for as much.

    Nothing is merged or reordered: two lines for one name are legal, and both hold.  Raises ``ProviderError`` when no version satisfies both.
    """
    new = Requirement(line)
    present = [old for old in _requirements(headers) if canonicalize_name(old.name) == canonicalize_name(new.name) and old.url is None]
    applying = [old for old in present if old.marker is None or old.marker == new.marker]
    for old in applying:
        if not intersects(str(old.specifier), str(new.specifier)):
            raise ProviderError(
                f"METADATA requires {old}, the repair would add {new}, and no version satisfies both",
                where=("METADATA", _REQUIRES),
                hint="change the requirement of the project, or build against a version that it allows",
            )
    if any(not old.extras and is_within(str(old.specifier), str(new.specifier)) for old in applying):
        return headers
    return _marked_dynamic(headers.with_added(_REQUIRES, line, after=_REQUIRES, before="Provides-Extra"))


def _requirements(headers: Headers) -> list[Requirement]:
    """Parse what METADATA requires; lines that cannot be understood ask for nothing that could be compared."""
    found = []
    for text in headers.all(_REQUIRES):
        try:
            if len(text) <= _LONGEST_LINE:
                found.append(Requirement(text))
        except (InvalidRequirement, RecursionError):  # the latter for markers in a thousand parentheses
            continue
    return found


def _marked_dynamic(headers: Headers) -> Headers:
    """Say that the requirements were computed when the wheel was made, so that they may differ from those of the sdist."""
    try:
        version = Version((headers.first("Metadata-Version") or "")[:_LONGEST_LINE])
    except InvalidVersion:
        return headers
    if version < _FIRST_WITH_DYNAMIC or any(name.lower() == _REQUIRES.lower() for name in headers.all("Dynamic")):
        return headers
    return headers.with_added("Dynamic", _REQUIRES, after="Dynamic")
