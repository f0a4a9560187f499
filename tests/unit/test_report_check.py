"""What `check` found, for people, programs and CI services."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from nativewheel.check.engine import CheckResult
from nativewheel.check.finding import Finding, Severity
from nativewheel.check.rules import RULES
from nativewheel.errors import UnreadableError
from nativewheel.report import check_json, check_text, github, junit, rule_text, sarif
from nativewheel.wheel.names import Member

ONE, TWO, GOOD = (f"{name}-1.0-py3-none-any.whl" for name in ("one", "two", "good"))
ERROR = Finding(rule="NW101", severity=Severity.ERROR, wheel=ONE, member=Member("one/a.so"), message="is wrong", fix="make it right")
WARNING = Finding(rule="NW109", severity=Severity.WARNING, wheel=ONE, member=None, message="is odd", fix="make it even")
OTHER = replace(WARNING, wheel=TWO)
RESULT = CheckResult(wheels=(ONE, TWO, GOOD), findings=(ERROR, WARNING, OTHER))
UNREAD = replace(RESULT, failures=(UnreadableError("not a zip archive", where=("bad.whl",)),))
NOTHING = CheckResult(wheels=(GOOD,), findings=())
HOSTILE = "a%0A::error::b,c:d\r\n]]>\x1b[31m<\x00&\"'\u202e\ufffe\udcff"
NASTY = CheckResult(
    wheels=(f"{HOSTILE}.whl",),
    findings=(replace(ERROR, wheel=f"{HOSTILE}.whl", member=Member(HOSTILE), message=HOSTILE, fix=HOSTILE),),
)


def test_text() -> None:
    assert check_text.render(RESULT) == (
        f"{ONE}\n"
        "  NW101 one/a.so: is wrong\n"
        "    hint: make it right\n"
        "  NW109 warning: is odd\n"
        "    hint: make it even\n"
        f"{TWO}\n"
        "  NW109 warning: is odd\n"
        "    hint: make it even\n"
        "1 error and 2 warnings in 2 of 3 wheels; `nativewheel rule NW101` explains a rule.\n"
    )


def test_text_of_nothing_is_one_line() -> None:
    assert check_text.render(NOTHING) == "1 wheel checked, nothing found.\n"
    assert check_text.render(CheckResult(wheels=(), findings=())) == ""


def test_statistics() -> None:
    assert check_text.render(RESULT, statistics=True) == (
        "2 NW109 One library is in the wheel several times\n"
        "1 NW101 RECORD disagrees with the archive\n"
        "1 error and 2 warnings in 2 of 3 wheels; `nativewheel rule NW101` explains a rule.\n"
    )
    assert json.loads(check_json.render(RESULT, statistics=True))["statistics"] == {"NW101": 1, "NW109": 2}


def test_colours() -> None:
    assert "\x1b[31;1mNW101 \x1b[0m" in check_text.render(RESULT, color=True)
    assert "\x1b" not in check_text.render(NASTY)


@pytest.mark.parametrize("result", [RESULT, NOTHING, NASTY])
@pytest.mark.parametrize("statistics", [True, False])
def test_json_is_as_its_schema_says(result: CheckResult, *, statistics: bool) -> None:
    schema = json.loads((files("nativewheel") / "schemas" / "check.schema.json").read_text(encoding="utf-8"))
    document = json.loads(check_json.render(result, statistics=statistics))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert [(item["rule"], item["member"]) for item in document["findings"]] == [(item.rule, item.member) for item in result.findings]


@pytest.mark.parametrize("result", [RESULT, NOTHING, NASTY, UNREAD])
def test_sarif_is_as_the_standard_says(result: CheckResult) -> None:
    schema = json.loads((Path(__file__).parent / "sarif.schema.json").read_text(encoding="utf-8"))
    document = json.loads(sarif.render(result))
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(document)
    (run,) = document["runs"]
    assert run["invocations"][0]["executionSuccessful"] is not bool(result.failures)
    for item, finding in zip(run["results"], result.findings, strict=True):
        assert run["tool"]["driver"]["rules"][item["ruleIndex"]]["id"] == item["ruleId"] == finding.rule
        place = item["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"]
        assert item["level"] == finding.severity


def test_sarif_fingerprints_outlive_a_version() -> None:
    later = replace(ERROR, wheel="one-2.0-py3-none-any.whl")
    prints = [
        json.loads(sarif.render(CheckResult(wheels=(finding.wheel,), findings=(finding,))))["runs"][0]["results"][0]["partialFingerprints"]
        for finding in (ERROR, later, replace(ERROR, message="is something else"))
    ]
    assert prints[0] == prints[1] != prints[2]


def test_github_annotations() -> None:
    assert github.render(RESULT).splitlines() == [
        f"::error title=NW101 record-disagrees::{ONE}: one/a.so: is wrong%0Ahint: make it right",
        f"::warning title=NW109 library-several-times::{ONE}: is odd%0Ahint: make it even",
        f"::warning title=NW109 library-several-times::{TWO}: is odd%0Ahint: make it even",
    ]
    assert github.render(NOTHING) == ""


def test_github_annotations_cannot_be_forged() -> None:
    (line,) = github.render(NASTY).splitlines()
    assert len(re.findall("^::error title=[^:,]*::", line)) == 1
    command, _, data = line.partition(" title=")[2].partition("::")
    assert command == "NW101 record-disagrees"
    assert unquote(data.replace("%25", "\x25")).count("hint: ") == 1
    assert "a%250A::error::b,c:d" in data


@pytest.mark.parametrize(("strict", "failures"), [(False, 1), (True, 3)])
def test_junit(*, strict: bool, failures: int) -> None:
    root = ET.fromstring(junit.render(RESULT, strict=strict))  # noqa: S314  (our own)
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "6", str(failures))
    assert [suite.get("name") for suite in root] == [ONE, TWO, GOOD]
    assert [(case.get("name"), len(case.findall("failure")) > 0) for case in root[0]] == [
        ("NW101 record-disagrees", True),
        ("NW109 library-several-times", strict),
        ("all other rules", False),
    ]
    failure = root[0][0][0]
    assert (failure.get("type"), failure.get("message")) == ("NW101", "one/a.so: is wrong")
    assert failure.text == "error: one/a.so: is wrong\nhint: make it right"


def test_junit_of_a_wheel_that_cannot_be_read() -> None:
    root = ET.fromstring(junit.render(UNREAD))  # noqa: S314
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("7", "1", "1")
    assert [(error.get("message"), error.text) for error in root.iter("error")] == [("not a zip archive", "bad.whl: not a zip archive")]


def test_junit_of_hostile_names_is_xml() -> None:
    (suite,) = ET.fromstring(junit.render(NASTY))  # noqa: S314
    assert "]]>" in (suite[0][0].text or "")


def test_rules_are_listed_and_explained() -> None:
    assert rule_text.render_list(RULES).splitlines()[0] == "NW101  error    RECORD disagrees with the archive (record-disagrees)"
    text = rule_text.render(RULES[0])
    assert text.startswith("NW101 record-disagrees (error)\nRECORD disagrees with the archive.\n\nRECORD lists every file")
    assert "\nExample\n  NW101 " in text
    assert "\nWhat to do\n  Build" in text
    assert max(map(len, text.splitlines())) <= 120
