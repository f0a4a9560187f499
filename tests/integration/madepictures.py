"""Inspections made by hand, for the pictures of `show`: small, large, and with names that want to be markup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.formats.image import Arch, Format, Identity, Image, Kind
from nativewheel.linkage.inspection import Blocker, ExternalLibrary, InspectedImage, Inspection, SuppliedDependency, Supply, Verdict
from nativewheel.linkage.manifest import Manifest, ManifestConsumption, ManifestExport
from nativewheel.wheel.names import Member, WheelName

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG = "manylinux_2_17_x86_64"
HOSTILE = (
    '"><script>window.broken=1</script>',
    "'/onload='window.broken=1",
    "</title></svg><img src=x onerror=window.broken=1>",
    "]]>--><!--",
    "</script><script>window.broken=1</script>",
    "&lt;b&gt;&#60;",
    "{{title}}{{data}}",
    "\\N\\G\\",
    "`**bold**` _x_ 1. item",
    "- item",
    "#quot;;#35;",
    "end",
    'a"]:::x --> b',
    "nul\0esc\x1b[31m",
    "bidi\u202egpj.so",
    "not\ufffe\uffffXML \u2028 line",
    "caf\u00e9 \u65e5\u672c.so",
    "x" * 5000,
    " ",
)


def image(kind: Kind, identity: str | None = None) -> Image:
    """Make an ELF image for x86_64."""
    return Image(format=Format.ELF, archs=(Arch.X86_64,), kind=kind, identity=None if identity is None else Identity(identity), dependencies=())


def needs(name: str, supply: Supply, resolved: str | None = None, provider: str | None = None) -> SuppliedDependency:
    """Make a dependency."""
    return SuppliedDependency(name=Identity(name), supply=supply, resolved=resolved, provider=provider)


def extension(member: str, *dependencies: SuppliedDependency, size: int = 2000) -> InspectedImage:
    """Make an extension module."""
    return InspectedImage(member=Member(member), image=image(Kind.EXTENSION), size=size, dependencies=dependencies)


def library(member: str, *dependencies: SuppliedDependency, size: int = 5000) -> InspectedImage:
    """Make a library in the wheel."""
    return InspectedImage(member=Member(member), image=image(Kind.LIBRARY, Path(member).name), size=size, dependencies=dependencies)


def inspection(
    *images: InspectedImage,
    name: str = "spam",
    platform: str = TAG,
    external: tuple[ExternalLibrary, ...] = (),
    verdict: Verdict | None = None,
    manifest: Manifest | None = None,
    warnings: tuple[str, ...] = (),
) -> Inspection:
    """Make the inspection of ``name``-1.0."""
    file = f"{name}-1.0-cp311-cp311-{platform}.whl"
    return Inspection(
        wheel=Path("dist", file),
        name=WheelName.parse(file),
        version="1.0",
        tags=(f"cp311-cp311-{platform}",),
        verdict=verdict or Verdict(tag=platform),
        repaired=None,
        images=images,
        external=external,
        manifest=manifest,
        warnings=warnings,
    )


LIBC = needs("libc.so.6", Supply.SYSTEM)
EVERY_ROLE = inspection(
    extension(
        "spam/_a.cpython-311-x86_64-linux-gnu.so",
        needs("libown.so", Supply.WHEEL, "spam/libown.so"),
        needs("libin-1a2b3c4d.so.1", Supply.VENDORED, "spam.libs/libin-1a2b3c4d.so.1"),
        needs("libnw_core__core.so.1", Supply.PROVIDER, provider="core"),
        needs("libout.so.2", Supply.EXTERNAL, "/lib/libout.so.2"),
        needs("libgone.so.3", Supply.MISSING),
        LIBC,
    ),
    library("spam/libown.so", LIBC),
    library("spam.libs/libin-1a2b3c4d.so.1", LIBC, size=1_500_000),
    library("spam/lib/libnw_spam__egg.so.1", LIBC),
    InspectedImage(member=Member("spam/bin/tool"), image=image(Kind.PROGRAM), size=700, dependencies=(LIBC,)),
    external=(ExternalLibrary(path=Path("/lib/libout.so.2"), size=34_000_000, image=image(Kind.LIBRARY, "libout.so.2"), dependencies=(LIBC,)),),
    verdict=Verdict(
        tag="linux_x86_64",
        better=(TAG,),
        blockers=(Blocker(tag=TAG, member="spam/_a.so", library=Identity("libout.so.2"), symbol=None, needs="a library from elsewhere"),),
    ),
    manifest=Manifest(
        namespace="nw_spam",
        exports=(
            ManifestExport(
                original=Identity("libegg.so.1"),
                identity=Identity("libnw_spam__egg.so.1"),
                member=Member("spam/lib/libnw_spam__egg.so.1"),
                format=Format.ELF,
                archs=(Arch.X86_64,),
                requires="==1.*",
            ),
        ),
        consumes=(
            ManifestConsumption(
                provider="core", version="1.0", original=Identity("libcore.so.1"), identity=Identity("libnw_core__core.so.1"), requires="==1.*"
            ),
        ),
    ),
    warnings=("One sentence.",),
)
"""A wheel with a node of each kind."""


def from_arrows(count: int, arrows: Iterable[tuple[int, int]], name: str = "spam") -> Inspection:
    """Make a wheel of ``count`` libraries, each called after its number, that ask for each other."""
    members = [f"spam/lib{index:03}.so" for index in range(count)]
    asked: list[list[SuppliedDependency]] = [[] for _ in range(count)]
    for source, target in arrows:
        asked[source].append(needs(members[target].removeprefix("spam/"), Supply.WHEEL, members[target]))
    return inspection(*(library(member, *dependencies) for member, dependencies in zip(members, asked, strict=True)), name=name)


def hostile() -> Inspection:
    """Make a wheel whose names try everything: as files, as names asked for, as distributions, in a warning."""
    asked = [needs(name, supply, provider=name) for name in HOSTILE for supply in (Supply.SYSTEM, Supply.MISSING, Supply.PROVIDER)]
    return inspection(
        extension("spam/_a.so", *asked, *(needs(name, Supply.WHEEL, f"spam/{name}") for name in HOSTILE)),
        *(library(f"spam/{name}") for name in HOSTILE),
        verdict=Verdict(
            tag=TAG,
            better=(HOSTILE[0],),
            blockers=tuple(Blocker(tag=HOSTILE[0], member=name, library=Identity(name), symbol=name, needs=name) for name in HOSTILE),
        ),
        warnings=HOSTILE,
    )
