"""What a rule reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativewheel.wheel.names import Member


class Severity(StrEnum):
    """How bad a finding is, as `check --format json` says it."""

    ERROR = "error"
    """The wheel does not do what it promises, somewhere."""
    WARNING = "warning"
    """It works, but something about it is likely to be a mistake, or costs its users something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a wheel.

    ``rule`` is a code such as NW101, ``wheel`` a file name, ``member`` the file in the wheel, None where the wheel as a whole is meant.  ``message``
    says what is wrong and ``fix`` what to do about it, both without the member's name and without a full stop at the end.
    """

    rule: str
    severity: Severity
    wheel: str
    member: Member | None
    message: str
    fix: str
