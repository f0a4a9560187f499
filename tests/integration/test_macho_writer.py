"""Every symbol of every image in the macOS wheels of ten projects renamed: checked by other readers, and by the layout rules."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import lief
import macholayout
import pytest
from machofile import Export, MachO, slice_for
from realwheels import MACOS, published

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Arch, Edit, FlatBinding, Identity, Requirement
from nativewheel.formats.macho import reader
from nativewheel.formats.macho.layoutcheck import layout_problems
from nativewheel.formats.macho.signature import Signer, verify
from nativewheel.formats.macho.slices import opened
from nativewheel.formats.macho.writer import apply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nativewheel.formats.image import Image

pytestmark = pytest.mark.network
OBJDUMP = shutil.which("llvm-objdump-19")
PREFIX = "_nw_everything__"
CPUS = {Arch.X86_64: "x86_64", Arch.AARCH64: "arm64"}


def images(filename: str, folder: Path) -> Iterator[Path]:
    """Unpack the images of a wheel one after the other."""
    with zipfile.ZipFile(published(filename)) as archive:
        for member in archive.namelist():
            if member.endswith((".so", ".dylib")):
                path = folder / member.rpartition("/")[2]
                path.write_bytes(archive.read(member))
                yield path
                path.unlink()


def new_name(name: str) -> str:
    return PREFIX + name.removeprefix("_")


def everything(path: Path, image: Image) -> Edit:
    """Rename all that is exported or comes from a library of the wheel; those libraries become flat, if nothing of them is re-exported."""
    data = path.read_bytes()
    own = [symbol.name for symbol in reader.exports(data) if not symbol.weak]
    wanted: dict[Identity, list[tuple[str, str]]] = {
        item.name: [] for item in image.dependencies if not item.name.startswith(("/usr/lib/", "/System/"))
    }
    for symbol in reader.imports(data):
        if symbol.library in wanted:
            wanted[symbol.library].append((symbol.name, new_name(symbol.name)))
    passed_on = {
        file.dylibs[export.ordinal - 1].name for file in slices(data) for export in file.exports.values() if export.reexported and export.ordinal
    }
    kinds = {item.name: item.requirement for item in image.dependencies}
    flat = {name: renames for name, renames in wanted.items() if name not in passed_on and kinds[name] is not Requirement.REEXPORT}
    return Edit(
        identity=Identity("@rpath/libnw_all.dylib") if image.identity else None,
        rpaths=(),
        rename_symbols=tuple((name, new_name(name)) for name in own),
        flat=tuple(FlatBinding(dependency=name, identity=leaf(name), renames=tuple(renames)) for name, renames in flat.items()),
        rename_imports=tuple((name, tuple(renames)) for name, renames in wanted.items() if name not in flat),
    )


def leaf(name: str) -> Identity:
    return Identity("@rpath/" + name.rpartition("/")[2])


def slices(data: bytes) -> Iterator[MachO]:
    with opened(data) as file:
        archs = [CPUS[image.arch] for image in file.slices]
    yield from (MachO(slice_for(data, arch)) for arch in archs)


@pytest.mark.parametrize("filename", MACOS)
def test_rename_everything(filename: str, tmp_path: Path) -> None:
    destination = tmp_path / "edited"
    count = 0
    for path in images(filename, tmp_path):
        data = path.read_bytes()
        edit = everything(path, reader.read(data, path.name))
        image = apply(path, edit, destination)
        assert image.rpaths == ()
        result = destination.read_bytes()
        for before, after in zip(slices(data), slices(result), strict=True):
            compare(before, after, edit)
            count += 1
        check_slices(data, result)
        compare_with_lief(data, result, edit)
    assert count


def compare(before: MachO, after: MachO, edit: Edit) -> None:
    """Compare by the second reader: the places and values stay, the names are the new ones."""
    flat: dict[str, FlatBinding] = {item.dependency: item for item in edit.flat}
    libraries = {number: dylib.name for number, dylib in enumerate(before.dylibs, 1)}
    own = dict(edit.rename_symbols)
    siblings: dict[str, dict[str, str]] = {name: dict(renames) for name, renames in edit.rename_imports}
    assert [item.name for item in after.dylibs] == [flat[item.name].identity if item.name in flat else item.name for item in before.dylibs]
    assert all(new.kind == ("weak" if old.name in flat else old.kind) for old, new in zip(before.dylibs, after.dylibs, strict=True))

    def target(export: Export, name: str) -> str:
        old = export.imported or name
        return (own if not export.ordinal else siblings.get(libraries[export.ordinal], {})).get(old, old)

    found = {name: export._replace(imported=export.imported or name) if export.reexported else export for name, export in after.exports.items()}
    wanted = {
        own.get(name, name): export._replace(imported=target(export, name) if export.reexported else "") for name, export in before.exports.items()
    }
    assert found == wanted
    assert after.fixups.rebases == before.fixups.rebases
    expected = {}
    for item in before.fixups.binds:
        library = libraries.get(item.ordinal, "")
        if item.table == "weak":
            expected[item.address, "weak"] = item
        elif library in flat:
            name = dict(flat[library].renames).get(item.name, item.name)
            expected[item.address, ""] = item._replace(ordinal=-2, name=name, table="")
        else:
            renames = own if item.ordinal == 0 else siblings.get(library, {})
            expected[item.address, ""] = item._replace(name=renames.get(item.name, item.name), table="")
    rewritten = {(item.address, "weak" if item.table == "weak" else ""): item for item in after.fixups.binds}
    assert rewritten.keys() == expected.keys()
    for place, item in rewritten.items():
        old = expected[place]
        if old.ordinal in {-2, -3} and item.name != old.name:
            assert item.name == own[old.name]
        else:
            assert item._replace(table=old.table) == old
    if macholayout.fault(before) is None:
        assert macholayout.fault(after) is None


def check_slices(data: bytes, result: bytes) -> None:
    with opened(data) as before, opened(result) as after:
        for old, new in zip(before.slices, after.slices, strict=True):
            assert list(layout_problems(new)) == []
            state = verify(new)
            assert state.problem is None
            assert state.signer is (Signer.NOBODY if old.code_signature is None else Signer.AD_HOC)
            start = old.header_limit
            end = next(segment.fileoff for segment in old.segments if segment.name == "__LINKEDIT")
            assert bytes(new.data[start:end]) == bytes(old.data[start:end])


def compare_with_lief(data: bytes, result: bytes, edit: Edit) -> None:
    own = dict(edit.rename_symbols)
    before, after = (lief.MachO.parse(content, lief.MachO.ParserConfig.deep) for content in (data, result))
    assert before is not None
    assert after is not None
    for old, new in zip(before, after, strict=True):
        values = [{str(item.name): item.export_info.address for item in binary.symbols if item.export_info} for binary in (old, new)]
        assert values[1] == {own.get(name, name): value for name, value in values[0].items()}
        places = [sorted(binding.address for binding in binary.bindings) for binary in (old, new)]
        assert set(places[0]) == set(places[1])


@pytest.mark.parametrize("filename", [name for name in MACOS if name.startswith(("psycopg2", "pyzmq", "numpy"))])
@pytest.mark.skipif(OBJDUMP is None, reason="llvm-objdump-19 is not installed")
def test_llvm_reads_the_result(filename: str, tmp_path: Path) -> None:
    destination = tmp_path / "edited"
    for path in images(filename, tmp_path):
        apply(path, everything(path, reader.read(path.read_bytes(), path.name)), destination)
        options = ("--macho", "--arch=all", "--bind", "--lazy-bind", "--weak-bind", "--exports-trie", "--chained-fixups", "--indirect-symbols")
        done = subprocess.run([str(OBJDUMP), *options, destination], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert PREFIX in done.stdout


@pytest.mark.parametrize("filename", [name for name in MACOS if name.startswith(("psycopg2", "pyzmq", "numpy", "shapely"))])
def test_apple_platform_verifies_the_result(filename: str, tmp_path: Path) -> None:
    apple = pytest.importorskip("apple_platform")
    destination = tmp_path / "edited"
    for path in images(filename, tmp_path):
        image = apply(path, Edit(rpaths=("@loader_path",)), destination)
        wrong = [item["description"] for item in apple.verify_macho(destination)] if image.signed else []
        assert not [text for text in wrong if "digest" in text]


@pytest.mark.parametrize("filename", [name for name in MACOS if name.startswith(("lxml", "pyzmq", "h5py", "pillow", "psycopg2"))])
def test_stripped_and_renamed(filename: str, tmp_path: Path) -> None:
    destination = tmp_path / "edited"
    for path in images(filename, tmp_path):
        data = path.read_bytes()
        apply(path, Edit(strip=True), destination)
        for before, after in zip(slices(data), slices(destination.read_bytes()), strict=True):
            assert after.exports == before.exports
            assert after.fixups == before.fixups


def test_what_another_wheel_has_cannot_be_passed_on(tmp_path: Path) -> None:
    (filename,) = (name for name in MACOS if name.startswith("opencv") and name.endswith("arm64.whl"))
    path = next(path for path in images(filename, tmp_path) if path.name.startswith("libavformat."))
    (codec,) = (item.name for item in reader.read(path.read_bytes(), path.name).dependencies if "libavcodec." in item.name)
    with pytest.raises(LinkageError, match="re-exported from a library of another wheel"):
        apply(path, Edit(flat=(FlatBinding(dependency=codec, identity=Identity("@rpath/codec.dylib")),)), tmp_path / "edited")
