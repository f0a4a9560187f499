"""Measure the rewriter of Windows DLLs on a very large one beside delvewheel's, and print seconds and peak memory.

python benchmarks/pe.py                      torch_cpu.dll of a wheel from PyPI (downloaded the first time)
python benchmarks/pe.py DLL NAME [NAME...]   another DLL, and what it imports and is to ask for by other names
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

from measure import Cost, best, measure

TESTS = str(Path(__file__).resolve().parents[1] / "tests" / "integration")
MEGABYTE = 1_000_000
CHECKSUM = 88
"""Offset of CheckSum from the PE signature, both in PE32 and in PE32+."""
NAMES = ["c10.dll", "libiomp5md.dll"]
OURS = """
import sys
from pathlib import Path
from nativewheel.formats.image import Edit, Identity
from nativewheel.formats.pe.writer import apply
source, target, *names = sys.argv[1:]
apply(Path(source), Edit(replace=tuple((Identity(name), Identity(f"nw_{name}")) for name in names)), Path(target))
"""


def largest(folder: Path) -> Path:
    """Return torch_cpu.dll, unpacked into ``folder``."""
    sys.path.insert(0, TESTS)
    import pesigned  # noqa: PLC0415  (only needed where no file is given)

    (name,) = pesigned.TORCH
    with zipfile.ZipFile(pesigned.wheel(name)) as archive:
        return Path(archive.extract("torch/lib/torch_cpu.dll", folder))


def checked(source: Path, folder: Path) -> Path:
    """Return a copy that has a CheckSum, as drivers and Windows' own DLLs do; it is then written anew with each edit."""
    copy = folder / f"checked-{source.name}"
    shutil.copyfile(source, copy)
    with copy.open("r+b") as file:
        file.seek(60)
        file.seek(int.from_bytes(file.read(4), "little") + CHECKSUM)
        file.write(b"\1\0\0\0")
    return copy


def ours(source: Path, names: list[str], folder: Path) -> Cost:
    """Rename ``names`` with nativewheel."""
    return measure([sys.executable, "-c", OURS, str(source), str(folder / "edited"), *names])


def theirs(source: Path, names: list[str], folder: Path) -> Cost:
    """Rename ``names`` with delvewheel, which changes the file itself."""
    shutil.copyfile(source, folder / "edited")
    changes = [word for name in names for word in ("-change", name, f"nw_{name}")]
    return measure([sys.executable, "-m", "delvewheel", "replace-needed", *changes, str(folder / "edited")])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure the rewriter of Windows DLLs beside delvewheel's.")
    parser.add_argument("dll", type=Path, nargs="?", help="a DLL, instead of torch_cpu.dll")
    parser.add_argument("names", nargs="*", help="DLLs that it imports")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each program; the best figures count (default: 3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dll = options.dll or largest(folder)
        size = dll.stat().st_size
        print(f"{dll.name}, {size / MEGABYTE:.0f} MB; nativewheel {version('nativewheel')}, delvewheel {version('delvewheel')}")
        print(f"{'program':<26}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'of size':>9}")
        for what, source in (("", dll), (", checksum", checked(dll, folder))):
            for program, work in (("nativewheel", ours), ("delvewheel", theirs)):
                cost = best([work(source, options.names or NAMES, folder) for _ in range(options.repeat)])
                figures = f"{cost.wall:>9.2f}{cost.cpu:>9.2f}{cost.memory / MEGABYTE:>9.0f}{cost.memory / size:>9.2f}"
                print(f"{program + what:<26}{figures}", flush=True)


if __name__ == "__main__":
    main()
