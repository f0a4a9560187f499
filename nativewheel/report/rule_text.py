"""Rules, explained in words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from nativewheel.check.finding import Severity
from nativewheel.report.sheet import Sheet, bad, faint, notice, title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.check.rule import Explained
    from nativewheel.report.sheet import Styled

_WIDTH = 100


def render_list(rules: Iterable[type[Explained]], *, color: bool = False) -> str:
    """Render one line for each rule."""
    sheet = Sheet(color=color)
    for rule in rules:
        sheet.line(title(rule.code), "  ", _severity(rule, width=7), f"  {rule.summary} ", faint(f"({rule.name})"))
    return str(sheet)


def render(rule: type[Explained], *, color: bool = False) -> str:
    """Render everything about one rule."""
    sheet = Sheet(color=color)
    sheet.line(title(f"{rule.code} {rule.name}"), " (", _severity(rule), ")")
    sheet.line(f"{rule.summary}.")
    sheet.line()
    for paragraph in rule.explanation.split("\n\n"):
        _write(sheet, paragraph)
        sheet.line()
    sheet.line(title("Example"))
    sheet.line(f"{rule.code} {rule.example}", indent=1)
    sheet.line()
    sheet.line(title("What to do"))
    _write(sheet, rule.remedy, indent=1)
    return str(sheet)


def _severity(rule: type[Explained], width: int = 0) -> Styled:
    text = f"{rule.severity:<{width}}"
    return bad(text) if rule.severity is Severity.ERROR else notice(text)


def _write(sheet: Sheet, paragraph: str, indent: int = 0) -> None:
    for line in textwrap.wrap(paragraph, _WIDTH - 2 * indent, break_long_words=False, break_on_hyphens=False):
        sheet.line(line, indent=indent)
