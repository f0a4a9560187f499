"""The WHEEL file: what it says, and how a repaired wheel's differs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Self

from nativewheel.errors import UnreadableError
from nativewheel.wheel.names import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativewheel.wheel.headers import Headers

_VERSION = re.compile(r"([0-9]{1,9})\.[0-9]{1,9}", re.ASCII)
_TAG = re.compile(r"[\w.]+-[\w.]+-[\w.]+", re.ASCII)
_TAG_LIMIT = 1 << 10
_GENERATOR = "nativewheel"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """What WHEEL says.  ``tags`` are expanded (``py2.py3-none-any`` is two), without repetition, in the order of the file."""

    tags: tuple[str, ...]
    root_is_purelib: bool
    wheel_version: str

    @classmethod
    def parse(cls, headers: Headers) -> Self:
        """Read WHEEL.

        Raises ``UnreadableError`` when it has another major version than 1, which the specification wants refused, or malformed tags.
        """
        version = headers.first("Wheel-Version") or ""
        number = _VERSION.fullmatch(version)
        if not number or int(number[1]) != 1:
            raise UnreadableError(
                f"wheels of version {printable(version) or '(none)'} are not supported, only 1.x",
                where=("WHEEL", "Wheel-Version"),
            )
        return cls(
            tags=tuple(dict.fromkeys(tag for text in headers.all("Tag") for tag in _expanded(text))),
            root_is_purelib=(headers.first("Root-Is-Purelib") or "").lower() == "true",
            wheel_version=version,
        )


def _expanded(text: str) -> tuple[str, ...]:
    if not _TAG.fullmatch(text):
        raise UnreadableError(f"not a tag: {printable(text)}", where=("WHEEL", "Tag"))
    sets = [part.split(".") for part in text.split("-")]
    if prod(map(len, sets)) > _TAG_LIMIT:
        raise UnreadableError("this tag stands for too many", where=("WHEEL", "Tag"))
    return tuple("-".join(tag) for tag in product(*sets))


def retag(headers: Headers, tags: Sequence[str], tool_version: str) -> Headers:
    """Rewrite WHEEL for a repaired wheel: the expanded ``tags`` of its file name, not pure unless for any platform, and a Generator line of ours.

    The tags come from the file name, because that is what installers go by; a WHEEL that says otherwise is put right.  The backend's Generator
    stays, ours follows it; everything else (Build among it) is kept.
    """
    generators = [value for value in headers.all("Generator") if value.partition(" ")[0] != _GENERATOR]
    if len(generators) == len(headers.all("Generator")):
        headers = headers.with_added("Generator", f"{_GENERATOR} {tool_version}", after="Generator")
    else:
        headers = headers.with_values("Generator", (*generators, f"{_GENERATOR} {tool_version}"))
    if not all(tag.endswith("-any") for tag in tags):
        headers = headers.with_values("Root-Is-Purelib", ("false",))
    return headers.with_values("Tag", tags)
