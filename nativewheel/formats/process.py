"""Run a program that changes native files, with a time limit, and turn its failures into errors that quote it."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from nativewheel.errors import MachineError

if TYPE_CHECKING:
    from pathlib import Path

BASE_SECONDS = 120
BYTES_PER_SECOND = 1 << 20
"""The slowest machine that is worth waiting for."""

QUOTE_LIMIT = 2000
"""Most characters of a program's messages that an error repeats."""


def run(program: Path, arguments: list[str], source: Path) -> str:
    """Run ``program`` on the file ``source`` and return what it prints.

    Raises ``MachineError``, with the messages of the program, when it fails or takes too long.
    """
    limit = BASE_SECONDS + _size(source) // BYTES_PER_SECOND
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{program.name} did not finish within {limit} seconds") from error
    except OSError as error:
        raise MachineError(f"cannot run {program}: {error.strerror}") from error
    if done.returncode:
        raise MachineError(f"{program.name} failed ({_status(done.returncode)}): {_quote(done.stderr)}")
    return done.stdout.decode("utf-8", "backslashreplace")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise MachineError(f"cannot read the file: {error.strerror}") from error


def _quote(messages: bytes) -> str:
    text = messages.decode("utf-8", "backslashreplace").strip()
    return text[:QUOTE_LIMIT] or "it gave no reason"


def _status(code: int) -> str:
    if code > 0:
        return f"status {code}"
    return f"ended by {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"ended by signal {-code}"
