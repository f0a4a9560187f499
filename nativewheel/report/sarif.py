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
    """Render one run with all rules and findings.  The artifacts are the wheels, with the members nested in them."""
    wheels = {wheel: index for index, wheel in enumerate(dict.fromkeys(result.wheels))}
    members = {place: index for index, place in enumerate(dict.fromkeys(_places(result)), start=len(wheels))}
    artifacts: list[dict[str, object]] = [{"location": {"uri": quote(wheel)}, "roles": ["analysisTarget"]} for wheel in wheels]
    # 3.24.9: a nested artifact has the index of the one that holds it, and a name that starts with a slash (3.4.3).
    artifacts += [{"location": {"uri": quote(f"/{member}")}, "parentIndex": wheels[wheel]} for wheel, member in members]
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
        "artifacts": artifacts,
        "results": [
            {
                "ruleId": finding.rule,
                "ruleIndex": rules[finding.rule],
                "level": str(finding.severity),
                "message": {"text": printable(_message(finding))},
                "locations": [_location(finding, wheels, members)],
                "partialFingerprints": {"nativewheel/v1": _fingerprint(finding)},
            }
            for finding in result.findings
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _places(result: CheckResult) -> list[tuple[str, str]]:
    return [(finding.wheel, finding.member) for finding in result.findings if finding.member is not None]


def _location(finding: Finding, wheels: dict[str, int], members: dict[tuple[str, str], int]) -> dict[str, object]:
    # Code scanning of GitHub shows a result only where the location has a URI of a file, which is the wheel in any case.
    location: dict[str, object] = {"physicalLocation": {"artifactLocation": {"uri": quote(finding.wheel), "index": wheels[finding.wheel]}}}
    if finding.member is not None:
        nested = members[finding.wheel, finding.member]
        location["logicalLocations"] = [{"fullyQualifiedName": printable(f"{finding.wheel}/{finding.member}"), "kind": "member"}]
        location["properties"] = {"artifactIndex": nested}
    return location


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
