"""Which DLLs Windows and Python bring along, so that a wheel need not, read from the lists that delvewheel ships.

The lists are read as data, so that they are as fresh as the installed delvewheel; none of its code runs.  Its module of lists is private: the version
is bounded, and tests look at each name that is used here.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from nativewheel.errors import MachineError
from nativewheel.formats.image import Arch
from nativewheel.formats.pe.names import folded, with_suffix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nativewheel.wheel.names import WheelName

LISTS = "delvewheel._dll_list"

_PLATFORMS = {Arch.I686: "win32", Arch.X86_64: "win_amd64", Arch.AARCH64: "win_arm64"}
_SPELLING = {Arch.I686: "x86", Arch.X86_64: "x64", Arch.AARCH64: "ARM64"}
_MACHINES = {Arch.I686: "I386", Arch.X86_64: "AMD64", Arch.AARCH64: "ARM64"}
_STABLE_ABIS = frozenset({"abi3", "abi3t"})

# The names of API sets begin with "api-" (known to delvewheel) or "ext-" (Microsoft, "Windows API sets").  The Universal C Runtime is part of
# Windows 10 and of updates for all systems that Python 3.5 and newer run on; there, the system's copy goes before any other.
_OWN = re.compile(r"ext-ms-.*|ucrtbase\.dll")

_PYTHON = re.compile(r"python(\d+)(t?)(_d)?\.dll")
_CPYTHON = re.compile(r"cp(3\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """The DLLs that are there wherever a wheel can be installed: those of Windows, and those of the interpreters that its tags are for.

    ``names`` are as `dll_name` spells them.  ``needless`` has the dependencies that a DLL does without, as it needs them on Windows XP only.
    """

    names: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    needless: Mapping[str, frozenset[str]]

    def has(self, name: str) -> bool:
        """Whether Windows or Python brings the DLL; its name may be spelled in any case."""
        plain = dll_name(name)
        return plain in self.names or any(pattern.fullmatch(plain) for pattern in self.patterns)

    def is_needless(self, name: str, asker: str | None) -> bool:
        """Whether the DLL called ``asker`` works without ``name``, also when a repair has put a hash into its own name."""
        plain = re.sub(r"-[0-9a-f]{8,64}(?=\.dll$)", "", dll_name(asker or ""))
        return dll_name(name) in self.needless.get(plain, ())


def dll_name(name: str) -> str:
    """Return the form of a DLL's name that is equal for all its spellings: case does not count, and the loader adds a missing extension."""
    return with_suffix(folded(name))


def arch_of(platform: str) -> Arch | None:
    """Return the architecture that a Windows platform tag stands for, None for any other tag."""
    return next((arch for arch, tag in _PLATFORMS.items() if tag == platform), None)


def is_for_windows(plat: str) -> bool:
    """Whether a platform tag is one of Windows."""
    return arch_of(plat) is not None


def spelled(arch: Arch) -> str:
    """Return the architecture as Windows calls it."""
    return _SPELLING.get(arch, str(arch))


def supply(name: WheelName, arch: Arch) -> Supply:
    """Return what Windows on ``arch`` and the interpreters of the wheel's tags bring.

    Raises ``MachineError`` when delvewheel's lists cannot be read.
    """
    return _supply(arch, name.pythons, name.abis)


def is_msvc_runtime(name: str) -> bool:
    """Whether a DLL is part of Visual C++, which its redistributable package brings.  Raises ``MachineError`` as `supply` does."""
    pattern: re.Pattern[str] = _lists("vc_redist")["vc_redist"]
    return pattern.fullmatch(dll_name(name)) is not None


def other_python(name: WheelName, dll: str) -> bool:
    """Whether ``dll`` is CPython's of another version than the wheel's tags speak of; False when these name no version."""
    match = _PYTHON.fullmatch(dll_name(dll))
    own = [_own_pythons(python, abi) for python in name.pythons for abi in name.abis]
    return match is not None and all(own) and not any((match[1], match[2]) in found for found in own)


def _own_pythons(python: str, abi: str) -> frozenset[tuple[str, str]]:
    """Return version and thread mark ("t") of the DLLs that an interpreter for these tags has: ``python3.dll`` and ``python311.dll``."""
    version = _CPYTHON.fullmatch(python)
    if version and abi in _STABLE_ABIS:
        return frozenset({("3", abi.removeprefix("abi3"))})
    match = re.fullmatch(rf"{python}d?(t?)d?m?", abi) if version else None
    return frozenset({(digits, match[1]) for digits in ("3", version[1])}) if version and match else frozenset()


@cache
def _supply(arch: Arch, pythons: tuple[str, ...], abis: tuple[str, ...]) -> Supply:
    lists = _lists("MachineType", "ignore_names", "ignore_regexes", "ignore_by_abi_platform", "ignore_abi3", "ignore_dependency")
    machine = lists["MachineType"][_MACHINES[arch]]
    names = frozenset(lists["ignore_names"][machine])
    names |= _of_every(lists["ignore_by_abi_platform"], abis, _PLATFORMS[arch])
    if _STABLE_ABIS.issuperset(abis):
        names |= _of_every(lists["ignore_abi3"], pythons, _PLATFORMS[arch])
    return Supply(
        names=names,
        patterns=(_OWN, *sorted(lists["ignore_regexes"], key=lambda pattern: pattern.pattern)),
        needless={dll: frozenset(needed) for dll, needed in lists["ignore_dependency"].items()},
    )


def _of_every(table: Mapping[str, Iterable[str]], tags: tuple[str, ...], platform: str) -> frozenset[str]:
    """Return the DLLs that every interpreter for ``tags`` brings; ``table`` has them by expressions for "cp311-win_amd64"."""
    rows = [next((names for pattern, names in table.items() if re.fullmatch(pattern, f"{tag}-{platform}")), ()) for tag in tags]
    return frozenset.intersection(*map(frozenset, rows))


def _lists(*names: str) -> dict[str, Any]:
    try:
        module = importlib.import_module(LISTS)
        return {name: getattr(module, name) for name in names}
    except (ImportError, AttributeError) as error:
        raise MachineError(f"delvewheel's lists of DLLs cannot be read: {error}", hint="reinstall delvewheel") from error
