"""Edits of ELF images: a golden dump for each operation, what is refused, and that no rest is left after an error."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from nativewheel.errors import LinkageError, MachineError, UnreadableError
from nativewheel.formats import apply, exports, imports, read
from nativewheel.formats.image import Edit, Identity

WHEELS = Path(__file__).parents[2] / "fixtures" / "wheels"
MACHINE = platform.machine()
PLATFORMS = ["linux_x86_64", "linux_i686", "linux_armv7l", "linux_aarch64"]
GNU = Identity("libc.so.6")
OUTER, HASHED = Identity("libntouter.so.2"), Identity("libntouter-1a2b3c4d.so.2")

GOLDEN = {
    "no-op": (Edit(), "needed libntouter.so.2 / needed libc.so.6 / wants libc.so.6"),
    "soname": (Edit(identity=Identity("_vend-1.so")), "soname _vend-1.so / needed libntouter.so.2 / needed libc.so.6 / wants libc.so.6"),
    "replace": (Edit(replace=((OUTER, HASHED),)), "needed libntouter-1a2b3c4d.so.2 / needed libc.so.6 / wants libc.so.6"),
    "replace-versioned": (Edit(replace=((GNU, Identity("x.so")),)), "needed libntouter.so.2 / needed x.so / wants x.so"),
    "remove": (Edit(remove=(OUTER,)), "needed libc.so.6 / wants libc.so.6"),
    "rpath": (
        Edit(rpaths=("$ORIGIN/../x.libs", "$ORIGIN")),
        "rpath $ORIGIN/../x.libs:$ORIGIN / needed libntouter.so.2 / needed libc.so.6 / wants libc.so.6",
    ),
    "no-rpath": (Edit(rpaths=()), "needed libntouter.so.2 / needed libc.so.6 / wants libc.so.6"),
    "all": (
        Edit(identity=Identity("_vend-1.so"), replace=((OUTER, HASHED),), rpaths=("$ORIGIN",)),
        "rpath $ORIGIN / soname _vend-1.so / needed libntouter-1a2b3c4d.so.2 / needed libc.so.6 / wants libc.so.6",
    ),
}


def dump(path: Path) -> str:
    """Print the dynamic section and the version needs, as pyelftools reads them."""
    kinds = {"DT_NEEDED": "needed", "DT_SONAME": "soname", "DT_RPATH": "rpath", "DT_RUNPATH": "runpath"}
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        lines = [f"{kinds[tag.entry.d_tag]} {getattr(tag, kinds[tag.entry.d_tag])}" for tag in dynamic(elf) if tag.entry.d_tag in kinds]
        lines += [f"wants {need.name}" for need, _ in elf.get_section_by_name(".gnu.version_r").iter_versions()]
    order = ["rpath", "runpath", "soname", "needed", "wants"]
    return " / ".join(sorted(lines, key=lambda line: order.index(line.split()[0])))


def dynamic(elf: Any) -> Any:
    return elf.get_section_by_name(".dynamic").iter_tags()


@pytest.fixture(params=PLATFORMS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "in" / "_vend.abi3.so"
    path.parent.mkdir()
    with zipfile.ZipFile(WHEELS / f"ntvendor-0.1.0-cp38-abi3-{request.param}.whl") as archive:
        path.write_bytes(archive.read("ntvendor/_vend.abi3.so"))
    path.chmod(0o444)
    return path


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(source: Path, tmp_path: Path, name: str) -> None:
    edit, expected = GOLDEN[name]
    before = source.read_bytes()
    target = tmp_path / "out"
    image = apply(source, edit, target)
    assert dump(target) == expected
    assert image == read(target.read_bytes(), source.name)
    assert source.read_bytes() == before
    assert target.stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    if name in {"no-op", "no-rpath"}:
        assert target.read_bytes() == before


def test_edits_are_deterministic(source: Path, tmp_path: Path) -> None:
    edit, _ = GOLDEN["all"]
    for name in ("one", "two"):
        apply(source, edit, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_edits_can_follow_each_other(source: Path, tmp_path: Path) -> None:
    first = apply(source, Edit(rpaths=("/host/lib", "$ORIGIN")), tmp_path / "1")
    second = apply(tmp_path / "1", Edit(rpaths=("$ORIGIN",), identity=Identity("a.so")), tmp_path / "2")
    third = apply(tmp_path / "2", Edit(rpaths=()), tmp_path / "3")
    assert [(item.rpaths, item.inherited_rpaths) for item in (first, second, third)] == [
        (("/host/lib", "$ORIGIN"), True),
        (("$ORIGIN",), True),
        ((), False),
    ]
    assert third.identity == "a.so"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit(identity=Identity("-x.so")), "no name that a library can have"),
        (Edit(replace=((OUTER, Identity("@/etc/passwd")),)), "no name that a library can have"),
        (Edit(remove=(Identity(""),)), "no name that a library can have"),
        (Edit(rpaths=("$ORIGIN:/usr",)), "no folder"),
        (Edit(rpaths=("",)), "no folder"),
        (Edit(rpaths=("@x",)), "no folder"),
        (Edit(identity=Identity("a\0b")), "no name that a library can have"),
    ],
)
def test_names_that_patchelf_would_read_in_another_way_are_refused(source: Path, tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        apply(source, edit, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dependency_whose_versions_are_wanted_cannot_be_removed(source: Path, tmp_path: Path) -> None:
    with pytest.raises(LinkageError, match=r"cannot drop the dependency on libc\.so\.6"):
        apply(source, Edit(remove=(GNU,)), tmp_path / "out")


def test_failures_of_patchelf_are_quoted_and_leave_nothing(source: Path, tmp_path: Path) -> None:
    # Without section headers patchelf does nothing; e_shoff, e_shnum and e_shstrndx say where they are.
    data = bytearray(source.read_bytes())
    wide = data[4] == 2
    for start, size in ((40, 8), (60, 4)) if wide else ((32, 4), (48, 4)):
        data[start : start + size] = bytes(size)
    stripped = tmp_path / "bare.so"
    stripped.write_bytes(data)
    assert read(bytes(data), "_vend.abi3.so").dependencies == read(source.read_bytes(), "_vend.abi3.so").dependencies
    with pytest.raises(MachineError, match=r"patchelf failed \(.*patchelf: \w+"):
        apply(stripped, Edit(rpaths=("$ORIGIN",)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there(source: Path, tmp_path: Path) -> None:
    for edit in (Edit(), Edit(rpaths=("$ORIGIN",))):
        with pytest.raises(MachineError, match="No such file or directory"):
            apply(source, edit, tmp_path / "absent" / "out")


def test_an_image_that_no_loader_takes_is_not_edited(source: Path, tmp_path: Path) -> None:
    data = bytearray(source.read_bytes())
    wide = data[4] == 2
    # p_align of the first PT_LOAD
    size, count = (56, 8) if wide else (32, 4)
    table = 64 if wide else 52
    load = next(at for at in range(table, table + 12 * size, size) if data[at] == 1)
    data[load + size - count : load + size] = (3).to_bytes(count, "little")
    bad = tmp_path / "bad.so"
    bad.write_bytes(data)
    with pytest.raises(UnreadableError, match="not aligned to 0x3"):
        apply(bad, Edit(rpaths=("$ORIGIN",)), tmp_path / "out")


@pytest.mark.skipif(
    MACHINE not in {"x86_64", "aarch64"} or not (shutil.which("strip") or shutil.which("llvm-strip")), reason="no strip for this machine"
)
def test_strip_comes_before_the_other_changes(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("static int inner(int v) { return v + 1; } int outer(int v) { return inner(v); }")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "zig"), "ZIG_LOCAL_CACHE_DIR": str(tmp_path / "zig")}
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", f"{MACHINE}-linux-gnu", "-shared", "-fPIC", "-O0", "-g", "-nostdlib"]
    subprocess.run([*compiler, "-o", "x.so", "x.c"], cwd=tmp_path, env=environment, check=True, timeout=300)
    (tmp_path / "out").mkdir()
    image = apply(tmp_path / "x.so", Edit(strip=True), tmp_path / "out" / "only.so")
    edited = apply(tmp_path / "x.so", Edit(strip=True, identity=Identity("y.so"), rpaths=("$ORIGIN",)), tmp_path / "out" / "both.so")
    assert (image.identity, edited.identity, edited.rpaths) == (None, "y.so", ("$ORIGIN",))
    for name, present in (("x.so", True), ("out/only.so", False), ("out/both.so", False)):
        with (tmp_path / name).open("rb") as file:
            sections = {section.name for section in ELFFile(file).iter_sections()}
        assert (".symtab" in sections, ".debug_info" in sections) == (present, present)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["both.so", "only.so"]


def test_strip_without_a_program(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=re.escape("no program to strip")):
        apply(source, Edit(strip=True), tmp_path / "out")


def test_a_large_page_size_is_kept(tmp_path: Path) -> None:
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "zig"), "ZIG_LOCAL_CACHE_DIR": str(tmp_path / "zig")}
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu", "-shared", "-fPIC", "-O1", "-g0", "-nostdlib"]
    (tmp_path / "x.c").write_text("int outer(int v) { return v; }")
    subprocess.run([*compiler, "-Wl,-z,max-page-size=65536", "-o", "x.so", "x.c"], cwd=tmp_path, env=environment, check=True, timeout=300)
    apply(tmp_path / "x.so", Edit(identity=Identity("a-name-that-needs-a-new-string-table.so")), tmp_path / "y.so")
    with (tmp_path / "y.so").open("rb") as file:
        elf: Any = ELFFile(file)
        assert {segment["p_align"] for segment in elf.iter_segments("PT_LOAD")} == {65536}


@pytest.mark.skipif(MACHINE not in {"x86_64", "aarch64"}, reason="no fixture for this machine")
def test_a_strip_that_loses_symbols_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the place of strip that writes another image than the one it was given."""
    with zipfile.ZipFile(WHEELS / f"ntvendor-0.1.0-cp38-abi3-linux_{MACHINE}.whl") as archive:
        (tmp_path / "x.so").write_bytes(archive.read("ntvendor/_vend.abi3.so"))
    with zipfile.ZipFile(WHEELS / f"ntcore-1.2.7-py3-none-linux_{MACHINE}.whl") as archive:
        (tmp_path / "other.so").write_bytes(archive.read("ntcore/lib/libntcore.so.1"))
    (tmp_path / "strip").write_text(f'#!/bin/sh\n/bin/cat {tmp_path}/other.so > "$3"\n')
    (tmp_path / "strip").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=r"^strip damaged the file: "):
        apply(tmp_path / "x.so", Edit(strip=True, rpaths=("$ORIGIN",)), tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


class TestRenamedImports:
    """References of ELF images name no library, so a name that one library gives a symbol holds for all references to it."""

    INNER = Identity("libntinner.so.1")

    @pytest.fixture
    def module(self, tmp_path: Path) -> Path:
        path = tmp_path / "_vend.abi3.so"
        with zipfile.ZipFile(WHEELS / "ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl") as archive:
            path.write_bytes(archive.read("ntvendor/_vend.abi3.so"))
        return path

    @staticmethod
    def wanted(path: Path) -> set[str]:
        return {symbol.name for symbol in imports(path.read_bytes())}

    def test_names_change_whatever_library_they_are_said_to_be_of(self, module: Path, tmp_path: Path) -> None:
        for number, library in enumerate((OUTER, self.INNER)):
            target = tmp_path / str(number)
            apply(module, Edit(rename_imports=((library, (("nt_outer", "nw_x__nt_outer"),)),)), target)
            assert self.wanted(module) - self.wanted(target) == {"nt_outer"}
            assert self.wanted(target) - self.wanted(module) == {"nw_x__nt_outer"}

    def test_together_with_those_of_the_image_itself(self, module: Path, tmp_path: Path) -> None:
        both = Edit(rename_symbols=(("PyInit__vend", "PyInit_other"),), rename_imports=((OUTER, (("nt_outer", "nw_x__nt_outer"),)),))
        apply(module, both, tmp_path / "new")
        assert "nw_x__nt_outer" in self.wanted(tmp_path / "new")
        assert "PyInit_other" in {symbol.name for symbol in exports((tmp_path / "new").read_bytes())}

    def test_symbols_that_it_does_not_want_leave_it_as_it_is(self, module: Path, tmp_path: Path) -> None:
        apply(module, Edit(rename_imports=((OUTER, (("gone", "nw_x__gone"),)),)), tmp_path / "new")
        assert (tmp_path / "new").read_bytes() == module.read_bytes()

    @pytest.mark.parametrize(
        ("edit", "message"),
        [
            (
                Edit(rename_imports=((OUTER, (("nt_outer", "nw_x__nt_outer"),)), (INNER, (("nt_outer", "nw_y__nt_outer"),)))),
                "cannot rename the symbol 'nt_outer' to both 'nw_x__nt_outer' and 'nw_y__nt_outer'",
            ),
            (
                Edit(rename_symbols=(("nt_outer", "other"),), rename_imports=((OUTER, (("nt_outer", "nw_x__nt_outer"),)),)),
                "cannot rename the symbol 'nt_outer' to both 'other' and 'nw_x__nt_outer'",
            ),
            (Edit(rename_imports=((OUTER, (("nt_outer", "PyInit__vend"),)),)), "the symbol 'PyInit__vend' would have the same name"),
        ],
    )
    def test_two_names_for_one_symbol_are_refused(self, module: Path, tmp_path: Path, edit: Edit, message: str) -> None:
        with pytest.raises(LinkageError, match=re.escape(message)):
            apply(module, edit, tmp_path / "new")
        assert not (tmp_path / "new").exists()

    def test_one_name_from_two_libraries_is_one(self, module: Path, tmp_path: Path) -> None:
        renames = (("nt_outer", "nw_x__nt_outer"),)
        apply(module, Edit(rename_imports=((OUTER, renames), (self.INNER, renames))), tmp_path / "new")
        assert "nw_x__nt_outer" in self.wanted(tmp_path / "new")
