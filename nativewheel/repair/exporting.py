"""What a wheel offers to other wheels: which of its libraries, under which names, with which files beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from posixpath import basename, dirname, join, splitext
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.errors import LinkageError, NativewheelError
from nativewheel.formats.image import Identity, Kind
from nativewheel.linkage.manifest import Binding
from nativewheel.linkage.naming import exported_identity, namespace, regular_name, unique_symbol
from nativewheel.repair.options import ImportLibraries
from nativewheel.repair.plan import NewFile
from nativewheel.wheel.layout import Scheme
from nativewheel.wheel.names import Member, listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nativewheel.formats.conventions import Conventions
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.repair.options import ExportRule
    from nativewheel.wheel.archive import WheelArchive

_BUILD_FILES = (".pc", ".cmake")
_IMPORT_LIBRARIES = (".lib", ".a")
_NOT_IN_NAMES = {"/", "\\", ":"}
_NAME_BYTE = rb"[A-Za-z0-9._+-]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One library that the wheel offers.

    ``image`` is the file that stays; ``copies`` are further members with the same bytes, which go.  ``member`` is its new place, in the folder
    where it was; ``anchor`` and ``link`` are the files beside it that make it findable on musl and for linkers.  ``renames`` maps symbols to unique
    ones; ``kept`` are those that keep their names nevertheless.  Both are empty when no symbol is to be renamed.  ``binding`` is how consumers on
    macOS get them, and ``is_global`` says that they must be visible to all images of the process.
    """

    image: WheelImage
    copies: tuple[Member, ...]
    rule: ExportRule
    original: Identity
    identity: Identity
    member: Member
    anchor: Member | None
    link: Member | None
    renames: Mapping[str, str]
    kept: tuple[str, ...]
    binding: Binding | None
    is_global: bool


def find_exports(archive: WheelArchive, images: Sequence[WheelImage], rules: Iterable[ExportRule]) -> tuple[Exported, ...]:
    """Return what the rules make the wheel offer, sorted by member; the first rule that matches a library counts.

    Raises ``LinkageError`` when a rule for this distribution matches no library, for a library whose name or place does not let others find it, and
    when two libraries would have one name.
    """
    found: dict[Member, Exported] = {}
    groups = _same_bytes(archive, [image for image in images if image.image.kind is Kind.LIBRARY])
    for rule in rules:
        if rule.distribution not in {None, archive.name.normalized}:
            continue
        if rule.distribution and not is_used(rule, images):
            other = next((f"{image.member} is no library" for image in images if _matches(image, rule)), None)
            what = other or f"nothing in the wheel matches {', '.join(rule.library)}"
            raise LinkageError(f"cannot export: {what}", where=(str(archive.name),), hint="see the globs of [[tool.nativewheel.export]]")
        for group in groups:
            if group[0].member not in found and any(_matches(image, rule) for image in group):
                found[group[0].member] = _exported(archive, group, rule)
    exports = _with_links_settled([found[member] for member in sorted(found)])
    _refuse_clashes(archive, exports)
    return tuple(exports)


def is_used(rule: ExportRule, images: Iterable[WheelImage]) -> bool:
    """Whether the rule's globs match a library."""
    return any(image.image.kind is Kind.LIBRARY and _matches(image, rule) for image in images)


def _matches(image: WheelImage, rule: ExportRule) -> bool:
    names, key = {image.member, image.installed or image.member}, formats.conventions(image.image.format).key
    return any(fnmatchcase(key(name), key(glob)) for name in names for glob in rule.library)


def _same_bytes(archive: WheelArchive, libraries: Iterable[WheelImage]) -> list[list[WheelImage]]:
    """Group the members that a build made of one file by following its symbolic links; the one that is named as its identity comes first."""
    groups: dict[tuple[str, int, int], list[WheelImage]] = {}
    for image in libraries:
        entry = archive.entries[image.member]
        groups.setdefault((dirname(image.member), entry.crc32, entry.size), []).append(image)
    return [sorted(group, key=lambda image: (basename(image.member) != _own_name(image), image.member)) for group in groups.values()]


def _own_name(image: WheelImage) -> str | None:
    identity = image.image.identity
    return formats.conventions(image.image.format).file_name(identity) if identity else None


def _exported(archive: WheelArchive, group: Sequence[WheelImage], rule: ExportRule) -> Exported:
    image, *copies = group
    if image.installed is None or archive.scheme(image.member) is Scheme.PURELIB:
        raise LinkageError(
            "a library outside the packages cannot be exported", where=(str(archive.name), image.member), hint="let the build put it into a package"
        )
    conventions = formats.conventions(image.image.format)
    original = _original(archive, image, conventions)
    owner = namespace(archive.name.distribution, rule.abi)
    leaf = conventions.file_name(exported_identity(owner, original) if rule.rename else original)
    folder, symbols = dirname(image.member), _Symbols(archive=archive, image=image, owner=owner, rename_weak=rule.rename_weak)
    link = Member(join(folder, f"{regular_name(original)}{conventions.LINK_SUFFIX}")) if conventions.LINK_SUFFIX else None
    binding = _binding(rule) if conventions.FLAT_BINDING else None
    unique = conventions.RENAMES_SYMBOLS and (rule.uniquify or binding is Binding.FLAT)
    renames, kept = symbols.renamed() if unique else ({}, ())
    return Exported(
        image=image,
        copies=tuple(copy.member for copy in copies),
        rule=rule,
        original=original,
        identity=conventions.named_as_file(leaf),
        member=Member(join(folder, leaf)),
        anchor=Member(join(folder, f"{leaf}.anchor")) if conventions.ANCHORED else None,
        link=None if link and basename(link) == leaf else link,
        renames=renames,
        kept=kept,
        binding=binding,
        # Type information and other weak definitions of C++ are shared between images that see each other only.
        is_global=binding is Binding.FLAT or (binding is not None and symbols.has_weak()),
    )


def _original(archive: WheelArchive, image: WheelImage, conventions: Conventions) -> Identity:
    """Return what the library was called: without the folder of the build host, which is nobody's business."""
    name = image.image.identity or conventions.named_as_file(basename(image.member))
    original = Identity(conventions.file_name(name)) if name.startswith("/") else name
    if not original.isprintable() or _NOT_IN_NAMES & set(conventions.file_name(original)):
        raise LinkageError(f"its identity cannot be the name of a file: {printable(original)}", where=(str(archive.name), image.member))
    return original


def _binding(rule: ExportRule) -> Binding:
    # Symbols that keep their names are not unique, and so can be found by way of their library only.
    return rule.binding or (Binding.FLAT if rule.rename else Binding.INSTALL_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Symbols:
    """What a library exports, and how that is called under the namespace ``owner``."""

    archive: WheelArchive
    image: WheelImage
    owner: str
    rename_weak: bool

    def renamed(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return the unique names, and the symbols that keep theirs."""
        data = self.archive.read(self.image.member)
        prefix = formats.conventions(self.image.image.format).SYMBOL_PREFIX
        try:
            kept = formats.kept_names(data, rename_weak=self.rename_weak)
        except NativewheelError as error:
            raise error.within(str(self.archive.name), self.image.member) from error.__cause__
        names = sorted({symbol.name for symbol in formats.exports(data)} - kept)
        return {name: unique_symbol(self.owner, name, prefix) for name in names}, tuple(sorted(kept))

    def has_weak(self) -> bool:
        """Whether there are weak definitions."""
        return any(symbol.weak for symbol in formats.exports(self.archive.read(self.image.member)))


def _with_links_settled(exports: Sequence[Exported]) -> list[Exported]:
    """Leave the name without a version to the library that the build gave it to, where the wheel has several versions of one library."""
    owners: dict[Member | None, Member] = {
        exported.link: exported.member for exported in exports if exported.link and _has_name_of(exported.link, exported)
    }
    return [replace(exported, link=None) if owners.get(exported.link) not in {None, exported.member} else exported for exported in exports]


def _has_name_of(link: Member, exported: Exported) -> bool:
    """Whether a file of the library is called as its link stub is, but for the extension: ``libfoo.dylib`` beside ``libfoo.tbd``."""
    return splitext(link)[0] in {splitext(member)[0] for member in (exported.image.member, *exported.copies)}


def _refuse_clashes(archive: WheelArchive, exports: Sequence[Exported]) -> None:
    taken: dict[str, Member] = {}
    places: dict[Member, Exported] = {}
    for exported in exports:
        key = formats.conventions(exported.image.image.format).key
        other = taken.setdefault(key(exported.identity), exported.image.member)
        if other != exported.image.member:
            raise LinkageError(
                f"{other} and {exported.image.member} are different libraries, and both would be exported as {exported.identity}",
                where=(str(archive.name),),
                hint="export one of them, or give them different names",
            )
        gone = {exported.image.member, *exported.copies}
        for place in (exported.member, exported.anchor, exported.link):
            if (place in archive.entries and place not in gone) or (place and places.setdefault(place, exported) is not exported):
                raise LinkageError(
                    f"this name is needed for the export of {exported.original}",
                    where=(str(archive.name), str(place)),
                    hint="put what else is to have the name into another folder",
                )


def files_beside(archive: WheelArchive, exports: Sequence[Exported]) -> list[NewFile]:
    """Make the anchor, where there is to be one, and the link stub of each exported library."""
    made = []
    for exported in exports:
        data = archive.read(exported.image.member)
        if exported.anchor:
            made.append(NewFile(member=exported.anchor, data=formats.anchor(data, exported.identity), mode=0o755))
        if exported.link:
            made.append(NewFile(member=exported.link, data=formats.link_stub(data, identity=exported.identity)))
    return made


def build_files(archive: WheelArchive, exports: Sequence[Exported]) -> list[NewFile]:
    """Point pkg-config and CMake files that name a library by its file at the link stub, or where there is none at the file with its new name."""
    names = {
        basename(member): basename(exported.link or exported.member) for exported in exports for member in (exported.image.member, *exported.copies)
    }
    names = {old: new for old, new in names.items() if old != new}
    if not names:
        return []
    pattern = re.compile(rb"(?<!" + _NAME_BYTE + rb")(" + b"|".join(re.escape(name.encode()) for name in names) + rb")(?!" + _NAME_BYTE + rb")")
    made = []
    for member in archive.entries:
        if member.endswith(_BUILD_FILES):
            data = bytes(archive.read(member))
            changed = pattern.sub(lambda match: names[match[1].decode()].encode(), data)
            if changed != data:
                made.append(NewFile(member=member, data=changed))
    return made


def import_libraries(archive: WheelArchive, exports: Sequence[Exported]) -> list[NewFile]:
    """Write the unique names into import libraries, for the exports that ask for it."""
    asking = [exported for exported in exports if exported.rule.import_libs is ImportLibraries.RENAME]
    # Where there are link stubs, nothing is linked by way of import libraries, and an archive (.a) is a static library.
    by_import = [exported for exported in asking if formats.conventions(exported.image.image.format).LINK_SUFFIX is None]
    names: dict[str, str] = {exported.original: exported.identity for exported in by_import}
    made = []
    for member in archive.entries if names else ():
        if member.lower().endswith(_IMPORT_LIBRARIES):
            data = bytes(archive.read(member))
            try:
                changed = formats.rename_dlls(data, names)
            except NativewheelError as error:
                raise error.within(str(archive.name), member) from error.__cause__
            if changed != data:
                made.append(NewFile(member=member, data=changed))
    return made


def hidden_names(archive: WheelArchive, exports: Iterable[Exported]) -> list[str]:
    """Say which symbols with new names the libraries may still look for under the old ones: their code has these as strings."""
    lines = []
    for exported in exports:
        found = sorted(formats.named_in_strings(archive.read(exported.image.member), exported.renames)) if exported.renames else []
        if found:
            lines.append(f"{exported.image.member}: has the text of {listed(found)}, which dlsym would not find any more under that name")
    return lines
