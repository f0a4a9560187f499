"""Wheels that share a library, made of the fixtures' images, and the plans for sets of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from madeimages import LIBRARIES, content, patched
from smallwheels import wheel

from nativewheel.repair.batch import repair_wheels
from nativewheel.repair.options import ExportRule, RepairOptions, RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nativewheel.repair.plan import Plan

NOWHERE = Path("/nowhere")
CORE = (LIBRARIES / "libntcore.so.1").read_bytes()
"""A library, libntcore.so.1, that offers nt_add and nt_version."""
USER = content("ntuser-0.4.0-cp38-abi3-linux_x86_64.whl", "ntuser/_ext.abi3.so")
"""An extension module that needs libntcore.so.1."""
PROGRAM = content("ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl", "ntvendor-0.1.0.data/scripts/ntprog")
LIBRARY_TAG, MODULE_TAG = "py3-none-linux_x86_64", "cp38-abi3-linux_x86_64"
RULE = ExportRule(library=("*/libntcore.so*",), distribution="core", requires="=={major}.*,>={version}", uniquify=False)
SHARING = RepairOptions(sysroot=NOWHERE, export=(RULE,))
UNIQUE = "libnw_core__ntcore.so.1"


def changed(folder: Path, data: bytes, *arguments: str) -> bytes:
    """Return a variant of an image, made with patchelf."""
    folder.mkdir(parents=True, exist_ok=True)
    source, target = folder / "before.bin", folder / "after.bin"
    source.write_bytes(data)
    return patched(source, target, *arguments).read_bytes()


def provider(folder: Path, files: Mapping[str, bytes] | None = None, *, name: str = "core", version: str = "1.2.7", tag: str = LIBRARY_TAG) -> Path:
    """Write a wheel with the library."""
    return wheel(folder, tag, {"core/__init__.py": b"", "core/lib/libntcore.so.1": CORE} if files is None else files, name=name, version=version)


def consumer(
    folder: Path, files: Mapping[str, bytes] | None = None, *, name: str = "user", tag: str = MODULE_TAG, requires: Iterable[str] = ()
) -> Path:
    """Write a wheel whose extension module needs the library."""
    return wheel(folder, tag, {"user/__init__.py": b"", "user/_ext.abi3.so": USER} if files is None else files, name=name, requires=requires)


def plans(wheels: Sequence[Path], options: RepairOptions = SHARING, *, jobs: int = 1) -> tuple[Plan, ...]:
    """Plan a repair of the whole set."""
    run = RunOptions(wheel_dir=NOWHERE, jobs=jobs, dry_run=True)
    return tuple(outcome.plan for outcome in repair_wheels(wheels, lambda _: options, run))


def repaired(wheels: Sequence[Path], output: Path, options: RepairOptions = SHARING, *, jobs: int = 1) -> tuple[Path, ...]:
    """Repair the whole set."""
    return tuple(outcome.output for outcome in repair_wheels(wheels, lambda _: options, RunOptions(wheel_dir=output, jobs=jobs)))


def written(plan: Plan) -> dict[str, bytes]:
    """Map each file that the plan writes to its content."""
    return {str(file.member): file.data for file in plan.files}
