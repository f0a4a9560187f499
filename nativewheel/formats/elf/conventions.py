"""How ELF images name libraries, and the search paths that are relative to an image: how one is written, and which folder one means.

Source: ld.so(8), "Dynamic string tokens".
"""

from __future__ import annotations

import posixpath
import re

from nativewheel.formats.image import Identity

PLACED = True
SEARCHED = True
ANCHORED = True
FLAT_BINDING = False
RENAMES_SYMBOLS = True
SYMBOL_PREFIX = ""
LINK_SUFFIX: str | None = ".so"

_ORIGIN = re.compile(r"\$(?:ORIGIN(?![A-Za-z0-9_])|\{ORIGIN\})")


def key(name: str) -> str:
    """Return ``name``: letter case counts."""
    return name


def file_name(identity: Identity) -> str:
    """Return ``identity``: the loader looks for a file that is called as the DT_NEEDED says."""
    return identity


def named_as_file(name: str) -> Identity:
    """Return ``name``: the SONAME of a library that others are to find is that of its file."""
    return Identity(name)


def reference(_folder: str, library: str) -> Identity:
    """Return the file name of ``library``; the folder is up to the search path."""
    return Identity(posixpath.basename(library))


def relative_rpath(from_dir: str, to_dir: str) -> str:
    """Write the search path entry by which an image in ``from_dir`` finds libraries in ``to_dir``.

    Both are folders below the same installed root, with POSIX separators; the empty string and ``.`` are the root.
    """
    steps = posixpath.relpath("/" + to_dir, "/" + from_dir)
    return "$ORIGIN" if steps == "." else f"$ORIGIN/{steps}"


def is_relative_rpath(entry: str) -> bool:
    """Whether the folder that ``entry`` means depends on where the image is."""
    return _ORIGIN.match(entry) is not None


def is_of_system(_path: str) -> bool:
    """Whether a path is one that every machine has: distributions differ in all of them."""
    return False


def expand_rpath(entry: str, origin: str, _program: str | None = None) -> str | None:
    """Return the folder that ``entry`` means for an image in the folder ``origin``, both below the installed root (the root itself is ``""``).

    None when it depends on the host: an absolute path, one relative to the current folder, one that leaves the root, or one with ``$LIB`` or
    ``$PLATFORM``.
    """
    token = _ORIGIN.match(entry)
    if token is None:
        return None
    rest = entry[token.end() :]
    if "$" in rest or (rest and not rest.startswith("/")):
        return None
    path = posixpath.normpath(posixpath.join(origin, f".{rest}"))
    if path == ".." or path.startswith(("../", "/")):
        return None
    return "" if path == "." else path
