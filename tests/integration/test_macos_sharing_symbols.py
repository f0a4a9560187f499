"""What symbols can be like in libraries that wheels for macOS share: all of it works in an emulated process of macOS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machoemulator import RTLD_GLOBAL
from machofile import MH_BUNDLE
from machosamples import LINKERS, kinds, sample_folder
from macsharewheels import started

from nativewheel.formats.image import Arch
from nativewheel.formats.macho.signature import Signer, verify
from nativewheel.formats.macho.slices import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from macsharewheels import Setting

by_lld = pytest.mark.parametrize("setting", kinds(*LINKERS[1:]), ids="-".join, indirect=True)
"""zig links no bundles, no flat namespace, and libraries in one way only."""


@pytest.fixture(params=kinds(*LINKERS), ids="-".join)
def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with started(request.param, sample_folder(tmp_path_factory)) as setting:
        yield setting


def test_weak_imports(setting: Setting) -> None:
    """What the provider has may be called, and what it lacks is NULL."""
    bar, less = (setting.load(f"{name}._bar", name, provider) for name, provider in (("user1", "one"), ("userless", "less")))
    assert [bar.bar_maybe(), bar.bar_maybe_data()] == [51, 61]
    assert [less.bar_maybe(), less.bar_maybe_data(), less.bar_version()] == [-1, -1, 1]


@by_lld
def test_weakly_linked_library(setting: Setting) -> None:
    """A module that can do without the library still says what is missing: the shim is not told that it may be."""
    bar = setting.load("weakly._bar", "weakly", "one")
    assert [bar.bar_maybe(), bar.bar_version()] == [51, 1]


def test_addends(setting: Setting) -> None:
    """Of another element than the first, and one of more than 32 bits, which is beyond what chained imports of formats 1 and 2 can hold."""
    bar = setting.load("far2._bar", "far2", "two")
    assert bar.bar_near() == 3
    if setting.samples.linker != "zig":  # zig 0.17 writes the first addend for the others too
        assert bar.bar_middle() == 2000
        assert bar.call_long("bar_far") == 0x123456789


def test_thread_local_variables(setting: Setting) -> None:
    first, second = (setting.load(f"user{number}._bar", f"user{number}", name) for number, name in ((1, "one"), (2, "two")))
    assert [bar.bar_own() for bar in (first, first, second)] == [2, 3, 3]
    assert [bar.bar_own_there() for bar in (first, second)] == [3, 3]
    setting.mac.python.thread = 1
    assert [bar.bar_own_there() for bar in (first, second)] == [1, 2]


def test_type_information(setting: Setting) -> None:
    """Weak definitions keep their names, so that dynamic_cast works across the border; types that one library has alone get new names."""
    first, second = (setting.load(f"drawer{number}._drawing", f"drawer{number}", f"shape{number}") for number in (1, 2))
    for drawing in (first, second):
        assert [drawing.drawing_area(), drawing.drawing_is_square(), drawing.drawing_is_circle()] == [9, 3, 28]
    exports = setting.file("shape1", "libnw_shape1__shape.dylib").exports
    assert "_nw_shape1___ZTI6Circle" in exports
    assert [name for name, item in exports.items() if item.weak] == [name for name in exports if "nw_shape1" not in name]
    assert first.drawing_counted() in {21, 12}
    assert second.drawing_counted() in {43, 34}  # the price: two copies of the library share inline variables


def test_reexported_names(setting: Setting) -> None:
    """One under another name, and one with an empty import name; what they stand for is in the other library of the wheel."""
    baz = setting.load("bazzer._baz", "bazzer", "fronts")
    assert [baz.baz_version(), baz.baz_alias(5), baz.baz_add(5, 6)] == [12, -5, 2011]
    front = setting.file("fronts", "libnw_fronts__front.dylib")
    assert {export.imported for export in front.exports.values() if export.reexported} <= {"", "_nw_fronts__foo_renamed", "_nw_fronts__foo_add"}
    assert [dylib.name for dylib in front.dylibs if "foo" in dylib.name] == ["@loader_path/libnw_fronts__foo.dylib"]


def test_libraries_that_need_each_other(setting: Setting) -> None:
    """They stay bound to each other, by their new names."""
    ringer = setting.load("ringuser._ringer", "ringuser", "rings")
    assert [ringer.ringer_left(), ringer.ringer_right()] == [21, 12]
    for own, other in (("left", "right"), ("right", "left")):
        file = setting.file("rings", f"libnw_rings__{own}.dylib")
        assert (f"@loader_path/libnw_rings__{other}.dylib", "load") in file.dylibs
        assert [bind.ordinal for bind in file.fixups.binds if bind.name == f"_nw_rings__{other}_value"] != [-2]


@by_lld
def test_bundle(setting: Setting) -> None:
    assert setting.file("bundle", "_bar.so").filetype == MH_BUNDLE
    assert setting.load("bundle._bar", "bundle", "one").bar_version() == 1


@by_lld
def test_flat_namespace(setting: Setting) -> None:
    """A module that looks for everything everywhere gets the names of the one library that has them."""
    assert setting.load("flat._bar", "two", "user2", "flat", "one").bar_version() == 1
    assert setting.load("user2._bar").bar_version() == 2


def test_little_header_padding(setting: Setting) -> None:
    """The new name takes the room of the old one and 8 bytes more."""
    assert setting.file("tight", "_bar.so").header_padding == 0
    assert setting.load("tight._bar", "tight", "one").bar_version() == 1


def test_weak_definitions_under_unique_install_names(setting: Setting) -> None:
    """dyld looks for them in visible images only, so the shim makes this one visible."""
    drawing = setting.load("ndrawer._drawing", "ndrawer", "namedshape")
    assert [drawing.drawing_area(), drawing.drawing_is_square(), drawing.drawing_is_circle()] == [9, 3, 28]
    assert drawing.drawing_counted() in {21, 12}
    assert setting.mac.ctypes.opened == [("libnw_namedshape__shape.dylib", RTLD_GLOBAL)]


def images(setting: Setting) -> list[Path]:
    """Return every installed image."""
    found = [path for folder in setting.wheels.folders.values() for path in folder.rglob("*") if path.suffix in {".so", ".dylib"}]
    assert len(found) > len(setting.wheels.inputs)
    return found


def test_signatures(setting: Setting) -> None:
    """Every image for arm64 has right page hashes; those for x86_64 were not signed and are not."""
    for path in images(setting):
        with opened(path.read_bytes()) as file:
            for image in file.slices:
                state = verify(image)
                assert state.problem is None
                assert state.signer is (Signer.AD_HOC if image.arch is Arch.AARCH64 else Signer.NOBODY)


APPLE = {
    "x86_64": ["Mach-O signature data not found"],
    "arm64": ["no cryptographic signature present"],
    "universal2": ["@0: Mach-O signature data not found", "@1: no cryptographic signature present"],
}
"""What another reader finds missing: a signature, and in one that is ad hoc a certificate; a wrong hash would be there, too."""


def test_apple_platform_verifies_the_signatures(setting: Setting) -> None:
    apple = pytest.importorskip("apple_platform")
    for path in images(setting):
        assert [item["description"] for item in apple.verify_macho(path)] == APPLE[setting.samples.arch]
