"""`nativewheel repair`: parse, merge with the configuration, run, render."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nativewheel.cli.options import expand_wheels, output_options, warn_of_absent_folders
from nativewheel.cli.progress import progress
from nativewheel.cli.terminal import Terminal
from nativewheel.config.document import discover, load
from nativewheel.config.keys import MOST_JOBS, read_settings
from nativewheel.config.reading import Source
from nativewheel.repair.batch import repair_wheels
from nativewheel.report import repair_json, repair_text

if TYPE_CHECKING:
    from nativewheel.config.settings import Settings


@click.command("repair")
@click.option("-w", "--wheel-dir", metavar="DIR", help="Folder of the repaired wheels; made when it is missing.  [default: wheelhouse]")
@click.option(
    "--plat",
    metavar="TAG",
    help="Platform tag to give, or auto.  [default: $AUDITWHEEL_PLAT for Linux wheels, else the best that the content allows]",
)
@click.option("--only-plat", is_flag=True, default=None, help="Give only the tag that --plat names, also where the content allows a better one.")
@click.option("--require-archs", metavar="LIST", help="Architectures that each native file of a macOS wheel must have, as in x86_64,arm64.")
@click.option("--lib-path", metavar="DIR", multiple=True, help="Folder to search for libraries, before those of the system.")
@click.option("--sysroot", metavar="DIR", help="Folder that stands for / in the search for libraries.")
@click.option("--exclude", metavar="GLOB", multiple=True, help="Libraries that stay out of the wheel, by name or by the path that they resolve to.")
@click.option("--add-library", metavar="PATH[=PLACE]", multiple=True, help="Library that code opens by itself, and the folder in the wheel for it.")
@click.option("--allow-missing", metavar="GLOB", multiple=True, help="Libraries that need not be found.")
@click.option("--no-mangle", metavar="GLOB", multiple=True, help="Libraries that keep their names when they go into the wheel.")
@click.option("-L", "--lib-sdir", metavar="NAME", help="End of the name of the folder of vendored libraries.  [default: .libs]")
@click.option("--provider", metavar="PATH", multiple=True, help="Wheel, folder of wheels or site-packages folder where providers are looked for.")
@click.option("--export", metavar="GLOB", multiple=True, help="Libraries of the wheel that other wheels may use.")
@click.option("--export-requires", metavar="TEMPLATE", help='What consumers of this run\'s exports require, as in "=={major}.*,>={version}".')
@click.option("--uniquify-symbols", is_flag=True, default=None, help="Give the dynamic symbols of this run's exports unique names too.")
@click.option(
    "--macos-binding",
    type=click.Choice(["flat", "install-name"]),
    help="How consumers on macOS are bound to this run's exports.  [default: flat]",
)
@click.option(
    "--pe-backend",
    type=click.Choice(["nativewheel", "machomachomangler"]),
    help="What renames DLLs in the files of Windows wheels.  [default: nativewheel]",
)
@click.option("--strip", is_flag=True, default=None, help="Remove the static symbol tables and debug sections of every native file.")
@click.option("-z", "--zip-level", metavar="N", type=click.IntRange(0, 9), help="Compression of new and changed files, 0 to 9.  [default: 6]")
@click.option("-j", "--jobs", metavar="N", type=click.IntRange(1, MOST_JOBS), help="Number of threads.  [default: one for each usable processor]")
@click.option("--verify", is_flag=True, default=None, help="Check the hash of every file of the input, not only of those that are read.")
@click.option("--dry-run", is_flag=True, help="Show the plan and write nothing.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the result.")
@click.option("--config", metavar="FILE", help="TOML file with a [tool.nativewheel] table.  [default: pyproject.toml, where it has one]")
@output_options
@click.argument("wheels", metavar="WHEEL...", nargs=-1, required=True)
@click.pass_context
def command(context: click.Context, /, *, wheels: tuple[str, ...], dry_run: bool, form: str, config: str | None, **options: object) -> None:
    """Copy the libraries that wheels need into them, and give them the right platform tags.

    All wheels together are one set: when one fails, none is written.  The input is never changed.  Lists of the configuration are extended by
    the options here; other keys are replaced.
    """
    terminal = context.ensure_object(Terminal)
    paths = expand_wheels(wheels)
    command_line = _settings(options)
    configuration = discover(Path()) if config is None else load(Path(config))
    settings = command_line.over(configuration.settings)
    warn_of_absent_folders(terminal, settings.lib_path)
    run = settings.run_options(dry_run=dry_run)
    with progress(terminal) as advance:
        outcomes = repair_wheels(paths, lambda name: configuration.for_wheel(name, command_line, os.environ).repair_options(), run, advance)
    for outcome in outcomes:
        for warning in outcome.plan.warnings:
            terminal.warning(f"{outcome.plan.wheel.name}: {warning}")
    if form == "json":
        terminal.result(repair_json.render(outcomes, dry_run=dry_run))
    elif not terminal.quiet:
        color = terminal.colored(sys.stdout)
        terminal.result(repair_text.render(outcomes, dry_run=dry_run, verbose=terminal.verbose, color=color))


def _settings(options: dict[str, object]) -> Settings:
    """Make settings of the options that were given."""
    given = {name.replace("_", "-"): value for name, value in options.items() if value is not None and value != ()}
    return read_settings(given, Source(prefix="--", indexed=False))
