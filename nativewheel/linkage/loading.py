"""What really gets loaded when a provider is asked for its libraries: tried out in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.linkage import loadprobe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS = 60
"""How long loading may take."""

_QUOTE_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What came of it: the files that were loaded, by file name, or the ``error`` that prevented it."""

    files: Mapping[str, tuple[str, ...]]
    error: str | None = None


def load_apart(module: str, names: Mapping[str, str], search_path: Sequence[str], environment: Mapping[str, str]) -> Loaded:
    """Let a fresh interpreter of this kind load everything that the shim ``module`` offers; ``names`` maps file names to what the shim calls them."""
    request = json.dumps({"module": module, "names": dict(names), "path": list(search_path)}).encode()
    try:
        done = subprocess.run(
            [sys.executable, "-P", loadprobe.__file__],
            input=request,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=dict(environment),
        )
    except subprocess.TimeoutExpired:
        return Loaded(files={}, error=f"it did not finish within {SECONDS} seconds")
    except OSError as error:
        return Loaded(files={}, error=f"cannot run {sys.executable}: {error.strerror}")
    if done.returncode or not done.stdout:
        return Loaded(files={}, error=_reason(done.returncode, done.stderr))
    answer: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
    return Loaded(files={name: tuple(files) for name, files in answer["loaded"].items()})


def _reason(status: int, messages: bytes) -> str:
    if status < 0:
        known = -status in set(signal.Signals)
        return f"the interpreter was ended by {signal.Signals(-status).name if known else f'signal {-status}'}"
    lines = messages.decode("utf-8", "backslashreplace").strip().splitlines()
    return lines[-1][:_QUOTE_LIMIT] if status and lines else f"the interpreter ended with status {status}"
