"""The keys of the configuration that are about sharing: `[[export]]` and `[providers]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from nativewheel.config.reading import each, one_of, read_flag, read_table, read_text
from nativewheel.formats.image import Identity
from nativewheel.linkage.manifest import Binding
from nativewheel.linkage.provider import ProviderNaming
from nativewheel.repair.options import Executables, ExportRule, ImportLibraries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.config.reading import Reader, Source

ABI_SERIES = r"^[A-Za-z0-9]+$"
"""What may follow ``_abi`` in a namespace: part of file names and symbols."""


def _distribution(value: object, key: str, source: Source) -> str:
    name = read_text(value, key, source)
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName as error:
        raise source.error(key, f"not the name of a distribution: {name!r}") from error


def _version(value: object, key: str, source: Source) -> str:
    text = read_text(value, key, source)
    try:
        return str(Version(text))
    except ValueError as error:  # InvalidVersion, and the limit on the digits of an integer
        raise source.error(key, f"not a version: {text!r}") from error


def _abi(value: object, key: str, source: Source) -> str:
    text = read_text(value, key, source)
    if not re.search(ABI_SERIES, text):
        raise source.error(key, f"not an ABI series: {text!r}", hint='letters and digits, as in "1"')
    return text.lower()


def _executables(value: object, key: str, source: Source) -> Executables:
    return Executables(one_of(*Executables)(value, key, source))


def _import_libraries(value: object, key: str, source: Source) -> ImportLibraries:
    return ImportLibraries(one_of(*ImportLibraries)(value, key, source))


def read_binding(value: object, key: str, source: Source) -> Binding:
    """Check how consumers on macOS are to be bound; Python may give the member of `Binding`."""
    return Binding(one_of(*Binding)(value, key, source))


EXPORT_KEYS: Mapping[str, Reader[object]] = {
    "distribution": _distribution,
    "library": each(read_text),
    "requires": read_text,
    "abi": _abi,
    "uniquify": read_flag,
    "binding": read_binding,
    "rename-weak": read_flag,
    "import-libs": _import_libraries,
    "executables": _executables,
    "rename": read_flag,
    "system-fallback": read_flag,
}

PROVIDER_KEYS: Mapping[str, Reader[object]] = {"dist": _distribution, "built-against": _version, "marker": read_text}


def read_export(value: object, key: str, source: Source) -> ExportRule:
    """Check one table of `[[export]]`; the command line gives a glob, and Python may give the finished rule."""
    if isinstance(value, ExportRule):
        return value
    if isinstance(value, str) and not source.indexed:
        value = {"library": [value]}
    rule = ExportRule(**read_table(value, key, source, EXPORT_KEYS, required=("library",)))
    if not rule.library:
        raise source.error(f"{key}.library", "expected at least one glob, got an empty list")
    if rule.system_fallback and rule.rename:
        raise source.error(f"{key}.system-fallback", "a system copy can only stand in for a library that keeps its name", hint="set rename = false")
    if rule.uniquify and not rule.rename:
        raise source.error(f"{key}.uniquify", "symbols with unique names are no use in a library that keeps its name", hint="set rename = true")
    if rule.binding is Binding.FLAT and not rule.rename:
        raise source.error(f"{key}.binding", "the flat namespace is for symbols with unique names", hint="set rename = true")
    return rule


def read_providers(value: object, key: str, source: Source) -> tuple[tuple[Identity, ProviderNaming], ...]:
    """Check the table `[providers]`: a library's plain identity, and the distribution that supplies it, or a table with more."""
    if not isinstance(value, dict):
        raise source.error(key, f"expected a table, got {type(value).__name__}")
    return tuple((Identity(read_text(name, key, source)), _naming(item, f'{key}."{name}"', source)) for name, item in value.items())


def _naming(value: object, key: str, source: Source) -> ProviderNaming:
    if isinstance(value, ProviderNaming):
        return value
    if isinstance(value, str):
        return ProviderNaming(dist=_distribution(value, key, source))
    return ProviderNaming(**read_table(value, key, source, PROVIDER_KEYS, required=("dist",)))
