"""Measure what the shim adds to an import, beyond the import of ctypes and the loading of the library, each time in a fresh interpreter.

python benchmarks/shim.py                       in the running Python
python benchmarks/shim.py --python PROGRAM...   in others
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from nativewheel.shim.inject import ShimLibrary, ShimPackage, ShimProvider, package_init, runtime

STARTS = 30
LIBRARY = "libntcore.so.1"
CORE = ShimPackage(distribution="ntcore", version="1.2.7", libraries=(ShimLibrary(original=LIBRARY, identity=LIBRARY, path=f"ntcore/lib/{LIBRARY}"),))
USES_CORE = ShimProvider(module="nw_ntcore", distribution="ntcore", requirement="==1.*,>=1.2.7", minimum=(1, 2, 7), names={LIBRARY: LIBRARY})
USER = ShimPackage(distribution="ntuser", version="0.4.0", providers=(USES_CORE,))
WITHOUT = "import ctypes; ctypes.CDLL({library!r})"
"""What any way to load the library takes."""
TASKS = {
    "a provider": "__import__('nw_ntcore').load()",
    "a consumer and its provider": "__import__('nw_ntuser').load()",
}


def install(folder: Path) -> Path:
    """Put a provider and the shim of a consumer into ``folder``, and return the library's path."""
    for package in (CORE, USER):
        place = folder / f"nw_{package.distribution}"
        place.mkdir()
        (place / "__init__.py").write_bytes(package_init(package))
        (place / "_nativewheel.py").write_bytes(runtime())
    library = folder / "ntcore/lib" / LIBRARY
    library.parent.mkdir(parents=True)
    library.write_bytes((Path(__file__).parents[1] / f"fixtures/lib/linux-{platform.machine()}-glibc" / LIBRARY).read_bytes())
    return library


def milliseconds(python: str, folder: Path, code: str) -> float:
    """Return the least time that ``code`` takes in a fresh interpreter."""
    timed = f"import sys, time; sys.path.insert(0, {str(folder)!r}); start = time.perf_counter(); {code}; print(time.perf_counter() - start)"
    runs = [subprocess.run([python, "-S", "-c", timed], capture_output=True, text=True, check=True) for _ in range(STARTS)]
    return min(float(run.stdout) for run in runs) * 1000


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure the import cost of the shim.")
    parser.add_argument("--python", nargs="+", default=[sys.executable], help="interpreters to measure in (default: the running one)")
    for python in parser.parse_args().python:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            library = install(folder)
            subprocess.run([python, "-m", "compileall", "-q", folder], check=True)  # as installers do
            without = milliseconds(python, folder, WITHOUT.format(library=str(library)))
            print(f"{python}: ctypes and dlopen {without:.2f} ms")
            for task, code in TASKS.items():
                print(f"  {task}: {milliseconds(python, folder, code) - without:+.2f} ms")


if __name__ == "__main__":
    main()
