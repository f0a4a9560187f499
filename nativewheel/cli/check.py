"""`nativewheel check`: parse, merge with the configuration, run, render."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nativewheel.check.engine import check_wheels
from nativewheel.check.finding import Severity
from nativewheel.cli.options import expand_locations, expand_wheels, output_options
from nativewheel.cli.progress import progress
from nativewheel.cli.terminal import Terminal
from nativewheel.config.assigning import assign
from nativewheel.config.checking import read_check
from nativewheel.config.document import discover, load
from nativewheel.config.keys import MOST_JOBS, read_settings
from nativewheel.config.reading import Source
from nativewheel.config.settings import usable_cpus
from nativewheel.errors import UsageError
from nativewheel.report import check_json, check_text, github, junit, sarif
from nativewheel.wheel.source import WheelUrl

if TYPE_CHECKING:
    from nativewheel.check.engine import CheckResult
    from nativewheel.config.checking import CheckSettings

FINDINGS = 1
FORMS = ("text", "json", "sarif", "github", "junit")
_COUNTING = ("text", "json")


@click.command("check")
@click.option("--select", metavar="CODES", multiple=True, help="Rules that run, by codes or their beginnings, with commas between.  [default: all]")
@click.option("--extend-select", metavar="CODES", multiple=True, help="Rules that run besides those of --select or the configuration.")
@click.option("--ignore", metavar="CODES", multiple=True, help="Rules that do not run.")
@click.option("--strict", is_flag=True, default=None, help="Let warnings, too, end with exit status 1.")
@click.option("--exit-zero", is_flag=True, help="End with exit status 0 although there are findings.")
@click.option("--statistics", is_flag=True, help="Show how many findings there are of each rule.")
@click.option("--against", metavar="WHEEL", multiple=True, help="Wheel of the previous release, with which a provider is compared; or a folder.")
@click.option("--provider", metavar="PATH", multiple=True, help="Wheel, folder of wheels or site-packages folder where providers are looked for.")
@click.option("--allow-missing", metavar="GLOB", multiple=True, help="Libraries that nothing needs to supply.")
@click.option("-j", "--jobs", metavar="N", type=click.IntRange(1, MOST_JOBS), help="Number of processors to use.  [default: all usable ones]")
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True, help="Form of the result.")
@click.option("--config", metavar="FILE", help="TOML file with a [tool.nativewheel] table.  [default: pyproject.toml, where it has one]")
@output_options
@click.argument("wheels", metavar="WHEEL...", nargs=-1, required=True)
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    wheels: tuple[str, ...],
    exit_zero: bool,
    statistics: bool,
    provider: tuple[str, ...],
    jobs: int | None,
    form: str,
    config: str | None,
    **options: object,
) -> None:
    """Look for mistakes in wheels, which may be in folders or on web servers; the exit status is 1 when there are errors.

    All wheels together are one set, in which providers and consumers are to fit each other.  `nativewheel rule` lists what is looked for.
    """
    terminal = context.ensure_object(Terminal)
    if statistics and form not in _COUNTING:
        raise UsageError(f"--statistics goes with --format {' and '.join(_COUNTING)} only")
    paths = expand_locations(wheels)
    configuration = discover(Path()) if config is None else load(Path(config))
    command_line = _settings(options)
    settings = read_settings({"provider": provider}, Source(prefix="--", indexed=False))
    assignments = assign(paths, configuration, settings, command_line)
    strict = bool(command_line.strict if command_line.strict is not None else configuration.check.strict)
    for path in paths:
        if isinstance(path, WheelUrl) and any("NW101" in assignment.codes for assignment in assignments if assignment.path == path):
            terminal.warning(f"{path.name}: of a wheel on a web server, NW101 compares only those files with RECORD that other rules read")
    with progress(terminal) as advance:
        result = check_wheels(assignments, jobs=jobs or usable_cpus(), progress=advance)
    terminal.result(_rendered(terminal, result, form, statistics=statistics, strict=strict))
    for failure in result.failures[:-1]:
        terminal.error(str(failure), failure.hint)
    if result.failures:
        raise result.failures[-1]
    if not exit_zero and any(strict or finding.severity is Severity.ERROR for finding in result.findings):
        context.exit(FINDINGS)


def _settings(options: dict[str, object]) -> CheckSettings:
    """Make settings of the options that were given; those that take codes may have several with commas between."""
    given = {name.replace("_", "-"): value for name, value in options.items() if value is not None and value != ()}
    if isinstance(against := given.get("against"), tuple):
        given["against"] = expand_wheels(against, folders=True)
    for key in ("select", "extend-select", "ignore"):
        value = given.get(key)
        if isinstance(value, tuple):
            given[key] = [code.strip() for text in value for code in str(text).split(",")]
    return read_check(given, "", Source(prefix="--", indexed=False))


def _rendered(terminal: Terminal, result: CheckResult, form: str, *, statistics: bool, strict: bool) -> str:
    match form:
        case "json":
            return check_json.render(result, statistics=statistics)
        case "sarif":
            return sarif.render(result)
        case "github":
            return github.render(result)
        case "junit":
            return junit.render(result, strict=strict)
        case _:
            return "" if terminal.quiet else check_text.render(result, statistics=statistics, color=terminal.colored(sys.stdout))
