"""Every DLL that images of published wheels ask for gets another name: what pefile and LIEF read of the results, and the structure of these."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import lief
import pefile
import pesigned
import pytest
from pewheels import LARGEST, WHEELS, images
from realwheels import published

from nativewheel.errors import MachineError
from nativewheel.formats.image import Edit, Identity, Image, Kind
from nativewheel.formats.pe import backend, reader, writer
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.structure import structure_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = 10_000_000
"""pefile sums words one by one, and LIEF takes bytes one by one: larger files take seconds."""
TABLES = ("IMAGE_DIRECTORY_ENTRY_IMPORT", "IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT", "IMAGE_DIRECTORY_ENTRY_EXPORT")


def renamed(name: str, tag: str) -> Identity:
    return Identity(f"{PurePosixPath(name).stem}-{tag}{PurePosixPath(name).suffix}")


def renames(image: Image, tag: str) -> Edit:
    """Rename the image, if others can ask for it, and all that it asks for."""
    identity = renamed(str(image.identity), tag) if image.kind is Kind.LIBRARY else None
    return Edit(identity=identity, replace=tuple((dependency.name, renamed(dependency.name, tag)) for dependency in image.dependencies))


def parsed(data: bytes) -> Any:
    pe = pefile.PE(data=data, fast_load=True)
    pe.parse_data_directories([pefile.DIRECTORY_ENTRY[table] for table in TABLES])
    return pe


def asked(pe: Any) -> list[tuple[str, list[tuple[bytes | None, int]]]]:
    """Return what pefile says that an image asks for: DLLs in lower case, with the names and the ordinals or hints of symbols."""
    tables = [*getattr(pe, "DIRECTORY_ENTRY_IMPORT", ()), *getattr(pe, "DIRECTORY_ENTRY_DELAY_IMPORT", ())]
    return [
        # pefile knows what some ordinals of Windows' DLLs stand for, by the names of these.
        (entry.dll.decode().lower(), [(None, symbol.ordinal) if symbol.import_by_ordinal else (symbol.name, symbol.hint) for symbol in entry.imports])
        for entry in tables
    ]


def offered(pe: Any) -> list[tuple[bytes | None, int, int, bytes | None]]:
    directory = getattr(pe, "DIRECTORY_ENTRY_EXPORT", None)
    symbols = directory.symbols if directory else []
    return [(symbol.name, symbol.ordinal, 0 if symbol.forwarder else symbol.address, symbol.forwarder) for symbol in symbols]


def lief_asked(data: bytes) -> list[str]:
    binary = lief.PE.parse(list(data)) if len(data) < SMALL else None
    assert binary is not None
    return [entry.name.lower() for entry in (*binary.imports, *binary.delay_imports)]


def structure(data: bytes) -> list[str]:
    with opened(data) as pe:
        return list(structure_problems(pe))


def check(before: bytes, after: bytes, names: dict[str, str]) -> None:
    """Compare what pefile and LIEF see before and after the renames ``names`` (lower case)."""
    assert structure(before) == structure(after) == []
    old, new = parsed(before), parsed(after)
    assert asked(new) == [(names[name], symbols) for name, symbols in asked(old)]
    if not any(forwarder for *_, forwarder in offered(old)):
        assert offered(new) == offered(old)
    if len(after) < SMALL:
        assert lief_asked(after) == [names[name] for name in lief_asked(before)]
        assert not old.OPTIONAL_HEADER.CheckSum or new.verify_checksum()
    assert bool(old.OPTIONAL_HEADER.CheckSum) == bool(new.OPTIONAL_HEADER.CheckSum)
    assert not new.OPTIONAL_HEADER.DATA_DIRECTORY[4].VirtualAddress


def twice(folder: Path, name: str, data: bytes, apply: Callable[[Path, Edit, Path], Image] = writer.apply) -> Iterator[tuple[bytes, bytes]]:
    """Rename everything two times; yield each file before and after."""
    for tag in ("1a2b3c4d", "another"):
        source, destination = folder / Path(name).name, folder / "edited"
        source.write_bytes(data)
        image = reader.read(data, source.name)
        edit = renames(image, tag)
        assert [dependency.name for dependency in apply(source, edit, destination).dependencies] == [new for _, new in edit.replace]
        result = destination.read_bytes()
        if image.dependencies:
            check(data, result, {old.lower(): new.lower() for old, new in edit.replace})
        yield data, result
        data = result


@pytest.mark.network
@pytest.mark.parametrize("wheel", WHEELS)
def test_everything_that_published_images_ask_for_is_renamed_twice(wheel: str, tmp_path: Path) -> None:
    count = 0
    for name, data in images(wheel):
        assert len(list(twice(tmp_path, name, data))) == 2
        count += 1
    assert count


@pytest.mark.network
@pytest.mark.parametrize("wheel", ["pyarrow-21.0.0-cp312-cp312-win_amd64.whl", "scipy-1.15.3-cp312-cp312-win_amd64.whl"])
def test_every_image_of_large_wheels_has_a_sound_structure_afterwards(wheel: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(published(wheel)) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith((".dll", ".pyd"))]
        for name in names:
            source, destination = tmp_path / Path(name).name, tmp_path / "edited"
            source.write_bytes(archive.read(name))
            writer.apply(source, renames(reader.read(source.read_bytes(), source.name), "1a2b3c4d"), destination)
            assert structure(destination.read_bytes()) == []
    assert len(names) > LARGEST[wheel.partition("-")[0]]


@pytest.mark.network
@pytest.mark.parametrize("wheel", pesigned.SIGNED)
def test_signed_images_lose_only_their_signature(wheel: str, tmp_path: Path) -> None:
    signed = 0
    for name, data in pesigned.images(wheel):
        (before, after), _ = twice(tmp_path, name, data)
        certified = reader.read(before, "it.dll").certified
        signed += certified
        assert not reader.read(after, "it.dll").certified
        assert (len(after) < len(before)) or not certified
    assert signed


@pytest.mark.network
@pytest.mark.parametrize("wheel", ["shapely-2.1.1-cp312-cp312-win_amd64.whl", "shapely-2.1.1-cp312-cp312-win32.whl"])
def test_the_other_backend_does_the_same(wheel: str, tmp_path: Path) -> None:
    pytest.importorskip("machomachomangler", reason="machomachomangler is not installed")
    for name, data in images(wheel):
        assert len(list(twice(tmp_path, name, data, backend.apply))) == 2


@pytest.mark.network
def test_the_other_backend_takes_signed_files_but_no_symbols_behind_the_sections(tmp_path: Path) -> None:
    pytest.importorskip("machomachomangler", reason="machomachomangler is not installed")
    name, data = next(pesigned.images("tbb-2023.2.0-py3-none-win_amd64.whl"))
    assert len(list(twice(tmp_path, name, data, backend.apply))) == 2
    mingw = next(
        (name, data)
        for name, data in images("numpy-1.26.4-cp312-cp312-win_amd64.whl")
        if "openblas" in name and parsed(data).FILE_HEADER.PointerToSymbolTable
    )
    with pytest.raises(MachineError, match="machomachomangler cannot change the file") as error:
        list(twice(tmp_path, *mingw, backend.apply))
    assert error.value.hint
    assert "--pe-backend nativewheel" in error.value.hint
