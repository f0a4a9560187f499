"""What a repair decides, on the small wheels of the fixtures and variants of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from madeimages import FIXTURES, LIBRARIES, content, for_gpu, patched, vend
from smallwheels import wheel

from nativewheel.errors import LinkageError, UsageError
from nativewheel.repair.batch import repair_wheels
from nativewheel.repair.options import AddedLibrary, RepairOptions, RunOptions
from nativewheel.repair.plan import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.repair.plan import ImageEdit, Plan

WHEELS = FIXTURES / "wheels"
VENDOR = WHEELS / "ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl"
OUTER, INNER = LIBRARIES / "libntouter.so.2", LIBRARIES / "libntinner.so.1"
TAG = "cp311-cp311-linux_x86_64"
ROOT = Path("/nowhere")
FOUND = RepairOptions(lib_path=(LIBRARIES,), sysroot=ROOT)

pytestmark = pytest.mark.usefixtures("no_library_path")


def options(
    *,
    lib_path: tuple[Path, ...] = (LIBRARIES,),
    plat: str | None = None,
    exclude: tuple[str, ...] = (),
    allow_missing: tuple[str, ...] = (),
    no_mangle: tuple[str, ...] = (),
    add: tuple[AddedLibrary, ...] = (),
    lib_sdir: str = ".libs",
    strip: bool = False,
) -> RepairOptions:
    return RepairOptions(
        lib_path=lib_path,
        sysroot=ROOT,
        plat=plat,
        exclude=exclude,
        allow_missing=allow_missing,
        no_mangle=no_mangle,
        add_library=add,
        lib_sdir=lib_sdir,
        strip=strip,
    )


def plan(path: Path, wish: RepairOptions = FOUND, *, jobs: int = 1) -> Plan:
    (outcome,) = repair_wheels([path], lambda _: wish, RunOptions(wheel_dir=ROOT, jobs=jobs, dry_run=True))
    return outcome.plan


def plan_of(folder: Path, files: Mapping[str, bytes], wish: RepairOptions = FOUND, *, tag: str = TAG) -> Plan:
    return plan(wheel(folder / "in", tag, files), wish)


def variant(folder: Path, data: bytes, *arguments: str, name: str = "x.so") -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source").write_bytes(data)
    return patched(folder / "source", folder / "variants" / name, *arguments).read_bytes()


def host_library(folder: Path, source: Path, name: str, *arguments: str) -> Path:
    return patched(source, folder / name, "--set-soname", name, *arguments)


def edits(found: Plan) -> dict[str, ImageEdit]:
    return {str(edit.member): edit for edit in found.edits}


def plain(name: str) -> str:
    return re.sub("-[0-9a-f]{8}", "", name)


def sources(found: Plan) -> list[str]:
    return [library.source.name for library in found.vendored]


class TestVendoring:
    def test_the_fixture(self) -> None:
        found = plan(VENDOR)
        assert (found.action, str(found.output)) == (Action.REPAIR, "ntvendor-0.1.0-cp38-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl")
        assert sources(found) == ["libntinner.so.1", "libntouter.so.2"]
        assert [plain(library.member) for library in found.vendored] == ["ntvendor.libs/libntinner.so.1", "ntvendor.libs/libntouter.so.2"]
        outer = found.vendored[1].member.rpartition("/")[2]
        edit = edits(found)["ntvendor/_vend.abi3.so"]
        assert (edit.target, edit.edit.replace, edit.edit.rpaths) == (edit.member, (("libntouter.so.2", outer),), ("$ORIGIN/../ntvendor.libs",))

    def test_nothing_is_found_twice_differently(self, tmp_path: Path) -> None:
        files = {f"pkg/m{index}.so": vend() for index in range(6)}
        path = wheel(tmp_path, TAG, files)
        assert plan(path) == plan(path) == plan(path, jobs=4)

    def test_the_order_of_members_changes_nothing_but_the_order_of_edits(self, tmp_path: Path) -> None:
        files = {"pkg/a.so": vend(), "pkg/b.so": INNER.read_bytes(), "pkg/c.so": vend()}
        one = plan_of(tmp_path / "1", files)
        other = plan_of(tmp_path / "2", dict(reversed(files.items())))
        assert one.vendored == other.vendored
        assert edits(one) == edits(other)

    def test_another_folder(self) -> None:
        found = plan(VENDOR, options(lib_sdir="/lib"))
        assert {library.member.rpartition("/")[0] for library in found.vendored} == {"ntvendor/lib"}
        assert edits(found)["ntvendor/_vend.abi3.so"].edit.rpaths == ("$ORIGIN/lib",)

    def test_strip_is_asked_of_every_image(self) -> None:
        found = plan(VENDOR, options(strip=True))
        assert [edit.edit.strip for edit in found.edits] == [True, True]
        assert [library.edit.strip for library in found.vendored] == [True, True]

    def test_a_plain_name_needs_the_search_path_only(self) -> None:
        found = plan(VENDOR, options(no_mangle=("libnt*",)))
        assert [library.member for library in found.vendored] == ["ntvendor.libs/libntinner.so.1", "ntvendor.libs/libntouter.so.2"]
        assert edits(found)["ntvendor/_vend.abi3.so"].edit.rpaths == ("$ORIGIN/../ntvendor.libs",)
        assert found.matched == {"libnt*"}

    def test_a_missing_library_is_named_with_its_user(self) -> None:
        with pytest.raises(LinkageError, match=r"libntouter\.so\.2 \(wanted by ntvendor"):
            plan(VENDOR, options(lib_path=()))

    def test_it_may_be_allowed_to_be_missing(self) -> None:
        found = plan(VENDOR, options(lib_path=(), allow_missing=("libntouter*",)))
        assert (found.vendored, found.edits) == ((), ())
        assert found.matched == {"libntouter*"}
        assert "manylinux_2_5_x86_64" in found.output.platforms

    def test_exclusion_prunes(self) -> None:
        assert sources(plan(VENDOR, options(exclude=("libntinner*",)))) == ["libntouter.so.2"]
        assert sources(plan(VENDOR, options(exclude=(str(OUTER),)))) == []


class TestSeveralLibraries:
    def test_one_file_under_two_names_is_copied_once(self, tmp_path: Path) -> None:
        folder = tmp_path / "lib"
        folder.mkdir()
        shutil.copy(OUTER, folder / "libntouter.so.2")
        (folder / "libntouter.so").symlink_to("libntouter.so.2")
        shutil.copy(INNER, folder)
        data = variant(tmp_path, vend(), "--add-needed", "libntouter.so")
        found = plan_of(tmp_path, {"pkg/x.so": data}, options(lib_path=(folder,)))
        assert sources(found) == ["libntinner.so.1", "libntouter.so.2"]
        assert [old for old, _ in edits(found)["pkg/x.so"].edit.replace] == ["libntouter.so", "libntouter.so.2"]

    def test_two_copies_of_one_file_are_copied_once(self, tmp_path: Path) -> None:
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            shutil.copy(OUTER, tmp_path / folder)
            shutil.copy(INNER, tmp_path / folder)
        files = {f"pkg/{side}.so": variant(tmp_path, vend(), "--force-rpath", "--set-rpath", str(tmp_path / side), name=side) for side in ("a", "b")}
        found = plan_of(tmp_path, files, RepairOptions())
        assert sources(found) == ["libntinner.so.1", "libntouter.so.2"]

    def test_two_libraries_of_one_soname_both_come_and_each_asker_gets_its_own(self, tmp_path: Path) -> None:
        for folder, needed in (("a", "libm.so.6"), ("b", "libdl.so.2")):
            host_library(tmp_path / folder, INNER, "libntouter.so.2", "--add-needed", needed)
        files = {f"pkg/{side}.so": variant(tmp_path, vend(), "--set-rpath", str(tmp_path / side), name=side) for side in ("a", "b")}
        found = plan_of(tmp_path, files, RepairOptions())
        copies = {library.source.parent.name: library.member.rpartition("/")[2] for library in found.vendored}
        assert len(set(copies.values())) == 2
        for side in ("a", "b"):
            assert edits(found)[f"pkg/{side}.so"].edit.replace == (("libntouter.so.2", copies[side]),)
        with pytest.raises(LinkageError, match="--no-mangle gives one name to different libraries"):
            plan_of(tmp_path / "again", files, RepairOptions(no_mangle=("libntouter*",)))

    def test_an_absolute_dependency_is_followed(self, tmp_path: Path) -> None:
        path = host_library(tmp_path, INNER, "libabsolute.so.1")
        data = variant(tmp_path, vend(), "--replace-needed", "libntouter.so.2", str(path))
        found = plan_of(tmp_path, {"pkg/x.so": data}, RepairOptions())
        assert edits(found)["pkg/x.so"].edit.replace == ((str(path), found.vendored[0].member.rpartition("/")[2]),)

    def test_flattened_links_are_reported(self, tmp_path: Path) -> None:
        data = INNER.read_bytes()
        found = plan_of(tmp_path, {"pkg/libntinner.so": data, "pkg/libntinner.so.1": data})
        assert found.warnings == (
            "pkg/libntinner.so: the wheel holds this library 2 times (also pkg/libntinner.so.1); keep the one named as its identity",
        )


class TestSearchPaths:
    def test_host_paths_are_dropped_and_reported(self, tmp_path: Path) -> None:
        data = variant(tmp_path, INNER.read_bytes(), "--set-rpath", "/opt/lib:$ORIGIN/../x:/build:$ORIGIN/../..")
        found = plan_of(tmp_path, {"pkg/x.so": data})
        assert edits(found)["pkg/x.so"].edit.rpaths == ("$ORIGIN/../x",)
        assert found.warnings == tuple(
            f"pkg/x.so: search path {entry} dropped, it leads out of the wheel" for entry in ("/opt/lib", "/build", "$ORIGIN/../..")
        )

    def test_paths_inside_the_wheel_stay_in_front(self, tmp_path: Path) -> None:
        data = variant(tmp_path, vend(), "--set-rpath", "$ORIGIN/../x:/opt")
        found = plan_of(tmp_path, {"pkg/x.so": data})
        assert edits(found)["pkg/x.so"].edit.rpaths == ("$ORIGIN/../x", "$ORIGIN/../small.libs")

    def test_platlib_in_the_data_folder_counts_as_installed(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"small-1.0.data/platlib/pkg/sub/x.so": vend()})
        edit = edits(found)["small-1.0.data/platlib/pkg/sub/x.so"]
        assert (edit.target, edit.edit.rpaths) == (edit.member, ("$ORIGIN/../../small.libs",))

    def test_a_library_elsewhere_in_the_wheel_becomes_reachable(self, tmp_path: Path) -> None:
        files = {"pkg/x.so": vend(), "lib/libntouter.so.2": OUTER.read_bytes(), "pkg/libntinner.so.1": INNER.read_bytes()}
        found = plan_of(tmp_path, files, options(lib_path=()))
        assert found.vendored == ()
        assert {member: (edit.edit.replace, edit.edit.rpaths) for member, edit in edits(found).items()} == {
            "pkg/x.so": ((), ("$ORIGIN/../lib",)),
            "lib/libntouter.so.2": ((), ("$ORIGIN/../pkg",)),
        }

    def test_a_library_with_another_file_name_is_asked_for_by_it(self, tmp_path: Path) -> None:
        files = {"pkg/x.so": vend(), "pkg/outer.so": OUTER.read_bytes(), "pkg/libntinner.so.1": INNER.read_bytes()}
        edit = edits(plan_of(tmp_path, files, options(lib_path=())))["pkg/x.so"].edit
        assert (edit.replace, edit.rpaths) == ((("libntouter.so.2", "outer.so"),), ("$ORIGIN",))


class TestLibpython:
    def test_it_is_taken_out_of_a_module(self, tmp_path: Path) -> None:
        data = variant(tmp_path, INNER.read_bytes(), "--add-needed", "libpython3.11.so.1.0")
        found = plan_of(tmp_path, {"pkg/x.so": data})
        assert edits(found)["pkg/x.so"].edit.remove == ("libpython3.11.so.1.0",)
        assert found.warnings == ("pkg/x.so: dependency on libpython3.11.so.1.0 dropped, as the interpreter has it",)

    def test_a_program_that_needs_it_is_refused(self, tmp_path: Path) -> None:
        program = content(VENDOR.name, "ntvendor-0.1.0.data/scripts/ntprog")
        data = variant(tmp_path, program, "--add-needed", "libpython3.11.so.1.0")
        files = {"small-1.0.data/scripts/prog": data}
        with pytest.raises(LinkageError, match=r"the program needs libpython3\.11\.so\.1\.0") as caught:
            plan_of(tmp_path, files)
        assert caught.value.where == (f"small-1.0-{TAG}.whl", "small-1.0.data/scripts/prog")
        found = plan_of(tmp_path / "excluded", files, options(exclude=("libpython*",)))
        assert "libpython3.11.so.1.0" not in dict(edits(found)["small-1.0.data/scripts/prog"].edit.replace)


class TestPrograms:
    def test_a_program_that_needs_libraries_moves_and_leaves_a_launcher(self) -> None:
        found = plan(VENDOR)
        edit = edits(found)["ntvendor-0.1.0.data/scripts/ntprog"]
        assert (edit.target, edit.edit.rpaths) == ("ntvendor.scripts/ntprog", ("$ORIGIN/../ntvendor.libs",))
        assert [(launcher.member, launcher.program) for launcher in found.launchers] == [(edit.member, edit.target)]

    def test_one_that_needs_nothing_stays(self, tmp_path: Path) -> None:
        program = variant(tmp_path, content(VENDOR.name, "ntvendor-0.1.0.data/scripts/ntprog"), "--remove-needed", "libntouter.so.2")
        found = plan_of(tmp_path, {"small-1.0.data/scripts/prog": program, "pkg/x.so": vend()})
        assert found.launchers == ()
        assert list(edits(found)) == ["pkg/x.so"]

    @pytest.mark.parametrize("scheme", ["data", "headers"])
    def test_one_in_the_data_folder_is_refused(self, tmp_path: Path, scheme: str) -> None:
        program = content(VENDOR.name, "ntvendor-0.1.0.data/scripts/ntprog")
        with pytest.raises(LinkageError, match="an image in the data folder needs libraries"):
            plan_of(tmp_path, {f"small-1.0.data/{scheme}/bin/prog": program})


class TestLayout:
    @pytest.mark.parametrize(
        ("member", "message"),
        [
            ("small-1.0.data/purelib/pkg/y.so", "a native file in the purelib folder"),
            ("small-1.0.data/data/lib/liby.so", "a library in the data folder, where no package finds it"),
        ],
    )
    def test_places_that_cannot_work_are_refused_once_something_must_change(self, tmp_path: Path, member: str, message: str) -> None:
        files = {member: INNER.read_bytes()}
        with pytest.raises(LinkageError, match=message):
            plan_of(tmp_path, {**files, "pkg/x.so": vend()})
        assert plan_of(tmp_path / "alone", files, tag="cp311-cp311-manylinux_2_17_x86_64").action is Action.COPY


class TestAddLibrary:
    def test_into_the_default_folder(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"pkg/x.so": (LIBRARIES / "libntcore.so.1").read_bytes()}, options(add=(AddedLibrary(path=OUTER),)))
        assert [plain(library.member) for library in found.vendored] == ["small.libs/libntinner.so.1", "small.libs/libntouter.so.2"]
        added = found.vendored[1]
        assert (added.member, added.source, added.names, added.edit.identity) == ("small.libs/libntouter.so.2", OUTER, (), None)
        assert added.edit.rpaths == ("$ORIGIN",)
        assert added.edit.replace == (("libntinner.so.1", found.vendored[0].member.rpartition("/")[2]),)

    def test_into_a_package_where_an_image_needs_it_too(self, tmp_path: Path) -> None:
        found = plan_of(tmp_path, {"pkg/x.so": vend()}, options(add=(AddedLibrary(path=OUTER, place="pkg/lib"),)))
        assert sources(found) == ["libntinner.so.1", "libntouter.so.2"]
        assert found.vendored[1].member == "pkg/lib/libntouter.so.2"
        assert found.vendored[1].edit.rpaths == ("$ORIGIN/../../small.libs",)
        edit = edits(found)["pkg/x.so"].edit
        assert (edit.replace, edit.rpaths) == ((), ("$ORIGIN/lib",))

    def test_under_a_development_name(self, tmp_path: Path) -> None:
        (tmp_path / "libntinner.so").symlink_to(INNER)
        found = plan_of(tmp_path, {"pkg/x.so": OUTER.read_bytes()}, options(add=(AddedLibrary(path=tmp_path / "libntinner.so"),)))
        assert [library.member for library in found.vendored] == ["small.libs/libntinner.so"]
        edit = edits(found)["pkg/x.so"].edit
        assert (edit.replace, edit.rpaths) == ((("libntinner.so.1", "libntinner.so"),), ("$ORIGIN/../small.libs",))

    @pytest.mark.parametrize("folder", ["linux-aarch64-glibc", "linux-x86_64-musl"])
    def test_one_for_another_platform_is_refused(self, tmp_path: Path, folder: str) -> None:
        wish = options(add=(AddedLibrary(path=FIXTURES / "lib" / folder / "libntinner.so.1"),))
        with pytest.raises(LinkageError, match=r"--add-library: libntinner\.so\.1 is not a native library for x86_64 and glibc"):
            plan_of(tmp_path, {"pkg/x.so": vend()}, wish)

    def test_a_file_that_is_there_already_is_not_replaced(self, tmp_path: Path) -> None:
        wish = options(add=(AddedLibrary(path=INNER, place="pkg"),))
        with pytest.raises(LinkageError, match="the wheel has this file already"):
            plan_of(tmp_path, {"pkg/libntinner.so.1": INNER.read_bytes()}, wish)

    def test_what_is_no_library_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match="is not a native library"):
            plan_of(tmp_path, {"pkg/x.so": vend()}, options(add=(AddedLibrary(path=FIXTURES / "README.md"),)))


class TestCopied:
    def copied(self, found: Plan) -> str:
        assert (found.action, found.output) == (Action.COPY, found.name)
        assert (found.vendored, found.edits, found.launchers) == ((), (), ())
        return found.reason

    def test_a_pure_wheel(self, tmp_path: Path) -> None:
        assert self.copied(plan_of(tmp_path, {"pkg/a.py": b""}, tag="py3-none-any")) == "no native files"

    def test_a_wheel_that_needs_nothing(self, tmp_path: Path) -> None:
        files = {"pkg/x.so": INNER.read_bytes()}
        assert self.copied(plan_of(tmp_path, files, tag="cp311-cp311-manylinux_2_17_x86_64")) == "nothing to repair"
        found = plan_of(tmp_path / "newer", files, tag="cp311-cp311-manylinux_2_28_x86_64")
        assert self.copied(found) == "nothing to repair; the content also allows manylinux_2_17_x86_64"

    def test_a_wish_that_is_not_fulfilled_yet_is_work(self, tmp_path: Path) -> None:
        wish = options(plat="manylinux_2_17")
        found = plan_of(tmp_path, {"pkg/x.so": INNER.read_bytes()}, wish, tag="cp311-cp311-manylinux_2_28_x86_64")
        assert found.action is Action.REPAIR
        assert "manylinux_2_17_x86_64" in found.output.platforms

    def test_launchers_and_code_for_a_gpu(self, tmp_path: Path) -> None:
        dll = content("ntcore-1.2.7-py3-none-win_amd64.whl", "ntcore/lib/ntcore.dll")
        found = plan_of(tmp_path / "1", {"pkg/cli.exe": dll}, tag="py3-none-any")
        assert self.copied(found) == "nothing to repair"
        assert len(found.warnings) == 1
        files = {"pkg/cli.exe": dll, "pkg/k.cubin": for_gpu(INNER.read_bytes()), "pkg/x.so": INNER.read_bytes()}
        found = plan_of(tmp_path / "2", files, tag="cp311-cp311-manylinux_2_17_x86_64")
        assert self.copied(found) == "nothing to repair"
        assert len(found.warnings) == 2

    def test_a_repaired_wheel(self, tmp_path: Path) -> None:
        (outcome,) = repair_wheels([VENDOR], lambda _: FOUND, RunOptions(wheel_dir=tmp_path))
        for plat in (None, "manylinux2014", "musllinux_1_2", "win_amd64"):
            assert self.copied(plan(outcome.output, options(plat=plat))) == "already repaired by nativewheel"
        with pytest.raises(LinkageError, match=r"already repaired, and not for manylinux2010"):
            plan(outcome.output, options(plat="manylinux2010"))
        with pytest.raises(UsageError, match="is not a tag for x86_64 and glibc"):
            plan(outcome.output, options(plat="manylinux_1_1"))


def test_a_tag_alone_is_work(tmp_path: Path) -> None:
    found = plan_of(tmp_path, {"pkg/x.so": INNER.read_bytes()})
    assert (found.action, found.vendored, found.edits) == (Action.REPAIR, (), ())
    assert found.output.platforms == ("manylinux2014_x86_64", "manylinux_2_17_x86_64")


def test_no_tag_can_be_promised_for_armv6(tmp_path: Path) -> None:
    with pytest.raises(LinkageError, match="no manylinux tag covers armv6l"):
        plan_of(tmp_path, {"pkg/x.so": vend("linux_armv7l")}, tag="cp311-cp311-linux_armv6l")


@pytest.mark.parametrize(
    ("tag", "folder", "machine", "platform"),
    [
        ("cp38-abi3", "linux-aarch64-glibc", "aarch64", "manylinux_2_17_aarch64"),
        ("cp38-abi3", "linux-i686-glibc", "i686", "manylinux_2_17_i686"),
        ("cp38-abi3", "linux-armv7l-glibc", "armv7l", "manylinux_2_17_armv7l"),
        ("cp311-cp311", "linux-x86_64-musl", "x86_64", "musllinux_1_2_x86_64"),
        ("cp311-cp311", "linux-aarch64-musl", "aarch64", "musllinux_1_2_aarch64"),
    ],
)
def test_libraries_of_other_platforms_are_passed_over(tag: str, folder: str, machine: str, platform: str) -> None:
    everything = tuple(sorted((FIXTURES / "lib").iterdir()))
    found = plan(WHEELS / f"ntvendor-0.1.0-{tag}-linux_{machine}.whl", options(lib_path=everything))
    assert {library.source.parent.name for library in found.vendored} == {folder}
    assert platform in found.output.platforms
