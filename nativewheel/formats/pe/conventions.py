"""How PE images name libraries: by their files' names, without folders and without regard to case; they have no search path of their own.

Source: Microsoft's "Dynamic-link library search order".
"""

from __future__ import annotations

import posixpath

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Identity
from nativewheel.formats.pe.names import folded, with_suffix

PLACED = False
SEARCHED = False
ANCHORED = False
FLAT_BINDING = False
RENAMES_SYMBOLS = False
SYMBOL_PREFIX = ""
LINK_SUFFIX: str | None = None


def key(name: str) -> str:
    """Return ``name`` with small letters: neither the loader nor the file system tells them from capitals."""
    return folded(name)


def file_name(identity: Identity) -> str:
    """Return ``identity``, with the suffix that the loader adds to a name without one."""
    return with_suffix(identity)


def named_as_file(name: str) -> Identity:
    """Return ``name``: dependents say the name of the file."""
    return Identity(name)


def reference(_folder: str, library: str) -> Identity:
    """Return the file name of ``library``; the folder is up to what the process has told the loader."""
    return Identity(posixpath.basename(library))


def relative_rpath(_from_dir: str, to_dir: str) -> str:
    """Raise ``LinkageError``: an image has no search path to be written."""
    raise LinkageError("a PE image cannot say where its libraries are", where=(to_dir,))


def is_relative_rpath(_entry: str) -> bool:
    """Whether the folder of a search path entry depends on where the image is: never, for there is none."""
    return False


def is_of_system(_path: str) -> bool:
    """Whether a path is one that every machine has: DLLs are named without any."""
    return False


def expand_rpath(_entry: str, _origin: str, _program: str | None = None) -> str | None:
    """Return the folder that a search path entry means: none."""
    return None
