"""Which rules look at which wheel, and what they are told."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.check.engine import Assignment
from nativewheel.check.options import CheckOptions
from nativewheel.check.selection import SelectionLayer, select_codes
from nativewheel.config.select import selects
from nativewheel.errors import UnreadableError, UsageError
from nativewheel.wheel.names import WheelName
from nativewheel.wheel.source import WheelUrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nativewheel.config.checking import CheckSettings
    from nativewheel.config.document import Configuration
    from nativewheel.config.settings import Settings

_FILE = "tool.nativewheel.check"


def assign(paths: Sequence[Path | WheelUrl], configuration: Configuration, command: Settings, check: CheckSettings) -> tuple[Assignment, ...]:
    """Decide for each wheel (once for one that is named twice) what is asked of it; ``command`` and ``check`` are what the command line says.

    What the command line selects is checked although the file ignores it, but for what the file ignores in that wheel alone.  Raises ``UsageError``
    for rules that do not exist.
    """
    lower = configuration.check
    layers = (_layer(lower, _FILE), _layer(check, ""))
    select_codes((*layers, *_ignores(lower, None), *_ignores(check, None)))  # finds mistakes in what no wheel matches, too
    each = tuple({path if isinstance(path, WheelUrl) else path.absolute(): path for path in paths}.values())
    beside = tuple(path for path in each if isinstance(path, Path)) if len(each) > 1 else ()
    assignments = []
    for path in each:
        own: tuple[SelectionLayer, ...] = ()
        try:
            name = WheelName.parse(path.name)
        except UnreadableError:  # to be said when the wheel's turn comes
            settings = command.over(configuration.settings)
        else:
            settings = configuration.for_wheel(name, command, {})
            own = (*_ignores(lower, name), *_ignores(check, name))
        against = (*lower.against, *check.against)
        _require("provider", settings.provider)
        _require("against", against)
        options = CheckOptions(
            # What a repair leaves out on purpose is to come from elsewhere, too.
            allow_missing=(*settings.exclude, *settings.allow_missing, *lower.allow_missing, *check.allow_missing),
            provider=settings.provider,
            providers=tuple(dict(settings.providers).items()),
            beside=beside,
            against=against,
        )
        assignments.append(Assignment(path=path, options=options, codes=select_codes((*layers, *own))))
    return tuple(assignments)


def _require(option: str, places: Iterable[Path]) -> None:
    """Refuse what is not there once, and not for each wheel that would be compared with it."""
    for place in places:
        if not place.exists():
            raise UsageError(f"--{option}: there is no {place}")


def _layer(settings: CheckSettings, where: str) -> SelectionLayer:
    return SelectionLayer(select=settings.select, extend_select=settings.extend_select, ignore=settings.ignore, where=where)


def _ignores(settings: CheckSettings, name: WheelName | None) -> Iterator[SelectionLayer]:
    """Yield what is ignored in the wheel called ``name``; without one, what is ignored in any."""
    for glob, codes in settings.per_wheel_ignores:
        if name is None or fnmatchcase(str(name), glob) or selects((glob,), name, None):
            yield SelectionLayer(ignore=codes, where=f'{_FILE}.per-wheel-ignores."{glob}"')
