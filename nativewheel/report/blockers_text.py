"""Why a wheel's platform tag is no better, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.report.amounts import counted
from nativewheel.report.sheet import faint, notice
from nativewheel.wheel.names import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativewheel.linkage.inspection import Blocker, Verdict
    from nativewheel.report.sheet import Sheet

MOST_LINES = 8
MOST_REASONS = 4


def write_blockers(sheet: Sheet, verdict: Verdict, *, verbose: bool) -> None:
    """Explain the nearest better tag line by line, and each further one that asks for still more in one line; ``verbose`` shows all."""
    blocked = {tag: [blocker for blocker in verdict.blockers if blocker.tag == tag] for tag in verdict.better}
    detailed = False
    for tag, blockers in blocked.items():
        if not blockers:
            continue
        if verbose or not detailed:
            sheet.line(notice(tag), f" is out of reach{', also' if detailed else ''}:", indent=1)
            _write_each(sheet, blockers) if verbose else _write_groups(sheet, blockers)
            detailed = True
        else:
            reasons = tuple(dict.fromkeys(_reason(blocker) for blocker in blockers))
            sheet.line(notice(tag), faint(f" is further away: {listed(reasons, MOST_REASONS)}"), indent=1)


def sentence(blocker: Blocker) -> str:
    """Say who wants what."""
    if _is_phrase(blocker.needs):
        if blocker.symbol is None and blocker.library is None:
            return f"{blocker.member}: {blocker.needs}"
        subject = _of(blocker.symbol, blocker.library) if blocker.symbol else blocker.library
        return f"{blocker.member} wants {subject}: {blocker.needs}"
    return f"{blocker.member} wants {_of(f'{blocker.symbol}@{blocker.needs}' if blocker.symbol else blocker.needs, blocker.library)}"


def _write_each(sheet: Sheet, blockers: Sequence[Blocker]) -> None:
    for blocker in blockers:
        sheet.line(sentence(blocker), indent=2)


def _write_groups(sheet: Sheet, blockers: Sequence[Blocker]) -> None:
    """Write one line for everything that is wanted of one library at one version."""
    groups: dict[tuple[str, str | None], list[Blocker]] = {}
    for blocker in blockers:
        groups.setdefault((blocker.needs, blocker.library), []).append(blocker)
    for first, *others in list(groups.values())[:MOST_LINES]:
        sheet.line(sentence(first), faint(f" (and {len(others)} more such)") if others else "", indent=2)
    if len(groups) > MOST_LINES:
        sheet.line(faint(f"and {counted(len(groups) - MOST_LINES, 'more obstacle')}; -v shows all"), indent=2)


def _reason(blocker: Blocker) -> str:
    if _is_phrase(blocker.needs):
        return _of(blocker.symbol, blocker.library) if blocker.symbol else blocker.library or blocker.needs
    return _of(blocker.needs, blocker.library)


def _of(wanted: str | None, library: str | None) -> str:
    return f"{wanted} of {library}" if library else str(wanted)


def _is_phrase(needs: str) -> bool:
    """Tell a short phrase from a symbol version or an instruction set level, which have no spaces."""
    return " " in needs
