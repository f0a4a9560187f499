"""A root folder that holds Python and only those system libraries that Linux platform tags promise; programs run in it by chroot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

PYTHON = Path(sys.executable).resolve()
SITE = Path("/site")
"""Where wheels are installed, seen from inside."""

LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "ensurepip", "config-*", "*.a"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a program in the sealed root said, and the files that its process had mapped, as seen from inside."""

    result: Any
    mapped: frozenset[Path]


class SealedRoot:
    """The root folder; ``site`` is its folder of installed packages, seen from outside."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root / SITE.relative_to("/")
        self.site.mkdir(parents=True)
        self.add(PYTHON)
        for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})}:
            self.add(Path(folder))
        loader, needed = _needed_libraries(PYTHON)
        listed = _listed_libraries()
        self.system = {path for path in (loader, *needed.values()) if path} | {path for name, path in _cached_libraries().items() if name in listed}
        for path in self.system:
            self.add(path)

    def add(self, path: Path) -> None:
        """Copy a file or folder of the system to the same path inside."""
        inside = self.root / path.relative_to("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, inside, ignore=LEFT_OUT, dirs_exist_ok=True)
        else:
            shutil.copy2(path, inside)

    def run(self, code: str, **environment: str) -> Run:
        """Run Python code that assigns ``result`` (JSON-able), and look at the process's memory map while it still lives."""
        source = f"{code}\nimport json, sys\nprint(json.dumps(result), flush=True)\nsys.stdin.read()\n"
        env = {"PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", **environment}
        command = [*_chroot(), str(self.root), str(PYTHON), "-s", "-c", source]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env={"PATH": os.environ["PATH"], **env}, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            maps = Path(f"/proc/{process.pid}/maps").read_text() if line else ""
            _, errors = process.communicate()
        assert line, errors
        assert process.returncode == 0, errors
        return Run(result=json.loads(line), mapped=frozenset(self._inside(maps)))

    def _inside(self, maps: str) -> set[Path]:
        """Take the mapped files from a memory map, which names them as seen from this process's root."""
        paths = {Path("/" + line.partition("/")[2]) for line in maps.splitlines() if "/" in line}
        assert all(path.is_relative_to(self.root) for path in paths), paths
        return {Path("/") / path.relative_to(self.root) for path in paths}


def _chroot() -> list[str]:
    if shutil.which("chroot") is None or shutil.which("unshare") is None:
        pytest.skip("no chroot and unshare programs")
    command = ["chroot"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "chroot"]
    if subprocess.run([*command, "/", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("changing the root folder is not permitted here")
    return command


def _needed_libraries(program: Path) -> tuple[Path | None, dict[str, Path]]:
    """Ask the loader what a program needs: (the loader itself, paths by name)."""
    text = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    loader, needed = None, {}
    for line in text.splitlines():
        words = line.split()
        if "=>" in words and words[2].startswith("/"):
            needed[words[0]] = Path(words[2])
        elif words[0].startswith("/"):
            loader = Path(words[0])
    return loader, needed


def _listed_libraries() -> set[str]:
    """Return what the newest manylinux policy of this machine's architecture lets wheels expect of the system."""
    policies = json.loads(files("auditwheel.policy").joinpath("manylinux-policy.json").read_text())
    promised = [policy for policy in policies if policy["name"] != "linux" and os.uname().machine in policy["symbol_versions"]]
    newest = min(promised, key=lambda policy: policy["priority"])
    return set(newest["lib_whitelist"])


def _cached_libraries() -> dict[str, Path]:
    """Return the libraries of the loader's cache that are for this machine's architecture, by name."""
    text = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    wide = {"x86_64": "x86-64", "aarch64": "AArch64"}[os.uname().machine]
    found: dict[str, Path] = {}
    for line in text.splitlines():
        name, _, path = line.strip().partition(" => ")
        if wide in name:
            found.setdefault(name.split()[0], Path(path))
    return found
