"""Which files of a wheel count as its images, for which processor and C library, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeimages import FIXTURES, LIBRARIES, content, for_gpu, patched, vend
from mademacs import ARM, BOTH, INTEL, core, user
from smallwheels import rewritten, wheel

from nativewheel.errors import LinkageError, UnreadableError
from nativewheel.formats.image import Arch, Kind, Libc
from nativewheel.linkage.contents import Contents, LinuxTarget, MacTarget, read_contents
from nativewheel.wheel.archive import WheelArchive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

X86_64, AARCH64, ARMV7L, I686 = (vend(f"linux_{machine}") for machine in ("x86_64", "aarch64", "armv7l", "i686"))
MUSL = vend(tag="cp311-cp311")
INNER = (LIBRARIES / "libntinner.so.1").read_bytes()
MUSL_INNER = (FIXTURES / "lib/linux-x86_64-musl/libntinner.so.1").read_bytes()
DLL = content("ntcore-1.2.7-py3-none-win_amd64.whl", "ntcore/lib/ntcore.dll")
DYLIB = content("ntcore-1.2.7-py3-none-macosx_11_0_arm64.whl", "ntcore/lib/libntcore.dylib")


def contents(folder: Path, tag: str, files: Mapping[str, bytes], *, libc: Libc | None = None, jobs: int = 1) -> Contents:
    with WheelArchive(wheel(folder, tag, files)) as archive:
        return read_contents(archive, libc=libc, jobs=jobs)


def without_libc(folder: Path, data: bytes) -> bytes:
    """Drop the dependency on musl's C library; its symbols have no versions that tell of it."""
    (folder / "source").write_bytes(data)
    return patched(folder / "source", folder / "free", "--remove-needed", "libc.musl-x86_64.so.1").read_bytes()


def target(found: Contents) -> LinuxTarget:
    assert isinstance(found.target, LinuxTarget)
    return found.target


def members(found: Contents) -> list[str]:
    return [image.member for image in found.images]


@pytest.mark.parametrize("jobs", [1, 3])
def test_images_are_found_by_their_magic_in_archive_order(tmp_path: Path, jobs: int) -> None:
    files = {"pkg/z.so": X86_64, "pkg/a.py": b"", "pkg/odd.txt": INNER, "pkg/fake.so": b"text", "pkg/x.o": X86_64[:16] + b"\1" + X86_64[17:]}
    found = contents(tmp_path, "cp311-cp311-linux_x86_64", files, jobs=jobs)
    assert members(found) == ["pkg/z.so", "pkg/odd.txt"]
    assert (target(found).arch, target(found).libc, found.warnings) == (Arch.X86_64, Libc.GLIBC, ())
    module, plain = found.images
    assert (module.installed, module.size, module.image.kind) == ("pkg/z.so", len(X86_64), Kind.EXTENSION)
    assert "nt_outer" in {symbol.name for symbol in module.imports}
    assert plain.image.kind is Kind.LIBRARY


def test_an_image_that_record_does_not_list_counts(tmp_path: Path) -> None:
    source = wheel(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": X86_64})
    with WheelArchive(rewritten(source, tmp_path / "more", {"pkg/y.so": INNER}), strict_record=False) as archive:
        assert members(read_contents(archive)) == ["pkg/x.so", "pkg/y.so"]


def test_schemes_decide_where_an_image_is_installed(tmp_path: Path) -> None:
    data = "small-1.0.data"
    files = {f"{data}/{scheme}/x.so": X86_64 for scheme in ("platlib", "purelib", "scripts", "data", "headers")}
    found = contents(tmp_path, "cp311-cp311-linux_x86_64", files)
    assert [image.installed for image in found.images] == ["x.so", "x.so", None, None, None]


class TestPure:
    def test_no_images(self, tmp_path: Path) -> None:
        assert contents(tmp_path, "py3-none-any", {"pkg/a.py": b""}) == Contents(images=())
        assert contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/a.py": b""}) == Contents(images=())

    def test_launchers_for_windows_are_left_alone(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "py3-none-any", {"pkg/cli.exe": DLL, "pkg/gui.exe": DLL})
        assert found.images == ()
        assert found.warnings == ("its native files (pkg/cli.exe and 1 more) are left alone: the tags do not say for which system it is",)

    def test_images_for_several_systems_are_left_alone(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "py3-none-any", {"pkg/x.dll": DLL, "pkg/x.dylib": DYLIB, "pkg/x.so": INNER})
        assert (found.images, len(found.warnings), found.target) == ((), 1, None)

    def test_images_for_several_processors_are_left_alone(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "py3-none-any", {"pkg/x.so": INNER, "pkg/y.so": AARCH64})
        assert found.images == ()
        assert found.warnings == ("its native files (pkg/x.so and 1 more) are left alone: the tags do not say for which processor it is",)

    def test_images_for_linux_alone_make_it_a_wheel_for_linux(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "py3-none-any", {"pkg/x.so": INNER})
        assert (members(found), target(found).arch, target(found).libc) == (["pkg/x.so"], Arch.X86_64, Libc.GLIBC)

    def test_code_for_a_gpu_alone_is_left_alone(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "py3-none-any", {"pkg/kernel.cubin": for_gpu(INNER)})
        assert (found.images, len(found.warnings)) == ((), 1)


class TestForeign:
    @pytest.mark.parametrize("extra", [DLL, DYLIB, for_gpu(INNER), AARCH64], ids=["windows", "macos", "gpu", "processor"])
    def test_what_is_for_another_machine_is_left_alone_and_named(self, tmp_path: Path, extra: bytes) -> None:
        found = contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/extra": extra, "pkg/x.so": X86_64})
        assert members(found) == ["pkg/x.so"]
        assert found.warnings == ("pkg/extra: left alone, made for another machine or system than the wheel",)

    def test_a_helper_for_the_other_c_library_is_left_alone(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/helper": MUSL_INNER, "pkg/x.so": X86_64})
        assert (members(found), target(found).libc) == (["pkg/x.so"], Libc.GLIBC)

    @pytest.mark.parametrize("image", [DLL, for_gpu(INNER)])
    def test_a_wheel_with_nothing_for_its_platform_is_refused(self, tmp_path: Path, image: bytes) -> None:
        with pytest.raises(UnreadableError, match=r"none of its native files is for linux_x86_64; the first is pkg/x"):
            contents(tmp_path, "py3-none-linux_x86_64", {"pkg/x": image})

    @pytest.mark.parametrize(
        ("tag", "wanted", "helper"),
        [("linux_aarch64", "aarch64", AARCH64), ("musllinux_1_2_x86_64", "x86_64 and musl", MUSL_INNER)],
    )
    def test_a_tag_that_is_true_of_no_extension_module_is_refused(self, tmp_path: Path, tag: str, wanted: str, helper: bytes) -> None:
        for index, files in enumerate(({"pkg/x.so": X86_64}, {"pkg/helper": helper, "pkg/x.so": X86_64})):
            with pytest.raises(LinkageError, match=rf"it is to be for {wanted}.*, but pkg/x\.so is made for x86_64 and glibc"):
                contents(tmp_path / str(index), f"cp311-cp311-{tag}", files)


class TestArch:
    @pytest.mark.parametrize("code", [ARMV7L, I686, AARCH64])
    def test_the_tag_says_it(self, tmp_path: Path, code: bytes) -> None:
        machine = {ARMV7L: Arch.ARMV7L, I686: Arch.I686, AARCH64: Arch.AARCH64}[code]
        found = contents(tmp_path, f"cp311-cp311-linux_{machine}", {"pkg/x.so": code})
        assert (target(found).arch, members(found)) == (machine, ["pkg/x.so"])

    def test_armv6_is_believed_of_code_that_is_marked_armv7(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "cp311-cp311-linux_armv6l", {"pkg/x.so": ARMV7L})
        assert (target(found).arch, members(found), found.warnings) == (Arch.ARMV6L, ["pkg/x.so"], ())

    def test_two_in_the_tags_are_one_too_many(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match="several architectures"):
            contents(tmp_path, "cp311-cp311-linux_x86_64.linux_aarch64", {"pkg/x.so": X86_64})


class TestLibc:
    def test_the_images_say_it(self, tmp_path: Path) -> None:
        assert target(contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": MUSL})).libc is Libc.MUSL

    def test_extension_modules_count_before_helpers(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/helper": INNER, "pkg/x.so": MUSL})
        assert (target(found).libc, members(found)) == (Libc.MUSL, ["pkg/x.so"])

    def test_two_are_one_too_many(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match=r"different C libraries: pkg/x\.so \(glibc\), pkg/y\.so \(musl\)"):
            contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/y.so": MUSL, "pkg/x.so": X86_64})

    def test_nothing_tells_it_of_libraries_alone_which_count_as_glibcs(self, tmp_path: Path) -> None:
        free = without_libc(tmp_path, MUSL_INNER)
        for number, (tag, libc, warnings) in enumerate([("linux", None, 1), ("linux", Libc.GLIBC, 0), ("manylinux_2_17", None, 0)]):
            found = contents(tmp_path / str(number), f"py3-none-{tag}_x86_64", {"pkg/libfree.so": free}, libc=libc)
            assert (target(found).libc, members(found), len(found.warnings)) == (Libc.GLIBC, ["pkg/libfree.so"], warnings)
        assert target(contents(tmp_path / "musl", "py3-none-linux_x86_64", {"pkg/libfree.so": free}, libc=Libc.MUSL)).libc is Libc.MUSL

    def test_of_extension_modules_it_must_be_known(self, tmp_path: Path) -> None:
        free = without_libc(tmp_path, MUSL)
        with pytest.raises(LinkageError, match=r"nothing in pkg/x\.so or in the tags tells whether it is made for glibc or musl") as caught:
            contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": free})
        assert caught.value.hint == "say it with --plat manylinux_2_28 or --plat musllinux_1_2"
        assert target(contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": free}, libc=Libc.MUSL)).libc is Libc.MUSL

    def test_a_wish_does_not_go_over_the_images(self, tmp_path: Path) -> None:
        assert target(contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": X86_64}, libc=Libc.MUSL)).libc is Libc.GLIBC

    def test_a_wish_does_not_go_over_the_tag(self, tmp_path: Path) -> None:
        assert target(contents(tmp_path, "cp311-cp311-manylinux_2_28_x86_64", {"pkg/x.so": X86_64}, libc=Libc.MUSL)).libc is Libc.GLIBC


@pytest.mark.parametrize(
    "platform", ["android_21_arm64_v8a", "ios_13_0_arm64_iphoneos", "pyodide_2024_0_wasm32", "freebsd_14_release_amd64", "mingw_x86_64"]
)
def test_platforms_of_others_are_refused(tmp_path: Path, platform: str) -> None:
    with pytest.raises(UnreadableError, match=f"wheels for {platform} are not supported"):
        contents(tmp_path, f"cp311-cp311-{platform}", {"pkg/x.so": INNER})


class TestMacOS:
    def test_the_tag_names_the_processor(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "cp311-cp311-macosx_11_0_arm64", {"pkg/x.dylib": DYLIB, "pkg/y.so": X86_64})
        assert (members(found), found.target) == (["pkg/x.dylib"], MacTarget(archs=(Arch.AARCH64,)))
        assert found.warnings == ("pkg/y.so: left alone, made for another machine or system than the wheel",)

    def test_a_wheel_for_both_needs_both_slices(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match=r"is to be for arm64 and x86_64, but pkg/x\.dylib is made for arm64"):
            contents(tmp_path, "cp311-cp311-macosx_11_0_universal2", {"pkg/x.dylib": DYLIB})

    @pytest.mark.parametrize("tag", ["macosx_11_0_universal2", "macosx_11_0_arm64.macosx_10_9_x86_64"])
    def test_images_for_one_of_two_are_left_alone_and_told_apart(self, tmp_path: Path, tag: str) -> None:
        files = {"pkg/both.so": user(BOTH), "pkg/arm.so": user(ARM), "pkg/intel.dylib": core(INTEL), "pkg/elf.so": X86_64}
        found = contents(tmp_path, f"cp38-abi3-{tag}", files)
        assert (members(found), found.target) == (["pkg/both.so"], MacTarget(archs=BOTH))
        assert [(image.member, image.image.kind) for image in found.incomplete] == [
            ("pkg/arm.so", Kind.EXTENSION),
            ("pkg/intel.dylib", Kind.LIBRARY),
        ]
        assert [line.partition(":")[0] for line in found.warnings] == ["pkg/elf.so", "pkg/arm.so", "pkg/intel.dylib"]

    def test_images_for_another_processor_are_no_part_of_it(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "cp38-abi3-macosx_11_0_arm64", {"pkg/arm.so": user(ARM), "pkg/intel.dylib": core(INTEL)})
        assert (members(found), found.incomplete, len(found.warnings)) == (["pkg/arm.so"], (), 1)

    def test_more_than_the_tag_promises_is_fine(self, tmp_path: Path) -> None:
        found = contents(tmp_path, "cp38-abi3-macosx_11_0_arm64", {"pkg/x.so": user(BOTH)})
        assert (members(found), found.incomplete, found.warnings) == (["pkg/x.so"], (), ())

    @pytest.mark.parametrize("tag", ["macosx_10_6_intel", "macosx_10_6_universal", "macosx_10_4_ppc", "macosx_11_0"])
    def test_processors_of_the_past_are_refused(self, tmp_path: Path, tag: str) -> None:
        with pytest.raises(UnreadableError, match=f"wheels for {tag} are not supported"):
            contents(tmp_path, f"cp38-abi3-{tag}", {"pkg/x.so": user(INTEL)})
        assert contents(tmp_path / "pure", f"cp38-abi3-{tag}", {"pkg/x.py": b""}).target is None


def test_a_damaged_image_is_named_with_its_wheel(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError) as caught:
        contents(tmp_path, "cp311-cp311-linux_x86_64", {"pkg/x.so": X86_64[:1000]}, jobs=2)
    assert caught.value.where[:2] == ("small-1.0-cp311-cp311-linux_x86_64.whl", "pkg/x.so")
