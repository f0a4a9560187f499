"""`nativewheel show`: look at wheels, render what was found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nativewheel.cli.options import expand_locations, output_options, warn_of_absent_folders
from nativewheel.cli.progress import progress
from nativewheel.cli.terminal import Terminal
from nativewheel.config.keys import MOST_JOBS
from nativewheel.config.settings import usable_cpus
from nativewheel.errors import NativewheelError, UsageError
from nativewheel.linkage.inspect import inspect_wheel
from nativewheel.report import show_json, show_text, show_tree

if TYPE_CHECKING:
    from nativewheel.linkage.asked import AskedSymbols
    from nativewheel.linkage.inspection import Inspection

PICTURES = ("mermaid", "dot", "svg", "html")
FORMS = ("text", "tree", "json", *PICTURES)


@click.command("show")
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True, help="Form of the result.")
@click.option("--lib-path", metavar="DIR", multiple=True, help="Folder to search for libraries, before those of the system.")
@click.option("--sysroot", metavar="DIR", help="Folder that stands for / in the search for libraries.")
@click.option("-j", "--jobs", metavar="N", type=click.IntRange(1, MOST_JOBS), help="Number of threads.  [default: one for each usable processor]")
@output_options
@click.argument("wheels", metavar="WHEEL...", nargs=-1, required=True)
@click.pass_context
def command(
    context: click.Context, /, *, form: str, lib_path: tuple[str, ...], sysroot: str | None, jobs: int | None, wheels: tuple[str, ...]
) -> None:
    """Show what is inside wheels: the platform tag that the content allows and what keeps it from a better one, and who needs which library.

    JSON is one object for one wheel and an array of them for several.  Mermaid, dot and SVG draw one picture of all wheels; HTML is one page about
    them that needs no network.  A wheel that cannot be read is an error, after the others were shown.
    """
    terminal = context.ensure_object(Terminal)
    paths = expand_locations(wheels)
    root = None if sysroot is None else Path(sysroot)
    if root is not None and not root.is_dir():
        raise UsageError(f"the sysroot is not a folder: {sysroot}")
    folders = tuple(map(Path, lib_path))
    warn_of_absent_folders(terminal, folders)
    inspections: list[Inspection] = []
    failures: list[NativewheelError] = []
    asked: list[dict[str, AskedSymbols]] = []
    threads = jobs or usable_cpus()
    with progress(terminal) as advance:
        for index, path in enumerate(paths):
            if advance is not None:
                advance(path.name, index, len(paths))
            try:
                inspection = inspect_wheel(path, lib_path=folders, sysroot=root, jobs=threads)
                if form == "html":
                    asked.append(_symbols(inspection, threads))
                inspections.append(inspection)
            except NativewheelError as error:
                failures.append(error)
    if inspections:
        several = len(paths) > 1
        if form == "html":
            terminal.result(_page(terminal, inspections, asked, threads))
        else:
            terminal.result(_drawn(inspections, form) if form in PICTURES else _rendered(terminal, inspections, form, several=several))
    for failure in failures[:-1]:
        terminal.error(str(failure), failure.hint)
    if failures:
        raise failures[-1]


def _rendered(terminal: Terminal, inspections: list[Inspection], form: str, *, several: bool) -> str:
    color = terminal.colored(sys.stdout)
    match form:
        case "json":
            return show_json.render(inspections, several=several)
        case "tree":
            return "\n".join(show_tree.render(inspection, color=color) for inspection in inspections)
        case _:
            return "\n".join(show_text.render(inspection, verbose=terminal.verbose, color=color) for inspection in inspections)


def _symbols(inspection: Inspection, jobs: int) -> dict[str, AskedSymbols]:
    from nativewheel.linkage.asked import asked_symbols  # noqa: PLC0415  (only one form of seven shows them)

    return asked_symbols(inspection, jobs=jobs)


def _page(terminal: Terminal, inspections: list[Inspection], asked: list[dict[str, AskedSymbols]], jobs: int) -> str:
    from nativewheel.check.engine import check_wheels  # noqa: PLC0415  (as the symbols)
    from nativewheel.config.assigning import assign  # noqa: PLC0415
    from nativewheel.config.checking import CheckSettings  # noqa: PLC0415
    from nativewheel.config.document import Configuration  # noqa: PLC0415
    from nativewheel.config.settings import Settings  # noqa: PLC0415
    from nativewheel.report import html_page  # noqa: PLC0415

    assignments = assign([inspection.wheel for inspection in inspections], Configuration(), Settings(), CheckSettings())
    result = check_wheels(assignments, jobs=jobs)
    for failure in result.failures:
        terminal.warning(f"its page has no findings, because it could not be checked: {failure}")
    return html_page.render(inspections, asked, findings=result.findings)


def _drawn(inspections: list[Inspection], form: str) -> str:
    from nativewheel.report import dot, mermaid, svg  # noqa: PLC0415  (`show` in words starts faster without them)

    match form:
        case "mermaid":
            return mermaid.render(inspections)
        case "dot":
            return dot.render(inspections)
        case _:
            return svg.render(inspections)
