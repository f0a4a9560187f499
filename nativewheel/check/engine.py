"""Runs the rules: one wheel after the other, in as many processes as there are processors to use."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.check.rule import Rule, SetRule
from nativewheel.check.rules import RULES
from nativewheel.check.subject import KEPT, CheckedWheel
from nativewheel.errors import MachineError, NativewheelError
from nativewheel.wheel.source import WheelUrl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nativewheel.check.facts import WheelFacts
    from nativewheel.check.finding import Finding
    from nativewheel.check.options import CheckOptions

WORTHWHILE = 32 << 20
"""Bytes of wheels from which on starting processes costs less than it saves."""

MANY = 32
"""As many wheels, however small, do so, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One wheel to check, with the ``codes`` of the rules that apply to it."""

    path: Path | WheelUrl
    options: CheckOptions
    codes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a check has found: file names of the wheels that were read, findings in their order, and why other wheels could not be read."""

    wheels: tuple[str, ...]
    findings: tuple[Finding, ...]
    failures: tuple[NativewheelError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    assignment: Assignment
    in_set: bool
    threads: int
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    findings: tuple[Finding, ...] = ()
    facts: WheelFacts | None = None
    failure: NativewheelError | None = None


def check_wheels(assignments: Sequence[Assignment], *, jobs: int = 1, progress: Callable[[str, int, int], None] | None = None) -> CheckResult:
    """Check wheels, each by itself and all of them together; ``jobs`` is the number of processors to use.

    ``progress`` gets the name of a wheel, how many are done, and their total.  A wheel that cannot be read does not keep the others from being
    checked.  The result is the same for any number of jobs.
    """
    processes = _processes([assignment.path for assignment in assignments], jobs)
    tasks = [
        _Task(assignment=assignment, in_set=len(assignments) > 1, threads=max(1, jobs // processes), kept=KEPT // processes)
        for assignment in assignments
    ]
    outcomes: list[_Outcome] = []
    for outcome in _run(tasks, processes):
        if progress:
            progress(assignments[len(outcomes)].path.name, len(outcomes), len(assignments))
        outcomes.append(outcome)
    together = _check_set([outcome.facts for outcome in outcomes if outcome.facts], assignments)
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    order = {assignment.path.name: index for index, assignment in enumerate(assignments)}
    return CheckResult(
        wheels=tuple(assignment.path.name for assignment, outcome in zip(assignments, outcomes, strict=True) if not outcome.failure),
        findings=tuple(sorted((*findings, *together), key=lambda finding: (order[finding.wheel], finding.rule))),
        failures=tuple(outcome.failure for outcome in outcomes if outcome.failure),
    )


def _run(tasks: Sequence[_Task], processes: int) -> Iterator[_Outcome]:
    if processes == 1:
        yield from map(_check_one, tasks)
        return
    others = multiprocessing.active_children()
    # Never by fork: the parent has threads, and a child would inherit the locks that they hold.
    pool = ProcessPoolExecutor(max_workers=processes, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_interrupts)
    try:
        yield from pool.map(_check_one, tasks)
    except BrokenProcessPool as error:
        raise MachineError("a process that checks wheels was ended from outside", hint="if memory is short, use fewer --jobs") from error
    except BaseException:
        # Nobody wants the wheels in progress any more.  To wait for them would invite a second ^C, which leaves locks behind that are never free.
        for process in multiprocessing.active_children():
            if process not in others:
                process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Let the parent decide what ^C does, which the terminal sends to all processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _processes(paths: Sequence[Path | WheelUrl], jobs: int) -> int:
    size = sum(path.stat().st_size for path in paths if isinstance(path, Path) and path.is_file())
    size += sum(WORTHWHILE // 2 for path in paths if isinstance(path, WheelUrl))
    return max(1, min(jobs, len(paths))) if size >= WORTHWHILE or len(paths) >= MANY else 1


def _check_one(task: _Task) -> _Outcome:
    """Check one wheel by itself."""
    assignment = task.assignment
    try:
        with CheckedWheel(assignment.path, assignment.options, jobs=task.threads, kept=task.kept) as wheel:
            rules = [rule() for rule in RULES if issubclass(rule, Rule) and rule.code in assignment.codes]
            findings = tuple(finding for rule in sorted(rules, key=lambda rule: rule.greedy) for finding in rule.check(wheel))
            wanted = task.in_set and any(issubclass(rule, SetRule) and rule.code in assignment.codes for rule in RULES)
            return _Outcome(findings=findings, facts=wheel.facts if wanted else None)
    except NativewheelError as error:
        return _Outcome(failure=error)


def _check_set(facts: Sequence[WheelFacts], assignments: Sequence[Assignment]) -> Iterator[Finding]:
    """Check the wheels together; a finding counts when its rule applies to the wheel that it is about."""
    codes = {assignment.path.name: assignment.codes for assignment in assignments}
    rules = [rule() for rule in RULES if issubclass(rule, SetRule) and len(facts) > 1]
    return (finding for rule in rules for finding in rule.check_set(facts) if rule.code in codes[finding.wheel])
