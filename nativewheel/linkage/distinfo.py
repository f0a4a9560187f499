"""Installed distributions: the `.dist-info` folders of an environment (the recording of installed projects)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nativewheel.errors import MachineError, UnreadableError
from nativewheel.linkage import jsonfields, manifest
from nativewheel.linkage.manifest import MANIFEST
from nativewheel.wheel.headers import Headers
from nativewheel.wheel.names import WheelName
from nativewheel.wheel.record import Record
from nativewheel.wheel.wheelfile import WheelFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nativewheel.linkage.manifest import Manifest
    from nativewheel.wheel.names import Member
    from nativewheel.wheel.record import RecordRow

# pip renames the folder of a distribution that it is removing to one that begins with "~".
_FOLDER = re.compile(r"([A-Za-z0-9][A-Za-z0-9._]*)-([^-]+)\.dist-info")
_MOST_TAGS = 128
_SCHEME = re.compile(r"[^/]+\.data/(?:platlib|purelib)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class DistInfo:
    """One `.dist-info` folder; ``distribution`` is normalised."""

    folder: Path
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} in {self.root}"

    @property
    def root(self) -> Path:
        """The folder on sys.path that the distribution is installed in."""
        return self.folder.parent

    def path(self, member: Member) -> Path:
        """Return where a member of the wheel is installed."""
        return self.root / installed_member(member)

    def manifest(self) -> Manifest | None:
        """Read what nativewheel did to the wheel, None when it did nothing.  Raises ``UnreadableError``."""
        data = self._read(MANIFEST)
        try:
            return None if data is None else manifest.parse(data)
        except UnreadableError as error:
            raise error.within(str(self.folder / MANIFEST)) from error.__cause__

    def tags(self) -> WheelName | None:
        """Return a file name that the wheel could have had, for its tags; None where WHEEL has none.  Raises ``UnreadableError``."""
        try:
            tags = WheelFile.parse(Headers.parse(self._read("WHEEL") or b"")).tags
        except UnreadableError as error:
            raise error.within(str(self.folder)) from error
        if len(tags) > _MOST_TAGS:
            raise UnreadableError(f"{len(tags)} tags are more than a wheel has", where=(str(self.folder), "WHEEL"))
        if not tags:
            return None
        pythons, abis, platforms = (tuple(dict.fromkeys(part)) for part in zip(*(tag.split("-") for tag in tags), strict=True))
        return WheelName(
            distribution=self.distribution.replace("-", "_"), version=self.version, build=None, pythons=pythons, abis=abis, platforms=platforms
        )

    def record(self) -> dict[str, RecordRow]:
        """Return the rows of RECORD by path; none where there is no RECORD, as in Linux distributions' packages.  Raises ``UnreadableError``."""
        try:
            return {row.name: row for row in Record.parse(self._read("RECORD") or b"")}
        except UnreadableError as error:
            raise error.within(str(self.folder)) from error.__cause__

    def _read(self, file: str) -> bytes | None:
        path = self.folder / file
        try:
            with path.open("rb") as stream:
                data = stream.read(jsonfields.LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise MachineError(f"cannot be read: {error.strerror}", where=(str(path),)) from error
        if len(data) > jsonfields.LIMIT:
            raise UnreadableError("the file is too large", where=(str(path),))
        return data


def installed_member(member: Member) -> str:
    """Return where a member of a wheel is installed, below platlib."""
    return _SCHEME.sub("", member, count=1)


def installed(root: Path) -> tuple[DistInfo, ...]:
    """Return the distributions that are installed in the folder ``root``, sorted by folder name; none where it cannot be listed."""
    try:
        folders = sorted(name for name in os.listdir(root) if name.endswith(".dist-info"))  # noqa: PTH208  (a name is all that most need)
    except OSError:  # sys.path has archives and folders that do not exist, too
        return ()
    matches = ((name, match[1], match[2].replace("_", "-")) for name in folders if (match := _FOLDER.fullmatch(name)))
    return tuple(
        DistInfo(folder=root / name, distribution=canonicalize_name(distribution), version=version)
        for name, distribution, version in matches
        if _is_version(version) and (root / name / "METADATA").is_file()
    )


def installed_on(search_path: Iterable[Path]) -> tuple[DistInfo, ...]:
    """Return the distributions of an environment, in the order of its search path; a folder that is named twice counts once."""
    roots: dict[str, Path] = {}
    for root in search_path:
        roots.setdefault(os.path.realpath(root), root)
    return tuple(found for root in roots.values() for found in installed(root))


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
