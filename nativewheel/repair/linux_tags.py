"""The platform tags of a repaired Linux wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UsageError
from nativewheel.linkage import policy
from nativewheel.repair.platform import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.formats.image import Libc
    from nativewheel.linkage.inspection import Blocker
    from nativewheel.linkage.verdict import Evaluation, Judge
    from nativewheel.wheel.names import WheelName

_SHOWN = 5
_OTHER_FAMILIES = ("macosx_", "win_", "win32")


def libc_of(plat: str | None) -> Libc | None:
    """Return the C library that ``--plat`` names, None when it is not given or speaks of another family.

    Raises ``UsageError`` for a tag of no family.
    """
    if plat is None or plat.startswith(_OTHER_FAMILIES):
        return None
    libc = policy.family(plat)
    if libc is None:
        raise UsageError(f"--plat {plat} is no platform tag that can be promised", hint="use one such as manylinux_2_28 or musllinux_1_2")
    return libc


def choose(name: WheelName, judge: Judge, plat: str | None, *, only_plat: bool) -> Choice:
    """Choose the policy that a repair aims at.

    Without ``plat``: the best one among those that need the fewest libraries from elsewhere.  With it: that one, and also the best one that needs
    no more libraries, unless ``only_plat``.  Raises ``LinkageError`` when the content does not allow it or a library is missing, ``UsageError`` for
    an unknown tag.
    """
    policies = judge.policies
    requested = policies.requested(plat) if plat is not None and libc_of(plat) is policies.libc else None
    evaluations = judge.evaluations(name.platforms, requested)
    asked = next((evaluation for evaluation in evaluations if evaluation.policy is requested), None)
    best = _best(name, judge, evaluations, asked)
    aim = asked if asked and only_plat else best
    if aim.missing:
        raise LinkageError(_missing(aim), where=(str(name),), hint="install it, or use --lib-path, --sysroot, --exclude or --allow-missing")
    kept = [tag for tag in name.platforms if _holds(tag, judge, evaluations, aim)]
    dropped = [tag for tag in name.platforms if tag not in kept]
    new = {tag for item in (aim.policy, requested) if item for tag in item.tags}
    return Choice(
        external=aim.external,
        platforms=tuple(sorted(new if only_plat and requested else new.union(kept))),
        satisfied=not dropped and (requested is None or not set(requested.tags).isdisjoint(name.platforms)),
        best=(best.policy.tag,),
        warnings=tuple(f"the content does not allow the tag {tag}, which is dropped" for tag in dropped if not tag.startswith(("linux_", "any"))),
    )


def _best(name: WheelName, judge: Judge, evaluations: list[Evaluation], asked: Evaluation | None) -> Evaluation:
    """Return the best evaluation that holds and needs no more libraries than ``asked``, or than any of them."""
    if asked and not asked.fits:
        raise LinkageError(
            f"the content does not allow {asked.policy.tag}: {_listed(judge.violations(asked.policy))}",
            where=(str(name),),
            hint="build on an older system, or leave out --plat for the best tag that the content allows",
        )
    grafts = asked.grafts if asked else min(evaluation.grafts for evaluation in evaluations)
    # An older C library than the one asked for cannot be proven for musl: what was asked for, or else the newest, is all that can be said.
    judged = [evaluation for evaluation in evaluations if evaluation is asked or asked is None or evaluation.policy.priority > asked.policy.priority]
    for evaluation in judged:
        if evaluation.grafts <= grafts and evaluation.fits:
            return evaluation
    newest = evaluations[-1]
    raise LinkageError(
        f"no {judge.policies.libc} platform tag fits its content; in the way of {newest.policy.tag}: {_listed(judge.violations(newest.policy))}",
        where=(str(name),),
        hint="nativewheel show lists everything that is in the way",
    )


def _holds(tag: str, judge: Judge, evaluations: list[Evaluation], aim: Evaluation) -> bool:
    """Whether a tag of the input is true of the output."""
    item = judge.policies.named(tag)
    if item is None:
        # A tag of the other C library is true as well when no image depends on any (static programs).
        return policy.family(tag) is not None and not aim.external and all(found.image.libc is None for found in judge.graph.images.values())
    own = next(evaluation for evaluation in evaluations if evaluation.policy is item)
    return own.fits and not own.missing and set(own.external) <= set(aim.external)


def _missing(evaluation: Evaluation) -> str:
    items = [f"{missing.name} (wanted by {missing.wanted_by})" for missing in evaluation.missing]
    return f"{'a library was' if len(items) == 1 else f'{len(items)} libraries were'} not found: {_shortened(items)}"


def _listed(blockers: Iterable[Blocker]) -> str:
    return _shortened([describe(blocker) for blocker in blockers])


def describe(blocker: Blocker) -> str:
    """Return one clause such as "pkg/x.so wants memcpy@GLIBC_2.14 of libc.so.6"."""
    if blocker.library and blocker.symbol and blocker.needs.partition("_")[2]:
        return f"{blocker.member} wants {blocker.symbol}@{blocker.needs} of {blocker.library}"
    what = " of ".join(part for part in (blocker.symbol, blocker.library) if part)
    return f"{blocker.member} wants {f'{what}, ' if what else ''}{blocker.needs}"


def _shortened(items: list[str]) -> str:
    rest = len(items) - _SHOWN
    return "; ".join(items[:_SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
