"""Which files count as images, by their first bytes."""

from __future__ import annotations

import struct

import pytest

from nativewheel.formats.detect import detect, of_platform
from nativewheel.formats.image import Format


def elf(kind: int, *, order: str = "<", length: int = 64) -> bytes:
    ident = b"\x7fELF\2" + (b"\1" if order == "<" else b"\2") + bytes(10)
    return (ident + struct.pack(order + "H", kind) + bytes(64))[:length]


def macho(magic: int, kind: int, order: str) -> bytes:
    return struct.pack(order + "IIII", magic, 0x0100000C, 0, kind) + bytes(48)


def dos(offset: int, rest: bytes = b"") -> bytes:
    return b"MZ" + bytes(58) + struct.pack("<I", offset) + rest


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (elf(2), Format.ELF),
        (elf(3), Format.ELF),
        (elf(3, order=">"), Format.ELF),
        (elf(1), None),  # .o, kernel module
        (elf(4), None),  # core file
        (elf(0x300), None),  # ET_DYN in the other byte order
        (elf(3, length=17), Format.ELF),
        (b"\x7fELF", Format.ELF),
        (b"\x7fEL", None),
        (macho(0xFEEDFACF, 6, "<"), Format.MACHO),
        (macho(0xFEEDFACE, 2, ">"), Format.MACHO),
        (macho(0xFEEDFACF, 8, "<"), Format.MACHO),
        (macho(0xFEEDFACF, 1, "<"), None),  # MH_OBJECT
        (macho(0xFEEDFACF, 10, "<"), None),  # MH_DSYM
        (b"\xca\xfe\xba\xbe\0\0\0\2" + bytes(56), Format.MACHO),
        (b"\xca\xfe\xba\xbf\0\0\0\1" + bytes(56), Format.MACHO),
        (b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(56), None),  # Java 8 class file
        (b"\xca\xfe\xba\xbe\0\3\0\x2d" + bytes(56), None),  # Java 1.1 class file
        (b"\xca\xfe\xba\xbe\0\0\0\0" + bytes(56), None),
        (dos(0x80), Format.PE),  # as far as 64 bytes tell
        (dos(0x40, b"PE\0\0"), Format.PE),
        (dos(0x40, b"NE\0\0"), None),
        (b"MZ, the initials of Marc Zweifel, who wrote this text of a few lines.", None),
        (b"MZ", None),
        (b"!<arch>\nlibx.a/", None),
        (b"BC\xc0\xde" + bytes(60), None),
        (b"\x4c\x01\x03\x00" + bytes(60), None),  # COFF object
        (b"", None),
    ],
)
def test_magic(head: bytes, expected: Format | None) -> None:
    assert detect(head) is expected


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux_x86_64", Format.ELF),
        ("manylinux_2_17_aarch64", Format.ELF),
        ("manylinux2014_i686", Format.ELF),
        ("musllinux_1_2_armv7l", Format.ELF),
        ("macosx_11_0_universal2", Format.MACHO),
        ("win32", Format.PE),
        ("win_arm64", Format.PE),
        ("any", None),
        ("android_24_arm64_v8a", None),
    ],
)
def test_formats_of_platforms(platform: str, expected: Format | None) -> None:
    assert of_platform(platform) is expected
