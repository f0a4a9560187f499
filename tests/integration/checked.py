"""Wheels that are made for one rule, and what the rule finds in them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from smallwheels import record

import nativewheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from nativewheel.check.finding import Finding


def found(code: str, *wheels: Path, **options: Sequence[object]) -> list[Finding]:
    """Run one rule; what keeps it from running is an error."""
    result = nativewheel.check(wheels, select=[code], **options)  # type: ignore[arg-type]
    for failure in result.failures:
        raise failure
    return list(result.findings)


def everything(*wheels: Path, **options: Sequence[object]) -> list[tuple[str, str | None]]:
    """Run all rules, and return codes and members."""
    result = nativewheel.check(wheels, **options)  # type: ignore[arg-type]
    for failure in result.failures:
        raise failure
    return [(finding.rule, finding.member) for finding in result.findings]


def edited(source: Path, edits: Mapping[str, Callable[[bytes], bytes]], *, folder: Path | None = None, name: str | None = None) -> Path:
    """Write a wheel anew with members changed (those that end like the keys of ``edits``) and a right RECORD."""
    with zipfile.ZipFile(source) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    for end, edit in edits.items():
        (member,) = [entry for entry in files if entry.endswith(end)]
        files[member] = edit(files[member])
    (listing,) = [entry for entry in files if entry.endswith(".dist-info/RECORD")]
    del files[listing]
    files[listing] = record(files, listing)
    target = (folder or source.parent / "edited") / (name or source.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    return target
