"""NW508: what a provider offers, compared with its previous release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.few import few
from nativewheel.check.finding import Severity
from nativewheel.check.release import OfferedLibrary, Release, floors, read_release, symbols
from nativewheel.check.rule import Rule
from nativewheel.linkage.contents import libc_of_tags
from nativewheel.linkage.manifest import MANIFEST
from nativewheel.linkage.naming import owner_of
from nativewheel.wheel.names import Member, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.linkage.manifest import ManifestExport


class BreaksUsers(Rule):
    """NW508."""

    code = "NW508"
    name = "breaks-users"
    summary = "A provider lacks something that its previous release offered"
    explanation = """\
Wheels that were built against one release of a provider are installed with later ones, as far as the range lets them in that the provider itself \
has asked for. Within such a series, a provider may add to its libraries, but not take anything away: a symbol, a library, its unique name and its \
ABI series, or the way in which consumers are bound to it (`binding`, `uniquify`, `rename`). Otherwise installed wheels fail with the new release.

`--against OLD.whl` names wheels of the previous release; the one for the same platform is compared. A release counts as part of the series \
when the range of the old one lets it in, or when the major version is the same. Weak symbols are left out, because each user of a C++ template has \
its own.

A tag that asks for a newer system than before is a warning: users of older systems stay on the old release.

Source: the manifests of both wheels; PEP 440."""
    example = "ntcore/lib/libnw_ntcore__ntcore.so.1: lacks nt_open, which ntcore 1.2.7 exports"
    remedy = """\
Put back what is missing, or leave the series: another major version with a range that keeps old users away, and another ABI series (`abi = "2"`), \
so that both can be in one process."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare with each wheel that is given for the distribution and the platform."""
        paths = wheel.options.against if wheel.manifest and wheel.manifest.exports else ()
        releases = [release for path in paths if (release := read_release(path)) and release.name.normalized == wheel.name.normalized]
        own = _own(wheel) if releases else None
        for old in releases:
            if own is not None and _is_comparable(old, own):
                yield from self._compare(wheel, old, own)

    def _compare(self, wheel: CheckedWheel, old: Release, own: Release) -> Iterator[Finding]:
        release = f"{old.name.distribution} {old.name.version}"
        new = {library.export.original: library for library in own.libraries}
        for library in old.libraries:
            export = library.export
            if not own.serves_users_of(old, export):
                continue
            fix = "put it back, or leave the series (another major version and ABI series)"
            if export.original not in new:
                message = f"does not offer {export.original} any more, which {release} does"
                yield self.found(wheel, message, fix=fix, member=Member(f"{wheel.archive.dist_info}/{MANIFEST}"))
                continue
            messages = _differences(library, new[export.original], release)
            for message, others in few(messages):
                yield self.found(wheel, f"{message}{others}", fix=fix, member=new[export.original].export.member)
        yield from self._floors(wheel, old, release)

    def _floors(self, wheel: CheckedWheel, old: Release, release: str) -> Iterator[Finding]:
        before, now = floors(old.name), floors(wheel.name)
        for family in sorted(before.keys() & now.keys()):
            if now[family] > before[family]:
                newer, older = (".".join(map(str, version)) for version in (now[family], before[family]))
                message = f"its tags ask for {family} {newer}, and those of {release} for {older}"
                yield self.found(wheel, message, fix="build it for the older system, if its users matter", severity=Severity.WARNING)


def _own(wheel: CheckedWheel) -> Release:
    exports = wheel.manifest.exports if wheel.manifest else ()
    present = (export for export in exports if export.member in wheel.archive.entries)
    return Release(
        name=wheel.name,
        libraries=tuple(OfferedLibrary(export=export, symbols=symbols(wheel.data(export.member))) for export in present),
    )


def _is_comparable(old: Release, own: Release) -> bool:
    """Whether users on some platform can have the one or the other."""
    platforms = [{(library.export.format, arch) for library in release.libraries for arch in library.export.archs} for release in (old, own)]
    libcs = {libc_of_tags(old.name), libc_of_tags(own.name)} - {None}
    return not platforms[0].isdisjoint(platforms[1]) and len(libcs) <= 1


def _differences(old: OfferedLibrary, new: OfferedLibrary, release: str) -> list[str]:
    """Say what users of the old library do not find in the new one; changes of the mode explain those of the symbols."""
    messages = list(_mode(old.export, new.export, release))
    lacking = sorted(old.symbols - new.symbols)
    if lacking and not messages:
        messages.append(f"lacks {listed(lacking)}, which {release} exports")
    return messages


def _mode(old: ManifestExport, new: ManifestExport, release: str) -> Iterator[str]:
    if old.abi != new.abi:
        yield f"is of {_series(new)}, and in {release} of {_series(old)}"
    elif (owner_of(old.identity) is None) != (owner_of(new.identity) is None):
        yield f"has {'a plain' if owner_of(new.identity) is None else 'a unique'} name, {new.identity}, and {old.identity} in {release} (rename)"
    elif old.identity != new.identity:
        yield f"is called {new.identity}, and {old.identity} in {release}"
    if old.binding is not new.binding:
        yield f"is bound by {new.binding or 'no rule'}, and in {release} by {old.binding or 'no rule'} (binding)"
    if old.uniquify != new.uniquify:
        yield f"has {'unique' if new.uniquify else 'plain'} symbols, and {'unique' if old.uniquify else 'plain'} ones in {release} (uniquify)"


def _series(export: ManifestExport) -> str:
    return "no ABI series" if export.abi is None else f"the ABI series {export.abi}"
