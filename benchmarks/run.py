"""Measure nativewheel beside auditwheel, for macOS beside repairwheel, in one run, and print the ratios.

python benchmarks/run.py                      build or find the usual wheels (some minutes the first time)
python benchmarks/run.py --wheel FILE...      repair and show these wheels instead
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Cost, best, measure

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

REPAIRED = ("psycopg2", "pycurl", "lxml", "rasterio")
SHOWN = (
    "scipy-1.15.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "opencv_python_headless-4.11.0.86-cp37-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
)
MACOS = "opencv_python_headless-4.11.0.86-cp37-abi3-macosx_13_0_arm64.whl"
"""Repaired as it was before delocate, and once more as it was published, which needs nothing."""
OURS = "nativewheel"
PEERS = ("auditwheel", "repairwheel")
STARTS = 20
TESTS = str(Path(__file__).resolve().parents[1] / "tests" / "integration")
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One program at one task; ``size`` is that of the output in bytes, 0 where there is none."""

    program: str
    cost: Cost
    size: int


def repair(program: str, wheel: Path, repeat: int) -> Line:
    """Repair ``wheel`` several times, each time into a new folder."""
    costs, size = [], 0
    options = ("-o",) if program == "repairwheel" else ("repair", "-w")
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as folder:
            costs.append(measure([sys.executable, "-m", program, *options, folder, str(wheel)]))
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Line(program=program, cost=best(costs), size=size)


def show(program: str, wheel: Path, repeat: int) -> Line:
    """Show ``wheel`` several times."""
    return Line(program=program, cost=best([measure([sys.executable, "-m", program, "show", str(wheel)]) for _ in range(repeat)]), size=0)


def compare(task: str, wheel: Path, repeat: int) -> None:
    """Print the lines of both programs at one task, and how many times less nativewheel took."""
    work = show if task == "show" else repair
    theirs, ours = (work(program, wheel, repeat) for program in (PEERS[is_mac(wheel)], OURS))
    name = wheel.name.split("-")[0]
    for line in (theirs, ours):
        print(_row(task, name, line.program, *_figures(line)), flush=True)
    size = f"{ours.size / theirs.size:.3f}" if theirs.size else ""
    ratios = (theirs.cost.wall / ours.cost.wall, theirs.cost.cpu / ours.cost.cpu, theirs.cost.memory / ours.cost.memory)
    print(_row("", "", "ratio", *(f"{ratio:.1f} x" for ratio in ratios), size), flush=True)


def is_mac(wheel: Path) -> bool:
    """Whether the wheel is for macOS, by its platform tag."""
    return wheel.stem.rsplit("-", 1)[1].startswith("macosx_")


def find(names: tuple[str, ...], *, built: bool) -> list[Path]:
    """Return wheels out of the integration tests' cache, which is filled where it is empty."""
    sys.path.insert(0, TESTS)
    import pytest  # noqa: PLC0415  (only needed where no wheels are given)
    import realwheels  # noqa: PLC0415

    found = []
    for name in names:
        try:
            found.append(realwheels.unrepaired(name) if built else realwheels.published(name))
        except pytest.skip.Exception as reason:
            print(f"left out: {reason}", file=sys.stderr)
    return found


def unrepaired_mac(folder: Path) -> Path:
    """Return the wheel for macOS as it was before its libraries were put into it; they are in ``folder`` then."""
    sys.path.insert(0, TESTS)
    import macwheels  # noqa: PLC0415

    return macwheels.undelocated(MACOS, folder).wheel


def usual(elsewhere: Pool, folder: Path) -> list[tuple[str, Path]]:
    """Return the usual tasks; ``folder`` is for what they need."""
    repaired = [*elsewhere.apply(find, (REPAIRED,), {"built": True}), elsewhere.apply(unrepaired_mac, (folder,))]
    copied, shown = (elsewhere.apply(find, (names,), {"built": False}) for names in ((MACOS,), SHOWN))
    return [*(("repair", wheel) for wheel in repaired), *(("no-op", wheel) for wheel in copied), *(("show", wheel) for wheel in shown)]


def given(wheels: list[Path]) -> list[tuple[str, Path]]:
    """Return the tasks for wheels of the command line; repairwheel has nothing like `show`."""
    return [*(("repair", wheel) for wheel in wheels), *(("show", wheel) for wheel in wheels if not is_mac(wheel))]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure nativewheel beside auditwheel and repairwheel.")
    parser.add_argument("--wheel", type=Path, nargs="+", help="unrepaired wheels, instead of the usual ones")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each program; the best figures count (default: 3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a new process counts the memory of the one that started it among its own peak, so this one stays small.
        with multiprocessing.get_context("spawn").Pool(1) as elsewhere:
            tasks = given(options.wheel) if options.wheel else usual(elsewhere, Path(folder))
        print(", ".join(f"{program} {version(program)}" for program in (*PEERS, OURS)))
        print(_row("task", "wheel", "program", "wall s", "CPU s", "peak MB", "output MB"))
        for task, wheel in tasks:
            compare(task, wheel, options.repeat)
    start = best([measure([str(Path(sys.executable).with_name("nativewheel")), "--version"]) for _ in range(STARTS)])
    print(f"nativewheel --version, best of {STARTS}: {start.wall * 1000:.0f} ms")


def _figures(line: Line) -> tuple[str, ...]:
    size = f"{line.size / MEGABYTE:.2f}" if line.size else ""
    return f"{line.cost.wall:.2f}", f"{line.cost.cpu:.2f}", f"{line.cost.memory / MEGABYTE:.0f}", size


def _row(*cells: str) -> str:
    task, wheel, program, *figures = cells
    return f"{task:<7}{wheel:<24}{program:<12}" + "".join(f"{figure:>11}" for figure in figures)


if __name__ == "__main__":
    main()
