"""The parts of the page that are text: facts, verdicts, findings, and tables."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nativewheel.report.amounts import counted, libraries, size_text
from nativewheel.report.blockers_text import sentence
from nativewheel.report.markup import escaped, number
from nativewheel.report.palette import LOOKS
from nativewheel.report.picture import Role
from nativewheel.report.promise import promise_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.check.finding import Finding
    from nativewheel.linkage.inspection import Inspection, Verdict
    from nativewheel.report.picture import Picture

MOST_LINES = 200
BAR = 160


def verdict(inspection: Inspection) -> str:
    """Say which platform tag the content allows."""
    if inspection.verdict is None:
        text = "Pure: no native files."
    elif inspection.repaired is None:
        text = f"The content allows {_tag(inspection.verdict)}."
    else:
        text = f"As it is, the content allows {_tag(inspection.verdict)}. Repaired, it would allow {_tag(inspection.repaired)}."
    promise = promise_text(inspection.name.platforms, inspection.verdict)
    return f'<p class="verdict">{text}</p>' + (f'<p class="note">{escaped(promise)}</p>' if promise else "")


def facts(inspection: Inspection) -> str:
    """List what can be said in a line."""
    rows = [
        ("Distribution", f"{inspection.name.normalized} {inspection.version}"),
        ("Tags", ", ".join(inspection.tags)),
    ]
    if inspection.repaired_by:
        rows.append(("Repaired by", inspection.repaired_by))
    rows.append(("Native files", _amount(len(inspection.images), sum(image.size for image in inspection.images), "native file")))
    if inspection.external:
        total = size_text(sum(library.size for library in inspection.external))
        rows.append(("A repair would vendor", f"{libraries(len(inspection.external))}, {total}"))
    if inspection.manifest:
        rows += [("Shares", f"{export.original} as {export.identity}; consumers require {export.requires}") for export in inspection.manifest.exports]
        rows += [("Uses", f"{item.original} of {item.provider}{item.requires}") for item in inspection.manifest.consumes]
    if inspection.spared:
        total = size_text(sum(library.size for library in inspection.spared))
        rows.append(("Saved by sharing", f"{libraries(len(inspection.spared))}, {total}"))
    return "\n".join(f"<dt>{title}</dt><dd>{escaped(text)}</dd>" for title, text in rows)


def warnings(inspection: Inspection) -> str:
    """List what the user should know."""
    return _list([f"Warning: {warning}" for warning in inspection.warnings], "note")


def blockers(inspection: Inspection, name: str) -> str:
    """Explain for each better tag what stands in the way."""
    judged = inspection.repaired or inspection.verdict
    if judged is None or not judged.blockers:
        return ""
    parts = []
    for index, tag in enumerate(judged.better):
        lines = [sentence(blocker) for blocker in judged.blockers if blocker.tag == tag]
        if lines:
            summary = f"<summary><code>{escaped(tag)}</code>: {counted(len(lines), 'obstacle')}</summary>"
            parts.append(f"<details{'' if index else ' open'}>{summary}{_list(lines, 'name')}</details>")
    return f'<section aria-labelledby="{name}"><h3 id="{name}">What keeps it from a better tag</h3>{"".join(parts)}</section>'


def sizes(drawn: Picture, name: str) -> str:
    """Return a table of the bytes of each kind of file."""
    totals: dict[Role, list[int]] = defaultdict(list)
    for node in drawn.nodes:
        if node.size is not None:
            totals[node.role].append(node.size)
    largest = max(map(sum, totals.values()), default=0) or 1
    rows = []
    for role in Role:
        if role in totals:
            total = sum(totals[role])
            bar = f'<svg class="bar" width="{BAR}" height="12" aria-hidden="true"><rect width="{number(BAR * total / largest)}" height="12"/></svg>'
            cells = f'<td class="size">{len(totals[role])}</td><td class="size">{size_text(total)}</td><td>{bar}</td>'
            rows.append(f'<tr><th scope="row">{LOOKS[role].words}</th>{cells}</tr>')
    head = '<tr><th scope="col">Kind</th><th scope="col" class="size">Files</th><th scope="col" class="size">Size</th><td></td></tr>'
    return (
        f'<section aria-labelledby="{name}"><h3 id="{name}">Sizes</h3>'
        f"<table><caption>Native files by kind, as installed.</caption><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def file_rows(drawn: Picture) -> Iterator[str]:
    """Yield a row for each node: the graph in words."""
    users: dict[int, list[str]] = defaultdict(list)
    needs: dict[int, list[str]] = defaultdict(list)
    for arrow in drawn.arrows:
        users[arrow.target].append(drawn.nodes[arrow.source].label)
        needs[arrow.source].append(drawn.nodes[arrow.target].label)
    for index, node in enumerate(drawn.nodes):
        path = f'<span class="path name">{escaped(node.path)}</span>' if node.path != node.label else ""
        words = LOOKS[node.role].words + (f" ({escaped(node.provider)})" if node.provider else "")
        size = "" if node.size is None else size_text(node.size)
        button = f'<button type="button" class="link" data-select="{index}">{escaped(node.label)}</button>'
        asked = f'<td class="name">{_names(users[index])}</td><td class="name">{_names(needs[index])}</td>'
        yield f'<tr><th scope="row">{button}{path}</th><td>{words}</td><td class="size">{size}</td>{asked}</tr>'


def findings_table(findings: Sequence[Finding], name: str, *, level: int) -> str:
    """Return a table of findings, nothing where there are none."""
    if not findings:
        return ""
    head = "".join(f'<th scope="col">{title}</th>' for title in ("Rule", "Severity", "Where", "What", "Fix"))
    rows = "".join(
        f'<tr><th scope="row">{escaped(item.rule)}</th><td class="severity {"error" if item.severity == "error" else "warning"}">'
        f'{escaped(item.severity)}</td><td class="name">{escaped(item.member or item.wheel)}</td><td>{escaped(item.message)}</td>'
        f"<td>{escaped(item.fix)}</td></tr>"
        for item in findings
    )
    caption = f"<caption>{counted(len(findings), 'finding')} of nativewheel check.</caption>"
    return (
        f'<section aria-labelledby="{name}"><h{level} id="{name}">Findings</h{level}>'
        f'<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">'
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _tag(judged: Verdict) -> str:
    aliases = f" (also known as {escaped(', '.join(judged.aliases))})" if judged.aliases else ""
    return f"<code>{escaped(judged.tag)}</code>{aliases}"


def _amount(count: int, size: int, noun: str) -> str:
    return f"{counted(count, noun)}, {size_text(size)}" if count else "none"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(escaped(name) for name in names[:MOST_LINES])
    return f"{shown} and {len(names) - MOST_LINES} more" if len(names) > MOST_LINES else shown


def _list(lines: Sequence[str], kind: str) -> str:
    if not lines:
        return ""
    rest = f"<li>and {len(lines) - MOST_LINES} more</li>" if len(lines) > MOST_LINES else ""
    return f'<ul class="{kind}">{"".join(f"<li>{escaped(line)}</li>" for line in lines[:MOST_LINES])}{rest}</ul>'
