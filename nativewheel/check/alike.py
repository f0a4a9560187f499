"""One finding for all images of a wheel that have the same fault for the same reason, as a build has made them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from nativewheel.wheel.names import Member

K = TypeVar("K", bound="Hashable")


def alike(items: Iterable[tuple[Member, K]]) -> Iterator[tuple[Member, K, str]]:
    """Yield each fault once, with the first member that has it, and with what to add to the message when others have it as well."""
    groups: dict[K, dict[Member, None]] = {}
    for member, fault in items:
        groups.setdefault(fault, {})[member] = None
    for fault, members in groups.items():
        first, *others = members
        more = f" (so {'do' if len(others) > 1 else 'does'} {len(others)} more image{'s' if len(others) > 1 else ''})" if others else ""
        yield first, fault, more
