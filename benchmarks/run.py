"""Measure nativewheel beside auditwheel, for macOS beside repairwheel, for Windows beside delvewheel, in one run, and print the ratios.

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
WINDOWS = "scipy-1.15.3-cp312-cp312-win_amd64.whl"
"""Repaired as it was before delvewheel."""
OURS = "nativewheel"
PEERS = {"linux": "auditwheel", "macosx": "repairwheel", "win": "delvewheel"}
# delvewheel does not look for DLLs that the wheel has in another folder, unless it is told to leave such alone.
COMMANDS = {"auditwheel": ("repair", "-w"), "repairwheel": ("-o",), "delvewheel": ("repair", "--ignore-existing", "-w"), OURS: ("repair", "-w")}
LIBRARIES = {"delvewheel": "--add-path", OURS: "--lib-path"}
STARTS = 20
TESTS = str(Path(__file__).resolve().parents[1] / "tests" / "integration")
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to do with a wheel; ``libraries`` is the folder of what it needs, where the programs cannot find that by themselves."""

    name: str
    wheel: Path
    libraries: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One program at one task; ``size`` is that of the output in bytes, 0 where there is none."""

    program: str
    cost: Cost
    size: int


def repair(program: str, task: Task, repeat: int) -> Line:
    """Repair a wheel several times, each time into a new folder."""
    costs, size = [], 0
    libraries = (LIBRARIES[program], str(task.libraries)) if task.libraries else ()
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as folder:
            costs.append(measure([sys.executable, "-m", program, *COMMANDS[program], folder, *libraries, str(task.wheel)]))
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Line(program=program, cost=best(costs), size=size)


def show(program: str, task: Task, repeat: int) -> Line:
    """Show a wheel several times."""
    return Line(program=program, cost=best([measure([sys.executable, "-m", program, "show", str(task.wheel)]) for _ in range(repeat)]), size=0)


def compare(task: Task, repeat: int) -> None:
    """Print the lines of both programs at one task, and how many times less nativewheel took."""
    work = show if task.name == "show" else repair
    theirs, ours = (work(program, task, repeat) for program in (peer(task.wheel), OURS))
    name = task.wheel.name.split("-")[0]
    for line in (theirs, ours):
        print(_row(task.name, name, line.program, *_figures(line)), flush=True)
    size = f"{ours.size / theirs.size:.3f}" if theirs.size else ""
    ratios = (theirs.cost.wall / ours.cost.wall, theirs.cost.cpu / ours.cost.cpu, theirs.cost.memory / ours.cost.memory)
    print(_row("", "", "ratio", *(f"{ratio:.1f} x" for ratio in ratios), size), flush=True)


def peer(wheel: Path) -> str:
    """Return the program that does the same for wheels of that platform."""
    platform = wheel.stem.rsplit("-", 1)[1]
    return next((program for prefix, program in PEERS.items() if platform.startswith(prefix)), PEERS["linux"])


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


def unrepaired(folder: Path) -> list[Task]:
    """Return published wheels as they were before their libraries were put into them; these are in ``folder`` then."""
    sys.path.insert(0, TESTS)
    import macwheels  # noqa: PLC0415
    import winwheels  # noqa: PLC0415

    windows = winwheels.undelvewheeled(WINDOWS, folder / "windows", 6)
    return [
        Task(name="repair", wheel=macwheels.undelocated(MACOS, folder / "macos").wheel),
        Task(name="repair", wheel=windows.wheel, libraries=windows.libraries),
    ]


def usual(elsewhere: Pool, folder: Path) -> list[Task]:
    """Return the usual tasks; ``folder`` is for what they need."""
    repaired = [Task(name="repair", wheel=wheel) for wheel in elsewhere.apply(find, (REPAIRED,), {"built": True})]
    repaired += elsewhere.apply(unrepaired, (folder,))
    copied, shown = (elsewhere.apply(find, (names,), {"built": False}) for names in ((MACOS,), SHOWN))
    return [*repaired, *(Task(name="no-op", wheel=wheel) for wheel in copied), *(Task(name="show", wheel=wheel) for wheel in shown)]


def given(wheels: list[Path]) -> list[Task]:
    """Return the tasks for wheels of the command line; only auditwheel has something like our `show`."""
    repaired = [Task(name="repair", wheel=wheel) for wheel in wheels]
    return [*repaired, *(Task(name="show", wheel=wheel) for wheel in wheels if peer(wheel) == PEERS["linux"])]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure nativewheel beside auditwheel, repairwheel and delvewheel.")
    parser.add_argument("--wheel", type=Path, nargs="+", help="unrepaired wheels, instead of the usual ones")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each program; the best figures count (default: 3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a new process counts the memory of the one that started it among its own peak, so this one stays small.
        with multiprocessing.get_context("spawn").Pool(1) as elsewhere:
            tasks = given(options.wheel) if options.wheel else usual(elsewhere, Path(folder))
        print(", ".join(f"{program} {version(program)}" for program in (*PEERS.values(), OURS)))
        print(_row("task", "wheel", "program", "wall s", "CPU s", "peak MB", "output MB"))
        for task in tasks:
            compare(task, options.repeat)
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
