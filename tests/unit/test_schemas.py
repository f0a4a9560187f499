"""The JSON Schemas that ship: valid themselves, and the one of the configuration agrees with the parser."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeshares import RULE, SHARING, consumer, provider, repaired

from nativewheel.config.checking import CHECK_KEYS
from nativewheel.config.document import parse
from nativewheel.config.keys import ADD_LIBRARY, KEYS, LIB_SDIR, RUN_KEYS
from nativewheel.errors import UsageError

SCHEMAS = files("nativewheel") / "schemas"
CONFIG: dict[str, Any] = json.loads((SCHEMAS / "config.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(CONFIG)


def accepted(document: object) -> bool:
    """What the parser says of the table, which must be what the schema says."""
    try:
        parse(document, Path("pyproject.toml"))  # type: ignore[arg-type]
    except UsageError:
        return False
    return True


@pytest.mark.parametrize("name", ["check", "config", "doctor", "manifest", "repair", "show"])
def test_schemas_are_valid(name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_schema_and_parser_know_the_same_keys() -> None:
    assert set(CONFIG["properties"]) == {*KEYS, "overrides", "check"}
    assert set(CONFIG["properties"]["check"]["properties"]) == set(CHECK_KEYS)
    assert set(CONFIG["properties"]["overrides"]["items"]["properties"]) == {*KEYS.keys() - RUN_KEYS, "select"}


def test_schema_and_parser_share_their_patterns() -> None:
    definitions = CONFIG["$defs"]
    assert definitions["add-library"]["items"]["allOf"][1]["pattern"] == ADD_LIBRARY
    assert definitions["lib-sdir"]["allOf"][1]["pattern"] == LIB_SDIR


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, True),
        ({"exclude": []}, True),
        ({"exclude": ["a"]}, True),
        ({"exclude": [""]}, False),
        ({"exclude": "a"}, False),
        ({"plat": ""}, True),
        ({"plat": "a\n"}, False),
        ({"strip": 1}, False),
        ({"jobs": True}, False),
        ({"jobs": 1024}, True),
        ({"jobs": 1025}, False),
        ({"zip-level": 0}, True),
        ({"zip-level": -1}, False),
        ({"lib-sdir": ".libs\n"}, False),
        ({"add-library": ["a=b/"]}, True),
        ({"add-library": ["a=.."]}, False),
        ({"add-library": ["=b"]}, False),
        ({"unknown": 1}, False),
        ({"check": {}}, True),
        ({"check": []}, False),
        ({"check": {"select": ["NW"], "strict": True, "per-wheel-ignores": {"*": ["NW203"]}}}, True),
        ({"check": {"select": "NW"}}, False),
        ({"check": {"per-wheel-ignores": {"*": "NW203"}}}, False),
        ({"check": {"per-wheel-ignores": {"": ["NW203"]}}}, False),
        ({"check": {"format": "json"}}, False),
        ({"overrides": [{"select": "a", "check": {}}]}, False),
        ({"overrides": [{}]}, False),
        ({"overrides": [{"select": []}]}, True),
        ({"overrides": [{"select": "a", "jobs": 1}]}, False),
        ({"overrides": [{"select": "a", "strip": True}]}, True),
        ({"overrides": {"select": "a"}}, False),
        ({"wheel-dir": "a\x00"}, False),
        ({"export": []}, True),
        ({"export": [{}]}, False),
        ({"export": ["*.so"]}, False),
        ({"export": [{"library": []}]}, False),
        ({"export": [{"library": ["a"], "abi": "1"}]}, True),
        ({"export": [{"library": ["a"], "abi": "1.0"}]}, False),
        ({"export": [{"library": ["a"], "abi": "1\n"}]}, False),
        ({"export": [{"library": ["a"], "binding": "flat"}]}, True),
        ({"export": [{"library": ["a"], "binding": "flat", "rename": False}]}, False),
        ({"export": [{"library": ["a"], "binding": "install-name", "rename": False}]}, True),
        ({"macos-binding": "two-level"}, False),
        ({"require-archs": "x86_64, arm64"}, True),
        ({"require-archs": "x86_64,"}, False),
        ({"require-archs": "aarch64"}, False),
        ({"export": [{"library": ["a"], "rename": False, "system-fallback": True}]}, True),
        ({"export": [{"library": ["a"], "rename": True, "system-fallback": True}]}, False),
        ({"export": [{"library": ["a"], "rename": False, "uniquify": True}]}, False),
        ({"export": [{"library": ["a"], "rename": False, "uniquify": True, "system-fallback": True}]}, False),
        ({"export": [{"library": ["a"], "rename": False, "uniquify": True, "system-fallback": False}]}, False),
        ({"providers": {"a": "b"}}, True),
        ({"providers": {"a": "-b"}}, False),
        ({"providers": {"": "b"}}, False),
        ({"providers": {"a": {}}}, False),
        ({"providers": {"a": {"dist": "b", "built-against": ""}}}, False),
        ({"overrides": [{"select": "a", "export": [{"library": ["a"]}]}]}, True),
    ],
)
def test_schema_and_parser_agree_on_these(document: object, expected: bool) -> None:  # noqa: FBT001
    assert accepted(document) is expected
    assert VALIDATOR.is_valid(document) is expected


# TOML tells 1 from 1.0, JSON Schema does not: floats with an integral value are left out.
SCALARS = (
    st.booleans()
    | st.integers(-2, 1100)
    | st.just(0.5)
    | st.text(st.sampled_from("ab.=/\\\x00\n+_"), max_size=7)
    | st.sampled_from(["", ".libs", "a=b", "pkg/lib.so=pkg/", "auto"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from(["a", "select"]), SCALARS, max_size=2)
TABLES = st.dictionaries(st.sampled_from([*KEYS, "select", "export", "check"]), VALUES, max_size=2)


@given(TABLES | st.builds(lambda table, overrides: {**table, "overrides": overrides}, TABLES, st.lists(TABLES, max_size=2) | VALUES))
def test_schema_and_parser_agree(document: dict[str, object]) -> None:
    assert VALIDATOR.is_valid(document) == accepted(document)


FLAGS = st.booleans()
EXPORTS = st.fixed_dictionaries(
    {},
    optional={
        "library": st.lists(st.sampled_from(["*.so", ""]), max_size=2),
        "distribution": st.text("aA-._ ", max_size=3),
        "requires": st.sampled_from(["=={version}", ""]),
        "abi": st.text("1aÉ-", max_size=2),
        "uniquify": FLAGS,
        "binding": st.sampled_from(["flat", "install-name", "two-level"]),
        "import-libs": st.sampled_from(["keep", "rename", "new"]),
        "executables": st.sampled_from(["refuse", "vendor", "copy"]),
        "rename": FLAGS,
        "system-fallback": FLAGS,
    },
)
NAMINGS = st.text("aA-._", max_size=3) | st.fixed_dictionaries({}, optional={"dist": st.text("aA-.", max_size=3), "marker": st.just("x")})


@given(EXPORTS, st.dictionaries(st.sampled_from(["libx.so", "", "a\n"]), NAMINGS, max_size=2))
def test_schema_and_parser_agree_on_sharing(export: dict[str, object], providers: dict[str, object]) -> None:
    for document in ({"export": [export]}, {"providers": providers}):
        assert VALIDATOR.is_valid(document) == accepted(document)


def test_manifests_in_finished_wheels_are_as_their_schema_says(tmp_path: Path) -> None:
    schema = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "manifest.schema.json").read_text(encoding="utf-8")))
    wish = replace(SHARING, export=(replace(RULE, uniquify=True, abi="2"),))
    for path in repaired([consumer(tmp_path), provider(tmp_path)], tmp_path / "out", wish):
        with zipfile.ZipFile(path) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/nativewheel.json")]
            document = json.loads(archive.read(name))
        schema.validate(document)
        assert document["exports"] or document["consumes"]


@given(st.text(st.sampled_from("ab.=/\\\n"), max_size=9))
def test_schema_and_parser_agree_on_added_libraries_and_folders(text: str) -> None:
    for document in ({"add-library": [text]}, {"lib-sdir": text}):
        assert VALIDATOR.is_valid(document) == accepted(document)
