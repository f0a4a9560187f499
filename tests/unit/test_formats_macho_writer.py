"""Edits of the small macOS images in fixtures/: what each changes in a dump by another reader, and nothing else."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machofile import MachO, slice_for
from madeslices import ARM64, BUNDLE, Macho, build_version, dylib

from nativewheel.errors import LinkageError, MachineError, UnreadableError
from nativewheel.formats.image import Arch, Edit, FlatBinding, Identity, Requirement
from nativewheel.formats.macho.writer import apply

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEELS = Path(__file__).parents[2] / "fixtures" / "wheels"
LIBRARY, MODULE = "ntcore/lib/libntcore.dylib", "ntuser/_ext.abi3.so"
OLD = Identity("@rpath/libntcore.dylib")
NEW = Identity("@rpath/libnw_ntcore__ntcore.dylib")
RENAMES = (("_nt_add", "_nw_ntcore__nt_add"), ("_nt_version", "_nw_ntcore__nt_version"))
FLAT = FlatBinding(dependency=OLD, identity=NEW, renames=RENAMES)
KINDS = ("arm64", "x86_64", "universal2")
LC_CODE_SIGNATURE = 0x1D


def fixture(folder: Path, member: str, platform: str) -> Path:
    (wheel,) = WHEELS.glob(f"{member.partition('/')[0]}-*-macosx_11_0_{platform}.whl")
    path = folder / Path(member).name
    with zipfile.ZipFile(wheel) as archive:
        path.write_bytes(archive.read(member))
    return path


def archs(platform: str) -> tuple[str, ...]:
    return ("x86_64", "arm64") if platform == "universal2" else (platform,)


def thin(path: Path, arch: str) -> bytes:
    return slice_for(path.read_bytes(), arch)


def dump(data: bytes) -> Iterator[str]:
    image = MachO(data)
    yield f"id {image.identity}"
    yield from (f"{dylib.kind} {number} {dylib.name}" for number, dylib in enumerate(image.dylibs, 1))
    yield from (f"rpath {entry}" for entry in image.rpaths)
    yield f"uuid {image.uuid.hex() if image.uuid else None}"
    yield from (f"command {cmd:#x}" for cmd, _, _ in image.commands)
    yield from (f"segment {segment[:4]} {segment.protection}" for segment in image.segments)
    yield from (f"export {name} {export.address:#x} {export.flags} {export.ordinal} {export.imported}" for name, export in image.exports.items())
    yield from (f"rebase {place:#x} {target:#x}" for place, target in image.fixups.rebases)
    for bind in image.fixups.binds:
        yield f"{bind.table} bind {bind.address:#x} {bind.ordinal} {bind.name} {bind.addend} {bind.weak_import}"
    yield from (f"symbol {symbol}" for symbol in symbols(data, image))
    yield f"indirect {indirect(data, image).hex()}"
    signed = LC_CODE_SIGNATURE in {cmd for cmd, _, _ in image.commands}
    yield f"signature {image.signature_fault() if signed else 'none'}"


def symbols(data: bytes, image: MachO) -> Iterator[tuple[int, str, int, int, int, int]]:
    at = next(place for cmd, place, _ in image.commands if cmd == 0x2)
    symoff, nsyms, stroff, _ = struct.unpack_from("<4I", data, at + 8)
    for number in range(nsyms):
        strx, kind, section, desc, value = struct.unpack_from("<IBBHQ", data, symoff + 16 * number)
        start = stroff + strx
        yield number, data[start : data.index(0, start)].decode(), kind, section, desc, value


def indirect(data: bytes, image: MachO) -> bytes:
    at = next(place for cmd, place, _ in image.commands if cmd == 0xB)
    offset, count = struct.unpack_from("<2I", data, at + 56)
    return data[offset : offset + 4 * count]


def changes(before: bytes, after: bytes) -> list[str]:
    """Return the lines of the dumps that differ, the old ones first."""
    old, new = list(dump(before)), list(dump(after))
    return [f"-{line}" for line in old if line not in new] + [f"+{line}" for line in new if line not in old]


def edited(folder: Path, member: str, platform: str, edit: Edit) -> tuple[bytes, bytes]:
    source = fixture(folder, member, platform)
    destination = folder / "edited"
    apply(source, edit, destination)
    return source.read_bytes(), destination.read_bytes()


@pytest.mark.parametrize("platform", KINDS)
@pytest.mark.parametrize("member", [LIBRARY, MODULE])
@pytest.mark.parametrize(
    "edit",
    [
        Edit(),
        Edit(replace=((Identity("@rpath/other.dylib"), NEW),), rename_symbols=(("_other", "_new"),)),
        Edit(rename_imports=((Identity("@rpath/other.dylib"), RENAMES),), remove=(Identity("@rpath/other.dylib"),)),
    ],
)
def test_an_edit_of_nothing_copies_the_file(tmp_path: Path, member: str, platform: str, edit: Edit) -> None:
    before, after = edited(tmp_path, member, platform, edit)
    assert after == before
    assert (tmp_path / "edited").stat().st_mode & 0o777 == 0o755


def differences(folder: Path, member: str, platform: str, edit: Edit) -> str:
    return "\n".join(changes(*edited(folder, member, platform, edit)))


PROVIDED = """\
-id @rpath/libntcore.dylib
-uuid 3e9ab5c290053179ace92414229c9a9b
-export _nt_version 0x15bc 0 0 .
-export _nt_add 0x15a8 0 0 .
-symbol (2, '_nt_add', 15, 1, 0, 5544)
-symbol (3, '_nt_version', 15, 1, 0, 5564)
+id @rpath/libnw_ntcore__ntcore.dylib
+uuid bd5a196b942e5576ac15af3dc38899f9
+export _nw_ntcore__nt_version 0x15bc 0 0 .
+export _nw_ntcore__nt_add 0x15a8 0 0 .
+symbol (2, '_nw_ntcore__nt_add', 15, 1, 0, 5544)
+symbol (3, '_nw_ntcore__nt_version', 15, 1, 0, 5564)"""

CONSUMED = """\
-load 2 @rpath/libntcore.dylib
-uuid aea407e226b23f74a251b093900356ef
-lazy bind 0x3000 -2 _PyArg_ParseTuple 0 False
-lazy bind 0x3008 -2 _PyBool_FromLong 0 False
-lazy bind 0x3010 -2 _PyLong_FromLong 0 False
-lazy bind 0x3018 -2 _PyModule_Create2 0 False
-lazy bind 0x3020 -2 _PyUnicode_FromString 0 False
-lazy bind 0x3028 1 _strcmp 0 False
-lazy bind 0x3030 2 _nt_add 0 False
-lazy bind 0x3038 2 _nt_version 0 False
-symbol (16, '_nt_add', 1, 0, 512, 0)
-symbol (17, '_nt_version', 1, 0, 512, 0)
+weak 2 @rpath/libnw_ntcore__ntcore.dylib
+uuid 2b7508f43195589abb35433b15edeab2
+command 0x80000018
+regular bind 0x3000 -2 _PyArg_ParseTuple 0 False
+regular bind 0x3008 -2 _PyBool_FromLong 0 False
+regular bind 0x3010 -2 _PyLong_FromLong 0 False
+regular bind 0x3018 -2 _PyModule_Create2 0 False
+regular bind 0x3020 -2 _PyUnicode_FromString 0 False
+regular bind 0x3030 -2 _nw_ntcore__nt_add 0 False
+regular bind 0x3038 -2 _nw_ntcore__nt_version 0 False
+regular bind 0x3028 1 _strcmp 0 False
+symbol (16, '_nw_ntcore__nt_add', 1, 0, 65024, 0)
+symbol (17, '_nw_ntcore__nt_version', 1, 0, 65024, 0)"""

VENDORED = """\
-load 2 @rpath/libntcore.dylib
-rpath /build/ntcore/lib
+load 2 @loader_path/../x.libs/libntcore-1a2b3c4d.dylib
+rpath @loader_path/a
+rpath /b"""


def test_a_provider_gets_an_install_name_and_symbols(tmp_path: Path) -> None:
    found = differences(tmp_path, LIBRARY, "arm64", Edit(identity=NEW, rename_symbols=RENAMES))
    assert found.replace("0 0 \n", "0 0 .\n") == PROVIDED


def test_a_consumer_is_bound_in_the_flat_namespace(tmp_path: Path) -> None:
    assert differences(tmp_path, MODULE, "x86_64", Edit(flat=(FLAT,))) == CONSUMED


def test_a_vendored_library_is_found_beside_the_module(tmp_path: Path) -> None:
    edit = Edit(replace=((OLD, Identity("@loader_path/../x.libs/libntcore-1a2b3c4d.dylib")),), rpaths=("@loader_path/a", "/b"))
    assert differences(tmp_path, MODULE, "arm64", edit) == VENDORED


def test_a_search_path_goes(tmp_path: Path) -> None:
    assert differences(tmp_path, MODULE, "x86_64", Edit(rpaths=())) == "-rpath /build/ntcore/lib\n-command 0x8000001c"


def test_a_library_of_the_same_wheel_stays_bound_by_its_name(tmp_path: Path) -> None:
    edit = Edit(replace=((OLD, NEW),), rename_imports=((OLD, RENAMES),))
    added = [line for line in differences(tmp_path, MODULE, "x86_64", edit).splitlines() if line.startswith("+") and "nt" in line]
    assert added == [
        "+load 2 @rpath/libnw_ntcore__ntcore.dylib",
        "+regular bind 0x3030 2 _nw_ntcore__nt_add 0 False",
        "+regular bind 0x3038 2 _nw_ntcore__nt_version 0 False",
        "+symbol (16, '_nw_ntcore__nt_add', 1, 0, 512, 0)",
        "+symbol (17, '_nw_ntcore__nt_version', 1, 0, 512, 0)",
    ]


@pytest.mark.parametrize("platform", ["arm64", "x86_64"])
@pytest.mark.parametrize("member", [LIBRARY, MODULE])
def test_stripped_images_keep_what_others_see(tmp_path: Path, member: str, platform: str) -> None:
    before, after = edited(tmp_path, member, platform, Edit(strip=True))
    assert len(list(symbols(after, MachO(after)))) < len(list(symbols(before, MachO(before))))
    kept = [item[1:] for item in symbols(after, MachO(after))]
    assert kept == [item[1:] for item in symbols(before, MachO(before)) if item[2] & 1]
    assert targets(after) == targets(before)
    others = ("symbol", "indirect")
    assert [line for line in changes(before, after) if not line[1:].startswith(others)] == []


def targets(data: bytes) -> list[str | int]:
    names = [item[1] for item in symbols(data, MachO(data))]
    return [number if number & 0xC0000000 else names[number] for (number,) in struct.iter_unpack("<I", indirect(data, MachO(data)))]


def test_stripped_and_bound_at_once(tmp_path: Path) -> None:
    before, after = edited(tmp_path, MODULE, "x86_64", Edit(strip=True, flat=(FLAT,)))
    renames = dict(RENAMES)
    assert targets(after) == [renames.get(name, name) if isinstance(name, str) else name for name in targets(before)]
    assert [item[1] for item in symbols(after, MachO(after))][-2:] == list(renames.values())


EDITS = {
    LIBRARY: Edit(identity=NEW, rename_symbols=RENAMES),
    MODULE: Edit(flat=(FLAT,), rpaths=()),
}


@pytest.mark.parametrize("member", EDITS)
def test_each_slice_of_a_universal_file_is_edited_alike(tmp_path: Path, member: str) -> None:
    _, whole = edited(tmp_path, member, "universal2", EDITS[member])
    count = struct.unpack_from(">I", whole, 4)[0]
    places = [struct.unpack_from(">5I", whole, 8 + 20 * number)[2:] for number in range(count)]
    assert count == 2
    assert all(offset % (1 << align) == 0 for offset, _, align in places)
    assert sum(places[-1][:2]) == len(whole)
    for arch in archs("universal2"):
        source, destination = tmp_path / Path(member).name, tmp_path / "thin"
        source.write_bytes(thin(fixture(tmp_path, member, "universal2"), arch))
        apply(source, EDITS[member], destination)
        assert destination.read_bytes() == slice_for(whole, arch)


@pytest.mark.parametrize("platform", KINDS)
@pytest.mark.parametrize("member", EDITS)
def test_signatures(tmp_path: Path, member: str, platform: str) -> None:
    before, after = edited(tmp_path, member, platform, EDITS[member])
    for arch in archs(platform):
        signed = [LC_CODE_SIGNATURE in {cmd for cmd, _, _ in MachO(slice_for(data, arch)).commands} for data in (before, after)]
        assert signed[0] == signed[1]
        assert signed[1] or arch == "x86_64"
        assert not signed[1] or MachO(slice_for(after, arch)).signature_fault() is None


@pytest.mark.parametrize("member", EDITS)
def test_the_same_edit_gives_the_same_bytes(tmp_path: Path, member: str) -> None:
    assert edited(tmp_path, member, "universal2", EDITS[member]) == edited(tmp_path, member, "universal2", EDITS[member])


@pytest.mark.parametrize("member", EDITS)
@pytest.mark.parametrize("platform", KINDS)
def test_an_edit_and_its_opposite(tmp_path: Path, member: str, platform: str) -> None:
    """Names of the old length leave the old layout, but for lazy binds, the UUID and the signature."""
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    source = fixture(tmp_path, member, platform)
    apply(source, Edit(rename_symbols=RENAMES, replace=((OLD, NEW),)), one)
    apply(one, Edit(rename_symbols=tuple((new, old) for old, new in RENAMES), replace=((NEW, OLD),)), two)
    for arch in archs(platform):
        assert [line for line in changes(thin(source, arch), thin(two, arch)) if "uuid" not in line] == []
    apply(two, Edit(replace=((OLD, NEW),)), one)
    apply(one, Edit(replace=((NEW, OLD),)), three)
    assert three.read_bytes() == two.read_bytes()


def test_the_model_of_the_result(tmp_path: Path) -> None:
    source = fixture(tmp_path, MODULE, "universal2")
    image = apply(source, Edit(flat=(FLAT,), rpaths=()), tmp_path / "edited")
    assert set(image.archs) == {Arch.X86_64, Arch.AARCH64}
    assert {item.name: item.requirement for item in image.dependencies}[NEW] is Requirement.WEAK
    assert image.rpaths == ()


@pytest.mark.parametrize(
    ("member", "edit", "problem"),
    [
        (MODULE, Edit(identity=NEW), None),
        (MODULE, Edit(flat=(FlatBinding(dependency=NEW, identity=NEW),)), "does not ask for @rpath/libnw_ntcore__ntcore.dylib"),
        (LIBRARY, Edit(rename_symbols=(("_nt_add", "_nt_version"),)), "two exported symbols would have the name _nt_version"),
        (LIBRARY, Edit(identity=Identity("@rpath/" + "long" * 2000)), "bytes more, and there is room for"),
        (MODULE, Edit(rpaths=("/" + "long" * 2000,)), "bytes more, and there is room for"),
    ],
)
def test_refusals(tmp_path: Path, member: str, edit: Edit, problem: str | None) -> None:
    source = fixture(tmp_path, member, "arm64")
    if problem is None:
        assert apply(source, edit, tmp_path / "edited").identity == NEW
        return
    with pytest.raises(LinkageError) as caught:
        apply(source, edit, tmp_path / "edited")
    assert problem in str(caught.value)
    assert not (tmp_path / "edited").exists()


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    source = fixture(tmp_path, LIBRARY, "arm64")
    with pytest.raises(MachineError, match="No such file"):
        apply(source, EDITS[LIBRARY], tmp_path / "missing" / "edited")
    for content in (b"", b"\xcf\xfa\xed\xfe", source.read_bytes()[:5000]):
        source.write_bytes(content)
        with pytest.raises(UnreadableError):
            apply(source, EDITS[LIBRARY], tmp_path / "edited")


class TestRemoved:
    """A dependency that goes leaves an LC_LOAD_WEAK_DYLIB of nothing behind, so that the numbers of the others stay."""

    @pytest.mark.parametrize("platform", KINDS)
    def test_its_symbols_are_looked_for_everywhere(self, tmp_path: Path, platform: str) -> None:
        before, after = edited(tmp_path, MODULE, platform, Edit(remove=(OLD,)))
        for arch in archs(platform):
            old, new = MachO(slice_for(before, arch)), MachO(slice_for(after, arch))
            assert [(dylib.kind, dylib.name) for dylib in new.dylibs] == [
                ("load", "/usr/lib/libSystem.B.dylib"),
                ("weak", "@rpath/absent/libntcore.dylib"),
            ]
            expected = {(bind.name, -2 if bind.ordinal == 2 else bind.ordinal) for bind in old.fixups.binds}
            assert {(bind.name, bind.ordinal) for bind in new.fixups.binds} == expected
            assert ("_nt_add", -2) in expected
            assert not [bind for bind in new.fixups.binds if bind.table == "lazy"]

    @pytest.mark.parametrize(
        "name",
        [
            "/Library/Frameworks/Python.framework/Versions/3.11/Python",
            "@rpath/libpython3.11.dylib",
        ],
    )
    def test_it_leads_to_a_folder_that_nobody_has(self, tmp_path: Path, name: str) -> None:
        source = tmp_path / "x.so"
        source.write_bytes(Macho(cpu=ARM64, filetype=BUNDLE, commands=(dylib(0xC, name), build_version(0xB0000)), signed=True).build())
        image = apply(source, Edit(remove=(Identity(name),)), tmp_path / "new.so")
        ((gone, requirement),) = ((item.name, item.requirement) for item in image.dependencies)
        assert (gone, requirement) == (f"@rpath/absent/{name.rpartition('/')[2]}", Requirement.WEAK)

    def test_a_name_that_is_not_asked_for_changes_nothing(self, tmp_path: Path) -> None:
        before, after = edited(tmp_path, MODULE, "arm64", Edit(remove=(Identity("@rpath/libother.dylib"),)))
        assert after == before

    def test_together_with_another_library(self, tmp_path: Path) -> None:
        system = Identity("/usr/lib/libSystem.B.dylib")
        _, after = edited(tmp_path, MODULE, "arm64", Edit(remove=(OLD, OLD), replace=((system, NEW),), rpaths=()))
        assert [(dylib.kind, dylib.name) for dylib in MachO(after).dylibs] == [("load", NEW), ("weak", "@rpath/absent/libntcore.dylib")]

    @pytest.mark.parametrize("number", [0x8000001F, 0x20])
    def test_what_is_passed_on_or_loaded_late_cannot_go(self, tmp_path: Path, number: int) -> None:
        source = tmp_path / "x.so"
        commands = (dylib(0xC, "/usr/lib/libSystem.B.dylib"), dylib(number, OLD), build_version(0xB0000))
        source.write_bytes(Macho(cpu=ARM64, filetype=BUNDLE, commands=commands, signed=True).build())
        with pytest.raises(LinkageError, match=r"cannot be bound to in the flat namespace: it is a (reexport|delayed) dependency"):
            apply(source, Edit(remove=(OLD,)), tmp_path / "new.so")
        assert not (tmp_path / "new.so").exists()


def test_an_image_that_nothing_links_with_gets_no_install_name(tmp_path: Path) -> None:
    source = tmp_path / "x.so"
    source.write_bytes(Macho(cpu=ARM64, filetype=BUNDLE, commands=(dylib(0xC, OLD), build_version(0xB0000)), signed=True).build())
    with pytest.raises(LinkageError, match="cannot give an install name to an image that has none"):
        apply(source, Edit(identity=NEW), tmp_path / "new.so")
