"""The loader of the system that a wheel is for, as a search for libraries."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.linkage import windows
from nativewheel.linkage.contents import LinuxTarget, MacTarget, WindowsTarget
from nativewheel.linkage.dllsearch import DllSearch, host_folders, member_dlls
from nativewheel.linkage.dyld import DyldSearch, chain
from nativewheel.linkage.policy import PolicySet, policies
from nativewheel.linkage.search import HostSearch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nativewheel.formats.image import Dependency, Identity, Image
    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Loader
    from nativewheel.linkage.host import HostLibraries
    from nativewheel.linkage.search import Asker, Found
    from nativewheel.wheel.names import WheelName

ON_WINDOWS = os.name == "nt"


def known_policies(target: LinuxTarget) -> PolicySet:
    """Return the policies for a target; none for a processor that no tag can promise anything for."""
    try:
        return policies(target.libc, target.arch)
    except LinkageError:
        return PolicySet(libc=target.libc, arch=target.arch, policies=())


def loader_for(
    target: LinuxTarget | MacTarget | WindowsTarget,
    name: WheelName,
    images: Sequence[WheelImage],
    *,
    host: HostLibraries,
    lib_path: tuple[Path, ...] = (),
    sysroot: Path | None = None,
) -> Loader:
    """Return the search that the system's loader makes for the ``images`` of the wheel ``name``, in the wheel and on the build host."""
    match target:
        case LinuxTarget():
            return HostSearch(
                libraries=host,
                arch=target.arch,
                libc=target.libc,
                supplied=known_policies(target).always_supplied,
                lib_path=lib_path,
                sysroot=sysroot,
            )
        case MacTarget():
            return DyldSearch(libraries=host, archs=target.archs, lib_path=lib_path, sysroot=sysroot, chain=chain(images))
        case WindowsTarget():
            return DllSearch(
                libraries=host,
                arch=target.arch,
                supply=windows.supply(name, target.arch),
                members=member_dlls(images),
                added=frozenset(image.installed for image in images if image.source is not None and image.installed is not None),
                folders=host_folders(lib_path, os.environ.get("PATH") if ON_WINDOWS and sysroot is None else None),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutHost:
    """A loader (of the kind ``system``) on a machine that has only what the platform promises and the wheel holds (a `Loader`)."""

    system: Loader

    def supplies(self, name: Identity) -> bool:
        """Whether the platform has the library in any case."""
        return self.system.supplies(name)

    def is_interpreter(self, name: Identity) -> bool:
        """Whether the name is that of Python's own library."""
        return self.system.is_interpreter(name)

    def places(self, name: Identity, image: Image, installed: str) -> tuple[str, ...]:
        """Return the paths below the root of the installation where the image has the loader look."""
        return self.system.places(name, image, installed)

    @staticmethod
    def find(name: Identity, asker: Asker) -> Found | None:  # noqa: ARG004  (as every Loader)
        """Find nothing."""
        return None

    def is_dispensable(self, dependency: Dependency, asker: Asker) -> bool:
        """Whether the asker can do without the library."""
        return self.system.is_dispensable(dependency, asker)

    @staticmethod
    def passed_on(asker: Asker) -> tuple[Path, ...]:  # noqa: ARG004  (as every Loader)
        """Return nothing: there are no libraries of the host that could ask."""
        return ()
