"""The Requires-Dist lines that wheels gain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.errors import NativewheelError
from nativewheel.repair.plan import Action, NewFile
from nativewheel.wheel.headers import Headers
from nativewheel.wheel.names import Member
from nativewheel.wheel.requires import with_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nativewheel.repair.plan import Plan
    from nativewheel.wheel.archive import WheelArchive


def metadata_of(archive: WheelArchive) -> Headers:
    """Return the METADATA of a wheel."""
    return Headers.parse(bytes(archive.read(_member(archive))))


def with_requirements(plans: Sequence[Plan], archives: Sequence[WheelArchive]) -> list[Plan]:
    """Return the plans with METADATA as it must become.

    A line with a marker goes into every wheel of its distribution, also those that do not use the library, because lockers read the metadata of
    one wheel and take it for all.  Raises ``ProviderError`` when a line contradicts what the project requires.
    """
    shared: dict[str, dict[str, None]] = {}
    for plan in plans:
        shared.setdefault(plan.name.normalized, {}).update(dict.fromkeys(line for line in plan.requires if ";" in line))
    return [_completed(plan, archive, shared[plan.name.normalized]) for plan, archive in zip(plans, archives, strict=True)]


def _completed(plan: Plan, archive: WheelArchive, shared: Iterable[str]) -> Plan:
    lines = tuple(dict.fromkeys((*plan.requires, *shared)))
    before = metadata_of(archive) if lines else None
    if before is None:
        return plan
    after = before
    for line in lines:
        try:
            after = with_requirement(after, line)
        except NativewheelError as error:
            raise error.within(str(archive.name)) from error.__cause__
    if bytes(after) == bytes(before):
        return plan
    return replace(
        plan,
        action=Action.REPAIR,
        reason="",
        requires=lines,
        files=(*plan.files, NewFile(member=_member(archive), data=bytes(after))),
    )


def _member(archive: WheelArchive) -> Member:
    return Member(f"{archive.dist_info}/METADATA")
