"""NW505 and NW507: what a provider offers, and what has to lie beside it."""

from __future__ import annotations

from posixpath import basename, dirname, join
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.check.finding import Severity
from nativewheel.check.rule import Rule
from nativewheel.linkage.contents import WheelImage
from nativewheel.linkage.manifest import MANIFEST
from nativewheel.linkage.naming import owner_of, regular_name
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.linkage.manifest import ManifestExport


class PlainExport(Rule):
    """NW505."""

    code = "NW505"
    name = "plain-export"
    severity = Severity.WARNING
    summary = "A library is offered to other wheels without a unique name"
    explanation = """\
A library that is shared under its plain name (`libntcore.so.1`) is one of many of that name: the system's, the ones that other wheels vendor, those \
of conda. Loaders take the first that a process has loaded, so that a consumer can get another one than it was built against, and crash, or give \
another one's users the provider's.

`rename = false` in an `[[tool.nativewheel.export]]` asks for it. It is meant for libraries of which a system's copy must be usable (MPI, drivers).

Source: dlopen(3); dyld(1); Microsoft, "Dynamic-link library search order"."""
    example = "ntcore/lib/libntcore.so.1: is offered as libntcore.so.1, a name that other libraries can have"
    remedy = "Leave `rename = false` out, and repair the provider and its consumers again; or ignore the rule for this wheel."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look at the identities of the manifest."""
        for export in wheel.manifest.exports if wheel.manifest else ():
            if owner_of(export.identity) is None:
                message = f"is offered as {export.identity}, a name that other libraries can have"
                yield self.found(wheel, message, fix="leave rename = false out of the export", member=export.member)


class FileBesideMissing(Rule):
    """NW507."""

    code = "NW507"
    name = "file-beside-missing"
    summary = "The anchor or the link stub of an exported library is missing"
    explanation = """\
Beside each library that a provider for Linux offers lies its anchor (`libnw_ntcore__ntcore.so.1.anchor`): a small image that needs the library by \
its name. The shim loads it after the library, because musl recognises a library by name only when it has searched for that name; without the \
anchor, consumers cannot be imported on Alpine Linux.

The link stub (`libntcore.so`, on macOS `libntcore.tbd`) has the plain name and leads linkers to the unique one; without it, nobody can build \
against the installed provider. DLLs have neither: import libraries keep the plain names.

Source: musl, ldso/dynlink.c (load_library)."""
    example = "ntcore/lib/libnw_ntcore__ntcore.so.1: its anchor ntcore/lib/libnw_ntcore__ntcore.so.1.anchor is missing"
    remedy = (
        "Repair the provider again from what its build made, and keep all files of the result: tools that strip wheels may take them for rubbish."
    )

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look for the files that the manifest names, and for those that it should."""
        fix = "repair the provider again"
        for export in wheel.manifest.exports if wheel.manifest else ():
            if export.member not in wheel.archive.entries:
                message = f"the library {export.member}, which it offers, is missing"
                yield self.found(wheel, message, fix=fix, member=Member(f"{wheel.archive.dist_info}/{MANIFEST}"))
                continue
            if problem := _anchor_problem(wheel, export):
                yield self.found(wheel, problem, fix=fix, member=export.member)
            if problem := _stub_problem(wheel, export):
                yield self.found(wheel, problem, fix=fix, member=export.member)


def _anchor_problem(wheel: CheckedWheel, export: ManifestExport) -> str | None:
    if export.anchor is None:
        return "it has no anchor, without which it is not found on musl" if formats.conventions(export.format).ANCHORED else None
    if export.anchor not in wheel.archive.entries:
        return f"its anchor {export.anchor} is missing"
    image = wheel.read_images.get(export.anchor)
    if not isinstance(image, WheelImage) or export.identity not in {item.name for item in image.image.dependencies}:
        return f"its anchor {export.anchor} does not ask for {export.identity}"
    return None


def _stub_problem(wheel: CheckedWheel, export: ManifestExport) -> str | None:
    suffix = formats.conventions(export.format).LINK_SUFFIX
    if export.link is not None:
        return None if export.link in wheel.archive.entries else f"its link stub {export.link} is missing"
    # Without a stub of its own, the plain name is that of the library itself, or of another version that the wheel has.
    place = Member(join(dirname(export.member), f"{regular_name(export.original)}{suffix}"))
    return f"there is no link stub {basename(place)}" if suffix and place not in wheel.archive.entries else None
