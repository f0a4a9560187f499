"""What `check` found, as JSON (schemas/check.schema.json)."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativewheel.check.engine import CheckResult

SCHEMA = 1


def render(result: CheckResult, *, statistics: bool = False) -> str:
    """Render all findings in one object; with ``statistics``, also how many there are of each rule."""
    document: dict[str, object] = {
        "schema": SCHEMA,
        "findings": [
            {
                "rule": finding.rule,
                "severity": str(finding.severity),
                "wheel": finding.wheel,
                "member": finding.member,
                "message": finding.message,
                "fix": finding.fix,
            }
            for finding in result.findings
        ],
    }
    if statistics:
        document["statistics"] = dict(sorted(Counter(finding.rule for finding in result.findings).items()))
    return json.dumps(document, indent=2) + "\n"
