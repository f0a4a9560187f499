"""The keys of an option layer: their types, and how raw values become `Settings`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nativewheel.config.settings import Settings
from nativewheel.errors import UsageError
from nativewheel.repair.options import AddedLibrary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

CONTROL = r"[\u0000-\u001f\u007f]"
"""Characters that no name has.  This and the next two patterns stand in the JSON Schema too, so they keep to what ECMA 262 knows."""

ADD_LIBRARY = r"^(?:[^=]+|.+=(?:(?!\.{1,2}(?:/|$))[^=/\\]+(?:/(?!\.{1,2}(?:/|$))[^=/\\]+)*/?)?)$"
"""PATH or PATH=PLACE: the last "=" separates, and PLACE is a relative POSIX folder without "." and ".." (empty: the default place)."""

LIB_SDIR = r"^/?(?!\.{1,2}(?:/|$))[A-Za-z0-9._+-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._+-]+)*$"
"""What follows the distribution's name in the folder of vendored libraries; with a leading slash it is a folder inside the package's."""


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


def read_settings(values: Mapping[str, object], source: Source, *, per_wheel: bool = False) -> Settings:
    """Check ``values`` (long option names without the dashes) and make settings of them.

    With ``per_wheel``, keys that hold for a whole run are refused.  Raises ``UsageError`` that names the key.
    """
    settings: dict[str, Any] = {}
    for key, value in values.items():
        if key not in KEYS:
            close = get_close_matches(key, KEYS, n=1)
            raise source.error(key, "unknown key", hint=f'did you mean "{close[0]}"?' if close else f"known keys: {', '.join(KEYS)}")
        if per_wheel and key in RUN_KEYS:
            raise source.error(key, "this key holds for the whole run and cannot differ between wheels", hint="put it into [tool.nativewheel]")
        settings[key.replace("-", "_")] = KEYS[key](value, key, source)
    return Settings(**settings)


def read_text(value: object, key: str, source: Source) -> str:
    """Check that ``value`` is a string without control characters, and not empty."""
    if not (text := _text_or_nothing(value, key, source)):
        raise source.error(key, "expected some text, got an empty string")
    return text


def _text_or_nothing(value: object, key: str, source: Source) -> str:
    if not isinstance(value, str):
        raise source.error(key, f"expected a string, got {type(value).__name__}")
    if re.search(CONTROL, value):
        raise source.error(key, f"control character in {value!r}")
    return value


def _lib_sdir(value: object, key: str, source: Source) -> str:
    text = read_text(value, key, source)
    if not re.search(LIB_SDIR, text):
        raise source.error(
            key, f"not the end of a folder's name: {text!r}", hint='letters, digits, ".", "_", "+", "-" and single slashes, as in ".libs"'
        )
    return text


def _path(value: object, key: str, source: Source) -> Path:
    return source.folder / read_text(os.fspath(value) if isinstance(value, os.PathLike) else value, key, source)


def _added_library(value: object, key: str, source: Source) -> AddedLibrary:
    if isinstance(value, AddedLibrary):
        return value
    text = read_text(os.fspath(value) if isinstance(value, os.PathLike) else value, key, source)
    if not re.search(ADD_LIBRARY, text):
        raise source.error(
            key,
            f"not PATH or PATH=PLACE: {text!r}",
            hint='PLACE is a folder in the wheel such as "pkg/lib": relative, with "/", without "." and ".."',
        )
    path, place = text.rsplit("=", 1) if "=" in text else (text, "")
    return AddedLibrary(path=source.folder / path, place=place.rstrip("/") or None)


def _flag(value: object, key: str, source: Source) -> bool:
    if not isinstance(value, bool):
        raise source.error(key, f"expected true or false, got {type(value).__name__}")
    return value


def _integer(least: int, most: int) -> Callable[[object, str, Source], int]:
    def read(value: object, key: str, source: Source) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise source.error(key, f"expected an integer, got {type(value).__name__}")
        if not least <= value <= most:
            raise source.error(key, f"expected {least} to {most}, got {value}")
        return value

    return read


def _each(read: Callable[[object, str, Source], T]) -> Callable[[object, str, Source], tuple[T, ...]]:
    def read_all(value: object, key: str, source: Source) -> tuple[T, ...]:
        if not isinstance(value, list | tuple):
            raise source.error(key, f"expected a list, got {type(value).__name__}")
        return tuple(read(item, source.item(key, index), source) for index, item in enumerate(value))

    return read_all


MOST_JOBS = 1024

KEYS: Mapping[str, Callable[[object, str, Source], object]] = {
    "wheel-dir": _path,
    "plat": _text_or_nothing,
    "only-plat": _flag,
    "lib-path": _each(_path),
    "sysroot": _path,
    "exclude": _each(read_text),
    "add-library": _each(_added_library),
    "allow-missing": _each(read_text),
    "no-mangle": _each(read_text),
    "lib-sdir": _lib_sdir,
    "strip": _flag,
    "zip-level": _integer(0, 9),
    "jobs": _integer(1, MOST_JOBS),
    "verify": _flag,
}
RUN_KEYS = frozenset({"wheel-dir", "zip-level", "jobs", "verify"})
