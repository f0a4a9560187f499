"""What a rule is: a small class that looks at one wheel, or at a set of them, and can explain itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from nativewheel.check.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.check.facts import WheelFacts
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.wheel.names import Member


class Explained:
    """What every rule says of itself, in plain text without markup, except that ``code`` between backquotes is code.

    ``name`` is in kebab case; ``summary`` is one line; ``explanation`` has paragraphs (what, why, and the source of the claim) with empty lines
    between; ``example`` is a line as the text report has it; ``remedy`` says how to fix it.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str]
    explanation: ClassVar[str]
    example: ClassVar[str]
    remedy: ClassVar[str]

    def found(
        self,
        wheel: CheckedWheel | WheelFacts,
        message: str,
        *,
        fix: str,
        member: Member | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """Make a finding of this rule; ``severity`` where it is not the usual one."""
        return Finding(rule=self.code, severity=severity or self.severity, wheel=wheel.file, member=member, message=message, fix=fix)


class Rule(Explained, ABC):
    """A rule about one wheel; one that is ``greedy`` looks at everything, and goes last, so that it need not read again what others have read."""

    greedy: ClassVar[bool] = False

    @abstractmethod
    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look at a wheel.  Raises ``UnreadableError`` for what cannot be understood."""


class SetRule(Explained, ABC):
    """A rule about wheels that are checked together, by what each of them has left behind."""

    @abstractmethod
    def check_set(self, wheels: Sequence[WheelFacts]) -> Iterator[Finding]:
        """Look at all wheels, which are in the order of the command line."""
