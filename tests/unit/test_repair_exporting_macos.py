"""Which libraries a macOS wheel offers, under which names and symbols, how consumers are bound to them, and what is put beside them."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from mademacs import ARM, BOTH, INTEL, UNIQUE, consumer, core, edited, provider, user
from madeshares import NOWHERE, plans, written
from madeslices import ARM64, Macho, build_version, command
from madeslices import dylib as load

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, FlatBinding, Format, Identity
from nativewheel.formats.macho import trie
from nativewheel.formats.macho.trie import Export
from nativewheel.linkage.manifest import Binding
from nativewheel.repair.options import ExportRule, RepairOptions

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Arch
    from nativewheel.linkage.manifest import ManifestExport
    from nativewheel.repair.plan import ImageEdit, Plan

RULE = ExportRule(library=("*.dylib",), distribution="core", requires="=={major}.*")
SHARING = RepairOptions(sysroot=NOWHERE, export=(RULE,))
NAMED = replace(RULE, binding=Binding.INSTALL_NAME)
PLACE, MEMBER = "core/lib/libnw_core__ntcore.dylib", "core/lib/libntcore.dylib"
RENAMES = (("_nt_add", "_nw_core__nt_add"), ("_nt_version", "_nw_core__nt_version"))
SYNTHESIZED = (("___dso_handle", "_nw_core____dso_handle"), ("__mh_dylib_header", "_nw_core___mh_dylib_header"))
"""What zig's linker makes every library export."""
LC_ID_DYLIB, LC_LOAD_DYLIB, LC_SEGMENT_64 = 0xD, 0xC, 0x19


def plan(folder: Path, files: dict[str, bytes], *rules: ExportRule, archs: tuple[Arch, ...] = ARM) -> Plan:
    (found,) = plans([provider(folder / "in", files, archs=archs)], replace(SHARING, export=rules or (RULE,)))
    return found


def export(found: Plan) -> ManifestExport:
    (only,) = found.exports
    return only


def edits(found: Plan) -> dict[str, ImageEdit]:
    return {str(edit.member): edit for edit in found.edits}


def named(folder: Path, name: str) -> bytes:
    """Return the library under another install name."""
    return edited(folder, core(), Edit(identity=Identity(name)))


def made(*exports: Export, name: str = "@rpath/libshape.dylib", literals: bytes = b"") -> bytes:
    """Return a small library with these symbols, whose code has ``literals``."""
    section = struct.pack("<16s16sQQ8I", b"__cstring", b"__TEXT", 0x380, len(literals), 0x380, 0, 0, 0, 2, 0, 0, 0)
    strings = command(LC_SEGMENT_64, struct.pack("<16sQQQQiiII", b"__STRINGS", 0, 0x400, 0, 0x400, 5, 5, 1, 0) + section)
    commands = (load(LC_ID_DYLIB, name), load(LC_LOAD_DYLIB, "/usr/lib/libSystem.B.dylib"), build_version(0xB0000), strings)
    data = bytearray(Macho(cpu=ARM64, commands=commands, trie=trie.encode(list(exports)), signed=not literals).build())
    data[0x380 : 0x380 + len(literals)] = literals
    return bytes(data)


SHAPE = [Export(b"_area", 0, 0x3F0), Export(b"__ZTI5Shape", trie.WEAK_DEFINITION, 0x3F4)]


def test_of_several_versions_the_one_without_a_number_gets_the_stub(tmp_path: Path) -> None:
    old, new = (named(tmp_path, f"@rpath/libntcore.{number}.dylib") for number in (1, 2))
    files = {"core/lib/libntcore.1.dylib": old, "core/lib/libntcore.2.dylib": new, MEMBER: new}
    found = plan(tmp_path, files)
    assert {item.original: item.link for item in found.exports} == {
        "@rpath/libntcore.1.dylib": None,
        "@rpath/libntcore.2.dylib": "core/lib/libntcore.tbd",
    }
    assert found.removed == (MEMBER,)
    del files[MEMBER]
    with pytest.raises(LinkageError, match=r"this name is needed for the export of @rpath/libntcore\.2\.dylib"):
        plan(tmp_path / "ambiguous", files)


class TestNames:
    @pytest.mark.parametrize("archs", [ARM, INTEL, BOTH])
    def test_a_library_its_symbols_and_its_stub(self, tmp_path: Path, archs: tuple[Arch, ...]) -> None:
        found = plan(tmp_path, {MEMBER: core(archs)}, archs=archs)
        offered = export(found)
        assert (offered.original, offered.identity, offered.member) == ("@rpath/libntcore.dylib", UNIQUE, PLACE)
        assert (offered.format, set(offered.archs), offered.binding, offered.uniquify) == (Format.MACHO, {*archs}, Binding.FLAT, False)
        assert (offered.renames and offered.renames.count, offered.kept) == (4, ())
        edit = edits(found)[MEMBER]
        assert (edit.target, edit.edit) == (PLACE, Edit(identity=UNIQUE, rename_symbols=SYNTHESIZED + RENAMES))
        assert (found.removed, found.warnings) == ((), ())

    def test_beside_it_is_a_stub_and_no_anchor(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {MEMBER: core()})
        assert (export(found).link, export(found).anchor) == ("core/lib/libntcore.tbd", None)
        assert {name for name in written(found) if name.startswith("core/")} == {"core/lib/libntcore.tbd"}
        stub = written(found)["core/lib/libntcore.tbd"].decode()
        assert UNIQUE in stub
        assert "_nt_add" in stub
        assert "nw_core__nt_add" not in stub

    @pytest.mark.parametrize(
        ("identity", "original", "leaf"),
        [
            ("/build/deps/lib/libfoo.1.dylib", "libfoo.1.dylib", "libnw_core__foo.1.dylib"),
            ("@rpath/sub/libfoo.dylib", "@rpath/sub/libfoo.dylib", "libnw_core__foo.dylib"),
            ("@loader_path/libfoo.dylib", "@loader_path/libfoo.dylib", "libnw_core__foo.dylib"),
            ("foo.so", "foo.so", "nw_core__foo.so"),
        ],
    )
    def test_a_folder_of_the_build_host_is_nobody_s_business(self, tmp_path: Path, identity: str, original: str, leaf: str) -> None:
        found = plan(tmp_path, {MEMBER: named(tmp_path, identity)})
        assert (export(found).original, export(found).identity, export(found).member) == (original, f"@rpath/{leaf}", f"core/lib/{leaf}")
        assert "/build" not in str(found.files)

    def test_a_consumer_may_still_say_that_folder(self, tmp_path: Path) -> None:
        name = Identity("/build/libntcore.dylib")
        module = edited(tmp_path, user(), Edit(replace=((Identity("@rpath/libntcore.dylib"), name),)))
        wheels = [consumer(tmp_path, {"user/__init__.py": b"", "user/_ext.abi3.so": module}), provider(tmp_path, {MEMBER: named(tmp_path, name)})]
        found, _ = plans(wheels, SHARING)
        assert [(item.original, item.identity) for item in found.consumes] == [("libntcore.dylib", UNIQUE)]
        assert found.edits[0].edit.flat == (FlatBinding(dependency=name, identity=UNIQUE, renames=RENAMES),)

    def test_versions_stay_in_the_file_name_and_not_in_the_stub_s(self, tmp_path: Path) -> None:
        files = dict.fromkeys(
            ["core/lib/libfoo.dylib", "core/lib/libfoo.1.dylib", "core/lib/libfoo.1.2.dylib"], named(tmp_path, "@rpath/libfoo.1.dylib")
        )
        found = plan(tmp_path, files)
        assert set(edits(found)) == {"core/lib/libfoo.1.dylib"}
        assert found.removed == ("core/lib/libfoo.1.2.dylib", "core/lib/libfoo.dylib")
        assert (export(found).member, export(found).link) == ("core/lib/libnw_core__foo.1.dylib", "core/lib/libfoo.tbd")

    def test_an_abi_series_is_in_names_and_symbols(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {MEMBER: core()}, replace(RULE, abi="2"))
        assert export(found).identity == "@rpath/libnw_core_abi2__ntcore.dylib"
        assert dict(found.edits[0].edit.rename_symbols)["_nt_add"] == "_nw_core_abi2__nt_add"

    def test_a_file_called_as_the_stub_is_in_the_way(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match="this name is needed for the export of @rpath/libntcore") as caught:
            plan(tmp_path, {MEMBER: core(), "core/lib/libntcore.tbd": b"--- !tapi-tbd"})
        assert caught.value.where[1] == "core/lib/libntcore.tbd"

    def test_two_libraries_of_one_name(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match=f"both would be exported as {UNIQUE}"):
            plan(tmp_path, {"core/a/libntcore.dylib": core(), "core/b/libntcore.dylib": named(tmp_path, "/build/libntcore.dylib")})

    def test_build_files_name_the_stub(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {MEMBER: core(), "core/lib/core.cmake": b'set(x "${here}/libntcore.dylib")\n'})
        assert written(found)["core/lib/core.cmake"] == b'set(x "${here}/libntcore.tbd")\n'


class TestBinding:
    def test_by_the_install_name_symbols_keep_their_names(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {MEMBER: core()}, NAMED)
        offered = export(found)
        assert (offered.identity, offered.binding, offered.renames) == (UNIQUE, Binding.INSTALL_NAME, None)
        assert edits(found)[MEMBER].edit == Edit(identity=UNIQUE)
        assert offered.link == "core/lib/libntcore.tbd"

    def test_symbols_may_be_unique_all_the_same(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {MEMBER: core()}, replace(NAMED, uniquify=True))
        assert (export(found).uniquify, export(found).binding, found.edits[0].edit.rename_symbols) == (
            True,
            Binding.INSTALL_NAME,
            SYNTHESIZED + RENAMES,
        )

    def test_a_library_that_keeps_its_name_is_bound_by_that(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {MEMBER: named(tmp_path, "/build/libntcore.dylib")}, replace(RULE, rename=False))
        offered = export(found)
        assert (offered.identity, offered.member, offered.binding, offered.renames) == (
            "@rpath/libntcore.dylib",
            MEMBER,
            Binding.INSTALL_NAME,
            None,
        )
        assert edits(found)[MEMBER].edit == Edit(identity=Identity("@rpath/libntcore.dylib"))
        assert plan(tmp_path / "same", {MEMBER: core()}, replace(RULE, rename=False)).edits == ()

    @pytest.mark.parametrize(
        ("rule", "data", "mode"),
        [
            (RULE, core(), "RTLD_GLOBAL"),
            (NAMED, core(), "RTLD_LOCAL"),
            (NAMED, made(*SHAPE), "RTLD_GLOBAL"),
            (NAMED, made(SHAPE[0]), "RTLD_LOCAL"),
            (replace(RULE, rename=False), core(), "RTLD_LOCAL"),
        ],
    )
    def test_who_has_to_see_it(self, tmp_path: Path, rule: ExportRule, data: bytes, mode: str) -> None:
        """Flat references look through all visible images, and so does the search for weak definitions."""
        shim = written(plan(tmp_path, {MEMBER: data}, rule))["nw_core/__init__.py"].decode()
        assert re.findall(r"RTLD_\w+", shim) == [mode]


class TestKeptSymbols:
    def test_what_images_are_to_agree_on_keeps_its_name(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {"core/lib/libshape.dylib": made(*SHAPE)})
        assert found.edits[0].edit.rename_symbols == (("_area", "_nw_core__area"),)
        assert (export(found).kept, export(found).renames and export(found).renames.count) == (("__ZTI5Shape",), 1)  # type: ignore[union-attr]

    def test_a_library_in_swift_is_for_its_install_name(self, tmp_path: Path) -> None:
        files = {"core/lib/libshape.dylib": made(Export(b"_$s3Foo3barSiyF", 0, 0x3F0))}
        with pytest.raises(LinkageError, match="the symbols of a library in Swift cannot get other names") as caught:
            plan(tmp_path, files)
        assert caught.value.where == ("core-1.2.7-py3-none-macosx_11_0_arm64.whl", "core/lib/libshape.dylib")
        assert export(plan(tmp_path / "named", files, NAMED)).identity == "@rpath/libnw_core__shape.dylib"

    def test_names_that_the_code_has_as_text_are_warned_of(self, tmp_path: Path) -> None:
        files = {"core/lib/libshape.dylib": made(*SHAPE, literals=b"area\0_ZTI5Shape\0".ljust(32, b"\0"))}
        assert plan(tmp_path, files).warnings == (
            "core/lib/libshape.dylib: has the text of _area, which dlsym would not find any more under that name",
        )
        assert plan(tmp_path / "named", files, NAMED).warnings == ()


class TestSiblings:
    def test_each_is_bound_to_the_other_by_its_place(self, tmp_path: Path) -> None:
        extension = edited(tmp_path, user(), Edit(rpaths=("@loader_path/lib",)))
        found = plan(tmp_path, {"core/__init__.py": b"", MEMBER: core(), "core/_ext.abi3.so": extension})
        edit = edits(found)["core/_ext.abi3.so"].edit
        assert edit == Edit(
            replace=((Identity("@rpath/libntcore.dylib"), Identity("@loader_path/lib/libnw_core__ntcore.dylib")),),
            rename_imports=((Identity("@rpath/libntcore.dylib"), RENAMES),),
        )

    def test_extension_modules_are_no_libraries(self, tmp_path: Path) -> None:
        """Not even one that has an install name."""
        with pytest.raises(LinkageError, match=r"cannot export: core/_ext\.abi3\.so is no library"):
            plan(tmp_path, {"core/__init__.py": b"", "core/_ext.abi3.so": user()}, replace(RULE, library=("core/*",)))
