"""Whether the providers of a Linux wheel have the symbols that its images want."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.formats.image import Identity, Libc
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.offers import offered
from nativewheel.linkage.search import Asker
from nativewheel.repair.consuming import refuse_lacking

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph, Link, Loader
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.linkage.provider import Chosen, Variant
    from nativewheel.wheel.archive import WheelArchive
    from nativewheel.wheel.names import Member

# Not a library's: what the interpreter that imports a module has, and names that C reserves for the compiler and its run-time support (C17, 7.1.3),
# such as __aeabi_unwind_cpp_pr0.  C++ names start with _Z and belong to anybody.
_OTHERS = re.compile(r"_?Py|__|_(?!Z)[A-Z]")
# What CPython's configure.ac links the interpreter with on glibc, so that modules find it without asking; the others are parts of libc since 2.34.
_INTERPRETERS = (Identity("libm.so.6"), Identity("libpthread.so.0"), Identity("libdl.so.2"), Identity("libutil.so.1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolCheck:
    """Compares what images import with what their providers export.

    A versioned symbol says which library it is from.  For the others the whole scope counts, because an ELF reference names no library: a
    symbol is missing when neither the image nor the interpreter reaches anything that has it, and the check is left out when some library of that
    scope cannot be read.
    """

    archive: WheelArchive
    graph: Graph
    search: Loader
    libc: Libc
    host: HostLibraries
    _read: dict[Member, frozenset[str]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ``ProviderError`` that names the symbols which an image wants and a variant of its provider lacks."""
        for member, image in self.graph.images.items():
            chosen = [(link, link.chosen) for link in self.graph.links[member] if link.chosen]
            for link, choice in chosen:
                for variant in choice.variants:
                    refuse_lacking(self.archive, member, variant, self._versioned(image, link, variant))
            scope = self._scope(member) if chosen else None
            for variant in (variant for _, choice in chosen for variant in choice.variants):
                if scope:
                    refuse_lacking(self.archive, member, variant, _unversioned(image, scope, variant))

    def _versioned(self, image: WheelImage, link: Link, variant: Variant) -> list[str]:
        has = offered(variant.library)
        wanted = [symbol for symbol in image.imports if symbol.library == link.name and symbol.version and not symbol.weak]
        return [f"{symbol.name}@{symbol.version}" for symbol in wanted if symbol.version not in has.get(symbol.name, ())]

    def _scope(self, member: Member) -> _Scope | None:
        """Return what the image reaches, None when that cannot be known."""
        interpreters = self._of_interpreter()
        if interpreters is None:
            return None
        names: set[str] = set()
        chosen: dict[Identity, Chosen] = {}
        waiting: list[Member | Path] = [member, *interpreters]
        seen: set[Member | Path] = set(waiting)
        while waiting:
            key = waiting.pop()
            names |= self._exports(key)
            for link in self.graph.links.get(key, ()):
                target = link.member or link.path or self._system(link)
                if link.chosen:
                    chosen[link.chosen.identity] = link.chosen
                elif target is None:
                    if not link.dependency.versions and link.reach is not Reach.INTERPRETER:
                        return None
                elif target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return _Scope(names=frozenset(names), chosen=tuple(chosen.values()))

    def _exports(self, key: Member | Path) -> frozenset[str]:
        if key not in self.graph.images:
            return self.host.exports(key)  # type: ignore[arg-type]
        image = self.graph.images[key]  # type: ignore[index]
        if image.member not in self._read:
            data = self.archive.read(image.member) if image.source is None else image.source.read_bytes()
            self._read[image.member] = frozenset(symbol.name for symbol in formats.exports(data))
        return self._read[image.member]

    def _system(self, link: Link) -> Path | None:
        """Return the host's copy of a library that the platform supplies: its names are what they are on any system."""
        return self._host_copy(link.name) if link.reach is Reach.PLATFORM else None

    def _of_interpreter(self) -> list[Path] | None:
        """Return the libraries that the interpreter puts into every module's scope, None when they cannot be read; musl's libc has all in one."""
        if self.libc is Libc.MUSL:
            return []
        paths = [self._host_copy(name) for name in _INTERPRETERS]
        return [path for path in paths if path] if paths[0] else None

    def _host_copy(self, name: Identity) -> Path | None:
        asker = Asker(image=next(iter(self.graph.images.values())).image)
        found = self.search.find(name, asker)
        return found.library.path if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """Every name that an image reaches without providers, and the libraries that it reaches of these."""

    names: frozenset[str]
    chosen: tuple[Chosen, ...]


def _unversioned(image: WheelImage, scope: _Scope, variant: Variant) -> list[str]:
    """Return what nothing has where ``variant`` is installed, whichever variants of other providers are.

    The other libraries of the same wheel count, too: the one that is asked for may need them, and brings them into scope.
    """
    found = set(scope.names)
    for choice in scope.chosen:
        found.update(*(offered(item.library) for item in ((variant,) if variant in choice.variants else choice.variants)))
    wanted = {symbol.name for symbol in image.imports if symbol.library is None and not symbol.weak}
    missing = {name for name in wanted - found if not _OTHERS.match(name)}
    for library in variant.provider.libraries if missing else ():
        missing -= offered(library).keys()
    return sorted(missing)
