"""What `check` found, as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), which code scanning services read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import nativewheel
from nativewheel.check.rules import RULES
from nativewheel.report.sheet import printable

if TYPE_CHECKING:
    from nativewheel.check.engine import CheckResult
    from nativewheel.check.finding import Finding
    from nativewheel.check.rule import Explained

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def render(result: CheckResult) -> str:
    """Render one run with all rules and findings.  The artifacts are the wheels; members are logical locations in them."""
    wheels = {wheel: index for index, wheel in enumerate(dict.fromkeys(result.wheels))}
    rules = {rule.code: index for index, rule in enumerate(RULES)}
    run = {
        "tool": {
            "driver": {
                "name": "nativewheel",
                "version": nativewheel.__version__,
                "semanticVersion": nativewheel.__version__,
                "rules": [_rule(rule) for rule in RULES],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not result.failures,
                "toolExecutionNotifications": [{"level": "error", "message": {"text": printable(str(failure))}} for failure in result.failures],
            }
        ],
        "artifacts": [{"location": {"uri": _uri(wheel)}, "roles": ["analysisTarget"]} for wheel in wheels],
        "results": [
            {
                "ruleId": finding.rule,
                "ruleIndex": rules[finding.rule],
                "level": str(finding.severity),
                "message": {"text": printable(_message(finding))},
                "locations": [_location(finding, wheels)],
                "partialFingerprints": {"nativewheel/v1": _fingerprint(finding)},
            }
            for finding in result.findings
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _location(finding: Finding, wheels: dict[str, int]) -> dict[str, object]:
    # GitHub's code scanning shows a result only where the location has the URI of a file, which is the wheel in any case.
    location: dict[str, object] = {"physicalLocation": {"artifactLocation": {"uri": _uri(finding.wheel), "index": wheels[finding.wheel]}}}
    if finding.member is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": printable(f"{finding.wheel}/{finding.member}"), "kind": "member"}]
    return location


def _uri(wheel: str) -> str:
    return quote(wheel, errors="surrogateescape")  # file names of Linux need not be UTF-8


def _rule(rule: type[Explained]) -> dict[str, object]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _message(finding: Finding) -> str:
    place = f"{finding.member}: " if finding.member else ""
    return f"{place}{finding.message}. Hint: {finding.fix}."


def _fingerprint(finding: Finding) -> str:
    """Return what stays equal when the same is found in the next build: versions and platforms are in file names, so these do not count."""
    parts = (finding.rule, finding.wheel.partition("-")[0], finding.member or "", finding.message)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
