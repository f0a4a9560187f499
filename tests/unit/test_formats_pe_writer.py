"""Edits of small PE images that are put together byte by byte, read back with pefile."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pefile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from madepe import AMD64, ARM64, BASE, I386, OFFSET, Pe, load_config

from nativewheel.errors import LinkageError, MachineError, UnreadableError
from nativewheel.formats.image import Edit, FlatBinding, Identity, Image, Requirement
from nativewheel.formats.pe import reader
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.imports import read_imports
from nativewheel.formats.pe.loadconfig import read_loadconfig
from nativewheel.formats.pe.structure import structure_problems
from nativewheel.formats.pe.writer import apply

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = (("one.dll", ("a", 7)), ("KERNEL32.dll", ("Sleep",)))
DELAYED = (("late.dll", ("b",)),)
LONG = Identity("nw_one__with-a-name-that-is-longer.dll")
HEADER, OPTIONAL = 0x80, 0x80 + 24
DLL_CHARACTERISTICS, CHECKSUM = OPTIONAL + 70, OPTIONAL + 64
FORCE_INTEGRITY, DEBUG, BOUND_IMPORT, SECURITY = 0x80, 6, 11, 4


def renames(*pairs: tuple[str, str], identity: str | None = None) -> Edit:
    return Edit(replace=tuple((Identity(old), Identity(new)) for old, new in pairs), identity=Identity(identity) if identity else None)


def edit(folder: Path, data: bytes, change: Edit, name: str = "made.dll") -> tuple[Image, bytes]:
    source, destination = folder / name, folder / "edited"
    source.write_bytes(data)
    image = apply(source, change, destination)
    assert source.read_bytes() == data
    result = destination.read_bytes()
    assert destination.stat().st_mode & 0o777 == 0o755
    with opened(data) as before, opened(result) as after:
        assert set(structure_problems(after)) <= set(structure_problems(before))
    assert image == reader.read(result, name)
    return image, result


def parsed(data: bytes) -> Any:
    return pefile.PE(data=data)


def imported(data: bytes) -> list[tuple[str, list[str | int]]]:
    pe = parsed(data)
    tables = [*getattr(pe, "DIRECTORY_ENTRY_IMPORT", ()), *getattr(pe, "DIRECTORY_ENTRY_DELAY_IMPORT", ())]
    return [(entry.dll.decode(), [symbol.name.decode() if symbol.name else symbol.ordinal for symbol in entry.imports]) for entry in tables]


def forwarders(data: bytes) -> list[str | None]:
    symbols = sorted(parsed(data).DIRECTORY_ENTRY_EXPORT.symbols, key=lambda symbol: symbol.ordinal)
    return [symbol.forwarder.decode() if symbol.forwarder else None for symbol in symbols]


def patched(data: bytes, offset: int, content: bytes) -> bytes:
    return data[:offset] + content + data[offset + len(content) :]


def flush(made: Pe) -> bytes:
    """Build an image whose section headers end where the content of the first section begins in the file."""
    data = made.build()
    with opened(data) as pe:
        end = pe.section_table + 40
        header = pe.section_table
    start = 0x200 - (end - HEADER)
    moved = patched(data[:HEADER].ljust(start, b"\0") + data[HEADER:end], 60, start.to_bytes(4, "little"))
    moved = patched(moved, start + 24 + 60, (0x200).to_bytes(4, "little"))
    moved = patched(moved, header + start - HEADER + 20, (0x200).to_bytes(4, "little"))
    assert len(moved) == 0x200
    return moved + data[OFFSET:]


@pytest.mark.parametrize("machine", [I386, AMD64, ARM64])
@pytest.mark.parametrize("name", ["one.dll", "x.dll", "longer-1a2b3c4d.dll"])
@pytest.mark.parametrize("virtual_size", [None, 0x1000])
def test_imports_are_renamed_in_their_place_in_slack_and_in_a_new_section(tmp_path: Path, machine: int, name: str, virtual_size: int | None) -> None:
    data = Pe(machine=machine, imports=IMPORTS, delay_imports=DELAYED, virtual_size=virtual_size).build()
    image, result = edit(tmp_path, data, renames(("ONE.DLL", name), ("Late.dll", "later-1a2b3c4d.dll"), ("absent.dll", "other.dll")))
    assert imported(result) == [(name, ["a", 7]), ("KERNEL32.dll", ["Sleep"]), ("later-1a2b3c4d.dll", ["b"])]
    assert [dependency.requirement for dependency in image.dependencies] == [Requirement.REQUIRED, Requirement.REQUIRED, Requirement.DELAYED]
    assert len(parsed(result).sections) == (1 if virtual_size is None else 2)
    assert (len(result) == len(data)) == (virtual_size is None)


def test_delay_imports_with_virtual_addresses(tmp_path: Path) -> None:
    data = Pe(machine=I386, delay_imports=DELAYED, virtual_delays=True, virtual_size=0x1000).build()
    _, result = edit(tmp_path, data, renames(("late.dll", LONG)))
    with opened(result) as pe:
        (directory,) = (entry for number, entry in enumerate(pe.directories) if number == 13)
        pointer = int.from_bytes(pe.take(directory.address + 4, 4, "it"), "little")
        assert pe.string(pointer - BASE, 100, "it") == LONG.encode()


def test_a_new_section_is_where_loaders_want_it(tmp_path: Path) -> None:
    _, result = edit(tmp_path, Pe(imports=IMPORTS, virtual_size=0x1000).build(), renames(("one.dll", LONG)))
    pe = parsed(result)
    old, new = pe.sections
    assert (new.Name, new.VirtualAddress, new.PointerToRawData, new.SizeOfRawData) == (b".nwnames", 0x2000, OFFSET + old.SizeOfRawData, 0x200)
    assert new.Characteristics == 0x40000040
    assert pe.OPTIONAL_HEADER.SizeOfImage == 0x3000
    assert pe.OPTIONAL_HEADER.SizeOfInitializedData == old.SizeOfRawData + 0x200
    assert pe.OPTIONAL_HEADER.SizeOfHeaders == OFFSET
    assert len(result) == new.PointerToRawData + new.SizeOfRawData


@pytest.mark.parametrize("machine", [I386, AMD64])
def test_headers_without_room_grow(tmp_path: Path, machine: int) -> None:
    made = Pe(machine=machine, imports=IMPORTS, virtual_size=0x1000)
    data = flush(made)
    assert imported(data) == imported(made.build())
    _, result = edit(tmp_path, data, renames(("one.dll", LONG)))
    assert imported(result) == [(LONG, ["a", 7]), ("KERNEL32.dll", ["Sleep"])]
    pe = parsed(result)
    assert pe.OPTIONAL_HEADER.SizeOfHeaders == 0x400
    assert pe.sections[0].PointerToRawData == 0x400
    assert result[0x400 : 0x400 + 0x200] == patched_names(data[0x200:0x400], result[0x400:0x600])


def patched_names(old: bytes, new: bytes) -> bytes:
    """Return the old content with the one pointer to a name that may differ."""
    places = [place for place in range(len(old)) if old[place] != new[place]]
    assert places
    assert places[-1] - places[0] < 4
    return patched(old, places[0], new[places[0] : places[-1] + 1])


def test_something_behind_the_section_headers_is_not_overwritten(tmp_path: Path) -> None:
    data = Pe(imports=IMPORTS, virtual_size=0x1000).build()
    with opened(data) as pe:
        place = pe.section_table + 40 + 8
    with pytest.raises(LinkageError, match="something behind the section headers"):
        edit(tmp_path, patched(data, place, b"!"), renames(("one.dll", LONG)))
    assert not (tmp_path / "edited").exists()


def test_slack_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    data = Pe(imports=IMPORTS).build()
    data = data[:-1] + b"!"
    _, result = edit(tmp_path, data, renames(("one.dll", LONG)))
    assert len(parsed(result).sections) == 2
    assert result[len(data) - 1] == ord("!")


def test_a_string_at_the_end_of_a_section_keeps_its_end(tmp_path: Path) -> None:
    made = Pe(imports=IMPORTS, exports=(("a", None),), export_name="last.dll")
    with opened(made.build()) as pe:
        (section,) = pe.sections
    data = Pe(imports=IMPORTS, exports=made.exports, export_name="last.dll", virtual_size=section.virtual_size - 1).build()
    assert data[OFFSET + section.virtual_size - 2 :].startswith(b"l\0")
    _, result = edit(tmp_path, data, renames(("one.dll", LONG)))
    assert parsed(result).DIRECTORY_ENTRY_EXPORT.name == b"last.dll"
    assert len(parsed(result).sections) == 1


@pytest.mark.parametrize(("offset", "value"), [(32, 0x1001), (36, 0x300), (36, 0), (36, 1 << 17)])
def test_alignments_that_no_loader_takes(tmp_path: Path, offset: int, value: int) -> None:
    data = patched(Pe(imports=IMPORTS, virtual_size=0x1000).build(), OPTIONAL + offset, value.to_bytes(4, "little"))
    with pytest.raises(LinkageError, match="no room for another section"):
        edit(tmp_path, data, renames(("one.dll", LONG)))


@pytest.mark.parametrize("flags", [0x60000020, 0x42000040, 0x50000040, 0x40000020, 0x00000040])
def test_sections_that_are_not_for_names(tmp_path: Path, flags: int) -> None:
    data = Pe(imports=IMPORTS).build()
    with opened(data) as pe:
        data = patched(data, pe.section_table + 36, flags.to_bytes(4, "little"))
    _, result = edit(tmp_path, data, renames(("one.dll", LONG)))
    assert len(parsed(result).sections) == 2


def test_resources_keep_their_section_to_themselves(tmp_path: Path) -> None:
    _, result = edit(tmp_path, Pe(imports=IMPORTS, resources=bytes(16)).build(), renames(("one.dll", LONG)))
    assert len(parsed(result).sections) == 2


def test_a_name_that_shares_the_end_of_another_is_not_overwritten(tmp_path: Path) -> None:
    data = Pe(imports=(("libone.dll", ("a",)), ("one.dll", ("b",)))).build()
    with opened(data) as pe:
        first, second = read_imports(pe)
        data = patched(data, pe.offset(second.name_field, 4, "it"), (first.name_address + 3).to_bytes(4, "little"))
    assert [name for name, _ in imported(data)] == ["libone.dll", "one.dll"]
    _, result = edit(tmp_path, data, renames(("one.dll", "two.dll")))
    assert [name for name, _ in imported(result)] == ["libone.dll", "two.dll"]


def test_descriptors_of_one_name_are_all_renamed(tmp_path: Path) -> None:
    data = Pe(imports=(("one.dll", ("a",)), ("ONE.dll", ("b",)), ("two.dll", ("c",)))).build()
    _, result = edit(tmp_path, data, renames(("one.dll", LONG), ("two.dll", LONG)))
    assert imported(result) == [(LONG, ["a"]), (LONG, ["b"]), (LONG, ["c"])]
    assert result.count(LONG.encode()) == 1


def test_names_without_a_suffix_are_those_of_dlls(tmp_path: Path) -> None:
    data = Pe(imports=(("One", ("a",)), ("two.drv", ("b",)), ("three", ("c",))), exports=(("f", "three.f"),)).build()
    _, result = edit(tmp_path, data, renames(("one.dll", LONG), ("two", "wrong.dll"), ("THREE", "x.dll")))
    assert imported(result) == [(LONG, ["a"]), ("two.drv", ["b"]), ("x.dll", ["c"])]
    assert forwarders(result) == ["x.f"]


def test_addresses_that_the_format_has_no_room_for(tmp_path: Path) -> None:
    data = Pe(delay_imports=DELAYED, virtual_delays=True).build()
    assert reader.read(data, "made.dll").dependencies
    with opened(data) as pe:
        base, entry = pe.optional_header + 24, pe.directories[13].address
        field = pe.offset(entry + 4, 4, "it")
        name = int.from_bytes(pe.take(entry + 4, 4, "it"), "little") - BASE
    high = 0xFFFFFFFF - name
    moved = patched(patched(data, base, high.to_bytes(8, "little")), field, b"\xff\xff\xff\xff")
    with pytest.raises(LinkageError, match="larger than the format"):
        edit(tmp_path, moved, renames(("late.dll", LONG)))


FORWARDING: tuple[tuple[str | None, str | None], ...] = (("a", "one.a"), ("b", None), ("c", "one.#12"), (None, "other.x"), ("d", "ONE.dll.d"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("two.dll", ["two.a", None, "two.#12", "other.x", "two.d"]),
        ("o.dll", ["o.a", None, "o.#12", "other.x", "o.d"]),
        (LONG, [f"{LONG[:-4]}.a", None, f"{LONG[:-4]}.#12", "other.x", f"{LONG[:-4]}.d"]),
        ("a.b.dll", ["a.b.dll.a", None, "a.b.dll.#12", "other.x", "a.b.dll.d"]),
        ("one.pyd", ["one.pyd.a", None, "one.pyd.#12", "other.x", "one.pyd.d"]),
    ],
)
@pytest.mark.parametrize("virtual_size", [None, 0x1000])
def test_forwarders_are_renamed_and_stay_inside_the_export_directory(
    tmp_path: Path, name: str, expected: list[str | None], virtual_size: int | None
) -> None:
    data = Pe(exports=FORWARDING, base=5, virtual_size=virtual_size).build()
    _, result = edit(tmp_path, data, renames(("one.dll", name), identity="made-1a2b3c4d.dll"))
    assert forwarders(result) == expected
    before, after = parsed(data).DIRECTORY_ENTRY_EXPORT, parsed(result).DIRECTORY_ENTRY_EXPORT
    assert [(symbol.name, symbol.ordinal) for symbol in after.symbols] == [(symbol.name, symbol.ordinal) for symbol in before.symbols]
    assert after.symbols[1].address == before.symbols[1].address


def test_an_image_that_forwards_to_itself_follows_its_new_name(tmp_path: Path) -> None:
    data = Pe(exports=(("a", "made.b"), ("b", None))).build()
    image, result = edit(tmp_path, data, renames(identity="other-1a2b3c4d.dll"))
    assert forwarders(result) == ["other-1a2b3c4d.b", None]
    assert [dependency.name for dependency in image.dependencies] == ["other-1a2b3c4d.dll"]


@pytest.mark.parametrize("exports", [((("a", None)),), FORWARDING])
@pytest.mark.parametrize("name", ["x.dll", "made-with-a-name-that-is-longer.dll"])
def test_the_name_inside_the_image(tmp_path: Path, name: str, exports: tuple[tuple[str | None, str | None], ...]) -> None:
    _, result = edit(tmp_path, Pe(exports=exports).build(), renames(("one.dll", LONG), identity=name))
    assert parsed(result).DIRECTORY_ENTRY_EXPORT.name == name.encode()


def test_the_name_inside_the_image_is_not_worth_a_section_or_a_signature(tmp_path: Path) -> None:
    for made in (
        Pe(exports=(("a", None),), virtual_size=0x1000),
        Pe(exports=(("a", None),), certificate=b"signed!!"),
        Pe(imports=IMPORTS),
    ):
        data = made.build()
        assert edit(tmp_path, data, renames(identity="made-1a2b3c4d.dll"))[1] == data


def test_a_certificate_is_cut_off(tmp_path: Path) -> None:
    made = Pe(imports=IMPORTS, certificate=b"certificate table")
    image, result = edit(tmp_path, made.build(), renames(("one.dll", LONG)))
    assert reader.read(made.build(), "made.dll").certified
    assert not image.certified
    assert len(result) == len(made.build()) - len(made.certificate)
    assert parsed(result).OPTIONAL_HEADER.DATA_DIRECTORY[SECURITY].VirtualAddress == 0


def test_a_certificate_with_something_behind_it_stays_as_dead_bytes(tmp_path: Path) -> None:
    data = Pe(imports=IMPORTS, certificate=b"certificate table").build() + b"more"
    image, result = edit(tmp_path, data, renames(("one.dll", LONG)))
    assert not image.certified
    assert result.endswith(b"certificate tablemore")


def test_nothing_is_done_for_names_that_are_not_there(tmp_path: Path) -> None:
    data = Pe(imports=IMPORTS, certificate=b"certificate table").build()
    assert edit(tmp_path, data, renames(("absent.dll", LONG), ("one.dll", "one.dll")))[1] == data
    assert edit(tmp_path, data, Edit(rpaths=(), strip=True))[1] == data


def test_an_image_that_must_stay_signed_is_refused(tmp_path: Path) -> None:
    data = patched(Pe(imports=IMPORTS, exports=(("a", None),)).build(), DLL_CHARACTERISTICS, (0x160 | FORCE_INTEGRITY).to_bytes(2, "little"))
    with pytest.raises(LinkageError, match="/INTEGRITYCHECK") as error:
        edit(tmp_path, data, renames(("one.dll", LONG)))
    assert error.value.hint
    assert edit(tmp_path, data, renames(identity="x.dll"))[1] == data


def test_checksums_are_right_where_there_were_any(tmp_path: Path) -> None:
    data = Pe(imports=IMPORTS).build()
    assert parsed(edit(tmp_path, data, renames(("one.dll", LONG)))[1]).OPTIONAL_HEADER.CheckSum == 0
    _, result = edit(tmp_path, patched(data, CHECKSUM, b"\1\2\3\4") + b"odd", renames(("one.dll", LONG)))
    assert parsed(result).verify_checksum()


def test_flags_of_the_search_are_cleared(tmp_path: Path) -> None:
    for machine in (I386, AMD64):
        data = Pe(machine=machine, imports=IMPORTS, load_config=load_config(plus=machine == AMD64, dependent_load_flags=0x800)).build()
        _, result = edit(tmp_path, data, renames(("one.dll", LONG)))
        assert parsed(data).DIRECTORY_ENTRY_LOAD_CONFIG.struct.Size == parsed(result).DIRECTORY_ENTRY_LOAD_CONFIG.struct.Size
        with opened(result) as pe:
            configuration = read_loadconfig(pe)
            assert configuration is not None
            assert configuration.dependent_load_flags == 0


def bound(data: bytes, *, in_headers: bool = True, stamp: int = 0xFFFFFFFF) -> bytes:
    """Bind an image as bind.exe does: a time in each descriptor, and a directory behind the section headers."""
    with opened(data) as pe:
        for descriptor in read_imports(pe):
            data = patched(data, pe.offset(descriptor.address + 4, 8, "it"), struct.pack("<II", stamp, 0xFFFFFFFF))
        entry, place = pe.directories[BOUND_IMPORT].entry, pe.section_table + 40
    if not in_headers:
        return data
    content = struct.pack("<IHH", 0x5F000000, 16, 0) + bytes(8) + b"one.dll\0"
    return patched(patched(data, entry, struct.pack("<II", place, len(content))), place, content)


@pytest.mark.parametrize("virtual_size", [None, 0x1000])
@pytest.mark.parametrize("in_headers", [True, False])
def test_bound_imports_are_unbound(tmp_path: Path, virtual_size: int | None, in_headers: bool) -> None:  # noqa: FBT001
    data = bound(Pe(imports=IMPORTS, virtual_size=virtual_size).build(), in_headers=in_headers, stamp=0xFFFFFFFF if in_headers else 0x5F000000)
    _, result = edit(tmp_path, data, renames(("one.dll", LONG)))
    pe = parsed(result)
    assert imported(result) == [(LONG, ["a", 7]), ("KERNEL32.dll", ["Sleep"])]
    assert [(entry.struct.TimeDateStamp, entry.struct.ForwarderChain) for entry in pe.DIRECTORY_ENTRY_IMPORT] == [(0, 0)] * 2
    assert pe.OPTIONAL_HEADER.DATA_DIRECTORY[BOUND_IMPORT].VirtualAddress == 0


def test_bound_imports_without_the_names_of_symbols_are_refused(tmp_path: Path) -> None:
    data = bound(Pe(imports=IMPORTS, only_thunks=True).build())
    with pytest.raises(LinkageError, match="bound to addresses"):
        edit(tmp_path, data, renames(("one.dll", LONG)))


def test_images_of_linkers_that_write_only_thunks(tmp_path: Path) -> None:
    _, result = edit(tmp_path, Pe(imports=IMPORTS, only_thunks=True).build(), renames(("one.dll", LONG)))
    assert imported(result) == [(LONG, ["a", 7]), ("KERNEL32.dll", ["Sleep"])]


def with_symbols(data: bytes) -> bytes:
    """Add COFF symbols and their strings as mingw does."""
    symbols = b"".join(struct.pack("<8sIhHBB", name, 0, 1, 0, 2, 0) for name in (b"first", b"second"))
    return patched(data, HEADER + 4 + 8, struct.pack("<II", len(data), 2)) + symbols + struct.pack("<I", 10) + b"long.\0"


@pytest.mark.parametrize("characteristics", [0x2022, 0x22])
def test_symbols_move_with_the_file(tmp_path: Path, characteristics: int) -> None:
    data = with_symbols(Pe(imports=IMPORTS, virtual_size=0x1000, characteristics=characteristics).build())
    _, result = edit(tmp_path, data, renames(("one.dll", LONG)))
    place = parsed(result).FILE_HEADER.PointerToSymbolTable
    assert result[place:] == data[parsed(data).FILE_HEADER.PointerToSymbolTable :]
    assert place == parsed(data).FILE_HEADER.PointerToSymbolTable + 0x200


def test_unknown_data_behind_a_library_are_kept(tmp_path: Path) -> None:
    for virtual_size in (None, 0x1000):
        data = Pe(imports=IMPORTS, virtual_size=virtual_size, overlay=b"my own data").build()
        assert edit(tmp_path, data, renames(("one.dll", LONG)))[1].endswith(b"my own data")


def test_programs_with_unknown_data_behind_them_are_refused(tmp_path: Path) -> None:
    data = Pe(imports=IMPORTS, characteristics=0x22, overlay=b"installer").build()
    with pytest.raises(LinkageError, match="installers"):
        edit(tmp_path, data, renames(("one.dll", LONG)), "setup.exe")
    padded = Pe(imports=IMPORTS, characteristics=0x22, overlay=bytes(7), certificate=b"certificate").build()
    assert imported(edit(tmp_path, padded, renames(("one.dll", LONG)), "program.exe")[1])[0][0] == LONG


@pytest.mark.parametrize("grow", [True, False])
def test_debug_data_keep_their_place(tmp_path: Path, grow: bool) -> None:  # noqa: FBT001
    """One kind of debug data is in a section, the other behind all of them, where linkers once put it."""
    size = 2 * 28
    made = Pe(imports=IMPORTS, load_config=bytes(size), virtual_size=0x1000)
    with opened(made.build()) as pe:
        address = pe.directories[10].address
    made = Pe(
        imports=IMPORTS, load_config=bytes(size), virtual_size=0x1000, overlay=b"old debug data", directories=((DEBUG, address, size), (10, 0, 0))
    )
    data = flush(made) if grow else made.build()
    with opened(data) as pe:
        place, end = pe.offset(address, size, "it"), pe.sections_end
        start = pe.offset(0x1000, 4, "it")
    inside = struct.pack("<IIHHIIII", 0, 0, 0, 0, 2, 4, 0x1000, start)
    data = patched(data, place, inside + struct.pack("<IIHHIIII", 0, 0, 0, 0, 4, 14, 0, end))
    _, result = edit(tmp_path, data, renames(("one.dll", LONG)))
    first, second = (entry.struct for entry in parsed(result).DIRECTORY_ENTRY_DEBUG)
    assert first.PointerToRawData == parsed(result).sections[0].PointerToRawData
    assert result[second.PointerToRawData :] == b"old debug data"


def test_sections_that_share_bytes_of_the_file_are_refused(tmp_path: Path) -> None:
    data = Pe(imports=IMPORTS).build()
    with opened(data) as pe:
        table = pe.section_table
    second = bytearray(data[table : table + 40])
    second[12:16] = (0x2000).to_bytes(4, "little")
    data = patched(patched(data, table + 40, bytes(second)), HEADER + 6, b"\2")
    data = patched(data, OPTIONAL + 56, (0x3000).to_bytes(4, "little"))
    with pytest.raises(LinkageError, match="share bytes"):
        edit(tmp_path, data, renames(("one.dll", LONG)))


def test_a_wrong_size_of_the_image_is_put_right(tmp_path: Path) -> None:
    data = patched(Pe(imports=IMPORTS).build(), OPTIONAL + 56, (0x1234).to_bytes(4, "little"))
    assert parsed(edit(tmp_path, data, renames(("one.dll", LONG)))[1]).OPTIONAL_HEADER.SizeOfImage == 0x2000


@pytest.mark.parametrize("name", ["", "folder\\one.dll", "a/b.dll", "ünï.dll", "tab\t.dll", "c:one.dll", "x" * 256, "nul\0.dll"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    for change in (renames(("one.dll", name)), Edit(identity=Identity(name))):
        with pytest.raises(LinkageError, match="no name that a DLL can have"):
            edit(tmp_path, Pe(imports=IMPORTS, exports=(("a", None),)).build(), change)


@pytest.mark.parametrize(
    "change",
    [
        Edit(remove=(Identity("one.dll"),)),
        Edit(rename_symbols=(("a", "b"),)),
        Edit(rename_imports=((Identity("one.dll"), (("a", "b"),)),)),
        Edit(flat=(FlatBinding(dependency=Identity("one.dll"), identity=LONG),)),
    ],
)
def test_edits_that_the_format_has_no_means_for(tmp_path: Path, change: Edit) -> None:
    with pytest.raises(LinkageError):
        edit(tmp_path, Pe(imports=IMPORTS).build(), change)


def test_files_that_are_no_images(tmp_path: Path) -> None:
    for data in (b"", b"MZ", b"text" * 100):
        with pytest.raises(UnreadableError):
            edit(tmp_path, data, renames(("one.dll", LONG)))
    with pytest.raises(MachineError, match="No such file"):
        apply(tmp_path / "absent.dll", renames(("one.dll", LONG)), tmp_path / "edited")


NAMES = st.text(alphabet="abcXYZ09-_", min_size=1, max_size=30).map(lambda name: name + ".dll")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([I386, AMD64]),
    st.lists(NAMES, min_size=1, max_size=5),
    st.lists(NAMES, max_size=3),
    st.lists(NAMES, max_size=3),
    st.dictionaries(NAMES, NAMES, max_size=4),
    st.sampled_from([None, 0x1000]),
)
def test_any_names_and_any_number_of_passes(
    tmp_path: Path, machine: int, now: list[str], later: list[str], through: list[str], extra: dict[str, str], virtual_size: int | None
) -> None:
    made = Pe(
        machine=machine,
        imports=tuple((name, ("a",)) for name in now),
        delay_imports=tuple((name, ("b",)) for name in later),
        exports=tuple((f"f{number}", f"{name[:-4]}.x") for number, name in enumerate(through)) or None,
        virtual_size=virtual_size,
    )
    data = made.build()
    for suffix in ("-1", "-22", "", "-4444444444444444444444"):
        names = {name.lower(): f"nw{suffix}_{name}" for name in [*now, *later, *through]} | {old.lower(): new for old, new in extra.items()}
        _, result = edit(tmp_path, data, Edit(replace=tuple((Identity(old), Identity(new)) for old, new in names.items())))
        now, later, through = ([names.get(name.lower(), name) for name in names_of] for names_of in (now, later, through))
        assert imported(result) == [*((name, ["a"]) for name in now), *((name, ["b"]) for name in later)]
        if made.exports:
            assert forwarders(result) == [f"{name[:-4]}.x" for name in through]
        data = result
