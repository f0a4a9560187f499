"""Reading single values of an option layer: each reader checks a raw value and names the key when it is wrong."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nativewheel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

CONTROL = r"[\u0000-\u001f\u007f]"
"""Characters that no name has.  It stands in the JSON Schema too, so it keeps to what ECMA 262 knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where raw values come from.

    ``prefix`` comes before a key in messages, ``where`` before the message, ``folder`` before relative paths.  Positions in a list are named
    where the user can count them (``indexed``).
    """

    prefix: str = ""
    where: tuple[str, ...] = ()
    folder: Path = Path()
    indexed: bool = True

    def error(self, key: str, message: str, *, hint: str | None = None) -> UsageError:
        """Make the error that says what is wrong with ``key``."""
        return UsageError(message, where=(*self.where, self.prefix + key), hint=hint)

    def item(self, key: str, index: int) -> str:
        """Name one item of the list ``key``."""
        return f"{key}[{index}]" if self.indexed else key


if TYPE_CHECKING:
    Reader = Callable[[object, str, Source], T]
    """Checks a raw value; the key and its source are for messages."""


def read_text(value: object, key: str, source: Source) -> str:
    """Check that ``value`` is a string without control characters, and not empty."""
    if not (text := read_text_or_nothing(value, key, source)):
        raise source.error(key, "expected some text, got an empty string")
    return text


def read_text_or_nothing(value: object, key: str, source: Source) -> str:
    """Check that ``value`` is a string without control characters."""
    if not isinstance(value, str):
        raise source.error(key, f"expected a string, got {type(value).__name__}")
    if re.search(CONTROL, value):
        raise source.error(key, f"control character in {value!r}")
    return value


def read_path(value: object, key: str, source: Source) -> Path:
    """Check that ``value`` is a path, and take a relative one from the source's folder."""
    return source.folder / read_text(os.fspath(value) if isinstance(value, os.PathLike) else value, key, source)


def read_flag(value: object, key: str, source: Source) -> bool:
    """Check that ``value`` is true or false."""
    if not isinstance(value, bool):
        raise source.error(key, f"expected true or false, got {type(value).__name__}")
    return value


def integer(least: int, most: int) -> Reader[int]:
    """Return a reader of whole numbers from ``least`` to ``most``."""

    def read(value: object, key: str, source: Source) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise source.error(key, f"expected an integer, got {type(value).__name__}")
        if not least <= value <= most:
            raise source.error(key, f"expected {least} to {most}, got {value}")
        return value

    return read


def each(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """Return a reader of lists, whose items ``read`` checks."""

    def read_all(value: object, key: str, source: Source) -> tuple[T, ...]:
        if not isinstance(value, list | tuple):
            raise source.error(key, f"expected a list, got {type(value).__name__}")
        return tuple(read(item, source.item(key, index), source) for index, item in enumerate(value))

    return read_all


def one_of(*choices: str) -> Reader[str]:
    """Return a reader of one of a few words."""

    def read(value: object, key: str, source: Source) -> str:
        text = read_text(value, key, source)
        if text not in choices:
            raise source.error(key, f"expected one of {', '.join(choices)}, got {text!r}")
        return text

    return read


def read_table(value: object, key: str, source: Source, readers: Mapping[str, Reader[object]], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Check a table with fixed keys; return what was read, with underscores in the names."""
    if not isinstance(value, dict):
        raise source.error(key, f"expected a table, got {type(value).__name__}")
    for name in required:
        if name not in value:
            raise source.error(f"{key}.{name}", "missing")
    for name in value:
        if name not in readers:
            raise source.error(f"{key}.{name}", "unknown key", hint=f"known keys: {', '.join(readers)}")
    return {name.replace("-", "_"): readers[name](item, f"{key}.{name}", source) for name, item in value.items()}
