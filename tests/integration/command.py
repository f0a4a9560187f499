"""Run the nativewheel program, and read what repaired wheels hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
CONFIG = FIXTURES / "nativewheel.toml"


def nativewheel(
    *arguments: object,
    status: int = 0,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    umask: int = -1,
    before: Callable[[], object] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the program, and assert its exit status and that no traceback reached the user.

    ``env`` is added to an environment without AUDITWHEEL_PLAT and LD_LIBRARY_PATH; ``before`` runs in the new process.
    """
    clean = {name: value for name, value in os.environ.items() if name not in {"AUDITWHEEL_PLAT", "LD_LIBRARY_PATH", "SOURCE_DATE_EPOCH"}}
    done = subprocess.run(
        [sys.executable, "-m", "nativewheel", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=cwd,
        env={**clean, **(env or {})},
        umask=umask,
        preexec_fn=before,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def repair(wheel: Path, folder: Path, *options: object, **keywords: object) -> Path:
    """Repair one wheel into ``folder``, which must be new, and return the output."""
    nativewheel("repair", "-w", folder, *options, wheel, **keywords)  # type: ignore[arg-type]
    (output,) = folder.iterdir()
    return output


def fixture(name: str, tag: str) -> Path:
    """Return the fixture wheel of distribution ``name`` whose file name ends with ``tag``."""
    (path,) = (FIXTURES / "wheels").glob(f"{name}-*-{tag}.whl")
    return path


def platforms(wheel: Path) -> list[str]:
    """Return the platform tags in a wheel's file name."""
    return wheel.stem.rsplit("-", 1)[1].split(".")


def vendored(wheel: Path, folder: str = ".libs/") -> set[str]:
    """Return the members of the wheel's folder of vendored libraries."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.split("/", 1)[0].endswith(folder.rstrip("/")) and not name.endswith("/")}


def without_hash(members: set[str]) -> set[str]:
    """Return the members with the hash taken out of the names of vendored libraries."""
    return {re.sub(r"-[0-9a-f]{8}(?=\.)", "", name) for name in members}


def extract(wheel: Path, member: str, folder: Path) -> Path:
    """Write one member to a file."""
    path = folder / PurePosixPath(member).name
    with zipfile.ZipFile(wheel) as archive:
        path.write_bytes(archive.read(member))
    return path


def dynamic(path: Path) -> dict[str, list[str]]:
    """Return the dynamic section's strings as readelf sees them, by tag: NEEDED, SONAME, RPATH, RUNPATH."""
    text = subprocess.run(["readelf", "-dW", str(path)], capture_output=True, text=True, check=True).stdout
    found: dict[str, list[str]] = {}
    for tag, value in re.findall(r"\((NEEDED|SONAME|RPATH|RUNPATH)\).*\[(.*)\]", text):
        found.setdefault(tag, []).append(value)
    return found
