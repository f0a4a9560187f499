"""NW501, NW502 and NW506: libraries that a wheel asks for, and who is to bring them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nativewheel import formats
from nativewheel.check.alike import alike
from nativewheel.check.few import few
from nativewheel.check.rule import Rule
from nativewheel.check.uses import metadata_member, owner, requirements, uses
from nativewheel.formats.image import Kind
from nativewheel.linkage import windows
from nativewheel.linkage.contents import LinuxTarget, WindowsTarget
from nativewheel.linkage.graph import Reach
from nativewheel.linkage.loaders import known_policies
from nativewheel.linkage.manifest import MANIFEST
from nativewheel.wheel.names import Member, listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.finding import Finding
    from nativewheel.check.subject import CheckedWheel
    from nativewheel.check.uses import Use
    from nativewheel.formats.image import Identity


class NothingSupplies(Rule):
    """NW501."""

    code = "NW501"
    name = "nothing-supplies"
    summary = "Nothing supplies a library that an image asks for"
    explanation = """\
Each library that an image asks for must be there where the wheel is installed: as part of the platform that the tag promises, in the wheel itself, \
or in another wheel that the wheel requires (a provider). When it is none of these, the import fails on every machine that does not happen to have \
the library, although it works on the one that built the wheel.

The rule knows the policies of manylinux and musllinux, what macOS and Windows bring, the wheel's manifest, the wheels that are checked together, \
and those that `--provider` gives. It never looks at the machine that it runs on. Plugins may ask for what their host has loaded, or for what users \
install if they want it: name such libraries with `--allow-missing`.

Source: the policies of auditwheel and the lists of delvewheel; dyld(1)."""
    example = "pkg/_ext.so: asks for libpq.so.5, which neither manylinux_2_17_x86_64 nor the wheel supplies"
    remedy = """\
Run `nativewheel repair`, which vendors the library or takes it from a provider. When another wheel of yours has it, give that wheel with \
`--provider`. For what may be missing: `--allow-missing 'libcuda.so.*'`, or `allow-missing` in `[tool.nativewheel.check]`."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Report each library once, with the first image that asks for it."""
        found = list(_lost(wheel))
        names = {key: name for _, key, name in reversed(found)}
        for (member, key, more), others in few(list(alike((member, key) for member, key, _ in found))):
            name = names[key]
            refused = wheel.suppliers.refused.get(name)
            reason = f": {refused.message}" if refused else ""
            message = f"asks for {printable(name)}, which neither {', '.join(wheel.name.platforms)} nor the wheel supplies{more}{reason}{others}"
            fix = (refused and refused.hint) or "vendor it with `nativewheel repair`, name its wheel with --provider, or --allow-missing it"
            yield self.found(wheel, message, fix=fix, member=member)


def _lost(wheel: CheckedWheel) -> Iterator[tuple[Member, str, Identity]]:
    """Yield the images that ask for what nothing supplies, with a form of the name that is equal for all its spellings, and the name."""
    for member, image in wheel.graph.images.items() if wheel.graph else ():
        names = formats.conventions(image.image.format)
        # A program of Windows finds its DLLs beside itself or on PATH, and where it is used is up to its users.
        if image.image.kind is Kind.PROGRAM and not names.PLACED:
            continue
        for link in wheel.graph.links[member] if wheel.graph else ():
            if link.reach is Reach.NOWHERE and not owner(link, wheel) and not _promised(wheel, link.name):
                yield member, names.key(link.name), link.name


def _promised(wheel: CheckedWheel, name: Identity) -> bool:
    """Whether the platform has a library; a tag that says nothing about that (``linux_x86_64``) is taken for the one that promises most."""
    target = wheel.contents.target
    match target:
        case LinuxTarget() if not wheel.promised:
            return any(policy.supplies(name) for policy in known_policies(target).policies)
        case WindowsTarget() if set(wheel.name.abis) == {"none"}:
            # Any Python can install the wheel; every one that is still cared for brings what CPython 3.9 brings.
            return windows.supply(replace(wheel.name, pythons=("cp39",), abis=("abi3",)), target.arch).has(name)
        case _:
            return wheel.supplies(name)


class ProviderNotRequired(Rule):
    """NW502."""

    code = "NW502"
    name = "provider-not-required"
    summary = "A library of another wheel is used without a Requires-Dist"
    explanation = """\
The name of a shared library says whose it is: `libnw_ntcore__ntcore.so.1` is one of the distribution ntcore. A wheel that asks for it needs that \
distribution, and installers only know by a Requires-Dist. Without one, the wheel is installed without the library, or with a version that does not \
fit.

A requirement that holds for an extra only, or on other systems only, is not enough.

Source: core metadata, Requires-Dist; the pynativelib proposal (names that tell the package)."""
    example = "pkg/_ext.so: uses libnw_ntcore__ntcore.so.1, and METADATA does not require ntcore"
    remedy = """\
Let `nativewheel repair` add the requirement that the provider asks for. Programs that change METADATA after the repair must keep it."""

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare names with requirements; each provider once."""
        found: dict[str, Use] = {}
        for use in uses(wheel):
            found.setdefault(use.provider, use)
        required = [requirement.name for requirement in requirements(wheel)] if found else []
        for use, others in few([use for use in found.values() if not any(use.is_of(name) for name in required)]):
            message = f"uses {printable(use.link.name)}, and METADATA does not require {printable(use.provider)}{others}"
            yield self.found(wheel, message, fix="add the Requires-Dist that the provider asks for", member=use.image.member)


class RangeExcludesBuild(Rule):
    """NW506."""

    code = "NW506"
    name = "range-excludes-build"
    summary = "The range of a provider excludes the version that the wheel was built against"
    explanation = """\
A wheel that was built against ntcore 1.2.7 works with that version, if with any. A requirement that excludes it, in the manifest or in METADATA, \
has the wheel installed with versions that nobody has tried, and never with the right one. All requirements of one distribution hold together, so \
one that the project states by itself can exclude it as well.

Source: PEP 440, PEP 508."""
    example = "pkg-1.0.dist-info/METADATA: requires ntcore>=2, and the wheel was built against ntcore 1.2.7"
    remedy = "Build against a version in the range, or correct the requirement of the project or the provider's `requires` template."

    def check(self, wheel: CheckedWheel) -> Iterator[Finding]:
        """Compare the version in the manifest with both ranges."""
        consumes = wheel.manifest.consumes if wheel.manifest else ()
        stated = requirements(wheel) if consumes else ()
        built = {(item.provider, item.version) for item in consumes}
        for item in consumes:
            if not _lets_in(SpecifierSet(item.requires), item.version):
                message = f"the range {item.requires} of {item.original} excludes {item.provider} {item.version}, which the wheel was built against"
                yield self.found(wheel, message, fix="repair the wheel again", member=Member(f"{wheel.archive.dist_info}/{MANIFEST}"))
        for provider, version in sorted(built):
            excluding = [str(one) for one in stated if canonicalize_name(one.name) == provider and not _lets_in(one.specifier, version)]
            if excluding:
                message = f"requires {listed(excluding)}, and the wheel was built against {provider} {version}"
                fix = f"require a range that has {version} in it, or build against a version in the range"
                yield self.found(wheel, message, fix=fix, member=metadata_member(wheel))


def _lets_in(specifier: SpecifierSet, version: str) -> bool:
    try:
        return specifier.contains(Version(version).public, prereleases=True)
    except InvalidVersion:
        return True
