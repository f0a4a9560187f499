"""The keys of `[tool.nativewheel.check]`."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from nativewheel.config.reading import each, read_flag, read_path, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nativewheel.config.reading import Reader, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """What one source of options says of a check: None and () where it says nothing.

    ``select``, ``extend_select`` and ``ignore`` are codes of rules or their beginnings; ``per_wheel_ignores`` are globs over wheels, each with such.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_wheel_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    strict: bool | None = None
    allow_missing: tuple[str, ...] = ()
    against: tuple[Path, ...] = ()


def _ignores(value: object, key: str, source: Source) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise source.error(key, f"expected a table, got {type(value).__name__}", hint='for example { "*-win_*" = ["NW203"] }')
    return tuple((read_text(glob, key, source), each(read_text)(codes, f'{key}."{glob}"', source)) for glob, codes in value.items())


CHECK_KEYS: Mapping[str, Reader[object]] = {
    "select": each(read_text),
    "extend-select": each(read_text),
    "ignore": each(read_text),
    "per-wheel-ignores": _ignores,
    "strict": read_flag,
    "allow-missing": each(read_text),
    "against": each(read_path),
}


def read_check(values: object, key: str, source: Source) -> CheckSettings:
    """Check the table called ``key``, or options where that is empty.

    Raises ``UsageError`` that names the key; whether there are such rules is found out when a check is run.
    """
    if not isinstance(values, dict):
        raise source.error(key, f"expected a table, got {type(values).__name__}")
    settings: dict[str, Any] = {}
    prefix = f"{key}." if key else ""
    for name, value in values.items():
        if name not in CHECK_KEYS:
            close = get_close_matches(name, CHECK_KEYS, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"known keys: {', '.join(CHECK_KEYS)}"
            raise source.error(f"{prefix}{name}", "unknown key", hint=hint)
        settings[name.replace("-", "_")] = CHECK_KEYS[name](value, f"{prefix}{name}", source)
    return CheckSettings(**settings)
