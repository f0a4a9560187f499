"""What `check` found, in words: a line for each finding and a hint, by wheels."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from nativewheel.check.finding import Severity
from nativewheel.check.rules import RULES
from nativewheel.report.amounts import counted
from nativewheel.report.sheet import Sheet, bad, faint, good, notice, title

if TYPE_CHECKING:
    from nativewheel.check.engine import CheckResult
    from nativewheel.check.finding import Finding
    from nativewheel.report.sheet import Styled


def render(result: CheckResult, *, statistics: bool = False, color: bool = False) -> str:
    """Render the findings, or how many there are of each rule; one line when there are none."""
    sheet = Sheet(color=color)
    if statistics:
        _write_statistics(sheet, result)
    else:
        for wheel, findings in groupby(result.findings, key=lambda finding: finding.wheel):
            sheet.line(title(wheel))
            for finding in findings:
                _write_finding(sheet, finding)
    if result.findings:
        sheet.line(_summary(result))
    elif result.wheels:
        sheet.line(good(f"{counted(len(result.wheels), 'wheel')} checked, nothing found."))
    return str(sheet)


def _write_finding(sheet: Sheet, finding: Finding) -> None:
    place = f"{finding.member}: " if finding.member else ""
    sheet.line(_code(finding), f"{place}{finding.message}", indent=1)
    sheet.line(faint(f"hint: {finding.fix}"), indent=2)


def _code(finding: Finding) -> Styled:
    match finding.severity:
        case Severity.ERROR:
            return bad(f"{finding.rule} ")
        case Severity.WARNING:
            return notice(f"{finding.rule} warning: ")


def _write_statistics(sheet: Sheet, result: CheckResult) -> None:
    counts = Counter(finding.rule for finding in result.findings)
    summaries = {rule.code: rule.summary for rule in RULES}
    width = len(str(max(counts.values(), default=0)))
    for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        sheet.line(f"{count:>{width}} ", title(code), f" {summaries[code]}")


def _summary(result: CheckResult) -> str:
    severities = Counter(finding.severity for finding in result.findings)
    errors, warnings = severities[Severity.ERROR], severities[Severity.WARNING]
    found = " and ".join(text for text, count in ((counted(errors, "error"), errors), (counted(warnings, "warning"), warnings)) if count)
    having = len({finding.wheel for finding in result.findings})
    return f"{found} in {having} of {counted(len(result.wheels), 'wheel')}; `nativewheel rule {result.findings[0].rule}` explains a rule."
