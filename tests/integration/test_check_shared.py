"""`check` on wheels that share libraries, in every layout: repaired ones are right, and each of the inputs lacks what it lacks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from checked import found
from sharedwheels import NEEDS, SharedSet, needs_linux
from spoiled import spoiled

import nativewheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_linux


def test_repaired_wheels_have_no_errors(shared: SharedSet) -> None:
    result = nativewheel.check(sorted(shared.outputs.values()))
    assert not result.failures
    assert [(finding.wheel, finding.rule, finding.message) for finding in result.findings] == []


@pytest.mark.parametrize("name", NEEDS)
def test_each_consumer_alone_is_right(shared: SharedSet, name: str) -> None:
    assert found("NW5", shared.outputs[name]) == []
    assert found("NW5", shared.outputs[name], provider=[shared.outputs[provider] for provider in NEEDS[name]]) == []


def test_unrepaired_wheels_lack_their_libraries(shared: SharedSet) -> None:
    findings = found("NW5", *sorted(shared.inputs.values()))
    lacking = Counter(finding.wheel.partition("-")[0] for finding in findings if finding.rule == "NW501")
    assert set(lacking) == {*NEEDS, "ntmath"}, "ntmath and ntmix need ntcore"
    assert {finding.rule for finding in findings} == {"NW501"}


@pytest.mark.parametrize("name", NEEDS)
def test_a_consumer_without_its_shim(shared: SharedSet, name: str) -> None:
    (finding,) = found("NW504", spoiled(shared.outputs[name], {f"nw_{name}/__init__.py": None}))
    assert finding.severity == "error"


@pytest.mark.parametrize("name", NEEDS)
def test_a_consumer_without_its_requirements(shared: SharedSet, name: str) -> None:
    def stripped(metadata: bytes) -> bytes:
        return b"".join(line for line in metadata.splitlines(keepends=True) if not line.startswith(b"Requires-Dist"))

    path: Path = shared.outputs[name]
    findings = found("NW502", spoiled(path, {f"{'-'.join(path.name.split('-')[:2])}.dist-info/METADATA": stripped}))
    assert len(findings) == len({finding.message for finding in findings}) >= 1
