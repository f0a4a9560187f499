"""NW203: names of a provider's symbols that others have, too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from checked import found
from mademacs import provider as mac_provider
from madeshares import CORE, LIBRARY_TAG, RULE, SHARING, UNIQUE, provider, repaired
from smallwheels import compiled, wheel

from nativewheel.linkage.manifest import Binding
from nativewheel.repair.options import ExportRule, RepairOptions

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "int inflate(void) { return 1; } int png_read(void) { return 2; } int init(void) { return 3; } int error(void) { return 4; } int nt_x(void);"


@pytest.fixture
def spoiled_core(tmp_path: Path) -> bytes:
    """Compile a library with names that are not its own."""
    return compiled(tmp_path / "c", "libntcore.so.1", SOURCE, "-Wl,-soname,libntcore.so.1").read_bytes()


def test_names_of_others(tmp_path: Path, spoiled_core: bytes) -> None:
    (path,) = repaired([provider(tmp_path, {"core/lib/libntcore.so.1": spoiled_core})], tmp_path / "out")
    findings = found("NW203", path)
    assert {(finding.severity, finding.member) for finding in findings} == {("warning", f"core/lib/{UNIQUE}")}
    assert [finding.message for finding in findings] == [
        "exports names of zlib: inflate",
        "exports names of libpng: png_read",
        "exports names that any library may have: error, init",
    ]


def test_names_of_its_own(tmp_path: Path) -> None:
    assert found("NW203", *repaired([provider(tmp_path)], tmp_path / "out")) == []


def test_unique_symbols(tmp_path: Path, spoiled_core: bytes) -> None:
    options = replace(SHARING, export=(replace(RULE, uniquify=True),))
    (path,) = repaired([provider(tmp_path, {"core/lib/libntcore.so.1": spoiled_core})], tmp_path / "out", options)
    assert found("NW203", path) == []


def test_libraries_that_are_not_offered(tmp_path: Path, spoiled_core: bytes) -> None:
    assert found("NW203", wheel(tmp_path, LIBRARY_TAG, {"core/libntcore.so.1": spoiled_core, "core/libother.so.1": CORE})) == []


def test_two_level_references_of_macos_name_their_library(tmp_path: Path) -> None:
    rule = ExportRule(library=("*/libntcore.dylib",), distribution="core", requires="=={major}.*", binding=Binding.INSTALL_NAME)
    assert found("NW203", *repaired([mac_provider(tmp_path)], tmp_path / "out", RepairOptions(sysroot=tmp_path, export=(rule,)))) == []
