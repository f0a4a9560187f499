"""`nativewheel rule`: explain the rules of `check`."""

from __future__ import annotations

import sys

import click

from nativewheel.check.rules import RULES
from nativewheel.check.selection import matching
from nativewheel.cli.options import output_options
from nativewheel.cli.terminal import Terminal
from nativewheel.report import rule_text


@click.command("rule")
@output_options
@click.argument("code", required=False)
@click.pass_context
def command(context: click.Context, /, *, code: str | None) -> None:
    """Explain the rule CODE of `check`; the beginning of codes, or none, lists rules."""
    terminal = context.ensure_object(Terminal)
    codes = matching(code) if code is not None else tuple(rule.code for rule in RULES)
    rules = [rule for rule in RULES if rule.code in codes]
    color = terminal.colored(sys.stdout)
    terminal.result(rule_text.render(rules[0], color=color) if codes == (code,) else rule_text.render_list(rules, color=color))
