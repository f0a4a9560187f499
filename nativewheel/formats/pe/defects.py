"""What is wrong with a PE image on any machine but the one that it was built on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.defects import Defect, DefectKind
from nativewheel.formats.pe.authenticode import problem
from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.loadconfig import read_loadconfig
from nativewheel.formats.pe.runtime import RuntimeKind, runtime_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.image import Image

LOAD_LIBRARY_SEARCH = 0x1F00
"""The flags of LoadLibraryEx that name folders: where one is set, no other folder is looked into."""
OWN_FOLDER = 0x100
"""LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR."""
ADDED_FOLDERS = 0x1400
"""LOAD_LIBRARY_SEARCH_DEFAULT_DIRS and LOAD_LIBRARY_SEARCH_USER_DIRS: each has the folders of os.add_dll_directory."""


def defects(data: Buffer, image: Image) -> Iterator[Defect]:
    """Yield what is wrong with an image.  Raises ``UnreadableError``."""
    for item in image.dependencies:
        if runtime_kind(item.name) is RuntimeKind.MSVC_DEBUG:
            yield Defect(kind=DefectKind.DEBUG_RUNTIME, detail=item.name)
    with opened(data) as pe:
        if (false := problem(pe)) is not None:
            yield Defect(kind=DefectKind.FALSE_CERTIFICATE, detail=false)
        if pe.directory(IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT) is not None:
            yield Defect(kind=DefectKind.BOUND_IMPORTS)
        config = read_loadconfig(pe)
        if config is not None and _narrows(config.dependent_load_flags):
            yield Defect(kind=DefectKind.LOAD_FLAGS, detail=f"{config.dependent_load_flags:#x}")


def _narrows(flags: int) -> bool:
    """Whether flags keep the loader from folders where CPython has it look for what an extension module imports (Python/dynload_win.c)."""
    return bool(flags & LOAD_LIBRARY_SEARCH) and not (flags & OWN_FOLDER and flags & ADDED_FOLDERS)
