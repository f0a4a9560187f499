"""Apply an `Edit` to a PE file: give DLLs other names, write the copy, read it back, compare."""

from __future__ import annotations

import shutil
from collections import deque
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.files import MODE, mapped, only_when_right
from nativewheel.formats.pe.binding import allow_all_folders, unbind
from nativewheel.formats.pe.checksum import FIELD_SIZE, checksum
from nativewheel.formats.pe.constants import IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY
from nativewheel.formats.pe.growing import add_section
from nativewheel.formats.pe.headers import CHECKSUM_OFFSET, SIZE_OF_IMAGE_OFFSET, PeFile, opened
from nativewheel.formats.pe.overlay import drop_certificates, has_unknown_overlay, kept_size
from nativewheel.formats.pe.patches import Patches
from nativewheel.formats.pe.reader import model
from nativewheel.formats.pe.renaming import dll_name, read_names, rename_exports, rename_imports, wanted_names
from nativewheel.formats.pe.room import Room, end_of_memory
from nativewheel.formats.pe.structure import shared_bytes
from nativewheel.formats.pe.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from nativewheel.formats.image import Edit, Image
    from nativewheel.formats.pe.renaming import Names

REVISION = 1
"""To be raised when the same edit of the same image gives other bytes than before."""


def apply(source: Path, edit: Edit, destination: Path) -> Image:
    """Write ``source`` with ``edit`` made to ``destination``, check the result, and return the model of it.

    ``source`` is only read.  After an error there is no ``destination``.  An image of which no DLL is to be renamed keeps every byte if it is signed;
    else certificates are cut off, for they would be wrong.  ``rpaths`` and ``strip`` change nothing: the format has no search path, and the debug
    data of a DLL are files of their own.  Raises ``UnreadableError``, ``MachineError``, and ``LinkageError`` for what cannot be edited so.
    """
    with only_when_right(destination):
        return _apply(source, edit, destination)


def _apply(source: Path, edit: Edit, destination: Path) -> Image:
    require_possible(edit)
    with mapped(source) as data, opened(data) as pe:
        image, names = model(pe, source.name), read_names(pe)
        wanted = wanted_names(edit, source.name, names)
        patches = plan(pe, names, wanted, edit.identity)
        if not patches:
            shutil.copyfile(source, destination)
            destination.chmod(MODE)
            return image
        write(pe, patches, destination, checked=bool(pe.checksum))
        with mapped(destination) as result:
            return verify(pe, result, wanted, source.name)


def require_possible(edit: Edit) -> None:
    """Raise ``LinkageError`` for an edit that the format has no means for."""
    if edit.remove:
        raise LinkageError("a PE image cannot do without a DLL that it imports from, because each symbol belongs to one", where=edit.remove[:1])
    if edit.rename_symbols or edit.rename_imports:
        raise LinkageError("symbols of PE images cannot be renamed, and need not be: each import names its DLL")
    if edit.flat:
        raise LinkageError("PE images have no flat namespace")


def plan(pe: PeFile, names: Names, wanted: Mapping[str, bytes], identity: str | None, *, imports: bool = True) -> Patches:
    """Collect what changes; without ``imports``, the names in the import tables are left for another program to change.

    The name of an image inside it is for show only, so it is left where an edit would do harm.  Raises ``UnreadableError`` and ``LinkageError``.
    """
    patches = Patches(kept_size(pe))
    if not wanted and (identity is None or pe.certificates is not None):
        return patches
    problem = _refusal(pe)
    if problem is not None:
        if wanted:
            raise problem
        return patches
    room = Room(pe, patches)
    if wanted:
        unbind(pe, names, patches)
        allow_all_folders(pe, patches)
    if imports:
        rename_imports(pe, names, wanted, patches, room)
    rename_exports(pe, names, wanted, dll_name(identity) if identity is not None else None, patches, room)
    if room.new:
        add_section(pe, bytes(room.new), room.new_address, patches)
    if patches:
        drop_certificates(pe, patches)
    if patches and not room.new and pe.size_of_image != end_of_memory(pe):
        patches.put_number(pe.optional_header + SIZE_OF_IMAGE_OFFSET, end_of_memory(pe))
    return patches


def _refusal(pe: PeFile) -> LinkageError | None:
    """Say why an image cannot be edited."""
    if pe.dll_characteristics & IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY:
        return LinkageError(
            "Windows loads this image only with a valid signature (/INTEGRITYCHECK), which no edit keeps",
            hint="exclude it, or keep the names of the DLLs that it imports",
        )
    if not pe.is_dll and has_unknown_overlay(pe):
        return LinkageError("the program has data behind its sections that it finds by their place, as installers do", hint="exclude the program")
    if shared_bytes(pe):
        return LinkageError("sections share bytes of the file, so that an edit would change both")
    return None


def write(pe: PeFile, patches: Patches, destination: Path, *, checked: bool) -> None:
    """Write the changed file, with a new checksum if it is to have one.  Raises ``OSError``."""
    field = pe.optional_header + CHECKSUM_OFFSET
    with destination.open("wb") as stream:
        written = _written(patches.copy(pe.data), stream)
        if not checked:
            deque(written, maxlen=0)
        else:
            total = checksum(written, field)
            stream.seek(field)
            stream.write(total.to_bytes(FIELD_SIZE, "little"))
    destination.chmod(MODE)


def _written(chunks: Iterable[bytes], stream: BinaryIO) -> Iterator[bytes]:
    for chunk in chunks:
        stream.write(chunk)
        yield chunk
