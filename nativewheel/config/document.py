"""`[tool.nativewheel]` of a TOML file: reading, checking, and the settings that result for each wheel."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nativewheel.config.checking import CheckSettings, read_check
from nativewheel.config.keys import read_settings
from nativewheel.config.reading import Source, read_text
from nativewheel.config.select import is_linux, selects
from nativewheel.config.settings import Settings
from nativewheel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nativewheel.wheel.names import WheelName

TABLE = "tool.nativewheel"
PLATFORM_VARIABLE = "AUDITWHEEL_PLAT"
"""Set by the manylinux and musllinux images to the tag that they are made for."""

MACOS_VARIABLE = "MACOSX_DEPLOYMENT_TARGET"
"""The oldest macOS that compilers build for (clang(1)); cibuildwheel and setuptools set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Settings for the wheels that one of the globs selects."""

    select: tuple[str, ...]
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a file says, or nothing at all."""

    settings: Settings = field(default_factory=Settings)
    overrides: tuple[Override, ...] = ()
    check: CheckSettings = field(default_factory=CheckSettings)

    def for_wheel(self, name: WheelName, command: Settings, environment: Mapping[str, str]) -> Settings:
        """Merge what is said about one wheel: file, overrides in their order, environment, then ``command``, which has the last word."""
        asked = Settings(
            plat=environment.get(PLATFORM_VARIABLE) or None if is_linux(name) else None,
            deployment_target=environment.get(MACOS_VARIABLE) or None,
        )
        upper = command.over(asked)
        merged = self.settings
        for override in self.overrides:
            if selects(override.select, name, upper.plat):
                merged = override.settings.over(merged)
        return upper.over(merged)


def load(path: Path) -> Configuration:
    """Read the configuration that ``--config`` names; a file without the table is an error."""
    table = _table(path)
    if table is None:
        raise UsageError(f"there is no [{TABLE}] table in this file", where=(str(path),))
    return parse(table, path)


def discover(folder: Path) -> Configuration:
    """Read the pyproject.toml of ``folder``; it may be missing or say nothing about nativewheel."""
    path = folder / "pyproject.toml"
    table = _table(path) if path.is_file() else None
    return Configuration() if table is None else parse(table, path)


def parse(table: Mapping[str, object], path: Path) -> Configuration:
    """Check the table, whose relative paths start at the folder of ``path``.  Raises ``UsageError`` that names the key."""
    source = Source(prefix=f"{TABLE}.", where=(str(path),), folder=path.parent)
    overrides = table.get("overrides", [])
    if not isinstance(overrides, list):
        raise source.error("overrides", f"expected a list of tables, got {type(overrides).__name__}", hint=f"write [[{TABLE}.overrides]]")
    return Configuration(
        settings=read_settings({key: value for key, value in table.items() if key not in {"overrides", "check"}}, source),
        overrides=tuple(_override(value, f"overrides[{index}]", source) for index, value in enumerate(overrides)),
        check=read_check(table.get("check", {}), "check", source),
    )


def _override(value: object, key: str, source: Source) -> Override:
    if not isinstance(value, dict):
        raise source.error(key, f"expected a table, got {type(value).__name__}", hint=f"write [[{TABLE}.overrides]]")
    inner = Source(prefix=f"{source.prefix}{key}.", where=source.where, folder=source.folder)
    select = value.get("select")
    if select is None:
        raise inner.error("select", "missing: it says which wheels the override is for", hint='for example select = "*-win_*"')
    if isinstance(select, list):
        patterns = tuple(read_text(item, f"select[{index}]", inner) for index, item in enumerate(select))
    else:
        patterns = (read_text(select, "select", inner),)
    rest = {name: item for name, item in value.items() if name != "select"}
    return Override(select=patterns, settings=read_settings(rest, inner, per_wheel=True))


def _table(path: Path) -> Mapping[str, object] | None:
    """Find the table in a TOML file."""
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise UsageError("there is no such configuration file", where=(str(path),)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"not valid TOML: byte {error.start} is not UTF-8", where=(str(path),)) from error
    except ValueError as error:  # TOMLDecodeError, and the limit on the digits of an integer
        raise UsageError(f"not valid TOML: {error}", where=(str(path),)) from error
    except RecursionError as error:
        raise UsageError("not valid TOML: nested too deeply", where=(str(path),)) from error
    tool = document.get("tool", {})
    if not isinstance(tool, dict):
        raise UsageError(f"expected a table, got {type(tool).__name__}", where=(str(path), "tool"))
    table = tool.get("nativewheel")
    if table is not None and not isinstance(table, dict):
        raise UsageError(f"expected a table, got {type(table).__name__}", where=(str(path), TABLE))
    return table
