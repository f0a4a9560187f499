"""`check` on macOS wheels that share libraries in every way that linkers have bound them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machosamples import Samples, sample_folder
from macsharewheels import everything

import nativewheel

if TYPE_CHECKING:
    from macsharewheels import Repaired


@pytest.fixture(scope="module", params=["x86_64", "arm64"])
def repaired(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Repaired:
    pytest.importorskip("ziglang", reason="no C compiler: ziglang has no wheel for this machine")
    return everything(Samples(linker="zig", arch=request.param, folder=sample_folder(tmp_path_factory)))


def test_the_set_has_no_faults(repaired: Repaired) -> None:
    """One provider has two libraries, and references in the flat namespace tell the provider only."""
    result = nativewheel.check(sorted(repaired.outputs.values()))
    assert not result.failures
    assert [(finding.wheel, finding.rule, finding.message) for finding in result.findings] == []


def test_each_wheel_alone_has_no_faults(repaired: Repaired) -> None:
    for path in repaired.outputs.values():
        assert [(finding.wheel, finding.rule, finding.message) for finding in nativewheel.check([path]).findings] == []


def test_the_inputs_lack_their_libraries(repaired: Repaired) -> None:
    findings = nativewheel.check(sorted(repaired.inputs.values()), select=["NW5"]).findings
    assert {finding.rule for finding in findings} == {"NW501"}
