"""Which libraries a wheel offers, under which names, and what is put beside them."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from elftools.elf.elffile import ELFFile
from madeimages import LIBRARIES
from madepe import Pe
from madeshares import CORE, RULE, SHARING, UNIQUE, USER, changed, plans, provider, written

from nativewheel import formats
from nativewheel.errors import LinkageError
from nativewheel.repair.options import ImportLibraries

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.manifest import ManifestExport
    from nativewheel.repair.options import ExportRule
    from nativewheel.repair.plan import ImageEdit, Plan

PLACE = f"core/lib/{UNIQUE}"


def plan(folder: Path, files: dict[str, bytes], *rules: ExportRule, **of: str) -> Plan:
    (found,) = plans([provider(folder / "in", files, **of)], replace(SHARING, export=rules or (RULE,)))
    return found


def export(found: Plan) -> ManifestExport:
    (only,) = found.exports
    return only


def edits(found: Plan) -> dict[str, ImageEdit]:
    return {str(edit.member): edit for edit in found.edits}


def test_a_library_gets_a_unique_name_an_anchor_and_a_stub(tmp_path: Path) -> None:
    found = plan(tmp_path, {"core/lib/libntcore.so.1": CORE})
    offered = export(found)
    assert (offered.original, offered.identity, offered.member) == ("libntcore.so.1", UNIQUE, PLACE)
    assert (offered.anchor, offered.link) == (f"{PLACE}.anchor", "core/lib/libntcore.so")
    edit = edits(found)["core/lib/libntcore.so.1"]
    assert (edit.target, edit.edit.identity) == (PLACE, UNIQUE)
    anchor = formats.read(written(found)[f"{PLACE}.anchor"], f"{UNIQUE}.anchor")
    assert [item.name for item in anchor.dependencies] == [UNIQUE]
    stub = written(found)["core/lib/libntcore.so"]
    assert all(name in stub for name in (UNIQUE.encode(), b"\0nt_add\0", b"\0nt_version\0"))
    assert found.removed == ()


@pytest.mark.parametrize(
    ("glob", "member"),
    [
        ("core/lib/libntcore.so.1", "core/lib/libntcore.so.1"),
        ("core/lib/libntcore.so.1", "core-1.2.7.data/platlib/core/lib/libntcore.so.1"),
        ("core-1.2.7.data/*", "core-1.2.7.data/platlib/core/lib/libntcore.so.1"),
        ("*.so.?", "core/lib/libntcore.so.1"),
    ],
)
def test_globs_match_members_as_spelled_and_as_installed(tmp_path: Path, glob: str, member: str) -> None:
    offered = export(plan(tmp_path, {member: CORE}, replace(RULE, library=(glob,))))
    assert offered.member == member.replace("libntcore.so.1", UNIQUE)


def test_globs_ignore_case_for_dlls_only(tmp_path: Path) -> None:
    rule = replace(RULE, library=("Core/LIB/*.DLL", "*.SO.1"))
    offered = export(plan(tmp_path, {"core/lib/ntcore.dll": Pe(exports=(("nt_add", None),)).build()}, rule, tag="py3-none-win_amd64"))
    assert offered.original == "ntcore.dll"
    with pytest.raises(LinkageError, match="nothing in the wheel matches"):
        plan(tmp_path / "linux", {"core/lib/libntcore.so.1": CORE}, rule)


class TestFlattenedLinks:
    NAMES = ("core/lib/libntcore.so", "core/lib/libntcore.so.1", "core/lib/libntcore.so.1.2.7")

    @pytest.mark.parametrize("order", list(permutations(NAMES)))
    def test_the_file_named_as_its_soname_stays(self, tmp_path: Path, order: tuple[str, ...]) -> None:
        found = plan(tmp_path, dict.fromkeys(order, CORE))
        assert set(edits(found)) == {"core/lib/libntcore.so.1"}
        assert found.removed == ("core/lib/libntcore.so.1.2.7",)  # the stub takes the place of the other
        assert (export(found).member, export(found).link) == (PLACE, "core/lib/libntcore.so")
        assert found.warnings == ()

    def test_a_glob_for_one_name_means_them_all(self, tmp_path: Path) -> None:
        for name in self.NAMES:
            found = plan(tmp_path / name, dict.fromkeys(self.NAMES, CORE), replace(RULE, library=(name,)))
            assert (set(edits(found)), len(found.removed)) == ({"core/lib/libntcore.so.1"}, 1)

    def test_none_may_be_named_as_the_soname(self, tmp_path: Path) -> None:
        found = plan(tmp_path, dict.fromkeys((self.NAMES[0], self.NAMES[2]), CORE))
        assert (export(found).original, export(found).member, export(found).link) == ("libntcore.so.1", PLACE, "core/lib/libntcore.so")
        assert found.removed == (self.NAMES[2],)

    def test_copies_in_other_folders_are_other_libraries(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match=rf"both would be exported as {UNIQUE}"):
            plan(tmp_path, {"core/a/libntcore.so.1": CORE, "core/b/libntcore.so.1": CORE})

    def test_several_versions_of_one_library(self, tmp_path: Path) -> None:
        newer = changed(tmp_path, CORE, "--set-soname", "libntcore.so.2")
        files = {"core/lib/libntcore.so.1": CORE, "core/lib/libntcore.so.2": newer, "core/lib/libntcore.so": newer}
        found = plan(tmp_path, files)
        assert {item.original: item.link for item in found.exports} == {"libntcore.so.1": None, "libntcore.so.2": "core/lib/libntcore.so"}
        assert list(written(found)).count("core/lib/libntcore.so") == 1
        del files["core/lib/libntcore.so"]
        with pytest.raises(LinkageError, match=r"this name is needed for the export of libntcore\.so\.2"):
            plan(tmp_path / "ambiguous", files)


class TestNames:
    def test_without_a_soname_the_file_name_counts(self, tmp_path: Path) -> None:
        nameless = changed(tmp_path, CORE, "--set-soname", "")
        for files, unique in (
            ({"core/lib/libntcore.so.1": nameless}, "libnw_core__ntcore.so.1"),
            ({"core/lib/libntcore.so.1": nameless, "core/lib/libntcore.so": nameless}, "libnw_core__ntcore.so"),
        ):
            found = plan(tmp_path / unique, files)
            assert export(found).identity == unique
            assert [edit.edit.identity for edit in found.edits] == [unique]

    def test_an_abi_series_is_part_of_the_name(self, tmp_path: Path) -> None:
        offered = export(plan(tmp_path, {"core/lib/libntcore.so.1": CORE}, replace(RULE, abi="2")))
        assert (offered.identity, offered.abi) == ("libnw_core_abi2__ntcore.so.1", "2")

    def test_a_plain_name_may_stay(self, tmp_path: Path) -> None:
        found = plan(tmp_path, dict.fromkeys(TestFlattenedLinks.NAMES, CORE), replace(RULE, rename=False))
        offered = export(found)
        assert (offered.identity, offered.member, offered.anchor) == (
            "libntcore.so.1",
            "core/lib/libntcore.so.1",
            "core/lib/libntcore.so.1.anchor",
        )
        assert found.edits == ()

    def test_a_file_of_another_name_takes_that_of_its_soname(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {"core/lib/libntcore.so.1.2.7": CORE}, replace(RULE, rename=False))
        assert [(edit.target, edit.edit.identity) for edit in found.edits] == [("core/lib/libntcore.so.1", None)]

    def test_a_library_whose_name_has_no_version_needs_no_stub_when_it_stays(self, tmp_path: Path) -> None:
        plain = changed(tmp_path, CORE, "--set-soname", "libntcore.so")
        assert export(plan(tmp_path, {"core/lib/libntcore.so": plain}, replace(RULE, rename=False))).link is None
        assert export(plan(tmp_path, {"core/lib/libntcore.so": plain})).link == "core/lib/libntcore.so"

    @pytest.mark.parametrize("soname", ["lib/libntcore.so.1", "/opt/libntcore.so.1", "../libntcore.so.1", "libnt\ncore.so.1", "c:libntcore.so.1"])
    def test_names_that_no_file_can_have_are_refused(self, tmp_path: Path, soname: str) -> None:
        with pytest.raises(LinkageError, match="its identity cannot be the name of a file") as caught:
            plan(tmp_path, {"core/lib/libntcore.so.1": changed(tmp_path, CORE, "--set-soname", soname)})
        assert caught.value.where == ("core-1.2.7-py3-none-linux_x86_64.whl", "core/lib/libntcore.so.1")
        assert "\n" not in str(caught.value)

    def test_a_repaired_name_is_not_made_unique_again(self, tmp_path: Path) -> None:
        unique = changed(tmp_path, CORE, "--set-soname", UNIQUE)
        found = plan(tmp_path, {PLACE: unique}, replace(RULE, library=("*",)))
        assert export(found).identity == UNIQUE


class TestRules:
    def test_one_for_another_distribution_says_nothing(self, tmp_path: Path) -> None:
        assert plan(tmp_path, {"core/lib/libntcore.so.1": CORE}, replace(RULE, distribution="other")).exports == ()

    def test_extension_modules_are_passed_over(self, tmp_path: Path) -> None:
        files = {"core/lib/libntcore.so.1": CORE, "core/_ext.abi3.so": USER}
        found = plan(tmp_path, files, replace(RULE, library=("*.so*",)), tag="cp38-abi3-linux_x86_64")
        assert [item.original for item in found.exports] == ["libntcore.so.1"]
        assert edits(found)["core/_ext.abi3.so"].edit.replace == (("libntcore.so.1", UNIQUE),)
        assert edits(found)["core/_ext.abi3.so"].edit.rpaths == ("$ORIGIN/lib",)

    @pytest.mark.parametrize(
        ("glob", "message"),
        [
            ("*.dll", r"nothing in the wheel matches \*\.dll"),
            ("core/_ext*", r"core/_ext\.abi3\.so is no library"),
            ("core/__init__.py", "nothing in"),
        ],
    )
    def test_every_wheel_of_a_named_distribution_needs_a_match(self, tmp_path: Path, glob: str, message: str) -> None:
        files = {"core/__init__.py": b"", "core/lib/libntcore.so.1": CORE, "core/_ext.abi3.so": USER}
        with pytest.raises(LinkageError, match=f"cannot export: {message}"):
            plan(tmp_path, files, RULE, replace(RULE, library=(glob,)))
        anybody = replace(RULE, distribution=None, library=(glob,))
        assert plan(tmp_path / "anybody", files, RULE, anybody).exports == plan(tmp_path / "alone", files, RULE).exports

    def test_the_first_that_matches_a_library_counts(self, tmp_path: Path) -> None:
        files = dict.fromkeys(TestFlattenedLinks.NAMES, CORE)
        rules = (replace(RULE, library=("*.so.1",), abi="1"), replace(RULE, library=("*.so", "*.so.1.2.7"), abi="2"))
        assert export(plan(tmp_path / "1", files, *rules)).abi == "1"
        assert export(plan(tmp_path / "2", files, *reversed(rules))).abi == "2"

    def test_several_libraries_come_sorted(self, tmp_path: Path) -> None:
        files = {f"core/lib/libnt{name}": (LIBRARIES / f"libnt{name}").read_bytes() for name in ("outer.so.2", "inner.so.1")}
        rules = (replace(RULE, library=("*outer*",)), replace(RULE, library=("*inner*",)))
        found = plan(tmp_path, files, *rules)
        assert [item.original for item in found.exports] == ["libntinner.so.1", "libntouter.so.2"]
        assert edits(found)["core/lib/libntouter.so.2"].edit.replace == (("libntinner.so.1", "libnw_core__ntinner.so.1"),)


class TestRefused:
    @pytest.mark.parametrize("folder", ["core-1.2.7.data/data/lib", "core-1.2.7.data/purelib/core", "core-1.2.7.data/scripts"])
    def test_places_outside_the_packages(self, tmp_path: Path, folder: str) -> None:
        with pytest.raises(LinkageError, match="a library outside the packages cannot be exported"):
            plan(tmp_path, {f"{folder}/libntcore.so.1": CORE})

    @pytest.mark.parametrize("name", ["libntcore.so", UNIQUE, f"{UNIQUE}.anchor"])
    def test_files_in_the_way(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(LinkageError, match=r"this name is needed for the export of libntcore\.so\.1") as caught:
            plan(tmp_path, {"core/lib/libntcore.so.1": CORE, f"core/lib/{name}": b"INPUT(libntcore.so.1)"})
        assert caught.value.where[1] == f"core/lib/{name}"

    @pytest.mark.parametrize("taken", ["nw_core/__init__.py", "nw_core.py", "core-1.2.7.data/platlib/nw_core/x.txt"])
    def test_the_place_of_the_shim_is_taken(self, tmp_path: Path, taken: str) -> None:
        with pytest.raises(LinkageError, match="this place is for the package that loads shared libraries"):
            plan(tmp_path, {"core/lib/libntcore.so.1": CORE, taken: b""})
        assert plan(tmp_path / "near", {"core/lib/libntcore.so.1": CORE, "nw_core_x/__init__.py": b""}).exports


class TestUniquify:
    UNIQUELY = replace(RULE, uniquify=True)

    def test_symbols_get_the_namespace_and_the_stub_keeps_plain_ones(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {"core/lib/libntcore.so.1": CORE}, self.UNIQUELY)
        offered = export(found)
        expected = (("nt_add", "nw_core__nt_add"), ("nt_version", "nw_core__nt_version"))
        assert edits(found)["core/lib/libntcore.so.1"].edit.rename_symbols == expected
        assert (offered.uniquify, offered.renames and offered.renames.count, offered.kept) == (True, 2, ())
        stub = written(found)["core/lib/libntcore.so"]
        assert b"\0nt_add\0" in stub
        assert b"nw_core__nt_add" not in stub

    def test_modules_of_the_same_wheel_follow(self, tmp_path: Path) -> None:
        found = plan(tmp_path, {"core/lib/libntcore.so.1": CORE, "core/_ext.abi3.so": USER}, self.UNIQUELY, tag="cp38-abi3-linux_x86_64")
        assert dict(edits(found)["core/_ext.abi3.so"].edit.rename_imports[0][1]) == {"nt_add": "nw_core__nt_add", "nt_version": "nw_core__nt_version"}

    @pytest.mark.parametrize("binding", [2, 10])
    def test_what_images_must_agree_on_keeps_its_name(self, tmp_path: Path, binding: int) -> None:
        table: Any = ELFFile(BytesIO(CORE)).get_section_by_name(".dynsym")
        index = next(index for index, symbol in enumerate(table.iter_symbols()) if symbol.name == "nt_add")
        shared, info = bytearray(CORE), table["sh_offset"] + index * table["sh_entsize"] + 4
        shared[info] = binding << 4 | shared[info] & 0xF  # STB_WEAK, STB_GNU_UNIQUE
        found = plan(tmp_path, {"core/lib/libntcore.so.1": bytes(shared)}, self.UNIQUELY)
        assert found.edits[0].edit.rename_symbols == (("nt_version", "nw_core__nt_version"),)
        assert export(found).kept == ("nt_add",)


class TestTogetherWithVendoring:
    def test_an_exported_library_needs_one_of_the_host(self, tmp_path: Path) -> None:
        wish = replace(SHARING, export=(replace(RULE, library=("*outer*",)),), lib_path=(LIBRARIES,))
        path = provider(tmp_path, {"core/lib/libntouter.so.2": (LIBRARIES / "libntouter.so.2").read_bytes()})
        (found,) = plans([path], wish)
        (vendored,) = found.vendored
        edit = edits(found)["core/lib/libntouter.so.2"]
        assert (edit.target, edit.edit.identity) == ("core/lib/libnw_core__ntouter.so.2", "libnw_core__ntouter.so.2")
        assert edit.edit.replace == (("libntinner.so.1", vendored.member.rpartition("/")[2]),)
        assert edit.edit.rpaths == ("$ORIGIN/../../core.libs",)


class TestBuildFiles:
    def rewritten(self, folder: Path, name: str, content: bytes, files: dict[str, bytes] | None = None) -> bytes | None:
        found = plan(folder, {**(files or {"core/lib/libntcore.so.1": CORE}), f"core/lib/{name}": content})
        return written(found).get(f"core/lib/{name}")

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (b"Libs: -L${libdir} -l:libntcore.so.1\n", b"Libs: -L${libdir} -l:libntcore.so\n"),
            (b"Libs: ${libdir}/libntcore.so.1\r\nX: 1\r\n", b"Libs: ${libdir}/libntcore.so\r\nX: 1\r\n"),
            (b'"libntcore.so.1";"libntcore.so.1"', b'"libntcore.so";"libntcore.so"'),
            (b"Libs: -lntcore\n", None),
            (b"libntcore.so.1.2 xlibntcore.so.1 libntcore.so.1.old libntcore.so.10\n", None),
            (b"\xff libntcore.so.1", b"\xff libntcore.so"),
        ],
    )
    def test_file_names_become_the_stub(self, tmp_path: Path, before: bytes, after: bytes | None) -> None:
        assert self.rewritten(tmp_path, "pkgconfig/ntcore.pc", before) == after
        assert self.rewritten(tmp_path / "cmake", "cmake/ntcore-targets.cmake", before) == after
        assert self.rewritten(tmp_path / "text", "ntcore.txt", before) is None

    def test_names_of_copies_and_of_several_libraries(self, tmp_path: Path) -> None:
        inner = (LIBRARIES / "libntinner.so.1").read_bytes()
        files = {**dict.fromkeys(TestFlattenedLinks.NAMES, CORE), "core/lib/libntinner.so.1": inner}
        found = plan(
            tmp_path,
            {**files, "core/x.pc": b"libntcore.so.1.2.7 libntinner.so.1 libntcore.so libntcore.so.1"},
            RULE,
            replace(RULE, library=("*inner*",)),
        )
        assert written(found)["core/x.pc"] == b"libntcore.so libntinner.so libntcore.so libntcore.so"


def test_a_wheel_without_modules_is_for_every_python(tmp_path: Path) -> None:
    files = {"core/lib/libntcore.so.1": CORE}
    found = plan(tmp_path / "1", files, tag="cp311-cp311-linux_x86_64")
    assert (found.output.pythons, found.output.abis) == (("py3",), ("none",))
    found = plan(tmp_path / "2", {**files, "core/_ext.abi3.so": USER}, tag="cp38-abi3-linux_x86_64")
    assert (found.output.pythons, found.output.abis) == (("cp38",), ("abi3",))
    found = plan(tmp_path / "3", files, replace(RULE, distribution="other"), tag="cp311-cp311-linux_x86_64")
    assert (found.output.pythons, found.output.abis) == (("cp311",), ("cp311",))


def test_a_range_that_is_none_or_excludes_the_provider_itself_is_refused(tmp_path: Path) -> None:
    for number, template in enumerate(("=={major}", ">={version},<{version}", "1.2")):
        with pytest.raises(LinkageError, match=r"core-1\.2\.7.*the range ") as caught:
            plan(tmp_path / str(number), {"core/lib/libntcore.so.1": CORE}, replace(RULE, requires=template))
        assert caught.value.hint


def test_no_range_at_all_is_a_warning(tmp_path: Path) -> None:
    found = plan(tmp_path, {"core/lib/libntcore.so.1": CORE}, replace(RULE, requires=None))
    assert found.warnings == ("core does not say which versions its users may have: they get ==1.2.7.* (set requires)",)
    assert export(found).requires == "=={version}.*"


def test_static_libraries_for_linux_are_no_import_libraries(tmp_path: Path) -> None:
    files = {"core/lib/libntcore.so.1": CORE, "core/lib/libother.a": b"!<arch>\ndamaged"}
    found = plan(tmp_path, files, replace(RULE, import_libs=ImportLibraries.RENAME))
    assert [file.member for file in found.files if file.member.endswith(".a")] == []
