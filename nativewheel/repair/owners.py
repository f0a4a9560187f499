"""Which packages of the build host own the vendored libraries: one query to its package manager for all files."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TIME_LIMIT = 60
_COPYRIGHT_LIMIT = 1 << 20
_SPDX = {
    # Debian's short names that differ from SPDX (machine-readable copyright format 1.0, "License names").
    "Expat": "MIT",
    "GPL-2": "GPL-2.0-only",
    "GPL-2+": "GPL-2.0-or-later",
    "GPL-3": "GPL-3.0-only",
    "GPL-3+": "GPL-3.0-or-later",
    "LGPL-2": "LGPL-2.0-only",
    "LGPL-2+": "LGPL-2.0-or-later",
    "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "LGPL-3": "LGPL-3.0-only",
    "LGPL-3+": "LGPL-3.0-or-later",
    "BSD-3-clause": "BSD-3-Clause",
    "BSD-2-clause": "BSD-2-Clause",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The package that a file belongs to; ``license`` is the package manager's own text, None when it does not say."""

    kind: str
    distro: str
    name: str
    version: str
    license: str | None

    @property
    def purl(self) -> str:
        """The package URL (ECMA-427)."""
        return f"pkg:{self.kind}/{quote(self.distro, safe='')}/{quote(self.name, safe='')}@{quote(self.version, safe='')}"


def find_owners(paths: Iterable[Path]) -> Mapping[Path, Owner]:
    """Return the owner of each file that the host's package manager knows.

    A host without a package manager, or one that fails, knows none: owners enrich the bill of materials and are no reason to fail.
    """
    wanted = sorted(paths)
    distro = _distro()
    if not wanted or distro is None:
        return {}
    for program, query in (("dpkg-query", _dpkg), ("rpm", _rpm), ("apk", _apk)):
        if shutil.which(program):
            return query(wanted, distro)
    return {}


def _distro() -> str | None:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r'^ID="?([A-Za-z0-9._-]+)"?$', text, re.MULTILINE)
    return match[1] if match else None


def _output(command: Sequence[str]) -> str:
    try:
        # The exit status tells only whether every file had an owner.
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_TIME_LIMIT, env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", errors="replace")


def _spellings(path: Path) -> tuple[str, ...]:
    # On a merged-/usr system the package's list may still name /lib while the real path is below /usr (dpkg does not follow the links).
    text = str(path)
    return (text, text.removeprefix("/usr")) if text.startswith("/usr/lib") else (text,)


def _dpkg(paths: Sequence[Path], distro: str) -> dict[Path, Owner]:
    spelled = {spelling: path for path in paths for spelling in _spellings(path)}
    owned: dict[Path, str] = {}
    for line in _output(["dpkg-query", "--search", *spelled]).splitlines():
        packages, _, file = line.partition(": ")
        package = packages.split(", ")[0]
        if file in spelled and " " not in package:  # "diversion by x from: /usr/lib/…" names no owner
            owned.setdefault(spelled[file], package)
    if not owned:
        return {}
    versions: dict[str, str] = {}
    listing = _output(["dpkg-query", "--show", "--showformat", "${binary:Package}\\t${Package}\\t${Version}\\n", *sorted(set(owned.values()))])
    for line in listing.splitlines():
        *names, version = line.split("\t")
        versions |= dict.fromkeys(names, version)
    return {
        path: Owner(kind="deb", distro=distro, name=_plain(package), version=versions[package], license=_debian_license(_plain(package)))
        for path, package in owned.items()
        if package in versions
    }


def _plain(package: str) -> str:
    return package.partition(":")[0]


def _debian_license(package: str) -> str | None:
    """Return the license expression that the package's copyright file gives for "Files: *"."""
    try:
        with Path(f"/usr/share/doc/{package}/copyright").open(encoding="utf-8", errors="replace") as file:
            text = file.read(_COPYRIGHT_LIMIT)
    except OSError:
        return None
    match = re.search(r"^Files: *\*\s*$(?:\n(?!\s*$).*)*?\n[Ll]icense: *(\S.*)$", text, re.MULTILINE)
    if match is None:
        return None
    words = re.split(r"\s+", match[1].strip())
    return " ".join({"or": "OR", "and": "AND"}.get(word, _SPDX.get(word, word)) for word in words)


def _rpm(paths: Sequence[Path], distro: str) -> dict[Path, Owner]:
    spelled = {spelling: path for path in paths for spelling in _spellings(path)}
    # All files of every owner, because rpm does not say which of its answers is for which argument, and a file may have two owners.
    query = "[%{=NAME}\\t%{=VERSION}-%{=RELEASE}\\t%{=LICENSE}\\t%{FILENAMES}\\n]"
    found: dict[Path, Owner] = {}
    for line in _output(["rpm", "--query", "--queryformat", query, "--file", *map(str, paths)]).splitlines():
        match line.split("\t"):
            case [name, version, text, file] if file in spelled:
                found.setdefault(spelled[file], Owner(kind="rpm", distro=distro, name=name, version=version, license=text or None))
    return found


def _apk(paths: Sequence[Path], distro: str) -> dict[Path, Owner]:
    known = {str(path): path for path in paths}
    found = {}
    for line in _output(["apk", "info", "--who-owns", *known]).splitlines():
        if match := re.fullmatch(r"(.+) is owned by (.+)-([^-]+-r\d+)", line):
            spelled = match[1].split(" symlink target ")[-1]
            if path := known.get(spelled):
                found[path] = Owner(kind="apk", distro=distro, name=match[2], version=match[3], license=None)
    return found
