"""What `show` found, as JSON (schemas/show.schema.json)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nativewheel.formats.image import Image
    from nativewheel.linkage.inspection import Inspection, SuppliedDependency, Verdict

SCHEMA = 1


def render(inspections: Sequence[Inspection], *, several: bool) -> str:
    """Render one object, or an array of objects where ``several`` wheels were asked for."""
    wheels = [_wheel(inspection) for inspection in inspections]
    return json.dumps(wheels if several else wheels[0], indent=2) + "\n"


def _wheel(inspection: Inspection) -> dict[str, object]:
    manifest = inspection.manifest
    platform = {"tag": "any", "aliases": [], "better": [], "blockers": []} if inspection.verdict is None else _verdict(inspection.verdict)
    return {
        "schema": SCHEMA,
        "wheel": inspection.wheel.name,
        "name": inspection.name.normalized,
        "version": inspection.version,
        "tags": list(inspection.tags),
        "platform": {**platform, "repaired": None if inspection.repaired is None else _verdict(inspection.repaired)},
        "images": [
            {"path": image.member, "size": image.size, **_image(image.image), "dependencies": _dependencies(image.dependencies)}
            for image in inspection.images
        ],
        "external": [
            {"path": str(library.path), "size": library.size, **_image(library.image), "dependencies": _dependencies(library.dependencies)}
            for library in inspection.external
        ],
        "exports": [export.document() for export in manifest.exports] if manifest else [],
        "consumes": [consumption.document() for consumption in manifest.consumes] if manifest else [],
        "spared": [{"path": str(library.path), "size": library.size} for library in inspection.spared],
        "repaired_by": inspection.repaired_by,
        "warnings": list(inspection.warnings),
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "tag": verdict.tag,
        "aliases": list(verdict.aliases),
        "better": list(verdict.better),
        "blockers": [
            {"tag": blocker.tag, "member": blocker.member, "library": blocker.library, "symbol": blocker.symbol, "needs": blocker.needs}
            for blocker in verdict.blockers
        ],
    }


def _image(image: Image) -> dict[str, object]:
    return {
        "format": str(image.format),
        "arch": ",".join(image.archs),
        "kind": str(image.kind),
        "identity": image.identity,
        "rpaths": list(image.rpaths),
        "minimum_os": image.minimum_os,
        "signed": image.signed,
    }


def _dependencies(dependencies: Iterable[SuppliedDependency]) -> list[dict[str, object]]:
    return [
        {"name": dependency.name, "kind": str(dependency.supply), "resolved": dependency.resolved, "provider": dependency.provider}
        for dependency in dependencies
    ]
