"""Apply an `Edit` to a Mach-O file: rewrite the slices, put them together, read back, compare."""

from __future__ import annotations

import posixpath
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.files import MODE, mapped, only_when_right
from nativewheel.formats.image import FlatBinding, Identity
from nativewheel.formats.macho.fatwriter import join
from nativewheel.formats.macho.reader import model
from nativewheel.formats.macho.rewrite import rewrite
from nativewheel.formats.macho.slices import opened
from nativewheel.formats.macho.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.image import Edit, Image
    from nativewheel.formats.macho.slices import MachFile

REVISION = 1
"""To be raised when the same edit of the same image gives other bytes than before."""

ABSENT = "@rpath/absent"
"""The folder of libraries that are not to be found."""


def apply(source: Path, edit: Edit, destination: Path) -> Image:
    """Write ``source`` with ``edit`` made to ``destination``, check the result, and return the model of it.

    ``source`` is only read.  After an error there is no ``destination``.  A slice that the edit changes is signed ad hoc if it is for arm64 or was
    signed; others keep every byte.  Raises ``UnreadableError``, ``MachineError``, and ``LinkageError`` for what cannot be edited so.
    """
    with only_when_right(destination):
        return _apply(source, edit, destination)


def _apply(source: Path, edit: Edit, destination: Path) -> Image:
    with mapped(source) as data, opened(data) as file:
        edit = _without_removed(file, edit)
        _require_possible(file, edit)
        rewritten = [rewrite(image, edit) for image in file.slices]
        if not any(rewritten):
            shutil.copyfile(source, destination)
            destination.chmod(MODE)
            return model(file, source.name)
        slices = [image.data if new is None else new.content for image, new in zip(file.slices, rewritten, strict=True)]
        with destination.open("wb") as stream:
            stream.write(join(file.slices, slices) if file.is_fat else slices[0])
        destination.chmod(MODE)
        with mapped(destination) as result:
            return verify(file, result, edit, [new.changes if new else None for new in rewritten], source.name)


def _without_removed(file: MachFile, edit: Edit) -> Edit:
    """Say how dependencies are dropped: symbols refer to libraries by their number, so each must leave something that can be absent."""
    loaded = {dylib.name for image in file.slices for dylib in image.dylibs}
    names = [name for name in dict.fromkeys(edit.remove) if name in loaded]
    gone = [FlatBinding(dependency=name, identity=Identity(f"{ABSENT}/{posixpath.basename(name)}")) for name in names]
    return replace(edit, remove=(), flat=(*edit.flat, *gone))


def _require_possible(file: MachFile, edit: Edit) -> None:
    if edit.identity is not None and any(image.id_dylib is None for image in file.slices):
        raise LinkageError("cannot give an install name to an image that has none, because nothing can link with it")
    loaded = {dylib.name for image in file.slices for dylib in image.dylibs}
    for binding in edit.flat:
        if binding.dependency not in loaded:
            raise LinkageError(f"the image does not ask for {binding.dependency}, which it is to be bound to in the flat namespace")
