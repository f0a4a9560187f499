"""Small images of every linker, rewritten there and back again: the same symbols at the same places, and a layout that dyld takes."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import macholayout
import pytest
from machofile import MachO, slice_for
from machosamples import ARCHS, LINKERS, Samples, linkers, sample_folder

from nativewheel.formats.image import Edit, FlatBinding, Identity
from nativewheel.formats.macho.writer import apply

if TYPE_CHECKING:
    from pathlib import Path

    from machobind import Bind

OBJDUMP = shutil.which("llvm-objdump-19")
KINDS = [(linker, arch) for linker in LINKERS for arch in (*ARCHS, "universal2")]
PREFIX = "_nw_back__"


@pytest.fixture(params=KINDS, ids="-".join)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    linker, arch = request.param
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    return Samples(linker=linker, arch=arch, folder=sample_folder(tmp_path_factory))


def images(samples: Samples) -> list[Path]:
    return [samples.foo(), samples.bar(), samples.bar(far=True), samples.shape(), samples.drawing(), samples.front(), *samples.ring()]


def slices(samples: Samples, path: Path) -> list[MachO]:
    archs = ARCHS if samples.arch == "universal2" else (samples.arch,)
    return [MachO(slice_for(path.read_bytes(), arch)) for arch in archs]


def binds(image: MachO) -> set[tuple[Bind, bool]]:
    """Return what pointers are bound to; lazily or not makes no difference."""
    return {(item._replace(table=""), item.table == "weak") for item in image.fixups.binds}


def test_no_edit_changes_nothing(samples: Samples, tmp_path: Path) -> None:
    for path in images(samples):
        apply(path, Edit(rename_symbols=(("_nobody_has_it", "_other"),)), tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_there_and_back(samples: Samples, tmp_path: Path) -> None:
    for path in images(samples):
        names = sorted({name for image in slices(samples, path) for name, export in image.exports.items() if not export.weak})
        renames = tuple((name, PREFIX + name) for name in names)
        away, back = tmp_path / "away", tmp_path / path.name
        apply(path, Edit(rename_symbols=renames, rpaths=("/away",)), away)
        apply(away, Edit(rename_symbols=tuple((new, old) for old, new in renames), rpaths=()), back)
        for before, between, after in zip(*(slices(samples, item) for item in (path, away, back)), strict=True):
            assert set(between.exports) == {PREFIX + name if name in names else name for name in before.exports}
            assert {name: export._replace(imported=export.imported or name) for name, export in after.exports.items()} == {
                name: export._replace(imported=export.imported or name) for name, export in before.exports.items()
            }
            assert (after.dylibs, after.identity, after.rpaths) == (before.dylibs, before.identity, before.rpaths)
            assert after.fixups.rebases == before.fixups.rebases
            assert binds(after) == binds(before)
            assert after.chained == before.chained
            assert [macholayout.fault(image) for image in (between, after)] == [None, None]


@pytest.mark.skipif(OBJDUMP is None, reason="llvm-objdump-19 is not installed")
def test_llvm_reads_flat_consumers(samples: Samples, tmp_path: Path) -> None:
    old, new = Identity("@rpath/libfoo.dylib"), Identity("@rpath/libnw_foo.dylib")
    renames = tuple((name, PREFIX + name) for name in slices(samples, samples.foo())[0].exports)
    path = tmp_path / "_bar.so"
    apply(samples.bar(), Edit(flat=(FlatBinding(dependency=old, identity=new, renames=renames),)), path)
    command = (str(OBJDUMP), "--macho", "--arch=all", "--bind", "--lazy-bind", "--chained-fixups", "--dylibs-used", path)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if "_foo_" in line]
    assert lines
    assert all(PREFIX in line for line in lines)
    assert "@rpath/libnw_foo.dylib (compatibility version" in done.stdout
    assert "weak" in next(line for line in done.stdout.splitlines() if "libnw_foo" in line)
