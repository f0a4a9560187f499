"""NW503: what images ask of a provider, compared with what its wheels have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.check.few import few
from nativewheel.check.rule import Rule
from nativewheel.check.uses import is_namespace_of, uses
from nativewheel.errors import ProviderError
from nativewheel.formats.image import Arch, Libc
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.naming import plain_symbol
from nativewheel.linkage.offers import offered
from nativewheel.linkage.policy import is_loader
from nativewheel.wheel.names import listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.check.uses import Use
    from nativewheel.formats.image import Symbol
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.provider import ProvidedLibrary, Provider, Variant
    from nativewheel.wheel.names import Member

# Not a library's: what the interpreter that imports a module has, and names that C reserves for the compiler and its run-time support (C17, 7.1.3).
_OTHERS = re.compile(r"_?Py|__|_(?!Z)[A-Z]")
# All symbols of these have versions, so that one without a version is not theirs.
_VERSIONED = frozenset(
    {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libgcc_s.so.1", "libstdc++.so.6"},
)


class ProviderLacks(Rule):
    """NW503."""

    code = "NW503"
    name = "provider-lacks"
    summary = "A provider does not offer a symbol or an ABI series that an image asks for"
    explanation = """\
A wheel that uses a library of another wheel asks for symbols of it, and for its ABI series, which is part of the name \
(`libnw_ntcore_abi2__ntcore.so.1`). When the provider that is to be installed with it lacks one of them, the import fails: the wheels were built \
against different releases of the library, or one of them was repaired with another configuration.

The rule compares with every provider that is checked together with the wheel or given with `--provider`, in each variant that some environment can \
install together with it. Without a provider to look at, it is silent. A symbol of ELF that has no version could be from any library, and counts as \
missing only when every library that the image asks for is known.

Source: ld.so(8), dyld(1); the manifest of the provider."""
    example = "pkg/_ext.so: wants nt_open, which ntcore-1.2.7-py3-none-manylinux_2_17_x86_64.whl does not export from libntcore.so.1"
    remedy = "Build both against the same release of the library, repair them together, and publish the provider first."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each image and provider once."""
        found: dict[tuple[Member, str], str] = {}
        for use in uses(wheel):
            for origin, message in (*_wanted_names(wheel, use), *_wanted_symbols(wheel, use)):
                found.setdefault((use.image.member, origin), message)
        for ((member, _), message), others in few(found.items()):
            yield self.found(wheel, f"{message}{others}", fix="build both against the same release of the library", member=member)


def _wanted_names(wheel: CheckedWheel, use: Use) -> Iterator[tuple[str, str]]:
    """Yield a message for each given provider of the distribution that has no library of the unique name that is asked for."""
    if use.namespace is None or (use.link.chosen and use.link.chosen.variants):
        return
    names = formats.conventions(use.image.image.format)
    asked = names.key(names.file_name(use.link.name))
    for provider in wheel.suppliers.given:
        libraries = [library for library in provider.libraries if library.format is use.image.image.format]
        has = {names.key(names.file_name(library.identity)) for library in libraries}
        if libraries and is_namespace_of(use.namespace, provider.distribution) and asked not in has:
            offers = listed([library.identity for library in libraries])
            yield provider.origin, f"asks for {printable(use.link.name)}, and {provider.origin} offers {offers}"


def _wanted_symbols(wheel: CheckedWheel, use: Use) -> Iterator[tuple[str, str]]:
    for variant in use.link.chosen.variants if use.link.chosen else ():
        try:
            lacking = _lacking(wheel, use, variant)
        except ProviderError as error:
            yield variant.provider.origin, f"uses {use.link.name}, but {error.message}"
            continue
        if lacking:
            yield (
                variant.provider.origin,
                f"wants {listed(lacking)}, which {variant.provider.origin} does not export from {variant.library.original}",
            )


def _lacking(wheel: CheckedWheel, use: Use, variant: Variant) -> list[str]:
    """Return what the image wants of the library, on some architecture, and does not find there."""
    missing: dict[str, None] = {}
    for arch in wheel.contents.target.archs if wheel.contents.target else ():
        if len(variant.library.archs) == 1 or arch in variant.library.archs:
            missing |= dict.fromkeys(_lacking_on(use, variant, arch))
    return list(missing) or _unversioned(wheel, use, variant)


def _lacking_on(use: Use, variant: Variant, arch: Arch) -> Iterator[str]:
    own = _offered(variant.offering(), arch)
    # A reference that names no library can be to any that the provider loads with this one.
    every = _offered(variant.provider.libraries, arch)
    for symbol in use.image.imports:
        has = every if symbol.library is None else own
        if not symbol.weak and symbol.is_for(arch) and _is_of(symbol, use):
            if symbol.version is not None and symbol.version not in has.get(symbol.name, ()):
                yield f"{symbol.name}@{symbol.version}"
            elif symbol.name not in has:
                yield symbol.name


def _offered(libraries: Iterable[ProvidedLibrary], arch: Arch) -> dict[str, frozenset[str | None]]:
    found: dict[str, frozenset[str | None]] = {}
    for library in libraries:
        for name, versions in offered(library, arch if len(library.archs) > 1 else None).items():
            found[name] = found.get(name, frozenset()) | versions
    return found


def _is_of(symbol: Symbol, use: Use) -> bool:
    """Whether a reference says by itself that it is to the library: it names that, or has the namespace in its own name."""
    names = formats.conventions(use.image.image.format)
    if symbol.library is not None:
        return names.key(names.file_name(symbol.library)) == names.key(names.file_name(use.link.name))
    return use.namespace is not None and plain_symbol(use.namespace, symbol.name, names.SYMBOL_PREFIX) is not None


def _unversioned(wheel: CheckedWheel, use: Use, variant: Variant) -> list[str]:
    """Return the references without a library (of ELF) that nothing satisfies; nothing when some library that the image reaches is not known."""
    target = wheel.contents.target
    if target is None or target.libc is not Libc.GLIBC:
        return []
    wanted = {symbol.name for symbol in use.image.imports if symbol.library is None and not symbol.weak}
    wanted = {name for name in wanted if not _OTHERS.match(name)}
    found = _scope(wheel, use.image, variant.provider) if wanted else None
    return [] if found is None else sorted(wanted - found)


def _scope(wheel: CheckedWheel, image: WheelImage, counted: Provider) -> set[str] | None:
    """Return the names that the image reaches, with those of the variant ``counted`` in place of others of that distribution; None if unknown."""
    names: set[str] = set()
    waiting, seen = [image.member], {image.member}
    while waiting:
        member = waiting.pop()
        names |= {symbol.name for symbol in formats.exports(wheel.data(member))}
        for link in wheel.graph.links[member] if wheel.graph else ():
            if link.member is not None:
                waiting += [] if link.member in seen else [link.member]
                seen.add(link.member)
            elif link.chosen and link.chosen.variants:
                providers = [variant.provider for variant in link.chosen.variants]
                for provider in [counted] if counted in providers else providers:
                    names.update(*(offered(library) for library in provider.libraries))
            elif link.reach is not Reach.INTERPRETER and link.name not in _VERSIONED and not is_loader(link.name):
                return None
    return names
