"""Programs for Windows, run by Wine in a prefix that lasts as long as this run of pytest."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX_TIMEOUT = 180
STOP_TIMEOUT = 60
_RUNNING: pytest.StashKey[Wine] = pytest.StashKey()
_ALIEN = ("LD_", "NATIVEWHEEL_", "PYENV_", "PYTHON", "WINE")


class Wine:
    """One Wine prefix below ``folder``, with a process in it that keeps Wine's services alive until ``close``."""

    def __init__(self, folder: Path) -> None:
        self._prefix = folder / "prefix"
        self._empty = folder / "empty"
        self._empty.mkdir()
        self._silently("wine", "wineboot", "--init", timeout=PREFIX_TIMEOUT)
        # The services would inherit the pipes of the first program of a test, which would seem to write until they end.
        self._keeper = subprocess.Popen(
            ["wine", "cmd.exe", "/c", "set /p line="],
            env=self._environment(),
            cwd=self._empty,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(
        self, program: Path, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a program; without ``cwd`` in an empty folder, because Wine looks for the targets of forwarders in the current one."""
        return subprocess.run(
            # Pipes on all sides: CPython for Windows cannot open what Wine makes of a terminal or a file.
            ["wine", str(program), *arguments],
            input="",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout,
            env=self._environment() | dict(env or {}),
            cwd=cwd or self._empty,
        )

    def close(self) -> None:
        """End all programs of this prefix, and remove it, as it takes 700 MB."""
        for option in ("-k", "-w"):
            self._silently("wineserver", option, timeout=STOP_TIMEOUT)
        self._keeper.communicate(timeout=STOP_TIMEOUT)
        shutil.rmtree(self._prefix, ignore_errors=True)

    def _silently(self, *command: str, timeout: float) -> None:
        null = subprocess.DEVNULL
        subprocess.run(command, env=self._environment(), check=True, timeout=timeout, stdin=null, stdout=null, stderr=null)

    def _environment(self) -> dict[str, str]:
        """Return the environment of every process: nothing that Windows programs find is the host's, except its files on drive Z."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_ALIEN) and name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
        return clean | {
            "WINEPREFIX": str(self._prefix),
            "WINEDEBUG": "-all",
            # No menus of a desktop; .NET and HTML would ask for downloads; a crash that the debugger sees ends with status 0.
            "WINEDLLOVERRIDES": "winedbg.exe,winemenubuilder.exe,mscoree,mshtml=d",
            "LC_ALL": "C.UTF-8",  # by which Wine reads file names
        }


def wine(request: pytest.FixtureRequest) -> Wine:
    """Return the Wine of this run of pytest; skip the test where there is none."""
    if missing := [program for program in ("wine", "wineserver") if shutil.which(program) is None]:
        pytest.skip(f"no {' and no '.join(missing)} to run programs for Windows with")
    stash = request.config.stash
    if _RUNNING not in stash:
        factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        stash[_RUNNING] = Wine(factory.mktemp("wine"))
        request.config.add_cleanup(stash[_RUNNING].close)
    return stash[_RUNNING]


def windows_path(path: Path) -> str:
    r"""Return an absolute path as programs in Wine see it: ``Z:\`` is the root of the host."""
    return "Z:" + str(path).replace("/", "\\")
