"""The bill of materials of a repaired wheel (PEP 770, CycloneDX): what was vendored and where it came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

import nativewheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nativewheel.repair.owners import Owner
    from nativewheel.repair.plan import Plan, VendoredLibrary

SBOM = "sboms/nativewheel.cdx.json"


def render(plan: Plan, owners: Mapping[Path, Owner]) -> bytes:
    """Return the CycloneDX 1.6 document for the vendored libraries of ``plan``, the same bytes for the same values.

    Libraries without an owner, such as those built from source, are listed with their file name and hash: a bill that leaves them out misleads.
    """
    wheel = _wheel(plan)
    libraries = sorted((_library(library, owners.get(library.source)) for library in plan.vendored), key=lambda item: str(item["bom-ref"]))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": wheel,
            "tools": {"components": [{"type": "application", "name": "nativewheel", "version": nativewheel.__version__}]},
        },
        "components": libraries,
        "dependencies": [
            {"ref": wheel["bom-ref"], "dependsOn": [item["bom-ref"] for item in libraries]},
            *({"ref": item["bom-ref"]} for item in libraries),
        ],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _wheel(plan: Plan) -> dict[str, Any]:
    name, version = plan.name.normalized, plan.name.version
    purl = f"pkg:pypi/{quote(name, safe='')}@{quote(version, safe='')}?file_name={quote(str(plan.output), safe='')}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _library(library: VendoredLibrary, owner: Owner | None) -> dict[str, Any]:
    base = {"type": "library", "hashes": [{"alg": "SHA-256", "content": library.sha256}]}
    file = {"properties": [{"name": "nativewheel:file", "value": library.member}]}
    if owner is None:
        return {**base, "bom-ref": library.member, "name": library.source.name, **file}
    licenses = {"licenses": [_license(owner.license)]} if owner.license else {}
    return {**base, "bom-ref": f"{owner.purl}#{library.member}", "name": owner.name, "version": owner.version, "purl": owner.purl, **licenses, **file}


def _license(text: str) -> dict[str, Any]:
    try:
        return {"expression": canonicalize_license_expression(text)}
    except InvalidLicenseExpression:
        return {"license": {"name": text}}
