"""machomachomangler, another program that renames DLLs in import tables, for those who want it; the rest of an edit is done as without it.

It is AGPL-3: run as a program of its own, never imported.  It takes no certificates and nothing else behind the sections, and it leaves SizeOfImage
unaligned and file offsets of debug data as they were, which is put right afterwards.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.files import mapped, only_when_right
from nativewheel.formats.pe.debug import read_debug
from nativewheel.formats.pe.headers import CHECKSUM_OFFSET, SIZE_OF_IMAGE_OFFSET, opened
from nativewheel.formats.pe.names import decoded
from nativewheel.formats.pe.patches import Patches
from nativewheel.formats.pe.renaming import loaded, read_names, wanted_names
from nativewheel.formats.pe.room import end_of_memory
from nativewheel.formats.pe.verify import verify
from nativewheel.formats.pe.writer import apply as apply_alone
from nativewheel.formats.pe.writer import plan, require_possible, write
from nativewheel.formats.process import run

if TYPE_CHECKING:
    from nativewheel.formats.image import Edit, Image
    from nativewheel.formats.pe.headers import PeFile

PACKAGE = "machomachomangler"
OTHERWISE = "the default, --pe-backend nativewheel, may be able to do it"


def apply(source: Path, edit: Edit, destination: Path) -> Image:
    """Do what `writer.apply` does, but have machomachomangler rename the DLLs that ``source`` imports, delayed or not.

    Raises ``MachineError`` also when the program is missing or cannot take the file.
    """
    require_possible(edit)
    with only_when_right(destination), tempfile.TemporaryDirectory(dir=destination.parent) as folder, mapped(source) as data, opened(data) as pe:
        names = read_names(pe)
        wanted = wanted_names(edit, source.name, names)
        pairs = {decoded(found.name): wanted[key].decode() for found in names.descriptors if (key := loaded(found.name)) in wanted}
        if not pairs:
            return apply_alone(source, edit, destination)
        prepared, renamed = Path(folder, "prepared"), Path(folder, "renamed")
        write(pe, plan(pe, names, wanted, edit.identity, imports=False), prepared, checked=False)
        _rename(prepared, pairs, renamed)
        _correct(renamed, destination, checked=bool(pe.checksum))
        with mapped(destination) as result:
            return verify(pe, result, wanted, source.name)


def _rename(source: Path, pairs: dict[str, str], destination: Path) -> None:
    """Run the program once for all names; it fails on any that the file does not import."""
    if find_spec(PACKAGE) is None:
        raise MachineError(f"the program {PACKAGE} is missing", hint=f"python -m pip install nativewheel[{PACKAGE}], or use --pe-backend nativewheel")
    arguments = [str(source.absolute()), str(destination.absolute()), *(name for pair in pairs.items() for name in pair)]
    try:
        run(Path(sys.executable), ["-m", f"{PACKAGE}.cmd.redll", *arguments], source)
    except MachineError as error:
        raise MachineError(f"{PACKAGE} cannot change the file: {error.message}", hint=OTHERWISE) from error


def _correct(source: Path, destination: Path, *, checked: bool) -> None:
    """Write what the program wrote, with what it leaves wrong put right."""
    if not source.exists():
        raise MachineError(f"{PACKAGE} wrote no file", hint=OTHERWISE)
    try:
        with mapped(source) as data, opened(data) as pe:
            write(pe, _corrections(pe), destination, checked=checked)
    except UnreadableError as error:
        raise MachineError(f"the edited file is damaged: {error}", hint=OTHERWISE) from error


def _corrections(pe: PeFile) -> Patches:
    """Return what is to be put right in a file that the program wrote."""
    patches = Patches(len(pe.data))
    patches.put_number(pe.optional_header + CHECKSUM_OFFSET, 0)
    patches.put_number(pe.optional_header + SIZE_OF_IMAGE_OFFSET, end_of_memory(pe))
    for entry in read_debug(pe):
        section = pe.section_at(entry.address) if entry.address else None
        if section is not None and entry.pointer:
            place = pe.offset(entry.field, 4, "a pointer to debug data")
            patches.put_number(place, section.file_start + entry.address - section.address)
    return patches
