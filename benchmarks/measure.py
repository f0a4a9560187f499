"""Run a command and measure it with all the processes that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a run cost: ``wall`` and ``cpu`` in seconds, ``memory`` in bytes, the peak of the process of the tree that was largest."""

    wall: float
    cpu: float
    memory: int


def measure(command: Sequence[str]) -> Cost:
    """Run ``command`` once.  Raises ``RuntimeError`` with what it said when it fails."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=_environment())
        # wait4 counts the processor time of all reaped descendants; its peak is that of the largest one.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}:\n{said[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss * unit)


def best(costs: Sequence[Cost]) -> Cost:
    """Return the smallest of each figure."""
    return Cost(wall=min(cost.wall for cost in costs), cpu=min(cost.cpu for cost in costs), memory=min(cost.memory for cost in costs))


def _environment() -> dict[str, str]:
    """Leave out what changes the tags that programs give."""
    return {name: value for name, value in os.environ.items() if name not in {"AUDITWHEEL_PLAT", "MACOSX_DEPLOYMENT_TARGET"}}
