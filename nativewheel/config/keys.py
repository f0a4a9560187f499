"""The keys of an option layer: their types, and how raw values become `Settings`."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from nativewheel.config.reading import each, integer, one_of, read_flag, read_path, read_text, read_text_or_nothing
from nativewheel.config.settings import Settings
from nativewheel.config.sharing import read_binding, read_export, read_providers
from nativewheel.formats.image import PeBackend
from nativewheel.linkage.macos import archs_named
from nativewheel.repair.options import AddedLibrary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nativewheel.config.reading import Source
    from nativewheel.formats.image import Arch

ADD_LIBRARY = r"^(?:[^=]+|.+=(?:(?!\.{1,2}(?:/|$))[^=/\\]+(?:/(?!\.{1,2}(?:/|$))[^=/\\]+)*/?)?)$"
"""PATH or PATH=PLACE: the last "=" separates, and PLACE is a relative POSIX folder without "." and ".." (empty: the default place)."""

LIB_SDIR = r"^/?(?!\.{1,2}(?:/|$))[A-Za-z0-9._+-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._+-]+)*$"
"""What follows the distribution's name in the folder of vendored libraries; with a leading slash it is a folder inside the package's."""


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


def _lib_sdir(value: object, key: str, source: Source) -> str:
    text = read_text(value, key, source)
    if not re.search(LIB_SDIR, text):
        raise source.error(
            key, f"not the end of a folder's name: {text!r}", hint='letters, digits, ".", "_", "+", "-" and single slashes, as in ".libs"'
        )
    return text


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


def _archs(value: object, key: str, source: Source) -> frozenset[Arch]:
    words = [word.strip(" ") for word in read_text(value, key, source).split(",")]
    if unknown := [word for word in words if not archs_named(word)]:
        raise source.error(key, f"not an architecture of macOS: {unknown[0]!r}", hint="arm64, x86_64, universal2 or several with commas")
    return frozenset(arch for word in words for arch in archs_named(word))


def _backend(value: object, key: str, source: Source) -> PeBackend:
    return PeBackend(one_of(*PeBackend)(value, key, source))


MOST_JOBS = 1024

KEYS: Mapping[str, Callable[[object, str, Source], object]] = {
    "wheel-dir": read_path,
    "plat": read_text_or_nothing,
    "only-plat": read_flag,
    "require-archs": _archs,
    "lib-path": each(read_path),
    "sysroot": read_path,
    "exclude": each(read_text),
    "add-library": each(_added_library),
    "allow-missing": each(read_text),
    "no-mangle": each(read_text),
    "lib-sdir": _lib_sdir,
    "strip": read_flag,
    "pe-backend": _backend,
    "provider": each(read_path),
    "export": each(read_export),
    "providers": read_providers,
    "export-requires": read_text,
    "uniquify-symbols": read_flag,
    "macos-binding": read_binding,
    "zip-level": integer(0, 9),
    "jobs": integer(1, MOST_JOBS),
    "verify": read_flag,
}
RUN_KEYS = frozenset({"wheel-dir", "zip-level", "jobs", "verify"})
