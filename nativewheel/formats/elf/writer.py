"""Apply an `Edit` to an ELF file: strip, patch, read back, compare."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UnreadableError
from nativewheel.formats.elf.patchelf import patch
from nativewheel.formats.elf.renamed import selected
from nativewheel.formats.elf.snapshot import Snapshot, take
from nativewheel.formats.elf.strip import strip
from nativewheel.formats.elf.verify import verify
from nativewheel.formats.files import MODE, mapped, only_when_right
from nativewheel.formats.image import Edit

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Image


def apply(source: Path, edit: Edit, destination: Path) -> Image:
    """Write ``source`` with ``edit`` made to ``destination``, check the result, and return the model of it.

    ``source`` is only read.  After an error there is no ``destination``.  Raises ``UnreadableError``, ``MachineError``, and ``LinkageError`` for a
    dependency that cannot be removed and for a symbol that cannot be renamed.
    """
    with only_when_right(destination):
        return _apply(source, edit, destination)


def _apply(source: Path, edit: Edit, destination: Path) -> Image:
    with mapped(source) as data:
        before = take(data, source.name)
    _require_editable(before, edit)
    # A reference does not say which library it is for (gABI, "Symbol Table"), so all new names hold for all of them.
    names = (*edit.rename_symbols, *(pair for _, renames in edit.rename_imports for pair in renames))
    edit = replace(edit, rename_symbols=tuple(selected(before, names).items()) if names else (), rename_imports=())
    if not edit:
        shutil.copyfile(source, destination)
        destination.chmod(MODE)
        return before.image
    if not edit.strip:
        return _patch(source, edit, destination, before)
    if edit == Edit(strip=True):
        return _strip(source, destination, before)
    # Before patching: strip lays the sections out again, and often breaks files where patchelf has moved some to the end.
    stripped = destination.with_name(destination.name + ".stripped")
    try:
        _strip(source, stripped, before)
        return _patch(stripped, edit, destination, before)
    finally:
        stripped.unlink(missing_ok=True)


def _patch(source: Path, edit: Edit, destination: Path, before: Snapshot) -> Image:
    patch(source, edit, destination)
    return _check(before, destination, edit, "patchelf")


def _strip(source: Path, destination: Path, before: Snapshot) -> Image:
    strip(source, before.image.archs[0], destination)
    return _check(before, destination, Edit(), "strip")


def _check(before: Snapshot, destination: Path, edit: Edit, writer: str) -> Image:
    destination.chmod(MODE)
    with mapped(destination) as data:
        return verify(before, data, edit, writer)


def _require_editable(before: Snapshot, edit: Edit) -> None:
    for fault in before.faults:
        raise UnreadableError(f"no loader accepts this file: {fault}")
    wanted = {need.file for need in before.needs}
    for removed in edit.remove:
        if removed in wanted:
            # glibc's _dl_check_map_versions asserts that the library of every version need is loaded.
            raise LinkageError(f"cannot drop the dependency on {removed}: symbol versions of it are wanted")
