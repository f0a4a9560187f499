"""Repairs a set of wheels: reads and plans all, makes all, and publishes them together or not at all."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UsageError
from nativewheel.linkage.contents import read_contents
from nativewheel.linkage.host import HostLibraries
from nativewheel.repair import offering
from nativewheel.repair.apply import apply
from nativewheel.repair.exporting import find_exports, is_used
from nativewheel.repair.floors import with_floor_warnings
from nativewheel.repair.linux_tags import libc_of
from nativewheel.repair.metadata import with_requirements
from nativewheel.repair.outcome import Outcome
from nativewheel.repair.owners import find_owners
from nativewheel.repair.plan import Action
from nativewheel.repair.planner import Subject, plan_repair
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.names import WheelName
from nativewheel.wheel.publish import OutputSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nativewheel.repair.options import ExportRule, RepairOptions, RunOptions
    from nativewheel.repair.plan import Plan


def repair_wheels(
    wheels: Sequence[Path],
    options_for: Callable[[WheelName], RepairOptions],
    run: RunOptions,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Outcome, ...]:
    """Repair ``wheels`` into ``run.wheel_dir``; the outcomes are in the order of the wheels.

    ``progress`` gets the name of a wheel, the number of files that are done and their total over the whole set.  Nothing is left in the target
    folder when any wheel fails.  Raises every subclass of ``NativewheelError``.
    """
    names = [WheelName.parse(path.name) for path in wheels]
    _refuse_two_versions(names)
    with ExitStack() as stack:
        archives = [stack.enter_context(WheelArchive(path)) for path in wheels]
        if run.verify:
            for archive in archives:
                archive.verify(run.jobs)
        plans = _planned([(archive, options_for(archive.name)) for archive in archives], run.jobs)
        _refuse_one_output(plans)
        order = _providers_first(plans)
        if run.dry_run:
            return tuple(Outcome(plan=plan, output=run.wheel_dir / str(plan.output), size=0) for plan in plans)
        outputs = stack.enter_context(OutputSet(run.wheel_dir, inputs=wheels))
        _make([plans[index] for index in order], [archives[index] for index in order], outputs, run, progress)
        published = dict(zip(order, outputs.commit(), strict=True))
    return tuple(Outcome(plan=plan, output=published[index], size=published[index].stat().st_size) for index, plan in enumerate(plans))


def _planned(wheels: Sequence[tuple[WheelArchive, RepairOptions]], jobs: int) -> list[Plan]:
    """Plan every wheel of the set, with what the set and the options offer to each."""
    host = HostLibraries()
    subjects = [_subject(archive, options, jobs) for archive, options in wheels]
    offered = offering.of_set(subjects)
    given: offering.Given = {}
    subjects = [replace(subject, providers=(*offered, *offering.given_to(subject, given))) for subject in subjects]
    plans = with_requirements([plan_repair(subject, host, jobs=jobs) for subject in subjects], subjects)
    plans = with_floor_warnings(plans, [subject.providers for subject in subjects])
    return _with_unused_globs(plans, subjects)


def _subject(archive: WheelArchive, options: RepairOptions, jobs: int) -> Subject:
    contents = read_contents(archive, libc=libc_of(options.plat), jobs=jobs)
    subject = Subject(archive=archive, options=options, contents=contents)
    return subject if subject.is_repaired else replace(subject, exports=find_exports(archive, contents.images, options.export))


def _providers_first(plans: Sequence[Plan]) -> list[int]:
    """Return the indexes of the plans, those of providers before those of their consumers, else in the order given.

    Raises ``LinkageError`` for distributions that need each other's libraries.
    """
    members: dict[str, list[int]] = {}
    for index, plan in enumerate(plans):
        members.setdefault(plan.name.normalized, []).append(index)
    needs = {name: {item.provider for index in indexes for item in plans[index].consumes} & members.keys() for name, indexes in members.items()}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise LinkageError(
            f"these distributions need each other's libraries: {' → '.join(reversed(error.args[1]))}",
            hint="move the libraries that need each other into one wheel",
        ) from error
    return [index for name in order for index in members[name]]


def _make(
    plans: Sequence[Plan],
    archives: Sequence[WheelArchive],
    outputs: OutputSet,
    run: RunOptions,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    total = sum(len(plan.edits) + len(plan.vendored) + len(plan.launchers) + len(plan.files) for plan in plans)
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


def _with_unused_globs(plans: list[Plan], subjects: Sequence[Subject]) -> list[Plan]:
    """Add to the last plan a warning for each glob that applied to nothing in the whole set: a wrong one silently vendors what it should not."""
    given = {glob: flag for subject in subjects for flag, globs in _globs(subject.options) for glob in globs}
    matched = frozenset().union(*(plan.matched for plan in plans))
    unused = [f"{flag} {glob} matched nothing" for glob, flag in given.items() if glob not in matched]
    unused += [f"--export {', '.join(rule.library)} matched no library" for rule in _unused_exports(subjects)]
    return [*plans[:-1], replace(plans[-1], warnings=(*plans[-1].warnings, *unused))] if plans else plans


def _unused_exports(subjects: Sequence[Subject]) -> list[ExportRule]:
    """Return the rules without a distribution that match nothing.  In a wheel that was repaired before, what they matched has other names now."""
    rules = dict.fromkeys(rule for subject in subjects for rule in subject.options.export if rule.distribution is None)
    repaired = any(subject.is_repaired for subject in subjects)
    users = [(subject.options.export, subject.contents.images) for subject in subjects]
    return [rule for rule in rules if not repaired and not any(rule in own and is_used(rule, images) for own, images in users)]


def _globs(options: RepairOptions) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("--exclude", options.exclude), ("--allow-missing", options.allow_missing), ("--no-mangle", options.no_mangle))
