"""What in an image would keep the loader from finding a DLL of another name, or in another folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT
from nativewheel.formats.pe.headers import SECTION_HEADER
from nativewheel.formats.pe.loadconfig import read_loadconfig
from nativewheel.formats.pe.names import decoded

if TYPE_CHECKING:
    from nativewheel.formats.pe.headers import PeFile
    from nativewheel.formats.pe.patches import Patches
    from nativewheel.formats.pe.renaming import Names

TIMESTAMP_OFFSET = 4
"""Of TimeDateStamp in an import descriptor; ForwarderChain comes after it."""


def unbind(pe: PeFile, names: Names, patches: Patches) -> None:
    """Make the loader look imports up that a linker or bind.exe looked up beforehand, in DLLs that had other names.

    Raises ``LinkageError`` when the addresses have been written over the only list of the symbols.
    """
    directory = pe.directory(IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT)
    for descriptor in names.descriptors:
        if descriptor.delayed or not descriptor.timestamp:
            continue
        if not descriptor.lookup:
            raise LinkageError(
                "the imports are bound to addresses, and the file does not say any more to which symbols",
                where=(decoded(descriptor.name),),
                hint="build it without bind.exe",
            )
        patches.put(pe.offset(descriptor.address + TIMESTAMP_OFFSET, 8, "an import descriptor"), bytes(8))
    if directory is None:
        return
    patches.put(directory.entry, bytes(8))
    if pe.section_table + len(pe.sections) * SECTION_HEADER.size <= directory.address <= pe.size_of_headers - directory.size:
        # The usual place, where the header of another section may have to go.
        patches.put(directory.address, bytes(directory.size))


def allow_all_folders(pe: PeFile, patches: Patches) -> None:
    """Clear the flags that restrict where the loader searches for what this image imports (the option /DEPENDENTLOADFLAG of linkers)."""
    configuration = read_loadconfig(pe)
    if configuration is not None and configuration.dependent_load_flags:
        patches.put_number(pe.offset(configuration.flags_field, 2, "the load configuration"), 0, 2)
