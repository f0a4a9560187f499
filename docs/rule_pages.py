"""A page for each rule of `check`, and the directive `rule-table` that lists them, from what the rules' classes say of themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from nativewheel.check.rules import RULES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from nativewheel.check.rule import Explained

FOLDER = "rules"
FAMILIES = {
    "NW1": "All wheels",
    "NW2": "ELF: Linux",
    "NW3": "Mach-O: macOS",
    "NW4": "PE: Windows",
    "NW5": "Sharing",
    "NW6": "Wheels that are checked together",
}


class RuleTable(Directive):
    """List all rules by families, each with a link to its page."""

    def run(self) -> list[nodes.Node]:
        """Make the lists."""
        lines: list[str] = []
        for family, heading in FAMILIES.items():
            lines += [f".. rubric:: {heading}", ""]
            for rule in RULES:
                if rule.code.startswith(family):
                    lines += [f":doc:`{rule.code} <{FOLDER}/{rule.code}>` ({rule.severity})", f"   {_marked(rule.summary)}.", ""]
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, source="rules"), self.content_offset, holder)
        return list(holder.children)


def page(rule: type[Explained]) -> str:
    """Write the page of one rule."""
    title = f"{rule.code}: {rule.name}"
    return "\n".join(
        (
            title,
            "=" * len(title),
            "",
            f"**{_marked(rule.summary)}.**  ({rule.severity})",
            "",
            _marked(rule.explanation),
            "",
            "A finding",
            "---------",
            "",
            ".. code-block:: text",
            "",
            f"   {rule.code} {rule.example}",
            "",
            "What to do",
            "----------",
            "",
            _marked(rule.remedy),
            "",
            "How to leave it out",
            "-------------------",
            "",
            ".. code-block:: toml",
            "",
            "   [tool.nativewheel.check]",
            f'   ignore = ["{rule.code}"]',
            "",
        )
    )


def _marked(text: str) -> str:
    """Make reStructuredText of what rules say: code stands between backquotes, nothing else is markup."""
    parts = re.split("`([^`]*)`", re.sub(r"\\\n", "", text))
    plain = (re.sub(r"([*|\\])|(?<=\w)(_)(?=\W|$)", r"\\\g<0>", part) for part in parts[::2])
    code = [f"``{part}``" for part in parts[1::2]]
    return "".join(piece for pair in zip(plain, [*code, ""], strict=True) for piece in pair)


def _write_pages(app: Sphinx) -> None:
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    for rule in RULES:
        path, text = folder / f"{rule.code}.rst", page(rule)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # else Sphinx would read it again
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for sources, and register the directive."""
    app.connect("builder-inited", _write_pages)
    app.add_directive("rule-table", RuleTable)
    return {"parallel_read_safe": True}
