"""What `show` found, in words: the verdict first, then what a repair would do, then what the wheel holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.linkage.inspection import Supply
from nativewheel.report.amounts import counted, libraries, size_text
from nativewheel.report.blockers_text import write_blockers
from nativewheel.report.promise import promise_text
from nativewheel.report.sheet import Sheet, bad, faint, good, notice, title
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.linkage.inspection import Inspection, SuppliedDependency, Verdict
    from nativewheel.report.sheet import Styled

MOST_USERS = 3


def render(inspection: Inspection, *, verbose: bool = False, color: bool = False) -> str:
    """Render one wheel.  ``verbose`` shows every obstacle, every native file and every dependency."""
    sheet = Sheet(color=color)
    write_header(sheet, inspection)
    _write_verdicts(sheet, inspection, verbose=verbose)
    _write_missing(sheet, inspection)
    _write_external(sheet, inspection)
    _write_sharing(sheet, inspection)
    _write_images(sheet, inspection, verbose=verbose)
    write_warnings(sheet, inspection)
    return str(sheet)


def write_header(sheet: Sheet, inspection: Inspection) -> None:
    """Name the wheel."""
    sheet.line(title(inspection.wheel.name))
    by = f", repaired by {inspection.repaired_by}" if inspection.repaired_by else ""
    sheet.line(f"{inspection.name.normalized} {inspection.version}{by}", indent=1)
    sheet.line(f"tags: {', '.join(inspection.tags)}", indent=1)


def write_warnings(sheet: Sheet, inspection: Inspection) -> None:
    """Write what the user should know."""
    for warning in inspection.warnings:
        sheet.line(notice("warning: "), warning, indent=1)


def users(inspection: Inspection, supply: Supply) -> dict[str, tuple[str, ...]]:
    """Map each dependency of one kind to the images that ask for it, external libraries by their file names."""
    found: dict[str, list[str]] = {}
    asking: list[tuple[str, Iterable[SuppliedDependency]]] = [(image.member, image.dependencies) for image in inspection.images]
    asking += [(library.path.name, library.dependencies) for library in inspection.external]
    for member, dependencies in asking:
        for dependency in dependencies:
            if dependency.supply is supply:
                found.setdefault(dependency.name, []).append(member)
    return {name: tuple(found[name]) for name in sorted(found)}


def _write_verdicts(sheet: Sheet, inspection: Inspection, *, verbose: bool) -> None:
    if inspection.verdict is None:
        sheet.line(good("pure: no native files."), indent=1)
    elif inspection.repaired is None:
        sheet.line("The content allows ", *_tag(inspection.verdict), ".", indent=1)
        write_blockers(sheet, inspection.verdict, verbose=verbose)
    else:
        sheet.line("As it is, the content allows ", *_tag(inspection.verdict), ".", indent=1)
        if verbose:
            write_blockers(sheet, inspection.verdict, verbose=True)
        sheet.line("Repaired, it would allow ", *_tag(inspection.repaired), ".", indent=1)
        write_blockers(sheet, inspection.repaired, verbose=verbose)
    if promise := promise_text(inspection.name.platforms, inspection.verdict):
        sheet.line(bad(promise), indent=1)


def _tag(verdict: Verdict) -> tuple[Styled | str, ...]:
    return (good(verdict.tag), f" (also known as {', '.join(verdict.aliases)})" if verdict.aliases else "")


def _write_missing(sheet: Sheet, inspection: Inspection) -> None:
    missing = users(inspection, Supply.MISSING)
    if missing:
        sheet.line(bad(f"{libraries(len(missing))} missing; a repair needs {'it' if len(missing) == 1 else 'them'}:"), indent=1)
    for name, members in missing.items():
        sheet.line(bad(name), f", wanted by {listed(members, MOST_USERS)}", indent=2)


def _write_external(sheet: Sheet, inspection: Inspection) -> None:
    if not inspection.external:
        return
    total = size_text(sum(library.size for library in inspection.external))
    sheet.line(f"A repair would vendor {libraries(len(inspection.external))}, {total}:", indent=1)
    for library in sorted(inspection.external, key=lambda library: (-library.size, str(library.path))):
        sheet.line(library.image.identity or library.path.name, faint(f" ← {library.path}, {size_text(library.size)}"), indent=2)


def _write_sharing(sheet: Sheet, inspection: Inspection) -> None:
    if inspection.manifest is None:
        return
    for export in inspection.manifest.exports:
        sheet.line(f"Exports {export.original}", faint(f" as {export.identity}; consumers require {export.requires}"), indent=1)
    for consumption in inspection.manifest.consumes:
        sheet.line(f"Uses {consumption.original} of {consumption.provider}{consumption.requires}", faint(f" as {consumption.identity}"), indent=1)
    if inspection.spared:
        total = size_text(sum(library.size for library in inspection.spared))
        sheet.line(f"Without sharing it would carry {libraries(len(inspection.spared))} more, {total}:", indent=1)
        for library in sorted(inspection.spared, key=lambda library: (-library.size, str(library.path))):
            sheet.line(library.path.name, faint(f" {size_text(library.size)}"), indent=2)


def _write_images(sheet: Sheet, inspection: Inspection, *, verbose: bool) -> None:
    if not inspection.images:
        return
    total = size_text(sum(image.size for image in inspection.images))
    sheet.line(f"The wheel holds {counted(len(inspection.images), 'native file')}, {total}{':' if verbose else '.'}", indent=1)
    if not verbose:
        return
    for image in inspection.images:
        detail = f"{image.image.format} {','.join(image.image.archs)} {image.image.kind}, {size_text(image.size)}"
        sheet.line(image.member, faint(f" ({detail})"), indent=2)
        for rpath in image.image.rpaths:
            sheet.line(faint(f"search path {rpath}"), indent=3)
        for dependency in image.dependencies:
            where = f" {dependency.provider or dependency.resolved or ''}".rstrip()
            sheet.line(dependency.name, faint(f" [{dependency.supply}]{where}"), indent=3)
