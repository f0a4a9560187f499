"""What `doctor` found, in words: who shares what, then what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.report.amounts import counted
from nativewheel.report.sheet import Sheet, bad, faint, good, notice, title

if TYPE_CHECKING:
    from nativewheel.linkage.health import Health, Need


def render(health: Health, *, color: bool = False) -> str:
    """Render an environment."""
    sheet = Sheet(color=color)
    for provider in health.providers:
        sheet.line(title(f"{provider.distribution} {provider.version}"), faint(f" in {provider.root}"))
        for library in provider.libraries:
            sheet.line(f"offers {library.identity}, ", good("loaded") if library.loaded else notice("not loaded"), indent=1)
            if library.loaded not in {None, str(library.path)}:
                sheet.line(faint(f"{library.loaded} for {library.path}"), indent=2)
    for consumer in health.consumers:
        sheet.line(title(consumer.distribution))
        for need in consumer.needs:
            sheet.line(f"needs {need.provider}{need.range}, ", (good if need.ok else bad)(_found(need)), indent=1)
    for note in health.notes:
        sheet.line(notice("note: "), note)
    for problem in health.problems:
        sheet.line(bad(f"{problem.code}: "), problem.message)
        sheet.line(faint(problem.fix), indent=1)
    sheet.line(_summary(health))
    return str(sheet)


def _found(need: Need) -> str:
    return f"has {need.found}" if need.found else "not installed"


def _summary(health: Health) -> str:
    if not health.providers and not health.consumers and not health.problems:
        return "No installed wheel shares native libraries."
    counts = f"{counted(len(health.providers), 'provider')}, {counted(len(health.consumers), 'consumer')}"
    return f"{counts}: {counted(len(health.problems), 'problem') if health.problems else 'no problems'}."
