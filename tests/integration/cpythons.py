"""The CPython interpreters of this machine, and programs run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TESTED = range(9, 14)
_WHO = """
import platform as p, sys
print(p.python_implementation(), p.machine(), p.libc_ver()[0], p.python_version(), "d" if hasattr(sys, "gettotalrefcount") else "-", sys.executable)
"""


@cache
def cpythons(minors: range = TESTED) -> dict[str, Path]:
    """Return the programs of CPython 3.x for glibc, by version: the running one, pyenv's, those on PATH, and Debian's debug build (``3.11.2d``)."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    names = [f"python3.{minor}{kind}" for minor in minors for kind in ("", "-dbg")]
    candidates = [sys.executable, *map(str, sorted(versions.glob("3.*/bin/python3"))), *filter(None, map(shutil.which, names))]
    found: dict[tuple[int, bool], tuple[str, Path]] = {}
    for candidate in candidates:
        said = subprocess.run([candidate, "-I", "-c", _WHO], capture_output=True, text=True, check=False).stdout.split(maxsplit=5)
        if said[:3] == ["CPython", os.uname().machine, "glibc"] and minor(said[3]) in minors:
            debug = said[4] == "d"
            found.setdefault((minor(said[3]), debug), (f"{said[3]}{'d' if debug else ''}", Path(said[5].strip())))
    return dict(found[key] for key in sorted(found))


def version_of(python: Path) -> str:
    """Return the version of one of them."""
    return next(version for version, program in cpythons().items() if program == python)


def minor(version: str) -> int:
    """Return 11 for ``3.11.2``."""
    return int(version.split(".")[1])


def run(
    python: Path | str,
    code: str,
    *folders: Path,
    flags: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    isolated: bool = False,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run ``code`` with ``folders`` in PYTHONPATH; a warning is an error.  ``isolated`` puts them on sys.path instead, for flags like -I."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NATIVEWHEEL_", "LD_", "PYTHON", "PYENV_"))}
    path = os.pathsep.join(map(str, folders))
    start = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}\n" if isolated else ""
    return subprocess.run(
        [str(python), "-W", "error", "-B", *flags, "-c", start + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**clean, **({} if isolated else {"PYTHONPATH": path}), "PYTHONIOENCODING": "utf-8", **(env or {})},
        cwd=cwd,
    )


def good(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a program that ended well has written."""
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def everywhere(code: str, *folders: Path, env: Mapping[str, str] | None = None) -> str:
    """Return what ``code`` writes in each of the interpreters, which must be the same."""
    found = {version: good(run(python, code, *folders, env=env)) for version, python in cpythons().items()}
    assert len(set(found.values())) == 1, found
    return next(iter(found.values()))


def fault(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of a program that ended with an ImportError: a crash has another status."""
    assert done.returncode == 1, f"{done.returncode}: {done.stderr}"
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: "), done.stderr
    return last
