"""`nativewheel doctor`: look at the environment that it is run in."""

from __future__ import annotations

import sys

import click

from nativewheel.cli.options import output_options
from nativewheel.cli.terminal import Terminal
from nativewheel.linkage.environment import examine
from nativewheel.report import doctor_json, doctor_text

PROBLEMS = 1


@click.command("doctor")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the result.")
@output_options
@click.pass_context
def command(context: click.Context, /, *, form: str) -> None:
    """Show which wheels of this environment share native libraries, whether each gets what it needs, and what stands in the way.

    Each provider is loaded once, in a process of its own.  The exit status is 1 when there is a problem.
    """
    terminal = context.ensure_object(Terminal)
    health = examine()
    if form == "json":
        terminal.result(doctor_json.render(health))
    else:
        terminal.result(doctor_text.render(health, color=terminal.colored(sys.stdout)))
    if health.problems:
        context.exit(PROBLEMS)
