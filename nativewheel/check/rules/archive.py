"""NW101, NW102, NW103 and NW110: the archive and what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name, canonicalize_version

from nativewheel.check.few import few
from nativewheel.check.rule import Rule
from nativewheel.wheel.directory import IrregularityKind
from nativewheel.wheel.names import Member, listed, printable
from nativewheel.wheel.wheelfile import WheelFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel

_QUOTED = 80
_REBUILD = "build the wheel again, or repack it with `wheel pack`, and change nothing in it afterwards"


class RecordDisagrees(Rule):
    """NW101."""

    code = "NW101"
    greedy = True
    name = "record-disagrees"
    summary = "RECORD disagrees with the archive"
    explanation = """\
RECORD lists every file of a wheel with its SHA-256 and its size. This rule compares the list with the archive in both directions, and hashes every \
file.

Installers differ in what they do about a disagreement: uv and `installer` refuse such wheels or warn, pip installs them; and what RECORD does not \
list stays behind when the wheel is uninstalled. It is also what an archive looks like that somebody has tampered with.

Source: binary distribution format, "Signed wheel files"; recording installed projects."""
    example = "pkg/_ext.so: the hash in RECORD does not fit the data"
    remedy = """\
Build the wheel again with its build backend, or unpack and pack it with `wheel unpack` and `wheel pack`, which write RECORD anew. Programs that \
edit wheels have to write RECORD as their last step."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare names, sizes and hashes."""
        wheel.verify()
        seen: set[str] = set()
        for difference in wheel.archive.record_differences:
            text = difference.text.removesuffix(" of").removesuffix(" for")
            for name, others in few([name for name in difference.names if name not in seen]):  # another size means another hash
                yield self.found(wheel, f"{text}{others}", fix=_REBUILD, member=Member(name))
            seen.update(difference.names)
            if not difference.names:
                yield self.found(wheel, text, fix=_REBUILD, member=Member(f"{wheel.archive.dist_info}/RECORD"))


class IrregularZip(Rule):
    """NW102."""

    code = "NW102"
    name = "irregular-zip"
    summary = "The archive has features of zip that have no place in a wheel"
    explanation = """\
Readers of zip archives disagree about the rarer parts of the format, so that one program installs what another one has not seen. PyPI has begun to \
refuse such wheels. This rule reports data descriptors (sizes that follow the data), comments, names that are neither ASCII nor marked as UTF-8, \
zip64 end records that nothing needs or that are longer than 44 bytes, and files without a valid time.

Where two readers would see different files (names that come twice, sizes that contradict each other, bytes that belong to no member, links), no \
rule applies: nativewheel does not read the wheel at all, and ends with status 3.

Source: APPNOTE 6.3.10; PyPI, "Preventing ZIP parser confusion attacks" (2025)."""
    example = "pkg/__init__.py: the member has a data descriptor"
    remedy = "Repack the wheel with `wheel unpack` and `wheel pack`. A wheel that `nativewheel repair` changes comes out regular."

    _KINDS = frozenset(IrregularityKind) - {IrregularityKind.DIRECTORY_ENTRY}  # needless, but every reader passes over them

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report one kind after the other, as most of them go through a whole archive."""
        for kind in IrregularityKind:
            found = [item for item in wheel.archive.irregularities if item.kind is kind and kind in self._KINDS]
            for item, others in few(found, most=1):
                yield self.found(wheel, f"{item.text}{others}", fix="repack the wheel with `wheel unpack` and `wheel pack`", member=item.member)


class TagsDiffer(Rule):
    """NW103."""

    code = "NW103"
    name = "tags-differ"
    summary = "The file name and WHEEL name different tags"
    explanation = """\
A wheel says twice what it runs on: in its file name, and by the Tag lines of its WHEEL file. Installers choose by the file name; other tools, and \
the metadata of what is installed, go by WHEEL. PyPI does not compare them.

They come to differ when a wheel is renamed by hand, or by a tool that retags the name only.

Source: binary distribution format, "File contents": Tag is the wheel's expanded compatibility tags."""
    example = (
        "pkg-1.0.dist-info/WHEEL: lacks cp311-cp311-manylinux_2_17_x86_64, which the file name has; has cp311-cp311-linux_x86_64, which it has not"
    )
    remedy = (
        "Let `wheel tags` change tags, or build the wheel with the right tag. `nativewheel repair` puts WHEEL right in every wheel that it changes."
    )

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare the expanded tags."""
        with wheel.errors_of("WHEEL"):
            stated = WheelFile.parse(wheel.wheel_file).tags
        lacking = [tag for tag in wheel.name.tags if tag not in stated]
        extra = [tag for tag in stated if tag not in wheel.name.tags]
        if lacking or extra:
            parts = [f"lacks {listed(lacking)}, which the file name has"] * bool(lacking)
            parts += [f"has {listed(extra)}, which {'it has not' if lacking else 'the file name has not'}"] * bool(extra)
            member = Member(f"{wheel.archive.dist_info}/WHEEL")
            yield self.found(wheel, "; ".join(parts), fix="change tags with `wheel tags`, which changes both", member=member)


class NamesDiffer(Rule):
    """NW110."""

    code = "NW110"
    name = "names-differ"
    summary = "Name or version differ between file name, METADATA and .dist-info"
    explanation = """\
A wheel says three times whose it is: in its file name, in METADATA, and by the name of its .dist-info folder. Resolvers choose by the first, and \
what is installed is known by the others; pip refuses to install a wheel when they differ. Spellings that are equal after normalisation are no \
finding.

Source: binary distribution format, "File name convention" and "The .dist-info directory"."""
    example = "pkg-1.0.dist-info/METADATA: the version is 1.1, that of the file name 1.0"
    remedy = "Build the wheel again: names of wheels are not meant to be changed. For another version, change it in the project."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare the file name with both."""
        fix = "build the wheel again; wheels are not renamed by hand"
        folder = wheel.archive.dist_info
        if not wheel.archive.dist_info_fits:
            yield self.found(
                wheel, f"the folder is not called {wheel.name.distribution}-{wheel.name.version}.dist-info", fix=fix, member=Member(folder)
            )
        for field, ours, normalized in (("Name", wheel.name.distribution, canonicalize_name), ("Version", wheel.name.version, _version)):
            values = wheel.metadata.all(field)
            if len(values) != 1 or normalized(values[0]) != normalized(ours):
                stated = " and ".join(printable(value[:_QUOTED]) for value in values) or "missing"
                message = f"the {field.lower()} is {stated}, that of the file name {ours}"
                yield self.found(wheel, message, fix=fix, member=Member(f"{folder}/METADATA"))


def _version(text: str) -> str:
    # In file names, "-" and "+" of a version are escaped as "_" (binary distribution format, "Escaping and Unicode").
    return canonicalize_version(text.replace("_", "-"))
