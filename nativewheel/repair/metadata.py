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
    from nativewheel.repair.planner import Subject
    from nativewheel.wheel.archive import WheelArchive


def metadata_of(archive: WheelArchive) -> Headers:
    """Return the METADATA of a wheel."""
    return Headers.parse(bytes(archive.read(_member(archive))))


def with_requirements(plans: Sequence[Plan], subjects: Sequence[Subject]) -> list[Plan]:
    """Return the plans with METADATA as it must become.

    A line with a marker goes into every wheel of its distribution, also those that do not use the library, because lockers read the metadata of
    one wheel and take it for all.  A wheel that was repaired before stays as it is, with a warning when it lacks the line.  Raises
    ``ProviderError`` when a line contradicts what the project requires.
    """
    shared: dict[str, dict[str, None]] = {}
    for plan in plans:
        shared.setdefault(plan.name.normalized, {}).update(dict.fromkeys(line for line in plan.requires if ";" in line))
    return [_completed(plan, subject, shared[plan.name.normalized]) for plan, subject in zip(plans, subjects, strict=True)]


def _completed(plan: Plan, subject: Subject, shared: Iterable[str]) -> Plan:
    wanted = dict.fromkeys((*plan.requires, *shared))
    if not wanted:
        return plan
    name = str(subject.archive.name)
    headers, added = metadata_of(subject.archive), []
    for line in wanted:
        try:
            after = with_requirement(headers, line)
        except NativewheelError as error:
            raise error.within(name) from error.__cause__
        if bytes(after) != bytes(headers):
            added.append(line)
        headers = after
    if not added:
        return replace(plan, requires=())
    if subject.is_repaired:
        return replace(plan, warnings=(*plan.warnings, f"repaired before, so it does not get what its other wheels require: {', '.join(added)}"))
    file = NewFile(member=_member(subject.archive), data=bytes(headers))
    return replace(plan, action=Action.REPAIR, reason="", requires=tuple(added), files=(*plan.files, file))


def _member(archive: WheelArchive) -> Member:
    return Member(f"{archive.dist_info}/METADATA")
