"""What a wheel uses of other wheels: known from its manifest, from the providers that are given, or from the name of a library alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.markers import Marker, UndefinedEnvironmentName, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nativewheel.formats.image import Arch
from nativewheel.linkage.contents import MacTarget, WindowsTarget
from nativewheel.linkage.naming import module_name, owner_of
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.check.subject import CheckedWheel
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Link

_LONGEST_LINE = 4096
_WINDOWS_MACHINES = {Arch.I686: "x86", Arch.X86_64: "AMD64", Arch.AARCH64: "ARM64"}
"""What platform.machine() says there (PROCESSOR_ARCHITECTURE)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A dependency of an image on a library of another wheel.

    ``namespace`` is in the library's name, None for a plain one; ``distribution`` is None where only the name is known.
    """

    image: WheelImage
    link: Link
    namespace: str | None
    distribution: str | None

    @property
    def provider(self) -> str:
        """The distribution, or what the name tells of it."""
        return self.distribution or (self.namespace or "").removeprefix("nw_")

    def is_of(self, distribution: str) -> bool:
        """Whether the library is one of ``distribution``."""
        if self.distribution is not None:
            return self.distribution == canonicalize_name(distribution)
        return self.namespace is not None and is_namespace_of(self.namespace, distribution)


def is_namespace_of(namespace: str, distribution: str) -> bool:
    """Whether libraries under ``namespace`` are those of ``distribution``, in whatever ABI series."""
    own = module_name(distribution)
    return namespace == own or namespace.startswith(f"{own}_abi")


def owner(link: Link, wheel: CheckedWheel) -> str | None:
    """Return the namespace of a library of another wheel, read off its name; None for a plain name and for those of the wheel itself."""
    found = owner_of(link.name)
    return None if found is None or link.member is not None or is_namespace_of(found, wheel.name.distribution) else found


def uses(wheel: CheckedWheel) -> Iterator[Use]:
    """Yield what the images ask of other wheels, in archive order."""
    for member, image in wheel.graph.images.items() if wheel.graph else ():
        for link in wheel.graph.links[member] if wheel.graph else ():
            namespace = owner(link, wheel)
            if link.chosen or namespace:
                yield Use(image=image, link=link, namespace=namespace, distribution=link.chosen.distribution if link.chosen else None)


def requirements(wheel: CheckedWheel) -> tuple[Requirement, ...]:
    """Return what METADATA requires wherever the wheel is installed without extras; lines that cannot be understood are left out."""
    environments = tuple(_environments(wheel))
    parsed = (_parsed(text) for text in wheel.metadata.all("Requires-Dist"))
    return tuple(found for found in parsed if found and all(_applies(found.marker, environment) for environment in environments))


def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text) if len(text) <= _LONGEST_LINE else None
    except (InvalidRequirement, RecursionError):
        return None


def _applies(marker: Marker | None, environment: dict[str, str]) -> bool:
    try:
        return marker is None or marker.evaluate(environment)
    except (UndefinedEnvironmentName, RecursionError):
        return True


def _environments(wheel: CheckedWheel) -> Iterator[dict[str, str]]:
    """Yield the values of markers for each architecture that the wheel is for, as far as its tags tell them."""
    target = wheel.contents.target
    machines: dict[Arch, str] = {}
    match target:
        case MacTarget():
            system, machines = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}, {Arch.AARCH64: "arm64"}
        case WindowsTarget():
            system, machines = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}, _WINDOWS_MACHINES
        case _:
            system = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    python = wheel.name.pythons[0].removeprefix("cp")
    version = {"python_version": f"3.{python[1:]}", "python_full_version": f"3.{python[1:]}.0"} if python[:1] == "3" and python[1:].isdigit() else {}
    host = {key: str(value) for key, value in default_environment().items()}
    for arch in target.archs if target else ():
        yield {**host, **system, **version, "platform_machine": machines.get(arch, str(arch)), "extra": ""}


def metadata_member(wheel: CheckedWheel) -> Member:
    """Return the place of METADATA."""
    return Member(f"{wheel.archive.dist_info}/METADATA")
