"""NW505 and NW507: what a provider offers, and what lies beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from checked import found
from mademacs import provider as mac_provider
from madeshares import CORE, RULE, SHARING, UNIQUE, provider, repaired
from spoiled import spoiled

from nativewheel.repair.options import ExportRule, RepairOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = "core-1.2.7.dist-info/nativewheel.json"
LIBRARY, ANCHOR, STUB = f"core/lib/{UNIQUE}", f"core/lib/{UNIQUE}.anchor", "core/lib/libntcore.so"


def export(**changes: str | None) -> Callable[[bytes], bytes]:
    """Change what a manifest says of the only library that is offered."""

    def edit(data: bytes) -> bytes:
        document = json.loads(data)
        document["exports"][0] |= changes
        return json.dumps(document).encode()

    return edit


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """Return a repaired provider."""
    return repaired([provider(tmp_path)], tmp_path / "out")[0]


def test_unique_names(core: Path) -> None:
    assert found("NW505", core) == []


def test_plain_names(tmp_path: Path) -> None:
    (path,) = repaired([provider(tmp_path)], tmp_path / "out", replace(SHARING, export=(replace(RULE, rename=False),)))
    (finding,) = found("NW505", path)
    assert (finding.severity, finding.member) == ("warning", "core/lib/libntcore.so.1")
    assert finding.message == "is offered as libntcore.so.1, a name that other libraries can have"
    assert found("NW507", path) == []


def test_all_files_are_there(core: Path) -> None:
    assert found("NW507", core) == []


@pytest.mark.parametrize(
    ("members", "member", "message"),
    [
        ({ANCHOR: None}, LIBRARY, f"its anchor {ANCHOR} is missing"),
        ({ANCHOR: CORE}, LIBRARY, f"its anchor {ANCHOR} does not ask for {UNIQUE}"),
        ({ANCHOR: b"rubbish"}, LIBRARY, f"its anchor {ANCHOR} does not ask for {UNIQUE}"),
        ({STUB: None}, LIBRARY, f"its link stub {STUB} is missing"),
        ({LIBRARY: None}, MANIFEST, f"the library {LIBRARY}, which it offers, is missing"),
        ({MANIFEST: export(anchor=None)}, LIBRARY, "it has no anchor, without which it is not found on musl"),
        ({MANIFEST: export(link=None), STUB: None}, LIBRARY, "there is no link stub libntcore.so"),
    ],
)
def test_files_that_are_missing(core: Path, members: dict[str, bytes | Callable[[bytes], bytes] | None], member: str, message: str) -> None:
    (finding,) = found("NW507", spoiled(core, members))
    assert (finding.severity, finding.member, finding.message) == ("error", member, message)


def test_the_plain_name_may_be_that_of_another_version(tmp_path: Path) -> None:
    files = {"core/lib/libntcore.so": CORE, "core/lib/libntcore.so.1": CORE}
    (path,) = repaired([provider(tmp_path, files)], tmp_path / "out")
    assert found("NW507", spoiled(path, {MANIFEST: export(link=None)})) == []


def test_macos(tmp_path: Path) -> None:
    rule = ExportRule(library=("*/libntcore.dylib",), distribution="core", requires="=={major}.*")
    (path,) = repaired([mac_provider(tmp_path)], tmp_path / "out", RepairOptions(sysroot=tmp_path, export=(rule,)))
    assert found("NW507", path) == []
    (finding,) = found("NW507", spoiled(path, {"core/lib/libntcore.tbd": None}))
    assert finding.message == "its link stub core/lib/libntcore.tbd is missing"
