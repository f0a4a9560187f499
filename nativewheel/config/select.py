"""Which wheels an override is for."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativewheel.wheel.names import WheelName

_LINUX = re.compile(r"(?:linux|(?:many|musl)linux[0-9_]*?)_(?=[a-z])")
_MACOS = re.compile(r"macosx_\d+_\d+_")


def is_linux(name: WheelName) -> bool:
    """Tell whether a wheel's platform tags are those of Linux."""
    return any(_LINUX.match(platform) for platform in name.platforms)


def identifiers(name: WheelName, plat: str | None) -> tuple[str, ...]:
    """Name a wheel as cibuildwheel names the build that made it: ``cp311-manylinux_x86_64``, ``cp313t-win_amd64``, ``cp312-macosx_arm64``.

    A plain ``linux_*`` tag does not say which C library the wheel is for.  It counts as musllinux when ``plat`` (what the command line or
    AUDITWHEEL_PLAT asks for) is a musllinux tag, else as manylinux.
    """
    pythons = [f"{python}t" if abi == f"{python}t" else python for python, abi in product(name.pythons, name.abis)]
    platforms = [_family(platform, plat) for platform in name.platforms]
    return tuple(dict.fromkeys(f"{python}-{platform}" for python, platform in product(pythons, platforms)))


def selects(patterns: tuple[str, ...], name: WheelName, plat: str | None) -> bool:
    """Tell whether one of the globs matches the file name without ``.whl``, or one of the identifiers.  Letter case counts."""
    texts = (str(name).removesuffix(".whl"), *identifiers(name, plat))
    return any(fnmatchcase(text, glob) for pattern in patterns for glob in pattern.split() for text in texts)


def _family(platform: str, plat: str | None) -> str:
    if platform.startswith("linux_"):
        family = "musllinux" if plat is not None and plat.startswith("musllinux") else "manylinux"
        return f"{family}_{platform.removeprefix('linux_')}"
    if match := _LINUX.match(platform):
        return f"{platform[:9]}_{platform[match.end() :]}"
    return _MACOS.sub("macosx_", platform, count=1)
