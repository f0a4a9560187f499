"""The providers that the wheels of a set may use: those of the set itself, those given with --provider, and installed ones that are named."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from nativewheel.linkage.discovery import exported_file, installed_providers, provider_in_wheel, providers_in
from nativewheel.linkage.naming import module_name
from nativewheel.linkage.provider import Consideration, ProvidedLibrary, Provider
from nativewheel.linkage.requirement import DEFAULT_TEMPLATE
from nativewheel.repair.metadata import metadata_of
from nativewheel.repair.options import Executables
from nativewheel.wheel.requires import required_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nativewheel.linkage.discovery import ExportedFile
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.planner import Subject

Given = dict["Path | frozenset[str]", tuple[Provider, ...]]
"""What has been looked up so far: paths of --provider, and sets of distributions in the running environment."""


def of_set(subjects: Iterable[Subject]) -> tuple[Provider, ...]:
    """Return a provider for each wheel of the set that offers libraries, now or by an earlier repair."""
    found = []
    for subject in subjects:
        if subject.exports:
            found.append(_provider(subject))
        elif subject.is_repaired and (provider := provider_in_wheel(subject.archive.path)):
            found.append(replace(provider, considered_because=Consideration.SET))
    return tuple(found)


def given_to(subject: Subject, given: Given) -> tuple[Provider, ...]:
    """Return the providers that the options of one wheel give; ``given`` remembers what was looked up for others."""
    names = frozenset({naming.dist for _, naming in subject.options.providers} | required_names(metadata_of(subject.archive)))
    for path in subject.options.provider:
        if path not in given:
            given[path] = providers_in(path)
    if names not in given:
        given[names] = installed_providers(names)
    return tuple(provider for path in subject.options.provider for provider in given[path]) + given[names]


def _provider(subject: Subject) -> Provider:
    name = subject.archive.name
    return Provider(
        distribution=name.normalized,
        version=name.version,
        namespace=module_name(name.distribution),
        module=module_name(name.distribution),
        name=name,
        libraries=tuple(_library(subject, exported) for exported in subject.exports),
        origin=str(name),
        considered_because=Consideration.SET,
    )


def _library(subject: Subject, exported: Exported) -> ProvidedLibrary:
    image = exported.image.image
    file = cache(partial(_file, subject, exported))
    return ProvidedLibrary(
        original=exported.original,
        identity=exported.identity,
        member=subject.archive.installed_path(exported.member) or exported.member,
        format=image.format,
        archs=image.archs,
        libc=subject.contents.target.libc if subject.contents.target else None,
        requires=exported.rule.requires or DEFAULT_TEMPLATE,
        abi=exported.rule.abi,
        binding=exported.binding,
        uniquify=bool(exported.rule.uniquify),
        system_fallback=exported.rule.system_fallback,
        rename_weak=exported.rule.rename_weak,
        copied_for_programs=exported.rule.executables is Executables.VENDOR,
        symbols=lambda: file().symbols,
        partial=lambda: file().partial,
        renames=lambda: exported.renames,
        reexports=lambda: file().reexports,
    )


def _file(subject: Subject, exported: Exported) -> ExportedFile:
    """Read what the library exports, under the names that it will have."""
    found, renames = exported_file(bytes(subject.archive.read(exported.image.member))), exported.renames
    return replace(
        found,
        symbols={renames.get(name, name): versions for name, versions in found.symbols.items()},
        partial={renames.get(name, name): archs for name, archs in found.partial.items()},
    )
