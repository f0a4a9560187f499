"""The load configuration: what the loader is told of an image's DLL search and of its second architecture.

Source: IMAGE_LOAD_CONFIG_DIRECTORY in winnt.h; newer linkers write longer ones, whose first field is their length.
"""

from __future__ import annotations

from dataclasses import dataclass

from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG
from nativewheel.formats.pe.headers import PeFile, Rva

DEPENDENT_LOAD_FLAGS = {False: 54, True: 78}
"""Offset in PE32 and in PE32+; two bytes."""
CHPE_METADATA_POINTER = 200
"""Offset in PE32+, eight bytes: only images for ARM64 have one beside their other code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadConfig:
    """The load configuration; fields that an older linker did not write are 0.

    ``dependent_load_flags`` are those of LoadLibraryEx for all imports, at the RVA ``flags_field``.  With ``is_hybrid``, the image holds code for
    ARM64EC, and the loader may see other tables than the headers tell.
    """

    address: Rva
    size: int
    dependent_load_flags: int
    flags_field: Rva
    is_hybrid: bool


def read_loadconfig(pe: PeFile) -> LoadConfig | None:
    """Read the load configuration; None when the image has none.  Raises ``UnreadableError``."""
    directory = pe.directory(IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG)
    if directory is None:
        return None
    size = int.from_bytes(pe.take(directory.address, 4, "the load configuration"), "little")
    flags = DEPENDENT_LOAD_FLAGS[pe.is_plus]
    body = pe.take(directory.address, min(size, CHPE_METADATA_POINTER + 8), "the load configuration").ljust(CHPE_METADATA_POINTER + 8, b"\0")
    return LoadConfig(
        address=directory.address,
        size=size,
        dependent_load_flags=int.from_bytes(body[flags : flags + 2], "little"),
        flags_field=Rva(directory.address + flags),
        is_hybrid=pe.is_plus and any(body[CHPE_METADATA_POINTER:]),
    )
