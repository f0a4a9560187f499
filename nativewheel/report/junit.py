"""What `check` found, as JUnit XML: a suite for each wheel, with a failed case for each rule that found something."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from nativewheel.check.finding import Severity
from nativewheel.check.rules import RULES
from nativewheel.report.sheet import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativewheel.check.engine import CheckResult
    from nativewheel.check.finding import Finding

_PASSED = "all other rules"


def render(result: CheckResult, *, strict: bool = False) -> str:
    """Render all wheels; those that could not be read are errors.

    Warnings are failures with ``strict`` only; else their cases pass, and say what was found.  There is no schema that all readers
    agree on; the elements are those of Ant's JUnitReport that Jenkins and GitLab document.
    """
    found: dict[str, dict[str, list[Finding]]] = defaultdict(lambda: defaultdict(list))
    for finding in result.findings:
        found[finding.wheel][finding.rule].append(finding)
    root = ET.Element("testsuites", name="nativewheel check")
    for wheel in dict.fromkeys(result.wheels):
        _add_suite(root, wheel, found[wheel], strict=strict)
    for failure in result.failures:
        suite = ET.SubElement(root, "testsuite", name=_text(failure.where[0] if failure.where else "check"), tests="1", failures="0", errors="1")
        case = ET.SubElement(suite, "testcase", classname=suite.get("name", ""), name="can be read")
        ET.SubElement(case, "error", message=_text(failure.message)).text = _text(str(failure))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_suite(root: ET.Element, wheel: str, rules: dict[str, list[Finding]], *, strict: bool) -> None:
    names = {rule.code: rule.name for rule in RULES}
    suite = ET.SubElement(root, "testsuite", name=_text(wheel))
    failures = 0
    for code, findings in rules.items():
        case = ET.SubElement(suite, "testcase", classname=_text(wheel), name=f"{code} {names[code]}")
        if any(strict or finding.severity is Severity.ERROR for finding in findings):
            failures += 1
            ET.SubElement(case, "failure", type=code, message=_text(_line(findings[0]))).text = _listed(findings)
        else:
            ET.SubElement(case, "system-out").text = _listed(findings)
    ET.SubElement(suite, "testcase", classname=_text(wheel), name=_PASSED)
    suite.set("tests", str(len(rules) + 1))
    suite.set("failures", str(failures))
    suite.set("errors", "0")


def _listed(findings: Sequence[Finding]) -> str:
    return "\n".join(f"{finding.severity}: {_text(_line(finding))}\nhint: {_text(finding.fix)}" for finding in findings)


def _line(finding: Finding) -> str:
    return f"{finding.member}: {finding.message}" if finding.member else finding.message


def _text(text: str) -> str:
    """Return what XML can hold: it has no place for control characters, surrogates, U+FFFE and U+FFFF (XML 1.0, "Characters")."""
    return printable(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
