"""The repaired wheel: its members, modes, RECORD, manifest and bill of materials, and the errors of the machine."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from installer.sources import WheelFile
from madeimages import FIXTURES, LIBRARIES, content, patched, vend
from smallwheels import wheel

from nativewheel import formats
from nativewheel.errors import MachineError, UnreadableError
from nativewheel.repair import apply as module
from nativewheel.repair.apply import apply
from nativewheel.repair.batch import repair_wheels
from nativewheel.repair.options import AddedLibrary, RepairOptions, RunOptions
from nativewheel.repair.owners import Owner
from nativewheel.wheel.archive import WheelArchive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.image import Edit, PeBackend
    from nativewheel.repair.plan import Plan

VENDOR = FIXTURES / "wheels/ntvendor-0.1.0-cp38-abi3-linux_x86_64.whl"
PROGRAM = "ntvendor-0.1.0.data/scripts/ntprog"
OUTER, INNER = LIBRARIES / "libntouter.so.2", LIBRARIES / "libntinner.so.1"
INFO = "ntvendor-0.1.0.dist-info"
OWNERS = {INNER: Owner(kind="deb", distro="debian", name="libntinner1", version="1.0-1", license="MIT")}
FOUND = RepairOptions(lib_path=(LIBRARIES,))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def plan_of(path: Path, options: RepairOptions = FOUND) -> Plan:
    (outcome,) = repair_wheels([path], lambda _: options, RunOptions(wheel_dir=path.parent, dry_run=True))
    return outcome.plan


def make(
    path: Path,
    destination: Path,
    options: RepairOptions = FOUND,
    *,
    owners: Mapping[Path, Owner] = OWNERS,
    zip_level: int = 6,
    jobs: int = 1,
) -> Plan:
    plan = plan_of(path, options)
    with WheelArchive(path) as archive:
        apply(plan, archive, destination, owners=lambda: owners, zip_level=zip_level, jobs=jobs, advance=lambda: None)
    return plan


@pytest.fixture
def repaired(tmp_path: Path) -> zipfile.ZipFile:
    plan = make(VENDOR, tmp_path / "made.whl")
    target = tmp_path / str(plan.output)
    (tmp_path / "made.whl").rename(target)
    return zipfile.ZipFile(target)


def load(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(f"{INFO}/{name}"))


def vendored(archive: zipfile.ZipFile) -> list[str]:
    return [name for name in archive.namelist() if name.startswith("ntvendor.libs/")]


class TestMembers:
    def test_old_ones_keep_their_order_and_record_comes_last(self, repaired: zipfile.ZipFile) -> None:
        inner, outer = vendored(repaired)
        assert inner < outer
        assert repaired.namelist()[:9] == [
            PROGRAM,
            "ntvendor/__init__.py",
            "ntvendor/_vend.abi3.so",
            "ntvendor/_vend.pyi",
            inner,
            outer,
            "ntvendor.scripts/ntprog",
            f"{INFO}/METADATA",
            f"{INFO}/WHEEL",
        ]
        assert set(repaired.namelist()[9:-1]) == {f"{INFO}/nativewheel.json", f"{INFO}/sboms/nativewheel.cdx.json"}
        assert repaired.namelist()[-1] == f"{INFO}/RECORD"

    def test_record_is_right_and_installers_accept_it(self, repaired: zipfile.ZipFile) -> None:
        assert repaired.testzip() is None
        with WheelArchive(Path(repaired.filename or "")) as archive:
            archive.verify(1)
        with WheelFile.open(Path(repaired.filename or "")) as source:
            source.validate_record()

    def test_images_hold_what_was_planned(self, repaired: zipfile.ZipFile) -> None:
        inner, outer = vendored(repaired)
        names = [name.rpartition("/")[2] for name in (inner, outer)]
        images = {name: formats.read(repaired.read(name), name) for name in (inner, outer, "ntvendor/_vend.abi3.so", "ntvendor.scripts/ntprog")}
        assert [images[name].identity for name in (inner, outer)] == names
        assert [dependency.name for dependency in images[outer].dependencies] == [names[0], "libc.so.6"]
        assert images[outer].rpaths == ("$ORIGIN",)
        for asker in ("ntvendor/_vend.abi3.so", "ntvendor.scripts/ntprog"):
            assert names[1] in [dependency.name for dependency in images[asker].dependencies]
            assert images[asker].rpaths == ("$ORIGIN/../ntvendor.libs",)

    def test_modes(self, repaired: zipfile.ZipFile) -> None:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in repaired.infolist()}
        with zipfile.ZipFile(VENDOR) as source:
            before = {info.filename: info.external_attr >> 16 & 0o777 for info in source.infolist()}
        for name in (*vendored(repaired), PROGRAM, "ntvendor.scripts/ntprog"):
            assert modes[name] == 0o755
        for name in ("ntvendor/__init__.py", "ntvendor/_vend.abi3.so", f"{INFO}/METADATA"):
            assert modes[name] == before[name]

    def test_a_moved_program_is_executable_even_if_the_script_was_not(self, tmp_path: Path) -> None:
        program = content(VENDOR.name, PROGRAM)
        path = wheel(tmp_path, "cp311-cp311-linux_x86_64", {"small-1.0.data/scripts/prog": program}, modes={"small-1.0.data/scripts/prog": 0o644})
        make(path, tmp_path / "made.whl")
        with zipfile.ZipFile(tmp_path / "made.whl") as archive:
            assert archive.getinfo("small.scripts/prog").external_attr >> 16 & 0o777 == 0o755

    def test_unchanged_members_keep_their_bytes_and_times(self, repaired: zipfile.ZipFile) -> None:
        with zipfile.ZipFile(VENDOR) as source:
            for name in ("ntvendor/__init__.py", "ntvendor/_vend.pyi", f"{INFO}/METADATA"):
                before, after = source.getinfo(name), repaired.getinfo(name)
                assert (before.date_time, before.CRC, before.compress_size) == (after.date_time, after.CRC, after.compress_size)

    def test_signatures_are_dropped(self, tmp_path: Path) -> None:
        files = {"pkg/x.so": INNER.read_bytes(), "pkg/RECORD.jws": b"kept"}
        path = wheel(tmp_path, "cp311-cp311-linux_x86_64", files)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("small-1.0.dist-info/RECORD.jws", b"{}")
            archive.writestr("small-1.0.dist-info/RECORD.p7s", b"")
        make(path, tmp_path / "made.whl")
        with zipfile.ZipFile(tmp_path / "made.whl") as archive:
            names = archive.namelist()
        assert "pkg/RECORD.jws" in names
        assert not [name for name in names if name.startswith("small-1.0.dist-info/RECORD.")]

    def test_the_wheel_file_has_the_new_tags(self, repaired: zipfile.ZipFile) -> None:
        lines = repaired.read(f"{INFO}/WHEEL").decode().splitlines()
        assert "Root-Is-Purelib: false" in lines
        assert [line for line in lines if line.startswith("Tag:")] == [
            "Tag: cp38-abi3-manylinux2014_x86_64",
            "Tag: cp38-abi3-manylinux_2_17_x86_64",
        ]


class TestManifest:
    def test_it_says_what_was_done(self, repaired: zipfile.ZipFile) -> None:
        document = load(repaired, "nativewheel.json")
        assert (document["schema"], document["namespace"], document["exports"], document["consumes"]) == (1, "nw_ntvendor", [], [])
        inner, outer = vendored(repaired)
        assert document["vendored"] == [
            {"name": name.rpartition("/")[2], "member": name, "source": source, "sha256": hashlib.sha256(repaired.read(name)).hexdigest()}
            for name, source in ((inner, "pkg:deb/debian/libntinner1@1.0-1"), (outer, "libntouter.so.2"))
        ]
        with zipfile.ZipFile(VENDOR) as source:
            before = {name: hashlib.sha256(source.read(name)).hexdigest() for name in (PROGRAM, "ntvendor/_vend.abi3.so")}
        images = {item["member"]: item for item in document["images"]}
        assert {name: item["sha256_before"] for name, item in images.items()} == {
            "ntvendor/_vend.abi3.so": before["ntvendor/_vend.abi3.so"],
            "ntvendor.scripts/ntprog": before[PROGRAM],
        }
        assert all(hashlib.sha256(repaired.read(name)).hexdigest() == item["sha256_after"] for name, item in images.items())

    def test_no_path_of_the_host_gets_into_the_wheel(self, repaired: zipfile.ZipFile) -> None:
        for name in repaired.namelist():
            assert str(LIBRARIES).encode() not in repaired.read(name)

    def test_the_bill_of_materials_has_every_vendored_library(self, repaired: zipfile.ZipFile) -> None:
        files = [item["properties"][0]["value"] for item in load(repaired, "sboms/nativewheel.cdx.json")["components"]]
        assert sorted(files) == vendored(repaired)

    def test_without_vendored_libraries_there_is_no_bill_and_no_question(self, tmp_path: Path) -> None:
        path = wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": INNER.read_bytes()})
        plan = plan_of(path)
        with WheelArchive(path) as archive:
            apply(plan, archive, tmp_path / "made.whl", owners=lambda: pytest.fail("asked"), zip_level=6, jobs=1, advance=lambda: None)
        with zipfile.ZipFile(tmp_path / "made.whl") as archive_:
            assert not [name for name in archive_.namelist() if "sboms" in name]


class TestSameBytes:
    def test_any_number_of_jobs_and_any_temporary_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files = {f"pkg/m{index}.so": vend() for index in range(9)}
        path = wheel(tmp_path, "cp311-cp311-linux_x86_64", files)
        made = []
        for index, jobs in enumerate((1, 2, 7)):
            (tmp_path / f"tmp{index}").mkdir()
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / f"tmp{index}"))
            make(path, tmp_path / f"{index}.whl", jobs=jobs)
            made.append((tmp_path / f"{index}.whl").read_bytes())
            assert list((tmp_path / f"tmp{index}").iterdir()) == []
        assert made[0] == made[1] == made[2]

    def test_small_windows_of_work_give_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make(VENDOR, tmp_path / "one.whl", jobs=3)
        monkeypatch.setattr(module, "_WINDOW", 1)
        make(VENDOR, tmp_path / "two.whl", jobs=1)
        assert (tmp_path / "one.whl").read_bytes() == (tmp_path / "two.whl").read_bytes()

    def test_the_level_changes_no_content(self, tmp_path: Path) -> None:
        contents = []
        for level in (0, 1, 9):
            make(VENDOR, tmp_path / f"{level}.whl", zip_level=level)
            with zipfile.ZipFile(tmp_path / f"{level}.whl") as archive:
                contents.append({name: archive.read(name) for name in archive.namelist()})
        assert contents[0] == contents[1] == contents[2]


def test_an_added_library_is_copied_as_it_is_when_nothing_changes(tmp_path: Path) -> None:
    path = wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": INNER.read_bytes()})
    make(path, tmp_path / "made.whl", RepairOptions(add_library=(AddedLibrary(path=LIBRARIES / "libntcore.so.1", place="pkg/lib"),)))
    with zipfile.ZipFile(tmp_path / "made.whl") as archive:
        assert archive.read("pkg/lib/libntcore.so.1") == (LIBRARIES / "libntcore.so.1").read_bytes()


class TestOddNames:
    """What the planner asks for in rare cases must be what the program can do."""

    def needed(self, path: Path, options: RepairOptions) -> list[str]:
        made = path.parent / "made.whl"
        make(path, made, options)
        with zipfile.ZipFile(made) as archive:
            image = formats.read(archive.read("pkg/x.so"), "x.so")
        return [str(dependency.name) for dependency in image.dependencies]

    def test_one_library_under_two_names(self, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib/libntouter.so").symlink_to(OUTER)
        (tmp_path / "source").write_bytes(vend())
        data = patched(tmp_path / "source", tmp_path / "x", "--add-needed", "libntouter.so").read_bytes()
        path = wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": data})
        outer, libc = self.needed(path, RepairOptions(lib_path=(tmp_path / "lib", LIBRARIES)))
        assert outer.startswith("libntouter-")
        assert libc == "libc.so.6"

    def test_a_plain_name(self, tmp_path: Path) -> None:
        path = wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": vend()})
        assert self.needed(path, RepairOptions(lib_path=(LIBRARIES,), no_mangle=("*",))) == ["libntouter.so.2", "libc.so.6"]

    def test_an_absolute_name(self, tmp_path: Path) -> None:
        (tmp_path / "source").write_bytes(vend())
        data = patched(tmp_path / "source", tmp_path / "x", "--replace-needed", "libntouter.so.2", str(INNER)).read_bytes()
        inner, _ = self.needed(wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": data}), RepairOptions())
        assert inner.startswith("libntinner-")

    def test_a_file_that_is_not_named_as_its_soname(self, tmp_path: Path) -> None:
        files = {"pkg/x.so": vend(), "pkg/outer.so": OUTER.read_bytes()}
        path = wheel(tmp_path, "cp311-cp311-linux_x86_64", files)
        assert self.needed(path, FOUND) == ["outer.so", "libc.so.6"]


class TestMachine:
    def test_a_full_disk_for_scratch_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_path: Path, _data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(MachineError, match="No space left on device") as caught:
            make(VENDOR, tmp_path / "made.whl")
        assert caught.value.where[0] == VENDOR.name

    def test_no_folder_for_scratch_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        with pytest.raises(MachineError, match="cannot work in the folder for temporary files"):
            make(VENDOR, tmp_path / "made.whl")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_a_full_disk_for_the_output(self) -> None:
        with pytest.raises(MachineError, match="cannot write: No space left on device"):
            make(VENDOR, Path("/dev/full"))

    def test_a_program_that_fails_is_quoted_with_wheel_and_member(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(source: Path, _edit: Edit, _target: Path, _backend: PeBackend) -> None:
            raise MachineError("patchelf failed (status 1): broken", where=(source.name,))

        monkeypatch.setattr(formats, "apply", fail)
        with pytest.raises(MachineError, match="patchelf failed") as caught:
            make(VENDOR, tmp_path / "made.whl", jobs=4)
        assert caught.value.where == (VENDOR.name, "ntvendor/_vend.abi3.so", caught.value.where[2])

    def test_a_library_that_disappears_meanwhile(self, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        for name in ("libntouter.so.2", "libntinner.so.1"):
            (tmp_path / "lib" / name).write_bytes((LIBRARIES / name).read_bytes())
        plan = plan_of(VENDOR, RepairOptions(lib_path=(tmp_path / "lib",)))
        (tmp_path / "lib/libntinner.so.1").unlink()
        with WheelArchive(VENDOR) as archive, pytest.raises(MachineError, match="No such file") as caught:
            apply(plan, archive, tmp_path / "made.whl", owners=dict, zip_level=6, jobs=1, advance=lambda: None)
        assert caught.value.where[0] == VENDOR.name

    def test_a_damaged_member_that_is_only_changed_now(self, tmp_path: Path) -> None:
        plan = plan_of(VENDOR)
        copy = tmp_path / VENDOR.name
        data = bytearray(VENDOR.read_bytes())
        data[data.index(b"ntvendor/_vend.abi3.so") + 200] ^= 0xFF
        copy.write_bytes(data)
        with WheelArchive(copy) as archive, pytest.raises(UnreadableError, match=r"ntvendor/_vend\.abi3\.so"):
            apply(plan, archive, tmp_path / "made.whl", owners=dict, zip_level=6, jobs=2, advance=lambda: None)
