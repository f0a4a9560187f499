"""What `check` found, as annotations of GitHub Actions ("Workflow commands for GitHub Actions")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.rules import RULES
from nativewheel.report.sheet import printable

if TYPE_CHECKING:
    from nativewheel.check.engine import CheckResult
    from nativewheel.check.finding import Finding

# actions/toolkit, packages/core/src/command.ts: escapeData and escapeProperty.  The percent sign comes first.
_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_PROPERTY = (*_DATA, (":", "%3A"), (",", "%2C"))


def render(result: CheckResult) -> str:
    """Render one command for each finding: an error or a warning of the run."""
    names = {rule.code: rule.name for rule in RULES}
    return "".join(f"{_command(finding, names[finding.rule])}\n" for finding in result.findings)


def _command(finding: Finding, name: str) -> str:
    title = _escaped(f"{finding.rule} {name}", _PROPERTY)
    # The log shows the message alone, so it says where, too.  Files in a wheel are none of the repository, so there is no `file`.
    place = f"{finding.wheel}: {finding.member}: " if finding.member else f"{finding.wheel}: "
    message = f"{printable(place + finding.message)}\nhint: {printable(finding.fix)}"
    return f"::{finding.severity} title={title}::{_escaped(message, _DATA)}"


def _escaped(text: str, replacements: tuple[tuple[str, str], ...]) -> str:
    for character, code in replacements:
        text = text.replace(character, code)
    return text
