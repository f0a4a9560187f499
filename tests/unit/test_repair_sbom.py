"""The bill of materials: the structure that CycloneDX 1.6 asks for, and the same bytes for the same values."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nativewheel
from nativewheel.formats.image import Edit
from nativewheel.repair.owners import Owner
from nativewheel.repair.plan import Action, Plan, VendoredLibrary
from nativewheel.repair.sbom import SBOM, render
from nativewheel.wheel.names import Member, WheelName

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = WheelName.parse("Spam_Eggs-1.0+local-cp311-cp311-linux_x86_64.whl")
PNG = Owner(kind="deb", distro="debian", name="libpng16-16", version="1:1.6.39-2", license="libpng-2.0")


def library(name: str, member: str) -> VendoredLibrary:
    return VendoredLibrary(source=Path("/usr/lib") / name, names=(), member=Member(member), edit=Edit(), size=1, sha256="ab" * 32)


LIBRARIES = (
    library("libpng.so.16", "spam.libs/libpng-01234567.so.16"),
    library("libown.so", "spam.libs/libown.so"),
    library("libown.so", "pkg/libown.so"),
)
PLAN = Plan(
    wheel=Path("dist") / str(NAME), name=NAME, output=NAME.with_platforms(("manylinux_2_17_x86_64",)), action=Action.REPAIR, vendored=LIBRARIES
)
OWNERS: Mapping[Path, Owner] = {LIBRARIES[0].source: PNG}


def bill(plan: Plan = PLAN, owners: Mapping[Path, Owner] = OWNERS) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(plan, owners))
    return document


def test_it_lies_where_pep_770_wants_it() -> None:
    assert SBOM == "sboms/nativewheel.cdx.json"


def test_the_head_names_format_wheel_and_tool() -> None:
    document = bill()
    assert {key: document[key] for key in ("bomFormat", "specVersion", "version")} == {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    component = document["metadata"]["component"]
    purl = "pkg:pypi/spam-eggs@1.0%2Blocal?file_name=Spam_Eggs-1.0%2Blocal-cp311-cp311-manylinux_2_17_x86_64.whl"
    assert component == {"type": "library", "bom-ref": purl, "name": "spam-eggs", "version": "1.0+local", "purl": purl}
    tool = {"type": "application", "name": "nativewheel", "version": nativewheel.__version__}
    assert document["metadata"]["tools"] == {"components": [tool]}


def test_an_owned_library_is_its_package() -> None:
    component = next(item for item in bill()["components"] if item["name"] == "libpng16-16")
    assert component == {
        "type": "library",
        "bom-ref": "pkg:deb/debian/libpng16-16@1%3A1.6.39-2#spam.libs/libpng-01234567.so.16",
        "name": "libpng16-16",
        "version": "1:1.6.39-2",
        "purl": "pkg:deb/debian/libpng16-16@1%3A1.6.39-2",
        "licenses": [{"expression": "libpng-2.0"}],
        "hashes": [{"alg": "SHA-256", "content": "ab" * 32}],
        "properties": [{"name": "nativewheel:file", "value": "spam.libs/libpng-01234567.so.16"}],
    }


def test_a_library_without_owner_is_its_file_and_no_path_of_the_host_shows() -> None:
    component = next(item for item in bill()["components"] if item["bom-ref"] == "pkg/libown.so")
    assert component == {
        "type": "library",
        "bom-ref": "pkg/libown.so",
        "name": "libown.so",
        "hashes": [{"alg": "SHA-256", "content": "ab" * 32}],
        "properties": [{"name": "nativewheel:file", "value": "pkg/libown.so"}],
    }
    assert b"/usr/lib" not in render(PLAN, OWNERS)


@pytest.mark.parametrize("owners", [{}, OWNERS, {item.source: PNG for item in LIBRARIES}])
def test_references_are_unique_and_all_of_them_resolve(owners: Mapping[Path, Owner]) -> None:
    document = bill(owners=owners)
    references = [document["metadata"]["component"]["bom-ref"], *(item["bom-ref"] for item in document["components"])]
    assert len(set(references)) == len(references) == 4
    assert [item["ref"] for item in document["dependencies"]] == references
    assert document["dependencies"][0]["dependsOn"] == references[1:]


@pytest.mark.parametrize(
    ("text", "licenses"),
    [
        ("MIT", [{"expression": "MIT"}]),
        ("mit and gpl-2.0-or-later", [{"expression": "MIT AND GPL-2.0-or-later"}]),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [{"expression": "GPL-2.0-only WITH Classpath-exception-2.0"}]),
        ("LGPLv2+ and MIT", [{"license": {"name": "LGPLv2+ and MIT"}}]),
        ("public-domain", [{"license": {"name": "public-domain"}}]),
        ("(MIT", [{"license": {"name": "(MIT"}}]),
        (None, None),
        ("", None),
    ],
)
def test_a_licence_is_an_expression_or_else_a_name(text: str | None, licenses: object) -> None:
    component = next(item for item in bill(owners={LIBRARIES[0].source: replace(PNG, license=text)})["components"] if "purl" in item)
    assert component.get("licenses") == licenses


def test_the_order_of_libraries_changes_nothing() -> None:
    assert render(replace(PLAN, vendored=LIBRARIES[::-1]), OWNERS) == render(PLAN, OWNERS)
    assert render(PLAN, OWNERS).endswith(b"}\n")
