"""NW401 to NW404: images for Windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checked import found
from madepe import DOS, Pe, load_config
from smallwheels import wheel
from spoiled import signed

if TYPE_CHECKING:
    from pathlib import Path

TAG = "cp311-cp311-win_amd64"
MODULE, LIBRARY = "small/_ext.pyd", "small.libs/made.dll"
HOOK = (("PyInit__ext", None),)
GOOD = Pe(exports=HOOK, imports=(("python311.dll", ("PyModule_Create2",)), ("VCRUNTIME140.dll", ("memcpy",)))).build()


def by_linker(data: bytes, major: int, minor: int) -> bytes:
    """Have another linker made the image."""
    place = DOS + 24 + 2
    return data[:place] + bytes([major, minor]) + data[place + 2 :]


@pytest.mark.parametrize("name", ["VCRUNTIME140D.dll", "ucrtbased.dll"])
def test_debug_runtime(tmp_path: Path, name: str) -> None:
    (finding,) = found("NW401", wheel(tmp_path, TAG, {MODULE: Pe(exports=HOOK, imports=((name, ("memcpy",)),)).build()}))
    assert (finding.severity, finding.member) == ("error", MODULE)
    assert finding.message == f"asks for {name}, a debug runtime that only developers have"
    assert found("NW401", wheel(tmp_path, TAG, {MODULE: GOOD})) == []


def test_false_certificate(tmp_path: Path) -> None:
    sound, spoiled = signed(GOOD), bytearray(signed(GOOD))
    spoiled[0x400] ^= 1
    (finding,) = found("NW402", wheel(tmp_path, TAG, {LIBRARY: bytes(spoiled), MODULE: sound}))
    assert (finding.severity, finding.member) == ("warning", LIBRARY)
    assert finding.message == "the Authenticode signature does not fit: its sha256 hash is not that of the file"
    assert found("NW402", wheel(tmp_path, TAG, {MODULE: sound, LIBRARY: GOOD})) == []


@pytest.mark.parametrize(("asking", "serving", "old"), [((14, 41), (14, 29), True), ((14, 41), (14, 40), False), ((14, 29), (14, 41), False)])
def test_old_runtime(tmp_path: Path, asking: tuple[int, int], serving: tuple[int, int], *, old: bool) -> None:
    module = by_linker(Pe(exports=HOOK, imports=(("msvcp140.dll", ("f",)),)).build(), *asking)
    runtime = by_linker(Pe(exports=(("f", None),)).build(), *serving)
    findings = found("NW403", wheel(tmp_path, TAG, {MODULE: module, "small/msvcp140.dll": runtime}))
    assert [(finding.severity, finding.member) for finding in findings] == ([("warning", MODULE)] if old else [])
    if old:
        assert findings[0].message == "made by Visual C++ 14.41, and msvcp140.dll in the wheel is of 14.29"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Pe(exports=HOOK, directories=((11, 0x200, 8),)), "has bound imports"),
        (
            Pe(exports=HOOK, load_config=load_config(dependent_load_flags=0x800)),
            "has dependent-load flags (0x800), with which Windows looks for its DLLs in few folders only",
        ),
    ],
)
def test_bound_imports_and_load_flags(tmp_path: Path, image: Pe, message: str) -> None:
    (finding,) = found("NW404", wheel(tmp_path, TAG, {MODULE: image.build()}))
    assert (finding.severity, finding.member, finding.message) == ("warning", MODULE, message)
    assert found("NW404", wheel(tmp_path, TAG, {MODULE: Pe(exports=HOOK, load_config=load_config()).build()})) == []
