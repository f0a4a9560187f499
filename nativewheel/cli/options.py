"""Options and arguments that several commands have."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from nativewheel.cli.terminal import Terminal
from nativewheel.errors import UsageError
from nativewheel.wheel.source import WheelUrl, located

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Function = TypeVar("Function", bound="Callable[..., object]")


def output_options(function: Function) -> Function:
    """Add -v, -q and --color, which take effect as they are parsed."""
    verbose = click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=_set_verbose, help="Say more.")
    quiet = click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_set_quiet, help="Say nothing but errors.")
    color = click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        expose_value=False,
        callback=_set_color,
        help="Colours; auto means on a terminal. NO_COLOR and FORCE_COLOR count too.",
    )
    return verbose(quiet(color(function)))


def expand_wheels(arguments: Iterable[str], *, folders: bool = False) -> tuple[Path, ...]:
    """Make paths of the WHEEL arguments.

    A glob that the shell has left alone (quoted, or on Windows) is expanded, in sorted order; with ``folders``, so is a folder into the wheels that
    are in it.  Raises ``UsageError`` for what is no file.
    """
    paths: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if folders and path.is_dir():
            inside = sorted(file for file in path.glob("*.whl") if file.is_file())
            if not inside:
                raise UsageError(f"there is no wheel in this folder: {argument}")
            paths += inside
        elif path.is_dir():
            raise UsageError(f"this is a folder, not a wheel: {argument}", hint=f"name the wheels: {path / '*.whl'}")
        elif path.exists():
            paths.append(path)
        elif found := [Path(match) for match in sorted(glob.glob(argument, recursive=True)) if not Path(match).is_dir()]:  # noqa: PTH207  (keeps "./")
            paths += found
        else:
            raise UsageError(f"no such wheel: {argument}")
    return tuple(paths)


def expand_locations(arguments: Iterable[str]) -> tuple[Path | WheelUrl, ...]:
    """Make paths and addresses of WHEEL arguments, which here can be on a web server or folders, too."""
    found: list[Path | WheelUrl] = []
    for argument in arguments:
        place = located(argument)
        found += [place] if isinstance(place, WheelUrl) else expand_wheels([argument], folders=True)
    return tuple(found)


def warn_of_absent_folders(terminal: Terminal, folders: Iterable[Path]) -> None:
    """Say which folders to search are not there.  No error: one list may serve the builds of several platforms."""
    for folder in folders:
        if not folder.is_dir():
            terminal.warning(f"there is no folder {folder} to search for libraries")


def _terminal(context: click.Context) -> Terminal:
    return context.ensure_object(Terminal)


def _set_verbose(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click's interface)
    _terminal(context).verbose = value
    _refuse_both(context)


def _set_quiet(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click's interface)
    _terminal(context).quiet = value
    _refuse_both(context)


def _refuse_both(context: click.Context) -> None:
    if _terminal(context).verbose and _terminal(context).quiet:
        raise click.UsageError("--verbose and --quiet exclude each other", context)


def _set_color(context: click.Context, _parameter: click.Parameter, value: str) -> None:
    _terminal(context).color = value
