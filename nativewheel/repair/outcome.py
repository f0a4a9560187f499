"""What a repair did to each wheel, as `repair --format json` reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.repair.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One wheel of a run.

    ``output`` is the path of the new wheel (with ``--dry-run``, the path that it would have).  ``size`` is that of the output in bytes, 0 for a
    dry run.
    """

    plan: Plan
    output: Path
    size: int
