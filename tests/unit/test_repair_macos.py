"""macOS as a platform: what it runs, what it refuses, and where its loader looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost, library, member
from mademacs import ARM, BOTH, INTEL, dylib, module

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Arch, Kind
from nativewheel.linkage.contents import MacTarget
from nativewheel.linkage.dyld import DyldSearch
from nativewheel.repair.macos import MacOS
from nativewheel.repair.options import RepairOptions
from nativewheel.wheel.names import WheelName

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Image
    from nativewheel.linkage.contents import WheelImage

NAME = WheelName.parse("small-1.0-cp311-cp311-macosx_11_0_universal2.whl")


def refuse(*images: WheelImage, archs: tuple[Arch, ...] = BOTH, required: tuple[Arch, ...] = (), incomplete: tuple[WheelImage, ...] = ()) -> None:
    MacOS(target=MacTarget(archs=archs), incomplete=incomplete).refuse(NAME, images, RepairOptions(require_archs=required))


@pytest.mark.parametrize(("archs", "text"), [(ARM, "macOS on arm64"), (INTEL, "macOS on x86_64"), (BOTH, "macOS on arm64 and x86_64")])
def test_it_is_called_by_what_it_is_for(archs: tuple[Arch, ...], text: str) -> None:
    platform = MacOS(target=MacTarget(archs=archs))
    assert (str(platform), platform.archs, platform.libc) == (text, archs, None)


def test_libraries_with_all_slices_run() -> None:
    both, arm = MacOS(target=MacTarget(archs=BOTH)), MacOS(target=MacTarget(archs=ARM))
    assert [platform.runs(dylib(None, archs=archs)) for platform in (both, arm) for archs in (BOTH, ARM, INTEL)] == [
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert not arm.runs(library("libfoo.so", arch=Arch.AARCH64))


class TestRefused:
    def test_an_extension_module_without_a_slice_of_the_tag(self) -> None:
        thin = member("pkg/x.so", module(archs=ARM))
        with pytest.raises(LinkageError, match="made for arm64, and the tag asks for x86_64 as well") as caught:
            refuse(member("pkg/y.so", module(archs=BOTH)), incomplete=(thin,))
        assert caught.value.where == (str(NAME), "pkg/x.so")

    @pytest.mark.parametrize("kind", [Kind.LIBRARY, Kind.PROGRAM])
    def test_others_may_be_for_one_machine(self, kind: Kind) -> None:
        thin = member("pkg/x", dylib(None, kind=kind, archs=INTEL))
        refuse(member("pkg/y.so", module(archs=BOTH)), incomplete=(thin,))
        with pytest.raises(LinkageError, match="made for x86_64, and --require-archs asks for arm64 as well"):
            refuse(member("pkg/y.so", module(archs=BOTH)), incomplete=(thin,), required=ARM)

    @pytest.mark.parametrize("image", [module(), dylib("@rpath/x"), dylib(None, kind=Kind.PROGRAM)])
    def test_any_image_without_a_slice_that_is_required(self, image: Image) -> None:
        refuse(member("pkg/x", image), archs=ARM, required=ARM)
        with pytest.raises(LinkageError, match="made for arm64, and --require-archs asks for x86_64 as well"):
            refuse(member("pkg/x", image), archs=ARM, required=BOTH)

    def test_more_than_is_required_is_fine(self) -> None:
        refuse(member("pkg/x", module(archs=BOTH)), archs=ARM, required=INTEL)


@pytest.mark.parametrize(
    ("plat", "kept"),
    [
        ("macosx_11_0_universal2", True),
        ("macosx_12_0_universal2", False),
        ("macosx_11_0_arm64", False),
        ("macosx_11_0", True),
        ("macosx_12_0", False),
        ("manylinux_2_28_x86_64", True),
        ("win32", True),
    ],
)
def test_a_promise_of_its_own_family_counts(plat: str, kept: bool) -> None:  # noqa: FBT001
    assert MacOS(target=MacTarget(archs=BOTH)).keeps_promise(NAME, plat) is kept


def test_the_loader_finds_what_has_all_slices_that_are_asked_for(tmp_path: Path) -> None:
    images = [member("pkg/x.so", module(rpaths=("@loader_path/lib",)))]
    for required, archs in (((), {*ARM}), (BOTH, {*BOTH})):
        wish = RepairOptions(require_archs=required, lib_path=(tmp_path,), sysroot=tmp_path)
        search = MacOS(target=MacTarget(archs=ARM)).loader(NAME, images, MadeHost(), wish)
        assert isinstance(search, DyldSearch)
        assert ({*search.archs}, search.lib_path, search.sysroot, search.chain) == (archs, (tmp_path,), tmp_path, ("pkg/lib",))
