"""Where the members of a wheel go: the `.dist-info` and `.data` folders and the install schemes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from packaging.utils import canonicalize_name, canonicalize_version

from nativewheel.errors import UnreadableError
from nativewheel.wheel.names import printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from nativewheel.wheel.names import Member, WheelName

_LONGEST = 255
_SHOWN = 5


class Scheme(StrEnum):
    """The places of an installation; ROOT is a member outside the `.data` folder, which goes to purelib or platlib as a whole."""

    ROOT = "root"
    PLATLIB = "platlib"
    PURELIB = "purelib"
    SCRIPTS = "scripts"
    DATA = "data"
    HEADERS = "headers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The two special folders of a wheel, without a trailing slash; ``data_dir`` may be absent from the archive."""

    dist_info: str
    data_dir: str

    @classmethod
    def find(cls, name: WheelName, members: Collection[Member], *, strict: bool = True) -> Self:
        """Find the special folders among ``members``.

        A spelling that differs from the file name's by normalisation only is accepted, as such wheels are on PyPI.  Raises
        ``UnreadableError`` when there isn't exactly one `.dist-info` folder, when it is another distribution's (with ``strict``), and when a `.data`
        member is in no scheme.
        """
        roots = dict.fromkeys(member.partition("/")[0] for member in members if "/" in member)
        found = [root for root in roots if root.endswith(".dist-info")]
        if len(found) != 1:
            shown = ", ".join(map(printable, found[:_SHOWN])) or "none"
            raise UnreadableError(f"a wheel has exactly one .dist-info folder; found: {shown}")
        dist_info = found[0]
        stem = dist_info.removesuffix(".dist-info")
        if strict and not _names(stem, name):
            raise UnreadableError(f"the folder {printable(dist_info)} does not belong to {name.distribution} {name.version}")
        datas = [
            root for root in roots if root.endswith(".data") and (root.removesuffix(".data") == stem or _names(root.removesuffix(".data"), name))
        ]
        if len(datas) > 1:
            raise UnreadableError(f"the wheel has two .data folders: {', '.join(map(printable, datas[:_SHOWN]))}")
        layout = cls(dist_info=dist_info, data_dir=datas[0] if datas else f"{stem}.data")
        for member in members:
            layout.scheme(member)
        return layout

    def belongs_to(self, name: WheelName) -> bool:
        """Whether the `.dist-info` folder is that of the distribution and version of ``name``."""
        return _names(self.dist_info.removesuffix(".dist-info"), name)

    def scheme(self, member: Member) -> Scheme:
        """Tell the scheme of ``member``; ``UnreadableError`` when the `.data` folder has no such scheme."""
        if not member.startswith(self.data_dir + "/"):
            return Scheme.ROOT
        key, slash, _ = member.removeprefix(self.data_dir + "/").partition("/")
        if not slash or key == Scheme.ROOT or key not in set(Scheme):
            raise UnreadableError("no install scheme has a place for this member", where=(member,), hint=f"see the folders of {self.data_dir}/")
        return Scheme(key)

    def installed_path(self, member: Member) -> str | None:
        """Tell where ``member`` lands, relative to platlib; None for scripts, data and headers."""
        match self.scheme(member):
            case Scheme.ROOT:
                return member
            case Scheme.PLATLIB | Scheme.PURELIB as scheme:
                return member.removeprefix(f"{self.data_dir}/{scheme}/")
            case Scheme.SCRIPTS | Scheme.DATA | Scheme.HEADERS:
                return None


def _names(stem: str, name: WheelName) -> bool:
    """Whether ``stem`` is the ``{distribution}-{version}`` of ``name``, both normalised; an unescaped ``-`` may be in either part."""
    version = _normalized_version(name.version)
    parts = stem.split("-") if len(stem) <= _LONGEST else []
    return any(
        _normalized_version("-".join(parts[cut:])) == version and canonicalize_name("-".join(parts[:cut])) == name.normalized
        for cut in range(1, len(parts))
    )


def _normalized_version(text: str) -> str:
    # In file names, "-" of a version is escaped as "_" (binary distribution format, "Escaping and Unicode").
    return canonicalize_version(text.replace("_", "-"))
