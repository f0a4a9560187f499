"""Taking Mach-O files apart: thin and universal ones, odd ones, those for other machines and systems, and hostile ones."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeslices import ARM64, BASE, BUNDLE, X86_64, Macho, build_version, code_signature, command, dylib, fat, named, segment

from nativewheel.errors import ForeignImageError, UnreadableError
from nativewheel.formats.image import Arch, Requirement
from nativewheel.formats.macho.commands import Linkedit
from nativewheel.formats.macho.slices import opened, parse

RPATH = 0x8000001C
COMMANDS = (
    dylib(0xD, "@rpath/libmade.dylib"),
    dylib(0xC, "/usr/lib/libSystem.B.dylib"),
    dylib(0x80000018, "@rpath/libweak.dylib"),
    dylib(0x8000001F, "@rpath/libreexport.dylib"),
    dylib(0x80000023, "@rpath/libupward.dylib"),
    dylib(0x20, "@rpath/liblazy.dylib"),
    named(RPATH, "@loader_path/../lib"),
    named(RPATH, "/opt/lib"),
    command(0x1B, bytes(range(16))),
    build_version(0xD0301),
)
MADE = Macho(commands=COMMANDS, trie=b"\0\0", bind=b"\0", symbols=(bytes(16),), signed=True)


def test_a_thin_file() -> None:
    data = MADE.build()
    file = parse(data)
    (image,) = file.slices
    assert not file.is_fat
    assert (image.arch, image.fat_offset, image.fat_align, bytes(image.data)) == (Arch.X86_64, 0, 0, data)
    assert image.id_dylib == "@rpath/libmade.dylib"
    assert [(item.ordinal, item.name, item.kind) for item in image.dylibs] == [
        (1, "/usr/lib/libSystem.B.dylib", Requirement.REQUIRED),
        (2, "@rpath/libweak.dylib", Requirement.WEAK),
        (3, "@rpath/libreexport.dylib", Requirement.REEXPORT),
        (4, "@rpath/libupward.dylib", Requirement.UPWARD),
        (5, "@rpath/liblazy.dylib", Requirement.DELAYED),
    ]
    assert image.rpaths == ("@loader_path/../lib", "/opt/lib")
    assert image.uuid == bytes(range(16))
    assert image.build is not None
    assert (image.build.platform, image.build.minos, image.build.sdk) == (1, (13, 3, 1), (15, 0, 0))
    assert [(item.name, item.fileoff) for item in image.segments] == [("__TEXT", 0), ("__LINKEDIT", BASE)]
    assert image.dyld_info is not None
    assert image.dyld_info.export == Linkedit(offset=MADE.places["trie"], size=2)
    assert image.symtab is not None
    assert (image.symtab.symoff, image.symtab.nsyms) == (MADE.places["symbols"], 1)
    assert image.dysymtab is None
    assert image.code_signature is not None
    assert image.take(image.code_signature.offset, 4, "it") == b"\xfa\xde\x0c\xc0"
    assert b"".join(item.body for item in image.commands) == data[32 : image.commands_end]
    assert image.header_limit == BASE - 16
    section = image.segments[0].sections[0]
    assert (section.segment, section.name, section.offset, section.size, section.in_file) == ("__TEXT", "__text", BASE - 16, 16, True)


def test_a_universal_file() -> None:
    one, two = replace(MADE, cpu=X86_64).build(), replace(MADE, cpu=ARM64, filetype=BUNDLE).build()
    file = parse(fat((X86_64, one), (ARM64, two)))
    assert file.is_fat
    assert [(image.arch, image.fat_offset, image.fat_align) for image in file.slices] == [(Arch.X86_64, 4096, 12), (Arch.AARCH64, 8192, 12)]
    assert [bytes(image.data) for image in file.slices] == [one, two]


def test_the_views_are_released() -> None:
    data = bytearray(fat((X86_64, MADE.build()), (ARM64, replace(MADE, cpu=ARM64).build())))
    with opened(data) as file:
        assert len(file.slices) == 2
    data.append(0)
    broken = bytearray(MADE.build()[:900])
    with pytest.raises(UnreadableError) as caught, opened(broken):
        pass
    broken.append(0)
    assert caught.value.__traceback__


def test_the_room_for_load_commands_ends_at_the_first_content() -> None:
    data = Macho(commands=(segment("__DATA", 0x1000, 0x40, 0x3C0, (("__bss", 0, 8),)),)).build()
    assert parse(data).slices[0].header_limit == 0, "a section that has bytes at offset 0 leaves none"
    zerofill = data.replace(struct.pack("<8I", 0, 2, 0, 0, 0, 0, 0, 0), struct.pack("<8I", 0, 2, 0, 0, 1, 0, 0, 0), 1)
    assert parse(zerofill).slices[0].header_limit == BASE - 16


def test_flags_of_a_dependency_in_the_command_of_macos_15() -> None:
    def flagged(flags: int) -> bytes:
        return command(0xC, struct.pack("<IIIII", 28, 0x1A741800, 0, 0, flags) + b"libx.dylib\0")

    kinds = [parse(Macho(commands=(flagged(flags),)).build()).slices[0].dylibs[0].kind for flags in (0, 1, 2, 4, 8, 3)]
    required, weak, reexport = Requirement.REQUIRED, Requirement.WEAK, Requirement.REEXPORT
    assert kinds == [required, weak, reexport, Requirement.UPWARD, Requirement.DELAYED, reexport]


def test_the_system_is_macos_or_not_stated() -> None:
    assert parse(Macho().build()).slices[0].build is None
    (old,) = parse(Macho(commands=(command(0x24, struct.pack("<II", 0xA0900, 0xA0F00)),)).build()).slices
    assert old.build is not None
    assert (old.build.platform, old.build.minos, old.build.sdk) == (1, (10, 9, 0), (10, 15, 0))
    (zippered,) = parse(Macho(commands=(build_version(0xE0000, platform=6), build_version(0xB0000))).build()).slices
    assert zippered.build is not None
    assert zippered.build.minos == (11, 0, 0)
    for commands, system in (((build_version(0xE0000, platform=2),), "iOS"), ((command(0x25, bytes(8)),), "iOS"), ((build_version(0, 99),), "99")):
        with pytest.raises(ForeignImageError, match=system):
            parse(Macho(commands=commands).build())


@pytest.mark.parametrize(
    ("cpu", "name"),
    [
        ((0x0100000C, 0x80000002), "arm64e"),
        ((0x01000007, 8), "Haswell"),
        ((0x0200000C, 1), "arm64_32"),
        ((0x0100000C, 7), "arm64"),
        ((99, 0), "0x63"),
    ],
)
def test_other_machines(cpu: tuple[int, int], name: str) -> None:
    with pytest.raises(ForeignImageError, match=name):
        parse(Macho(cpu=cpu).build())


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (struct.pack("<7I", 0xFEEDFACE, 7, 3, 6, 0, 0, 0), "i386"),
        (struct.pack("<7I", 0xFEEDFACE, 12, 9, 6, 0, 0, 0), "32-bit ARM"),
        (struct.pack(">7I", 0xFEEDFACE, 18, 0, 6, 0, 0, 0), "PowerPC"),
        (struct.pack(">7I", 0xFEEDFACF, 0x01000012, 0, 6, 0, 0, 0), "64-bit PowerPC"),
    ],
)
def test_machines_of_the_past(header: bytes, name: str) -> None:
    with pytest.raises(ForeignImageError, match=name):
        parse(header + bytes(16))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_container_that_does_not_go_with_the_machine(order: str) -> None:
    with pytest.raises(UnreadableError, match="32-bit or big-endian"):
        parse(struct.pack(f"{order}8I", 0xFEEDFACE if order == "<" else 0xFEEDFACF, *X86_64, 6, 0, 0, 0, 0))


def test_universal_files_of_which_some_slices_are_for_other_machines() -> None:
    arm64e, i386 = (0x0100000C, 2), (7, 3)
    old = struct.pack("<7I", 0xFEEDFACE, *i386, 6, 0, 0, 0) + bytes(4)
    with pytest.raises(UnreadableError, match="arm64e") as caught:
        parse(fat((X86_64, MADE.build()), (arm64e, replace(MADE, cpu=arm64e).build())))
    assert not isinstance(caught.value, ForeignImageError), "nobody may take it for a file that does not matter"
    with pytest.raises(ForeignImageError, match="i386"):
        parse(fat((i386, old)))
    with pytest.raises(ForeignImageError, match="static library"):
        parse(fat((X86_64, b"!<arch>\n" + bytes(60)), (ARM64, b"!<arch>\n" + bytes(60))))
    with pytest.raises(ForeignImageError, match="filetype 10"):
        parse(fat((X86_64, replace(MADE, filetype=10).build())))


def test_universal_files_that_are_refused() -> None:
    data = MADE.build()
    with pytest.raises(UnreadableError, match="64-bit offsets") as caught:
        parse(fat((X86_64, data), magic=0xCAFEBABF))
    assert caught.value.hint
    with pytest.raises(UnreadableError, match="another machine"):
        parse(fat((ARM64, data)))
    with pytest.raises(UnreadableError, match="same machine"):
        parse(fat((X86_64, data), (X86_64, data)))
    for place, value in ((16, 0), (16, 4097), (20, 1 << 31), (24, 16)):
        broken = bytearray(fat((X86_64, data)))
        struct.pack_into(">I", broken, place, value)
        with pytest.raises(UnreadableError, match="outside the file, overlaps another one or is not aligned"):
            parse(broken)
    overlapping = bytearray(fat((X86_64, data), (ARM64, replace(MADE, cpu=ARM64).build())))
    struct.pack_into(">I", overlapping, 28 + 8, 4096)
    with pytest.raises(UnreadableError, match="overlaps"):
        parse(overlapping)
    with pytest.raises(UnreadableError, match="1000 slices"):
        parse(struct.pack(">II", 0xCAFEBABE, 1000) + bytes(100))
    with pytest.raises(UnreadableError, match=r"→ load command"):
        parse(fat((X86_64, data[:36] + bytes(4) + data[40:])))


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ((dylib(0xC, "libx.dylib")[:8] + struct.pack("<I", 99) + bytes(28),), "outside it or does not end"),
        ((dylib(0xC, "libx.dylib")[:8] + struct.pack("<I", 4) + bytes(28),), "outside it or does not end"),
        ((struct.pack("<IIIIII", 0xC, 24, 24, 0, 0, 0),), "outside it or does not end"),
        ((struct.pack("<IIIIII", 0xC, 24, 0xFFFFFFFF, 0, 0, 0),), "outside it or does not end"),
        ((command(0xC, bytes(8)),), "16 bytes, not 24"),
        ((struct.pack("<II", 0x99, 4),), "a load command of 4 bytes"),
        ((struct.pack("<II", 0x99, 0),), "a load command of 0 bytes"),
        ((struct.pack("<II", 0x99, 0x10000),), "a load command of 65536 bytes"),
        ((command(0x19, bytes(8)),), "ends inside its fields"),
        ((command(0x19, bytes(56) + struct.pack("<II", 1 << 30, 0)),), "sections do not fit"),
        ((segment("__DATA", 0, 0x10000, 0x400),), "shorter than its segment __DATA"),
        ((segment("__DATA", 1 << 63, 1 << 63, 1 << 63),), "shorter than its segment __DATA"),
    ],
)
def test_load_commands_that_are_refused(commands: tuple[bytes, ...], message: str) -> None:
    with pytest.raises(UnreadableError, match=message) as caught:
        parse(Macho(commands=commands).build())
    assert caught.value.where


def test_commands_that_may_be_there_once() -> None:
    (image,) = parse(Macho(commands=(dylib(0xD, "a"), dylib(0xD, "b"), command(0x1B, b"short"))).build()).slices
    with pytest.raises(UnreadableError, match="there twice"):
        _ = image.id_dylib
    with pytest.raises(UnreadableError, match="LC_UUID"):
        _ = image.uuid


def test_names_that_are_not_utf_8_match_nothing() -> None:
    data = Macho(commands=(dylib(0xC, "libx.dylib"),)).build().replace(b"libx", b"lib\xff")
    assert parse(data).slices[0].dylibs[0].name == "lib\\xff.dylib"


@pytest.mark.parametrize("data", [b"", b"\xcf\xfa\xed\xfe", bytes(100), b"\xca\xfe\xba\xbe" + bytes(50)])
def test_no_mach_o(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        parse(data)


def test_a_count_that_does_not_go_with_the_size() -> None:
    data = bytearray(MADE.build())
    struct.pack_into("<I", data, 16, 2)
    with pytest.raises(UnreadableError, match="belong to none"):
        parse(data)
    struct.pack_into("<I", data, 16, 0xFFFFFFFF)
    with pytest.raises(UnreadableError, match="a load command of"):
        parse(data)
    struct.pack_into("<I", data, 20, 0x7FFFFFFF)
    with pytest.raises(UnreadableError, match="past the end of the image"):
        parse(data)


UNIVERSAL = fat((X86_64, MADE.build()), (ARM64, replace(MADE, cpu=ARM64).build()))


@given(st.sampled_from([MADE.build(), UNIVERSAL]), st.data())
def test_damaged_files_are_read_or_refused(whole: bytes, data: st.DataObject) -> None:
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    places = st.integers(0, max(0, len(broken) - 4))
    for place, value in data.draw(st.lists(st.tuples(places, st.sampled_from([0, 1, 7, 8, 24, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF])), max_size=4)):
        broken[place : place + 4] = struct.pack("<I", value)[: len(broken) - place]
    try:
        with opened(broken) as file:
            for image in file.slices:
                _ = image.id_dylib, image.rpaths, image.uuid, image.symtab, image.dysymtab, image.dyld_info, image.header_limit
    except UnreadableError as error:
        assert error.message  # noqa: PT017  (either outcome is right)


def test_the_builder_signs_what_it_builds() -> None:
    assert MADE.build().endswith(code_signature(MADE.build()[: MADE.build().rindex(b"\xfa\xde\x0c\xc0")]))
