"""The functions that find the format themselves: what is supported, what is refused, and that files can be closed afterwards."""

from __future__ import annotations

import mmap
import zipfile
from pathlib import Path

import pytest

from nativewheel import formats
from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.image import Arch, Edit, Format, Identity, Kind, Libc

WHEELS = Path(__file__).parents[2] / "fixtures" / "wheels"


def member(wheel: str, name: str) -> bytes:
    with zipfile.ZipFile(WHEELS / wheel) as archive:
        return archive.read(name)


def extension() -> bytes:
    return member("ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl", "ntvendor/_vend.abi3.so")


def test_pe_is_read_and_changed(tmp_path: Path) -> None:
    data = member("ntuser-0.4.0-cp38-abi3-win_amd64.whl", "ntuser/_ext.pyd")
    image = formats.read(data, "_ext.pyd")
    assert (image.format, image.archs, image.identity, image.kind) == (Format.PE, (Arch.X86_64,), "_ext.pyd", Kind.EXTENSION)
    assert "nt_add" in {symbol.name for symbol in formats.imports(data) if symbol.library == "ntcore.dll"}
    assert {symbol.name for symbol in formats.exports(data)} == {"PyInit__ext"}
    (tmp_path / "_ext.pyd").write_bytes(data)
    edit = Edit(replace=((Identity("NTCORE.dll"), Identity("nw_ntcore__ntcore.dll")),))
    edited = formats.apply(tmp_path / "_ext.pyd", edit, tmp_path / "out")
    assert "nw_ntcore__ntcore.dll" in {dependency.name for dependency in edited.dependencies}
    with pytest.raises(UnreadableError, match="DLLs have no link stubs"):
        formats.link_stub(data, identity=Identity("x"))


def test_mach_o_is_read_and_changed(tmp_path: Path) -> None:
    data = member("ntcore-1.2.7-py3-none-macosx_11_0_arm64.whl", "ntcore/lib/libntcore.dylib")
    image = formats.read(data, "libntcore.dylib")
    assert (image.format, image.archs, image.identity, image.minimum_os) == (Format.MACHO, (Arch.AARCH64,), "@rpath/libntcore.dylib", "11.0")
    assert "_nt_add" in {symbol.name for symbol in formats.exports(data)}
    assert "_nt_add" not in {symbol.name for symbol in formats.imports(data)}
    (tmp_path / "in").write_bytes(data)
    edited = formats.apply(tmp_path / "in", Edit(identity=Identity("@rpath/liba.dylib")), tmp_path / "out")
    assert edited.identity == "@rpath/liba.dylib"
    assert formats.read((tmp_path / "out").read_bytes(), "libntcore.dylib") == edited
    with pytest.raises(UnreadableError, match="anchors are for libraries of Linux"):
        formats.anchor(data, Identity("x"))


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not a native image"):
        formats.read(b"", "empty.so")
    with pytest.raises(MachineError, match="cannot read"):
        formats.apply(tmp_path / "absent.so", Edit(), tmp_path / "out")


def test_a_memory_map_is_read_like_bytes_and_can_be_closed(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(extension())
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert formats.read(data, "_vend.abi3.so") == formats.read(extension(), "_vend.abi3.so")
        assert formats.imports(data) == formats.imports(memoryview(extension()))
        data.close()


def test_a_memory_map_can_be_closed_while_the_error_is_alive(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(extension()[:1000])
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with pytest.raises(UnreadableError) as caught:
            formats.read(data, "_vend.abi3.so")
        data.close()
    assert caught.value.where == ("segment at address 0x0",)


@pytest.mark.parametrize(
    ("wheel", "name", "arch", "kind", "libc"),
    [
        ("ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl", "ntvendor/_vend.abi3.so", Arch.X86_64, Kind.EXTENSION, Libc.GLIBC),
        ("ntvendor-0.1.0-cp38-abi3-linux_aarch64.whl", "ntvendor/_vend.abi3.so", Arch.AARCH64, Kind.EXTENSION, Libc.GLIBC),
        ("ntvendor-0.1.0-cp38-abi3-linux_armv7l.whl", "ntvendor/_vend.abi3.so", Arch.ARMV7L, Kind.EXTENSION, Libc.GLIBC),
        ("ntvendor-0.1.0-cp38-abi3-linux_i686.whl", "ntvendor/_vend.abi3.so", Arch.I686, Kind.EXTENSION, Libc.GLIBC),
        ("ntcore-1.2.7-py3-none-linux_x86_64.whl", "ntcore/lib/libntcore.so.1", Arch.X86_64, Kind.LIBRARY, Libc.GLIBC),
        ("ntcore-1.2.7-cp311-cp311-linux_x86_64.whl", "ntcore/lib/libntcore.so.1", Arch.X86_64, Kind.LIBRARY, Libc.MUSL),
    ],
)
def test_images_of_the_fixtures(wheel: str, name: str, arch: Arch, kind: Kind, libc: Libc) -> None:
    image = formats.read(member(wheel, name), name.rpartition("/")[2])
    assert (image.archs, image.kind, image.libc) == ((arch,), kind, libc)


def test_the_program_that_writes_is_named_with_its_version() -> None:
    for found, name in ((Format.ELF, "patchelf"), (Format.MACHO, "nativewheel/macho"), (Format.PE, "nativewheel/pe")):
        program, _, version = formats.writer_version(found).partition(" ")
        assert program == name
        assert version[0].isdigit()
