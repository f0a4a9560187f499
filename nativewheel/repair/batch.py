"""Repairs a set of wheels: plans all, makes all, and publishes them together or not at all."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.errors import UsageError
from nativewheel.linkage.host import HostLibraries
from nativewheel.repair.apply import apply
from nativewheel.repair.outcome import Outcome
from nativewheel.repair.owners import find_owners
from nativewheel.repair.plan import Action
from nativewheel.repair.planner import plan_repair
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.names import WheelName
from nativewheel.wheel.publish import OutputSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nativewheel.repair.options import RepairOptions, RunOptions
    from nativewheel.repair.plan import Plan


def repair_wheels(
    wheels: Sequence[Path],
    options_for: Callable[[WheelName], RepairOptions],
    run: RunOptions,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Outcome, ...]:
    """Repair ``wheels`` into ``run.wheel_dir``, in the order given.

    ``progress`` gets the name of a wheel, the number of images that are done and their total over the whole set.  Nothing is left in the target
    folder when any wheel fails.  Raises every subclass of ``NativewheelError``.
    """
    names = [WheelName.parse(path.name) for path in wheels]
    _refuse_two_versions(names)
    options = {str(name): options_for(name) for name in names}
    host = HostLibraries()
    with ExitStack() as stack:
        archives = [stack.enter_context(WheelArchive(path)) for path in wheels]
        if run.verify:
            for archive in archives:
                archive.verify(run.jobs)
        plans = [plan_repair(archive, options[str(archive.name)], host, jobs=run.jobs) for archive in archives]
        _refuse_one_output(plans)
        plans = _with_unused_globs(plans, list(options.values()))
        if run.dry_run:
            return tuple(Outcome(plan=plan, output=run.wheel_dir / str(plan.output), size=0) for plan in plans)
        outputs = stack.enter_context(OutputSet(run.wheel_dir, inputs=wheels))
        _make(plans, archives, outputs, run, progress)
        published = outputs.commit()
    return tuple(Outcome(plan=plan, output=path, size=path.stat().st_size) for plan, path in zip(plans, published, strict=True))


def _make(
    plans: Sequence[Plan],
    archives: Sequence[WheelArchive],
    outputs: OutputSet,
    run: RunOptions,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    total = sum(len(plan.edits) + len(plan.vendored) + len(plan.launchers) for plan in plans)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(str(plan.name), done, total)

    with ThreadPoolExecutor(max_workers=1) as beside:
        owners = beside.submit(find_owners, {library.source for plan in plans for library in plan.vendored})
        for plan, archive in zip(plans, archives, strict=True):
            if plan.action is Action.COPY:
                outputs.copy_of(plan.wheel, str(plan.output))
                continue
            path = outputs.reserve(str(plan.output))
            apply(plan, archive, path, owners=owners.result, zip_level=run.zip_level, jobs=run.jobs, advance=advance)


def _refuse_two_versions(names: Sequence[WheelName]) -> None:
    versions: dict[str, str] = {}
    for name in names:
        other = versions.setdefault(name.normalized, name.version)
        if other != name.version:
            raise UsageError(
                f"two versions of {name.normalized} in one set: {other} and {name.version}", hint="repair each version in a run of its own"
            )


def _refuse_one_output(plans: Sequence[Plan]) -> None:
    for output, count in Counter(str(plan.output) for plan in plans).items():
        if count > 1:
            inputs = ", ".join(str(plan.wheel) for plan in plans if str(plan.output) == output)
            raise UsageError(f"several inputs would become {output}: {inputs}", hint="repair them in runs of their own")


def _with_unused_globs(plans: list[Plan], options: Sequence[RepairOptions]) -> list[Plan]:
    """Add to the last plan a warning for each glob that applied to nothing in the whole set: a wrong one silently vendors what it should not."""
    given = {glob: flag for item in options for flag, globs in _globs(item) for glob in globs}
    matched = frozenset().union(*(plan.matched for plan in plans))
    unused = tuple(f"{flag} {glob} matched nothing" for glob, flag in given.items() if glob not in matched)
    return [*plans[:-1], replace(plans[-1], warnings=(*plans[-1].warnings, *unused))] if plans else plans


def _globs(options: RepairOptions) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("--exclude", options.exclude), ("--allow-missing", options.allow_missing), ("--no-mangle", options.no_mangle))
