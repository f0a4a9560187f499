"""The model of a PE image."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepe import AMD64, ARM64, I386, Pe, load_config, manifest_resource

from nativewheel.errors import ForeignImageError, UnreadableError
from nativewheel.formats.image import Arch, Dependency, Format, Identity, Image, Kind, Requirement, Symbol
from nativewheel.formats.pe import reader
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.machine import is_hybrid
from nativewheel.formats.pe.resources import manifest_names

FULL = Pe(
    imports=(("KERNEL32.dll", ("Sleep", 7)), ("foo.dll", ("add",)), ("Kernel32.DLL", ("Beep", "Sleep"))),
    delay_imports=(("late.dll", ("y", 9)), ("FOO.dll", ("sub",))),
    exports=(("twice", None), (None, None), ("front", "Other.go"), ("last", "LATE.#4"), ("own", "made.twice"), ("also", "other.stop")),
    base=3,
)
EVERYTHING = replace(FULL, load_config=load_config(dependent_load_flags=0x800), clr_flags=0, certificate=b"sign" * 4).build()


def library(name: str, requirement: Requirement = Requirement.REQUIRED) -> Dependency:
    return Dependency(name=Identity(name), requirement=requirement)


def test_the_whole_model() -> None:
    assert reader.read(EVERYTHING, "Made.dll") == Image(
        format=Format.PE,
        archs=(Arch.X86_64,),
        kind=Kind.LIBRARY,
        identity=Identity("Made.dll"),
        dependencies=(
            library("KERNEL32.dll"),
            library("foo.dll"),
            library("late.dll", Requirement.DELAYED),
            library("Other.dll", Requirement.FORWARDED),
        ),
        signed=True,
        certified=True,
    )


def test_symbols_have_the_library_that_the_dependency_names() -> None:
    wanted = [(symbol.library, symbol.name) for symbol in reader.imports(EVERYTHING)]
    assert wanted == [
        ("KERNEL32.dll", "Sleep"),
        ("KERNEL32.dll", "#7"),
        ("foo.dll", "add"),
        ("KERNEL32.dll", "Beep"),
        ("late.dll", "y"),
        ("late.dll", "#9"),
        ("foo.dll", "sub"),
        ("Other.dll", "go"),
        ("late.dll", "#4"),
        ("made.dll", "twice"),
        ("Other.dll", "stop"),
    ]
    assert reader.exports(EVERYTHING) == tuple(Symbol(name=name) for name in ("also", "front", "last", "own", "twice", "#4"))
    assert reader.ordinals(EVERYTHING) == {"#3", "#4", "#5", "#6", "#7", "#8"}


def test_an_image_without_tables() -> None:
    image = reader.read(Pe().build(), "plain.dll")
    assert (image.dependencies, image.signed, image.certified) == ((), False, False)
    assert (reader.imports(Pe().build()), reader.exports(Pe().build()), reader.ordinals(Pe().build())) == ((), (), frozenset())


@pytest.mark.parametrize(
    ("image", "name", "kind"),
    [
        (Pe(characteristics=0x22), "tool.exe", Kind.PROGRAM),
        (Pe(characteristics=0x22, exports=(("PyInit_tool", None),)), "tool.pyd", Kind.PROGRAM),
        (Pe(exports=(("PyInit__core", None),)), "_core.cp312-win_amd64.pyd", Kind.EXTENSION),
        (Pe(exports=(("init_core", None),)), "_CORE.PYD", Kind.EXTENSION),
        (Pe(exports=(("PyInit_pythoncom", None),)), "pythoncom312.dll", Kind.LIBRARY),
        (Pe(), "foo.dll", Kind.LIBRARY),
        (Pe(), "plugin.drv", Kind.LIBRARY),
    ],
)
def test_kinds(image: Pe, name: str, kind: Kind) -> None:
    assert reader.read(image.build(), name).kind is kind


@pytest.mark.parametrize(
    ("image", "arch"),
    [
        (Pe(machine=AMD64), Arch.X86_64),
        (Pe(machine=I386, load_config=load_config(plus=False)), Arch.I686),
        (Pe(machine=ARM64), Arch.AARCH64),
        (Pe(machine=ARM64, load_config=load_config(chpe=0x180001000)), Arch.AARCH64),
        (Pe(machine=AMD64, load_config=load_config()), Arch.X86_64),
        (Pe(machine=AMD64, clr_flags=0x10), Arch.X86_64),
    ],
)
def test_architectures(image: Pe, arch: Arch) -> None:
    assert reader.read(image.build(), "foo.dll").archs == (arch,)


def test_arm64x_is_recognised() -> None:
    for chpe in (0, 0x180001000):
        with opened(Pe(machine=ARM64, load_config=load_config(chpe=chpe)).build()) as pe:
            assert is_hybrid(pe) is bool(chpe)
    # The load configuration of an older linker ends before the pointer.
    short = b"\x94" + bytes(0x93)
    with opened(Pe(machine=ARM64, load_config=short, exports=(("after", None),)).build()) as pe:
        assert not is_hybrid(pe)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Pe(machine=AMD64, load_config=load_config(chpe=0x180001000)), "made for ARM64EC"),
        (Pe(machine=0x1C4, magic=0x10B), "made for 32-bit ARM"),
        (Pe(machine=0x5064), "made for machine 0x5064"),
        (Pe(machine=I386, clr_flags=1), "a .NET assembly"),
        (Pe(machine=0xFD1D, clr_flags=5), "a .NET assembly"),
        (Pe(subsystem=1), "kernel or the firmware"),
        (Pe(subsystem=10, characteristics=0x22), "kernel or the firmware"),
    ],
)
def test_foreign_images(image: Pe, message: str) -> None:
    with pytest.raises(ForeignImageError, match=message):
        reader.read(image.build(), "foo.dll")


@pytest.mark.parametrize(("machine", "magic"), [(AMD64, 0x10B), (I386, 0x20B)])
def test_a_header_of_another_machine(machine: int, magic: int) -> None:
    with pytest.raises(UnreadableError, match="not of the kind"):
        reader.read(Pe(machine=machine, magic=magic).build(), "foo.dll")


def test_names_that_are_no_text() -> None:
    data = Pe(imports=(("fXX.dll", ("a",)),)).build().replace(b"fXX", b"f\xfc\xff")
    assert [dependency.name for dependency in reader.read(data, "a.pyd").dependencies] == ["f\\xfc\\xff.dll"]


# The builder puts resources first when nothing else is there, so they need an image of their own.
RESOURCES = Pe(resources=manifest_resource(b"<assembly/>")).build()


CHANGES = st.lists(st.tuples(st.integers(0, 0x700), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4)


@given(st.sampled_from([EVERYTHING, RESOURCES]), CHANGES, st.integers(0, 400))
def test_any_change_is_read_or_refused(image: bytes, changes: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(image)
    for offset, value in changes:
        data[offset : offset + len(value)] = value
    del data[len(data) - cut :]
    for read in (lambda data: reader.read(data, "a.pyd"), reader.imports, reader.exports, reader.ordinals, manifest_names):
        try:
            assert read(bytes(data)) is not None
        except UnreadableError as error:
            assert error.message  # noqa: PT017  (either outcome is right)
