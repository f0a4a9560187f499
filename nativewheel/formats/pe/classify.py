"""What a PE image is for: a program, an extension module or a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.image import Kind
from nativewheel.formats.pe.names import folded

if TYPE_CHECKING:
    from nativewheel.formats.pe.headers import PeFile


def kind(pe: PeFile, name: str) -> Kind:
    """Tell what ``pe``, in a file called ``name``, is for.

    Every suffix that importlib knows on Windows ends in ``.pyd``, and nothing else does.  A DLL with another name is none, although it may have
    Python's hook: pywin32's pythoncom312.dll is a module that other modules are linked with.
    """
    if not pe.is_dll:
        return Kind.PROGRAM
    return Kind.EXTENSION if folded(name).endswith(".pyd") else Kind.LIBRARY
