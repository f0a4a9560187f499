"""What a consumer asks of a provider: the provider's template, filled in for the version that the consumer was built against."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nativewheel.errors import LinkageError, UsageError
from nativewheel.linkage.jsonfields import MOST_VERSION

DEFAULT_TEMPLATE = "=={version}.*"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("version", "major", "minor", "micro")
_HINT = f"a template is a range of versions (PEP 440) over {', '.join(f'{{{name}}}' for name in _KNOWN)}, such as " + '"=={major}.*,>={version}"'
# Operators whose version, or the first version with whose prefix, is the least one that they let in; ">" keeps out that one alone.
_FROM_BELOW = ("==", "===", ">=", ">", "~=")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequirement:
    """A requirement: ``specifier`` is its range, ``line`` the whole of it as Requires-Dist has it; ``warnings`` are sentences for the user."""

    distribution: str
    specifier: str
    marker: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The requirement after PEP 508."""
        return f"{self.distribution}{self.specifier}{f'; {self.marker}' if self.marker else ''}"


def requirement(template: str | None, distribution: str, version: str, marker: str | None = None) -> ProviderRequirement:
    """Fill in ``template`` for ``version`` of ``distribution``; None is the default template.  The order of its clauses is kept.

    ``{version}`` is the public version, without a local part; ``{major}`` carries the epoch; parts that the version lacks count as 0.  Raises
    ``UsageError`` for unknown placeholders and for markers that are none, ``LinkageError`` for a range that is none, or that excludes ``version``.
    """
    name = canonicalize_name(distribution)
    try:
        built = Version(version)
    except InvalidVersion as error:
        raise LinkageError(f"{name} has no version after PEP 440: {version}", hint="give it one, because ranges of versions need it") from error
    warnings = []
    if template is None:
        template = DEFAULT_TEMPLATE
        warnings.append(f"{name} does not say which versions its users may have: they get {_specifier(template, name, built)} (set requires)")
    if built.is_prerelease:
        warnings.append(f"{name} {built} is a pre-release: installers take another version where the range has one")
    specifier = _specifier(template, name, built)
    if built not in SpecifierSet(specifier, prereleases=True):
        raise LinkageError(f"the range {specifier} of {name} excludes {built}, the version built against", hint=_HINT)
    return ProviderRequirement(distribution=name, specifier=specifier, marker=_marker(marker), warnings=tuple(warnings))


def _specifier(template: str, name: str, version: Version) -> str:
    if template == DEFAULT_TEMPLATE and (version.is_prerelease or version.is_postrelease):
        template = "=={version}"  # PEP 440: ".*" follows a release only
    text = _filled(template, version)
    if len(text) > MOST_VERSION:
        raise LinkageError(f"the range of {name} is {len(text)} characters long", hint=_HINT)
    try:
        return ",".join(str(Specifier(clause)) for clause in text.split(","))
    except InvalidSpecifier as error:
        raise LinkageError(f"the range of {name} is no range of versions for {version}: {text!r}", hint=_HINT) from error


def _filled(template: str, version: Version) -> str:
    values = {
        "version": version.public,
        "major": f"{version.epoch}!{version.major}" if version.epoch else str(version.major),
        "minor": str(version.minor),
        "micro": str(version.micro),
    }
    unknown = [name for name in _PLACEHOLDER.findall(template) if name not in values]
    if unknown or {"{", "}"} & set(_PLACEHOLDER.sub("", template)):
        what = f"unknown placeholder {{{unknown[0]}}}" if unknown else "a brace without its other one"
        raise UsageError(f"{what} in the template {template!r}", hint=_HINT)
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _marker(text: str | None) -> str | None:
    try:
        return None if text is None else str(Marker(text))
    except InvalidMarker as error:
        raise UsageError(f"not an environment marker: {text!r}", hint="such as sys_platform == 'linux' (PEP 508)") from error


def lower_bound(specifier: str) -> tuple[int, ...] | None:
    """Return the release that a version must have at least to lie in the range, None when there is no least one.

    It is what the shim compares: the numbers without trailing zeros, since a release of fewer numbers would be less; an epoch other than 0 comes
    first.  Raises ``InvalidSpecifier``.
    """
    clauses = [clause for clause in SpecifierSet(specifier) if clause.operator in _FROM_BELOW]
    versions = [version for clause in clauses if (version := _parsed(clause.version.removesuffix(".*")))]
    return _release(max(versions)) if versions else None


def _parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:  # after "===" there may be anything
        return None


def _release(version: Version) -> tuple[int, ...]:
    release = version.release
    while release and release[-1] == 0:
        release = release[:-1]
    return (version.epoch, *release) if version.epoch else release
