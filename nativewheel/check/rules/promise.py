"""NW104 and NW106: images that do not keep what the tags of the wheel promise."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from nativewheel import formats
from nativewheel.check.few import few
from nativewheel.check.rule import Rule
from nativewheel.formats.image import Arch, Format, Kind
from nativewheel.linkage import windows
from nativewheel.linkage.contents import WheelImage, libc_of_tags
from nativewheel.linkage.policy import runs
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.formats.image import Identity
    from nativewheel.linkage.inspection import Blocker
    from nativewheel.linkage.policy import Policy


class BeyondTag(Rule):
    """NW104."""

    code = "NW104"
    name = "beyond-tag"
    summary = "The content needs more than the platform tag promises"
    explanation = """\
A manylinux or musllinux tag promises that the wheel runs on every system with at least that C library. An image breaks the promise when it asks for \
a newer symbol version (`GLIBC_2.34` under manylinux_2_17), for a symbol that some of these systems lack, or for an instruction set that not every \
processor has (x86-64-v3). On an older system, the import then fails with "version 'GLIBC_2.34' not found", or the process is killed.

The finding names the tag that would hold. Libraries that the wheel itself carries are looked at as well. Which libraries are there at all is the \
matter of NW501, which macOS is needed that of NW303.

Source: PEP 600, PEP 656; the policies of auditwheel."""
    example = """\
pkg/_ext.so: asks libc.so.6 for GLIBC_2.34 (pthread_create), beyond manylinux_2_17_x86_64; manylinux_2_34_x86_64 would hold"""
    remedy = """\
Build in the manylinux or musllinux image of the tag that you want, which has compilers and libraries for it; or give the wheel the tag that the \
finding names (`nativewheel repair` does)."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Judge the images by the policy that asks most of them."""
        if wheel.judge is None or wheel.verdict is None:
            return
        seen: set[tuple[str, Identity | None]] = set()
        for policy in wheel.promised:
            grouped: dict[tuple[str, Identity | None], list[Blocker]] = defaultdict(list)
            for blocker in wheel.judge.violations(policy):
                grouped[blocker.member, blocker.library].append(blocker)
            for (member, library), blockers in grouped.items():
                if (member, library) not in seen:
                    seen.add((member, library))
                    yield self._found(wheel, policy, blockers)

    def _found(self, wheel: CheckedWheel, policy: Policy, blockers: Sequence[Blocker]) -> Finding:
        """Make one finding of all that an image asks of one library: the newest version says what would be needed."""
        worst = max(blockers, key=lambda blocker: [int(number) for number in re.findall(r"\d{1,9}", blocker.needs)])
        holds = wheel.verdict.tag if wheel.verdict else ""
        symbol = f" ({worst.symbol})" if worst.symbol else ""
        wants = f"needs {worst.needs}{symbol}" if worst.library is None else f"asks {worst.library} for {worst.needs}{symbol}"
        others = f" and {len(blockers) - 1} more" if len(blockers) > 1 else ""
        message = f"{wants}{others}, beyond {policy.tag}; {holds} would hold"
        return self.found(
            wheel, message, fix=f"give the wheel the tag {holds}, or build it in the image of {policy.tag}", member=Member(worst.member)
        )


class WrongArchitecture(Rule):
    """NW106."""

    code = "NW106"
    name = "wrong-architecture"
    summary = "An image is made for another architecture or system than the tags name"
    explanation = """\
The tags of a wheel say for which processor, system and C library its images are. One that is made for something else cannot be loaded where the \
wheel is installed: a build for the host in place of the target, a wheel that was renamed, or left-overs of an earlier build in the source tree.

The rule reports extension modules, libraries that other images of the wheel ask for, and all images when not one fits the tags. Other files for \
other machines are taken for data: debuggers and emulators carry such. For slices that a universal file lacks there is NW304.

Source: platform compatibility tags."""
    example = "pkg/_ext.cpython-311-x86_64-linux-gnu.so: made for elf x86_64 (glibc), and the wheel is for manylinux_2_17_aarch64"
    remedy = "Clean the source tree and build again for the target that the tag names. For both architectures on Linux or Windows, build two wheels."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare what each image is made for with the tags."""
        target = _Target(wheel)
        if not target.formats:
            return
        if len(target.archs) > 1 and Format.MACHO not in target.formats:
            message = f"its tags name several architectures: {', '.join(sorted(target.archs))}"
            yield self.found(wheel, message, fix="build one wheel for each architecture")
            return
        images = [image for image in wheel.read_images.values() if isinstance(image, WheelImage)]
        right = [image for image in images if target.fits(image)]
        wrong = [image for image in images if not target.fits(image) and target.judges(image)]
        wanted = _asked_for(right) - {_file_key(image.member, image) for image in right}
        for image, others in few(
            [image for image in wrong if not right or image.image.kind is Kind.EXTENSION or _file_key(image.member, image) in wanted]
        ):
            libc = f" ({image.image.libc})" if image.image.libc else ""
            made = f"{image.image.format} {' and '.join(image.image.archs)}{libc}"
            message = f"made for {made}, and the wheel is for {', '.join(wheel.name.platforms)}{others}"
            yield self.found(wheel, message, fix="build it for the platform of the tag, in a clean source tree", member=image.member)


class _Target:
    """What the tags of a wheel say about its images."""

    def __init__(self, wheel: CheckedWheel) -> None:
        platforms = wheel.name.platforms
        self.formats = {formats.of_platform(platform) for platform in platforms} - {None}
        self.archs = {arch for platform in platforms for arch in Arch if platform.endswith(f"_{arch}")}
        self.archs |= {arch for platform in platforms if (arch := windows.arch_of(platform))}
        self.libc = libc_of_tags(wheel.name)

    def judges(self, image: WheelImage) -> bool:
        """Whether this rule has something to say about an image: slices of files for macOS are another one's."""
        return not (image.image.format is Format.MACHO and self.formats == {Format.MACHO})

    def fits(self, image: WheelImage) -> bool:
        """Whether an image is for the wheel's platform."""
        made = image.image
        if made.format not in self.formats:
            return False
        match made.format:
            case Format.ELF:
                return (not self.archs or any(runs(arch, made) for arch in self.archs)) and (self.libc is None or made.libc in {None, self.libc})
            case Format.PE:
                return not self.archs.isdisjoint(made.archs)
            case Format.MACHO:
                return True


def _asked_for(images: Sequence[WheelImage]) -> set[str]:
    names = ((formats.conventions(image.image.format), dependency.name) for image in images for dependency in image.image.dependencies)
    return {conventions.key(conventions.file_name(name)) for conventions, name in names}


def _file_key(member: Member, image: WheelImage) -> str:
    return formats.conventions(image.image.format).key(member.rpartition("/")[2])
