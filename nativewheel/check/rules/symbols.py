"""NW203: symbols of a provider that others may have, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.check.finding import Severity
from nativewheel.check.rule import Rule
from nativewheel.check.wellknown import is_word, owners
from nativewheel.linkage.naming import regular_name
from nativewheel.wheel.names import listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.linkage.manifest import ManifestExport

_FIX = "set uniquify = true in the export, or hide what nobody needs (-fvisibility=hidden)"


class GenericNames(Rule):
    """NW203."""

    code = "NW203"
    name = "generic-names"
    severity = Severity.WARNING
    summary = "A provider for Linux exports names that other libraries have, too"
    explanation = """\
A reference of ELF names a symbol and no library. The loader takes the first image that has it, and begins with the global scope: the interpreter \
with everything that it is linked with (on Debian zlib and Expat), libraries that were loaded with RTLD_GLOBAL or LD_PRELOAD. A provider's library \
is loaded with RTLD_LOCAL, so that it disturbs nobody, but its own symbols, and those that its users ask of it, are taken from the global scope if \
they are there.

Reported are first the names of well-known libraries (zlib, OpenSSL, libjpeg, libpng, SQLite, libcurl, libxml2 and others, as Debian 12 has them), \
then names of one common word such as `init` or `error`. Symbols with unique names (`uniquify`), and libraries for macOS and Windows, whose \
references name the library, are no finding.

Source: dlopen(3), "The symbol search order"; ELF gABI, "Shared Object Dependencies"."""
    example = "ntcore/lib/libnw_ntcore__ntcore.so.1: exports names of zlib: crc32, deflate, inflate"
    remedy = """\
Let `nativewheel repair` rename them (`uniquify = true` in the `[[tool.nativewheel.export]]`), or compile the library with `-fvisibility=hidden` and \
export what is meant for others. What belongs to a library that was linked statically stays hidden with `-Wl,--exclude-libs,ALL`."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look at each library that is offered in the one scope of ELF."""
        for export in wheel.manifest.exports if wheel.manifest else ():
            if formats.conventions(export.format).SEARCHED and not export.uniquify and export.member in wheel.archive.entries:
                yield from self._names(wheel, export)

    def _names(self, wheel: CheckedWheel, export: ManifestExport) -> Iterator[Finding]:
        names = sorted({symbol.name for symbol in formats.exports(wheel.data(export.member)) if symbol.name != symbol.version})
        owned = owners(names)
        for library in dict.fromkeys(owned.values()):
            shown = listed([printable(name) for name, other in owned.items() if other == library])
            yield self.found(wheel, f"exports names of {library}: {shown}", fix=_FIX, member=export.member)
        own = regular_name(export.original).removeprefix("lib")
        if words := [name for name in names if name not in owned and is_word(name, own)]:
            yield self.found(wheel, f"exports names that any library may have: {listed(words)}", fix=_FIX, member=export.member)
