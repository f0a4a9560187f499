"""What `repair` did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.repair.plan import Action
from nativewheel.report.amounts import counted, libraries, size_text
from nativewheel.report.plan_text import write_changes, write_sharing, write_vendored
from nativewheel.report.sheet import Sheet, good, notice, title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativewheel.repair.outcome import Outcome


def render(outcomes: Sequence[Outcome], *, dry_run: bool = False, verbose: bool = False, color: bool = False) -> str:
    """Render one block for each wheel, and the totals where there are several wheels.

    ``verbose`` adds every single edit; a dry run always shows them.
    """
    sheet = Sheet(color=color)
    for outcome in outcomes:
        _write_outcome(sheet, outcome, dry_run=dry_run, verbose=verbose)
    if len(outcomes) > 1:
        sheet.line(_totals(outcomes, dry_run=dry_run))
    return str(sheet)


def _write_outcome(sheet: Sheet, outcome: Outcome, *, dry_run: bool, verbose: bool) -> None:
    plan = outcome.plan
    names = f"{plan.wheel.name} → {outcome.output}"
    if plan.action is Action.COPY:
        sheet.line(notice("would copy" if dry_run else "copied"), " ", title(names))
        sheet.line(f"unchanged: {plan.reason}", indent=1)
        return
    sheet.line(good("would repair" if dry_run else "repaired"), " ", title(names))
    size = "" if dry_run else f", {size_text(outcome.size)}"
    sheet.line(f"platform: {', '.join(plan.output.platforms)}{size}", indent=1)
    if plan.vendored:
        write_vendored(sheet, plan, verb="would vendor" if dry_run else "vendored")
    elif not (plan.exports or plan.consumes):
        sheet.line("nothing to vendor", indent=1)
    write_sharing(sheet, plan)
    if dry_run or verbose:
        write_changes(sheet, plan)


def _totals(outcomes: Sequence[Outcome], *, dry_run: bool) -> str:
    repaired = sum(outcome.plan.action is Action.REPAIR for outcome in outcomes)
    vendored = [library for outcome in outcomes for library in outcome.plan.vendored]
    verbs = ("to repair", "to copy", "to vendor") if dry_run else ("repaired", "copied", "vendored")
    return (
        f"{counted(len(outcomes), 'wheel')}: {repaired} {verbs[0]}, {len(outcomes) - repaired} {verbs[1]}; "
        f"{libraries(len(vendored))} {verbs[2]}, {size_text(sum(library.size for library in vendored))}"
    )
