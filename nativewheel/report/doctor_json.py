"""What `doctor` found, as JSON (schemas/doctor.schema.json)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativewheel.linkage.health import Health

SCHEMA = 1


def render(health: Health) -> str:
    """Render one object."""
    document = {
        "schema": SCHEMA,
        "providers": [
            {
                "dist": provider.distribution,
                "version": provider.version,
                "namespace": provider.namespace,
                "libraries": [{"identity": library.identity, "path": str(library.path), "loaded": library.loaded} for library in provider.libraries],
            }
            for provider in health.providers
        ],
        "consumers": [
            {
                "dist": consumer.distribution,
                "needs": [{"provider": need.provider, "range": need.range, "found": need.found, "ok": need.ok} for need in consumer.needs],
            }
            for consumer in health.consumers
        ],
        "problems": [{"code": str(problem.code), "message": problem.message, "fix": problem.fix} for problem in health.problems],
    }
    return json.dumps(document, indent=2) + "\n"
