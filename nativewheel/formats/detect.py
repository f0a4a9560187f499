"""Tell by their first bytes which files are native images."""

from __future__ import annotations

from nativewheel.formats.image import Format

ELF_MAGIC = b"\x7fELF"
ELF_TYPES = frozenset({2, 3})
"""ET_EXEC and ET_DYN.  Relocatable objects (also kernel modules) and core files are nothing that a loader loads."""

MACHO_ORDERS = {b"\xfe\xed\xfa\xce": "big", b"\xfe\xed\xfa\xcf": "big", b"\xce\xfa\xed\xfe": "little", b"\xcf\xfa\xed\xfe": "little"}
MACHO_TYPES = frozenset({2, 6, 8})
"""MH_EXECUTE, MH_DYLIB and MH_BUNDLE."""

FAT_MAGICS = frozenset({b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"})
FIRST_JAVA_VERSION = 0x2C
"""A Java class file has the magic of a universal Mach-O, with a class file version (above this) where the number of slices is."""

WINDOWS = frozenset({"win32", "win_amd64", "win_arm64"})
"""The platform tags of Windows that CPython has or had builds for, but for Itanium's."""

MZ_HEADER_SIZE = 64
FIRST_TEXT = 0x01000000
"""A file that merely starts with the letters MZ has text where the offset of the PE header is, which makes the number larger than this."""


def detect(head: bytes) -> Format | None:
    """Return the format of the image that starts with ``head``, at least 64 bytes of it where the file has them; None if it is no image.

    ``.o``, ``.obj``, ``.a`` and bitcode are no images, and neither are core files.  A DOS program can be told from a PE image only when ``head``
    reaches as far as the PE header; until then it counts as PE.  An ELF file that ends inside its header counts as ELF, to be refused by ``read``.
    """
    if head.startswith(ELF_MAGIC):
        return Format.ELF if _is_elf_image(head) else None
    if head[:4] in MACHO_ORDERS:
        return Format.MACHO if _is_macho_image(head) else None
    if head[:4] in FAT_MAGICS:
        return Format.MACHO if 0 < int.from_bytes(head[4:8], "big") < FIRST_JAVA_VERSION else None
    return Format.PE if head.startswith(b"MZ") and _is_pe_image(head) else None


def of_platform(platform: str) -> Format | None:
    """Return the format of native images on a platform, given its tag; None for ``any`` and for platforms that nativewheel does not know."""
    if platform.startswith(("linux_", "manylinux", "musllinux")):
        return Format.ELF
    if platform.startswith("macosx_"):
        return Format.MACHO
    return Format.PE if platform in WINDOWS else None


def _is_elf_image(head: bytes) -> bool:
    data, kind = head[5:6], head[16:18]
    if len(kind) < 2 or data not in {b"\1", b"\2"}:  # noqa: PLR2004  (the size of e_type)
        return True
    return int.from_bytes(kind, "little" if data == b"\1" else "big") in ELF_TYPES


def _is_macho_image(head: bytes) -> bool:
    order = MACHO_ORDERS[head[:4]]
    return int.from_bytes(head[12:16], "big" if order == "big" else "little") in MACHO_TYPES


def _is_pe_image(head: bytes) -> bool:
    if len(head) < MZ_HEADER_SIZE:
        return False
    offset = int.from_bytes(head[60:64], "little")
    if offset + 4 <= len(head):
        return head[offset : offset + 4] == b"PE\0\0"
    return offset < FIRST_TEXT
