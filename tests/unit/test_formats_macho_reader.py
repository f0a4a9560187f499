"""The model of a Mach-O file: of one slice, and of several together."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from madeslices import ARM64, BUNDLE, EXECUTE, X86_64, Macho, build_version, code_signature, command, dylib, fat, named

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Arch, Dependency, Format, Identity, Kind, Requirement, Symbol
from nativewheel.formats.macho import reader
from nativewheel.formats.macho.bindopcodes import Bind, encode
from nativewheel.formats.macho.signature import verify
from nativewheel.formats.macho.slices import opened
from nativewheel.formats.macho.trie import Export
from nativewheel.formats.macho.trie import encode as encode_trie

RPATH = 0x8000001C
FIXTURES = Path(__file__).parents[2] / "fixtures" / "wheels"


def dependency(name: str, requirement: Requirement = Requirement.REQUIRED) -> Dependency:
    return Dependency(name=Identity(name), requirement=requirement)


def test_a_library() -> None:
    commands = (
        dylib(0xD, "@rpath/libmade.1.dylib"),
        dylib(0xC, "/usr/lib/libSystem.B.dylib"),
        dylib(0x80000018, "@loader_path/libweak.dylib"),
        dylib(0x8000001F, "@rpath/libreexport.dylib"),
        dylib(0x80000023, "@rpath/libupward.dylib"),
        named(RPATH, "@loader_path"),
        build_version(0xD0000),
    )
    image = reader.read(Macho(commands=commands, signed=True).build(), "libmade.1.dylib")
    assert (image.format, image.archs, image.kind) == (Format.MACHO, (Arch.X86_64,), Kind.LIBRARY)
    assert image.identity == "@rpath/libmade.1.dylib"
    assert image.dependencies == (
        dependency("/usr/lib/libSystem.B.dylib"),
        dependency("@loader_path/libweak.dylib", Requirement.WEAK),
        dependency("@rpath/libreexport.dylib", Requirement.REEXPORT),
        dependency("@rpath/libupward.dylib", Requirement.UPWARD),
    )
    assert (image.rpaths, image.inherited_rpaths) == (("@loader_path",), True)
    assert (image.minimum_os, image.signed, image.libc) == ("13.0", True, None)


def test_an_extension_module_and_a_program() -> None:
    image = reader.read(Macho(cpu=ARM64, filetype=BUNDLE).build(), "_core.so")
    assert (image.kind, image.identity, image.dependencies, image.rpaths) == (Kind.EXTENSION, None, (), ())
    assert (image.inherited_rpaths, image.minimum_os, image.signed) == (False, None, False)
    assert reader.read(Macho(filetype=EXECUTE).build(), "tool").kind is Kind.PROGRAM


def test_a_universal_file_has_what_any_slice_has() -> None:
    one = (dylib(0xC, "a"), dylib(0x80000018, "b"), dylib(0xC, "c"), named(RPATH, "/x"), named(RPATH, "/y"), build_version(0xA0D04))
    two = (dylib(0xC, "d"), dylib(0xC, "b"), dylib(0x80000018, "a"), named(RPATH, "/z"), named(RPATH, "/x"), build_version(0xC0000))
    data = fat((X86_64, Macho(commands=one).build()), (ARM64, Macho(cpu=ARM64, commands=two, signed=True).build()))
    image = reader.read(data, "x.so")
    assert image.archs == (Arch.X86_64, Arch.AARCH64)
    assert image.minimums == ("10.13.4", "12.0")
    assert image.dependencies == (dependency("a"), dependency("b"), dependency("c"), dependency("d"))
    assert image.rpaths == ("/x", "/y", "/z")
    assert (image.minimum_os, image.signed) == ("12.0", True)


def test_a_library_that_a_slice_asks_for_twice_is_as_firm_as_the_firmer() -> None:
    twice = (dylib(0x80000018, "a"), dylib(0xC, "a"), dylib(0x80000018, "b"), dylib(0x80000018, "b"))
    assert reader.read(Macho(commands=twice).build(), "x.so").dependencies == (dependency("a"), dependency("b", Requirement.WEAK))


@pytest.mark.parametrize(
    ("intel", "arm", "minimum"),
    [
        (0xA0900, 0xB0000, "10.9"),
        (0xA0900, 0xB0001, "11.0.1"),
        (0xA0900, 0xC0000, "12.0"),
        (0xD0000, 0xB0000, "13.0"),
        (0xA0D06, 0xB0000, "10.13.6"),
        (None, 0xB0000, "11.0"),
        (0xA0900, None, "10.9"),
        (None, None, None),
    ],
)
def test_the_oldest_macos(intel: int | None, arm: int | None, minimum: str | None) -> None:
    def version(packed: int | None) -> tuple[bytes, ...]:
        return () if packed is None else (build_version(packed),)

    data = fat((ARM64, Macho(cpu=ARM64, commands=version(arm)).build()), (X86_64, Macho(commands=version(intel)).build()))
    image = reader.read(data, "x.so")
    assert image.minimum_os == minimum
    assert [stated is None for stated in image.minimums] == [arm is None, intel is None]


def test_the_11_0_of_an_arm64_file_counts() -> None:
    assert reader.read(Macho(cpu=ARM64, commands=(build_version(0xB0000),)).build(), "x.so").minimum_os == "11.0"


def test_one_slice_with_a_certificate() -> None:
    plain = Macho(commands=(command(0x1D, struct.pack("<II", 0x400, 0)),)).build()
    signature = code_signature(plain, wrapper=b"a CMS message")
    place = struct.pack("<IIII", 0x1D, 16, len(plain), len(signature))
    signed = plain.replace(struct.pack("<IIII", 0x1D, 16, 0x400, 0), place) + signature
    image = reader.read(fat((X86_64, signed), (ARM64, Macho(cpu=ARM64, signed=True).build())), "x.so")
    assert (image.signed, image.certified) == (True, True)
    image = reader.read(Macho(cpu=ARM64, signed=True).build(), "x.so")
    assert (image.signed, image.certified) == (True, False)


def test_slices_with_different_install_names() -> None:
    one, two = Macho(commands=(dylib(0xD, "a"),)), Macho(cpu=ARM64, commands=(dylib(0xD, "b"),))
    with pytest.raises(UnreadableError, match="different install names"):
        reader.read(fat((X86_64, one.build()), (ARM64, two.build())), "x.dylib")


def test_symbols_of_all_slices() -> None:
    one = Macho(commands=(dylib(0xC, "a"),), trie=encode_trie([Export(b"_x", 0, 1)]), bind=encode([Bind(1, b"_malloc", 0, 1, 0, 1, 0)]))
    two = replace(one, cpu=ARM64, trie=encode_trie([Export(b"_x", 0, 2), Export(b"_y", 4, 3)]))
    data = fat((X86_64, one.build()), (ARM64, two.build()))
    assert reader.imports(data) == (Symbol(name="_malloc", library=Identity("a")),)
    assert reader.exports(data) == (Symbol(name="_x"), Symbol(name="_y", weak=True, archs=(Arch.AARCH64,)))


def fixture(wheel: str, end: str) -> bytes:
    with zipfile.ZipFile(FIXTURES / wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith(end))
        return archive.read(member)


CORE = fixture("ntcore-1.2.7-py3-none-macosx_11_0_universal2.whl", ".dylib")
USER = fixture("ntuser-0.4.0-cp38-abi3-macosx_11_0_universal2.whl", ".so")


def test_images_that_linkers_made() -> None:
    core, user = reader.read(CORE, "libntcore.1.dylib"), reader.read(USER, "ntuser.abi3.so")
    assert (core.kind, user.kind) == (Kind.LIBRARY, Kind.EXTENSION)
    assert set(core.archs) == set(user.archs) == {Arch.X86_64, Arch.AARCH64}
    assert (core.minimum_os, user.minimum_os) == ("11.0", "11.0")
    assert core.identity in {item.name for item in user.dependencies}
    offered = {item.name for item in reader.exports(CORE)}
    assert {item.name for item in reader.imports(USER) if item.library == core.identity} <= offered
    assert "_PyInit__ext" in {item.name for item in reader.exports(USER)}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([CORE, USER]), st.data())
def test_damaged_images_are_read_or_refused(whole: bytes, data: st.DataObject) -> None:
    broken = bytearray(whole[: data.draw(st.sampled_from([len(whole), len(whole), len(whole) - 1, 40, 5000]) | st.integers(0, len(whole)))])
    starts = [struct.unpack_from(">5I", whole, 8)[2], struct.unpack_from(">5I", whole, 28)[2]]
    near = st.sampled_from(starts).flatmap(lambda start: st.integers(start, start + 1600)) | st.integers(0, len(whole) - 1)
    numbers = st.sampled_from([0, 1, 7, 8, 16, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]) | st.integers(0, 0xFFFF)
    for place, value in data.draw(st.lists(st.tuples(near, numbers), max_size=3)):
        broken[place : place + 4] = struct.pack("<I", value)[: max(0, len(broken) - place)]
    for read in (lambda it: reader.read(it, "x.so"), reader.imports, reader.exports):
        try:
            read(broken)
        except UnreadableError as error:
            assert error.message  # noqa: PT017  (either outcome is right)
    broken.append(0)  # which a view that is left over would forbid


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([CORE, USER]), st.integers(0, 1 << 16), st.integers(1, 255))
def test_no_change_of_a_page_escapes_the_signature(whole: bytes, place: int, change: int) -> None:
    with opened(whole) as file:
        signed = [(image.fat_offset, image.code_signature.offset) for image in file.slices if image.code_signature]
        states = [verify(image) for image in file.slices]
    assert [state.problem for state in states] == [None, None]
    offset, end = signed[place % len(signed)]
    broken = bytearray(whole)
    broken[offset + 4096 + place % (end - 4096)] ^= change
    with opened(broken) as file:
        assert [verify(image).problem is not None for image in file.slices] == [image.fat_offset == offset for image in file.slices]


def test_commands_without_content() -> None:
    data = Macho(commands=(command(0x80000033, bytes(8)), command(0x80000022, bytes(40)))).build()
    assert (reader.imports(data), reader.exports(data)) == ((), ())
