"""A plan in words: every change that `--dry-run` and `-v` show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from nativewheel.report.amounts import counted, libraries, size_text
from nativewheel.report.sheet import faint

if TYPE_CHECKING:
    from nativewheel.formats.image import Edit
    from nativewheel.repair.plan import Plan
    from nativewheel.report.sheet import Sheet


def write_vendored(sheet: Sheet, plan: Plan, *, verb: str) -> None:
    """List the libraries that go into the wheel, with their total."""
    total = size_text(sum(library.size for library in plan.vendored))
    sheet.line(f"{verb} {libraries(len(plan.vendored))}, {total}:", indent=1)
    for library in sorted(plan.vendored, key=lambda library: library.member):
        name = PurePosixPath(library.member).name
        sheet.line(name, faint(f" ← {library.source}, {size_text(library.size)}"), indent=2)


def write_sharing(sheet: Sheet, plan: Plan) -> None:
    """List what the wheel offers to others, what it takes from them, and the requirements that it gains."""
    for export in plan.exports:
        kept = f"; {counted(len(export.kept), 'symbol')} kept, which all images share" if export.kept else ""
        sheet.line(f"exports {export.original}", faint(f" as {export.identity}; consumers require {export.requires}{kept}"), indent=1)
    for consumption in plan.consumes:
        sheet.line(f"uses {consumption.original} of {consumption.provider}", faint(f" {consumption.version} as {consumption.identity}"), indent=1)
    for line in plan.requires:
        sheet.line(f"requires {line}", indent=1)


def write_changes(sheet: Sheet, plan: Plan) -> None:
    """List every edit of the plan, one line an image."""
    if plan.edits or plan.vendored or plan.launchers or plan.files or plan.removed:
        sheet.line("changes:", indent=1)
    for image in plan.edits:
        moved = f", goes to {image.target}" if image.target != image.member else ""
        sheet.line(f"{image.member}: {edit_text(image.edit) or 'as it is'}{moved}", indent=2)
    for library in sorted(plan.vendored, key=lambda library: library.member):
        # The list of what is vendored tells already where each comes from and what it is called now.
        edit = replace(library.edit, identity=None)
        sheet.line(f"{library.member}: {edit_text(edit) or 'nothing but its name'}", indent=2)
    for launcher in plan.launchers:
        sheet.line(f"{launcher.member}: becomes a script that starts {launcher.program}", indent=2)
    for file in plan.files:
        sheet.line(f"{file.member}: written", indent=2)
    for member in plan.removed:
        sheet.line(f"{member}: removed", indent=2)


def edit_text(edit: Edit) -> str:
    """Put one edit into words; an empty text is an empty edit."""
    parts = [f"name {edit.identity}"] if edit.identity is not None else []
    parts += [f"{old} → {new}" for old, new in edit.replace]
    parts += [f"{binding.dependency} → {binding.identity} in the flat namespace" for binding in edit.flat]
    parts += [f"without {name}" for name in edit.remove]
    imports = (*(binding.renames for binding in edit.flat), *(renames for _, renames in edit.rename_imports))
    if renamed := {old for renames in (edit.rename_symbols, *imports) for old, _ in renames}:
        parts.append(f"{counted(len(renamed), 'symbol')} renamed")
    if edit.rpaths is not None:
        parts.append(f"search path {':'.join(edit.rpaths)}" if edit.rpaths else "no search path")
    if edit.strip:
        parts.append("stripped")
    return "; ".join(parts)
