"""NW301 to NW304: what macOS wants of an image, and what the tags say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.check.alike import alike
from nativewheel.check.few import few
from nativewheel.check.finding import Severity
from nativewheel.check.rule import Rule
from nativewheel.formats.defects import DefectKind
from nativewheel.formats.image import Format, Kind
from nativewheel.linkage import macos
from nativewheel.linkage.contents import WheelImage
from nativewheel.wheel.names import listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.formats.image import Arch
    from nativewheel.wheel.names import Member

_SEARCHED = "@rpath/"


class FalseSignature(Rule):
    """NW301."""

    code = "NW301"
    name = "false-signature"
    summary = "A code signature is missing (arm64) or does not fit the image"
    explanation = """\
Macs with Apple's processors load no image without a code signature. One without a certificate (ad hoc) is enough, and linkers add it by \
themselves. The signature holds a hash of each page: when an image was edited afterwards, the kernel ends the process that touches a changed page \
(`Code Signature Invalid`), without an error that Python could show.

The rule computes the hashes of all pages anew. Whether the certificate of a signature is trusted is not asked.

Source: Apple, "macOS Big Sur 11 Universal Apps Beta Release Notes" (Code Signing); XNU, bsd/kern/ubc_subr.c."""
    example = "pkg/_ext.so: the code signature of the slice for arm64 does not fit: the hash of the page at offset 0x4000 is wrong"
    remedy = """\
Sign again as the last step: `codesign --force --sign - FILE`. `strip`, `install_name_tool` and `lipo` of Xcode 12 and later do so by themselves; \
`nativewheel repair` signs what it edits."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each slice."""
        for (member, item), others in few(wheel.defects_of(DefectKind.UNSIGNED, DefectKind.FALSE_SIGNATURE)):
            slice_ = f"the slice for {macos.spelled(item.arch)}" if item.arch else "the image"
            wrong = f"the code signature of {slice_} does not fit: {item.detail}"
            message = f"{slice_} has no code signature" if item.kind is DefectKind.UNSIGNED else wrong
            yield self.found(wheel, f"{message}{others}", fix="sign it again: codesign --force --sign - FILE", member=member)


class HostInstallName(Rule):
    """NW302."""

    code = "NW302"
    name = "host-install-name"
    summary = "An install name or an rpath leads to a folder of the build host"
    explanation = """\
The install name of a library is what everything that is linked with it asks for. A path of the build host (`/usr/local/lib/libfoo.dylib`, \
`/opt/homebrew/…`) leads nowhere on other Macs, or to another copy, so that the process has the library twice; and a library that was loaded \
beforehand is recognised only by an equal name. An LC_RPATH with such a path has the loader look there for every `@rpath/…` name.

An LC_RPATH in a wheel in which no image asks for an `@rpath/…` name does no harm, and is a warning. Names under `/DLC/`, which delocate gives, \
and install names of extension modules, which nobody links with, are no finding.

Source: dyld(1); install_name_tool(1)."""
    example = "pkg/.dylibs/libfoo.1.dylib: the install name /opt/homebrew/opt/foo/lib/libfoo.1.dylib is a path of the build host"
    remedy = """\
Link with `-install_name @rpath/libfoo.1.dylib`, and without `-rpath`, or with one of `@loader_path/…`. In a finished image, `install_name_tool -id` \
and `-delete_rpath` change both; `nativewheel repair` does it for every image of a wheel."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report names first, then search paths."""
        yield from self._names(wheel)
        searched = any(item.name.startswith(_SEARCHED) for image in wheel.contents.images for item in image.image.dependencies)
        severity = Severity.ERROR if searched else Severity.WARNING
        paths = ((member, tuple(item.detail for item in items if item.kind is DefectKind.HOST_LC_RPATH)) for member, items in wheel.defects.items())
        for member, entries, others in alike((member, entries) for member, entries in paths if entries):
            message = f"the search path has {listed(list(map(printable, entries)))}, of the build host{others}"
            fix = "link without -rpath, or delete it with install_name_tool -delete_rpath"
            yield self.found(wheel, message, fix=fix, member=member, severity=severity)

    def _names(self, wheel: CheckedWheel) -> Iterator[Finding]:
        for (member, item), others in few(wheel.defects_of(DefectKind.HOST_INSTALL_NAME)):
            message = f"the install name {printable(item.detail)} is a path of the build host{others}"
            yield self.found(wheel, message, fix="give it one that begins with @rpath/: install_name_tool -id", member=member)


class MinimumAboveTag(Rule):
    """NW303."""

    code = "NW303"
    name = "minimum-above-tag"
    summary = "An image needs a newer macOS than the tag promises"
    explanation = """\
Each image says for which macOS it is made (LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX). On an older one, the loader refuses it, or it fails when it \
calls a function that this system does not have. Installers go by the tag of the wheel, which has to say the newest version that any of its images \
needs.

Libraries from Homebrew are the usual reason: they are made for the macOS that they were installed on. From macOS 11 on, tags have 0 for the minor \
version, so that 11.3 is satisfied by macosx_11_0. For arm64, no version before 11.0 counts.

Source: platform compatibility tags (macOS); packaging.tags.mac_platforms."""
    example = "pkg/.dylibs/libfoo.dylib: needs macOS 14.0 on arm64, and macosx_11_0_arm64 promises 11.0"
    remedy = """\
Build the image and every library that goes into the wheel with MACOSX_DEPLOYMENT_TARGET set to the version of the tag, or give the wheel the tag of \
the newest version that is needed (`nativewheel repair` does)."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare each image with the tags, for each architecture."""
        for member, (archs, exact, tag, version), others in alike(_above(wheel)):
            message = f"needs macOS {macos.written(exact)} on {_spelled(archs)}, and {tag} promises {macos.written(version)}{others}"
            fix = f"build it with MACOSX_DEPLOYMENT_TARGET={macos.written(version)}, or raise the tag"
            yield self.found(wheel, message, fix=fix, member=member)


class SliceMissing(Rule):
    """NW304."""

    code = "NW304"
    name = "slice-missing"
    summary = "An image lacks an architecture that the tag names"
    explanation = """\
A wheel with the tag universal2 is installed on Macs with Apple's processors and on those with Intel's. An image that has code for one of them only \
cannot be loaded on the others: `mach-o file, but is an incompatible architecture`.

A cross build that has taken a library of the host (from Homebrew, which has one architecture) is the usual reason. Libraries and programs that are \
there once for each architecture, as separate files, are no finding.

Source: platform compatibility tags (macOS); lipo(1)."""
    example = "pkg/_ext.cpython-311-darwin.so: has arm64 only, and the wheel is for x86_64 as well (macosx_11_0_universal2)"
    remedy = """\
Build for both (`ARCHFLAGS="-arch arm64 -arch x86_64"`), with libraries for both, or build two wheels and join them with `delocate-merge`; or give \
the wheel the tag of the one architecture that it has."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Look for slices that are not there, in images that have some of them."""
        wanted = {arch for platform in wheel.name.platforms for arch in macos.archs_of(platform)}
        images = [item for item in wheel.read_images.values() if isinstance(item, WheelImage) and item.image.format is Format.MACHO]
        lacking = [image for image in images if wanted - set(image.image.archs)]
        data = [image for image in lacking if _is_data(image, lacking, wanted, some_fit=len(lacking) < len(images))]
        for image, others in few([image for image in lacking if image not in data]):
            has, lacks = _spelled(set(image.image.archs)), _spelled(wanted - set(image.image.archs))
            message = f"has {has} only, and the wheel is for {lacks} as well ({', '.join(wheel.name.platforms)}){others}"
            yield self.found(wheel, message, fix="build it for both architectures", member=image.member)


def _above(wheel: CheckedWheel) -> Iterator[tuple[Member, tuple[frozenset[Arch], macos.Version, str, macos.Version]]]:
    """Yield the images that need more than is promised: on which architectures, which version, the tag, and what that promises."""
    promised = _promised(wheel)
    for image in wheel.contents.images:
        needs: dict[tuple[macos.Version, str, macos.Version], list[Arch]] = {}
        for arch, floor in macos.floors([(image.member, image.image)], promised).items():
            version, tag = promised[arch]
            if floor.release > version:
                needs.setdefault((floor.exact, tag, version), []).append(arch)
        yield from ((image.member, (frozenset(archs), *key)) for key, archs in needs.items())


def _promised(wheel: CheckedWheel) -> Mapping[Arch, tuple[macos.Version, str]]:
    """Return the oldest system that the tags promise for each architecture, and the tag that does."""
    found: dict[Arch, tuple[macos.Version, str]] = {}
    for platform in wheel.name.platforms:
        for arch in macos.archs_of(platform):
            version = max(macos.FIRST[arch], macos.version_of(platform))
            found[arch] = min(found.get(arch, (version, platform)), (version, platform))
    return found


def _is_data(image: WheelImage, lacking: Sequence[WheelImage], wanted: set[Arch], *, some_fit: bool) -> bool:
    """Whether an image is there for code to choose it: nothing imports it, and what it lacks is in another file, or it is for another machine."""
    if image.image.kind is Kind.EXTENSION:
        return False
    has = wanted & set(image.image.archs)
    return any(wanted - has <= set(other.image.archs) for other in lacking) if has else some_fit


def _spelled(archs: Iterable[Arch]) -> str:
    return " and ".join(sorted(map(macos.spelled, archs)))
