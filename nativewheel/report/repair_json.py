"""What `repair` did, as JSON (schemas/repair.schema.json)."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativewheel.repair.outcome import Outcome
    from nativewheel.repair.plan import VendoredLibrary

SCHEMA = 1


def render(outcomes: Sequence[Outcome], *, dry_run: bool = False) -> str:
    """Render one object for the whole run.  A source is a base name, because a path tells of the build host and differs between hosts."""
    return json.dumps({"schema": SCHEMA, "dry_run": dry_run, "wheels": [_wheel(outcome, dry_run=dry_run) for outcome in outcomes]}, indent=2) + "\n"


def _wheel(outcome: Outcome, *, dry_run: bool) -> dict[str, object]:
    plan = outcome.plan
    return {
        "input": str(plan.wheel),
        "output": str(outcome.output),
        "status": str(plan.action),
        "reason": plan.reason or None,
        "size": None if dry_run else outcome.size,
        "tags": list(plan.output.tags),
        "vendored": [_vendored(library) for library in sorted(plan.vendored, key=lambda library: library.member)],
        "exported": [export.document() for export in plan.exports],
        "consumed": [consumption.document() for consumption in plan.consumes],
        "requires_added": list(plan.requires),
        "warnings": list(plan.warnings),
    }


def _vendored(library: VendoredLibrary) -> dict[str, object]:
    return {
        "name": PurePosixPath(library.member).name,
        "member": library.member,
        "source": library.source.name,
        "size": library.size,
        "sha256": library.sha256,
    }
