"""Whether the platform tags in a wheel's file name agree with the verdict on its content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativewheel.linkage.inspection import Verdict

_MACOS = re.compile(r"macosx_(\d+)_(\d+)_")

# PEP 600, "Legacy manylinux tags"
LEGACY = {"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17"}


def promise_text(platforms: tuple[str, ...], verdict: Verdict | None) -> str | None:
    """Say how file name and content disagree, or None where they agree.

    A name that says "linux" promises nothing, and a name that asks for a newer platform than the content needs is only cautious.
    """
    if verdict is None:
        tagged = [platform for platform in platforms if platform != "any"]
        return f"The file name says {tagged[0]}, but there are no native files." if tagged else None
    if "any" in platforms:
        return "The file name says that the wheel is for any platform, but it holds native files."
    if any(platform.startswith("linux_") for platform in platforms):
        return None
    allowed = {verdict.tag, *verdict.aliases}
    broken = [
        platform for platform in platforms if platform not in allowed and (_modern(platform) in verdict.better or _older(platform, verdict.tag))
    ]
    return f"The file name promises {', '.join(broken)}, but the content does not keep that." if broken else None


def _older(platform: str, tag: str) -> bool:
    """Whether both are macOS tags and the first is for an older system: any of these may be asked for, so no list holds them all."""
    ours, theirs = _MACOS.match(platform), _MACOS.match(tag)
    return bool(ours and theirs and tuple(map(int, ours.groups())) < tuple(map(int, theirs.groups())))


def _modern(platform: str) -> str:
    """Spell a legacy tag as PEP 600 does."""
    name, _, arch = platform.partition("_")
    return f"{LEGACY[name]}_{arch}" if name in LEGACY else platform
