"""Writes the ``__init__.py`` of a shim package: what a repaired wheel offers to other wheels and what it uses of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORM = '''\
"""The native libraries that this distribution shares with others; written by nativewheel.

``load`` is called before anything that is linked to them is imported.
"""

from . import {module}

__all__ = ["enable", "install_requires", "library_name", "load", "path"]
__version__ = {version}

_libraries = {libraries}
_uses = {uses}
{windows}_wheel = {module}.Wheel({arguments})

load = enable = _wheel.load
library_name = _wheel.library_name
path = _wheel.path


def install_requires() -> "list[str]":
    """Return the requirements of a wheel that is built against this one."""
    return {requires}
'''
_WINDOWS_FORM = """\
_folders = {folders}
_vendored = {vendored}
"""
_EPOCH = re.compile(r"[>=]\s*(\d+)!")  # in a clause that bounds from below: >, >=, ==, ~=, ===
_REGULAR = re.compile(r"(.+?)(?:\.so(?:\..+)?|(?:\.\d[\d.]*)?\.dylib|\.dll)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimLibrary:
    """A library that the wheel exports.

    ``original`` and ``identity`` are its plain and its unique name, on macOS install names; ``path`` and ``anchor`` are relative to the folder that
    holds the shim package, with slashes; ``mode`` is the scope that its symbols go to; ``system_fallback`` lets NATIVEWHEEL_PREFER_SYSTEM name it.
    ``needs``, which counts for Windows only, are the unique names of the exported libraries that it needs, directly or not.
    """

    original: str
    identity: str
    path: str
    anchor: str | None = None
    mode: Literal["local", "global"] = "local"
    system_fallback: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimProvider:
    """What the wheel uses of a provider.

    ``requirement`` is the specifier as in Requires-Dist; ``minimum`` the release of its lower bound, with the epoch in front unless that is zero,
    and empty without a bound; ``names`` gives for each original identity the unique one that the provider must have.  With
    ``system_fallback`` the loader may look for the names itself when the provider is not installed.
    """

    module: str
    distribution: str
    requirement: str
    minimum: tuple[int, ...]
    names: Mapping[str, str]
    system_fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimPackage:
    """All roles of one wheel.

    ``libraries`` and ``providers`` stand in load order; ``version`` is in normal form; ``requires`` are the requirements (PEP 508) of a wheel that is
    built against this one.

    A wheel with ``windows`` holds ``_windows.py`` as well, and only there are ``dll_folders``, which hold DLLs that images elsewhere need, and
    ``vendored``, the DLLs of this wheel alone in load order.  There are images that delay-load those in ``delayed``, or that forward symbols to
    them: Windows need not look into added folders then, so they are loaded beforehand, if that is possible.  All are paths as those of a
    ``ShimLibrary``.
    """

    distribution: str
    version: str
    libraries: tuple[ShimLibrary, ...] = ()
    providers: tuple[ShimProvider, ...] = ()
    requires: tuple[str, ...] = ()
    windows: bool = False
    dll_folders: tuple[str, ...] = ()
    vendored: tuple[str, ...] = ()
    delayed: tuple[str, ...] = ()


def package_init(package: ShimPackage) -> bytes:
    """Return the ``__init__.py`` that goes beside ``_nativewheel.py``."""
    arguments = [quoted(f"{package.distribution} {package.version}"), "_libraries", "_uses"]
    if package.windows:
        arguments += ["_folders", "_vendored"]
    return _FORM.format(
        module="_windows" if package.windows else "_nativewheel",
        version=quoted(package.version),
        windows=_windows(package) if package.windows else "",
        arguments=", ".join(arguments),
        libraries=_pretty(_libraries(package)),
        uses=_pretty([_use(provider) for provider in package.providers]),
        requires=_pretty(list(package.requires), "    "),
    ).encode("ascii")


def _windows(package: ShimPackage) -> str:
    vendored = {path: path in package.delayed for path in dict.fromkeys((*package.vendored, *package.delayed))}
    return _WINDOWS_FORM.format(folders=_pretty(list(package.dll_folders)), vendored=_pretty(vendored))


def _libraries(package: ShimPackage) -> list[dict[str, object]]:
    """Describe the libraries; a short name that two of them could go by is left out."""
    short = [_short_names(library.original.rpartition("/")[2]) for library in package.libraries]
    count = Counter(name for names in short for name in names)
    return [
        {
            "original": library.original,
            "identity": library.identity,
            "names": list(dict.fromkeys([library.original, library.identity, *(name for name in names if count[name] == 1)])),
            "path": library.path,
            "anchor": library.anchor,
            "mode": f"RTLD_{library.mode.upper()}",
            "system_fallback": library.system_fallback,
            **({"needs": list(library.needs)} if package.windows else {}),
        }
        for library, names in zip(package.libraries, short, strict=True)
    ]


def _short_names(original: str) -> list[str]:
    """Return the file name, the regular name (``libntcore``) and the stem (``ntcore``) of a library."""
    found = _REGULAR.fullmatch(original)
    regular = found[1] if found else original
    return list(dict.fromkeys([original, regular, regular.removeprefix("lib")]))


def _use(provider: ShimProvider) -> dict[str, object]:
    return {
        "module": provider.module,
        "distribution": provider.distribution,
        "requirement": provider.requirement,
        "minimum": _minimum(provider),
        "names": dict(provider.names),
        "system": provider.system_fallback,
    }


def _minimum(provider: ShimProvider) -> tuple[int, ...]:
    """Return the bound as the shim compares it: always with an epoch, so that 1!2 is not taken for 1.2, and without zeros at the end."""
    minimum = provider.minimum
    if minimum and str(minimum[0]) not in _EPOCH.findall(provider.requirement):
        minimum = (0, *minimum)
    while minimum and minimum[-1] == 0:
        minimum = minimum[:-1]
    return minimum


def _pretty(value: object, indent: str = "") -> str:
    """Return the source of a value, one item a line, as formatters want it."""
    inner = f"{indent}    "
    match value:
        case str():
            return quoted(value)
        case list() if value:
            rows = [f"{inner}{_pretty(item, inner)},\n" for item in value]
            return f"[\n{''.join(rows)}{indent}]"
        case dict() if value:
            rows = [f"{inner}{_pretty(key)}: {_pretty(item, inner)},\n" for key, item in value.items()]
            return f"{{\n{''.join(rows)}{indent}}}"
        case _:
            return repr(value)


def quoted(text: str) -> str:
    """Return a string literal in ASCII: the texts come from wheels and may hold anything."""
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return f'"{escaped}"'
