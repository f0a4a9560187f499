"""How Mach-O images name libraries, and names and search path entries that are relative to an image: how one is written, which place one means.

Source: dyld(1), "Dynamic library loading"; all paths have POSIX separators and are below one installed root, which is ``""``.
"""

from __future__ import annotations

import posixpath

from nativewheel.formats.image import Identity

PLACED = True
SEARCHED = False
ANCHORED = False
FLAT_BINDING = True
RENAMES_SYMBOLS = True
SYMBOL_PREFIX = "_"
LINK_SUFFIX: str | None = ".tbd"

LOADER, EXECUTABLE, RPATH = "@loader_path", "@executable_path", "@rpath"
_SYSTEM = ("/usr/lib/", "/System/")


def relative_rpath(from_dir: str, to_dir: str) -> str:
    """Write the search path entry by which an image in ``from_dir`` finds libraries in ``to_dir``."""
    steps = posixpath.relpath("/" + to_dir, "/" + from_dir)
    return LOADER if steps == "." else f"{LOADER}/{steps}"


def key(name: str) -> str:
    """Return ``name``: letter case counts."""
    return name


def file_name(identity: Identity) -> str:
    """Return the last part of an install name."""
    return posixpath.basename(identity)


def named_as_file(name: str) -> Identity:
    """Return the install name of a library with the file name ``name`` that has no fixed place."""
    return Identity(f"{RPATH}/{name}")


def reference(folder: str, library: str) -> Identity:
    """Return the name by which an image in ``folder`` asks for the file ``library``: ``@loader_path/../x.libs/libfoo.dylib``."""
    return Identity(relative_rpath(folder, library))


def is_relative_rpath(entry: str) -> bool:
    """Whether the place that ``entry`` means depends on where the image, the program or its search path is."""
    return any(_behind(entry, token) is not None for token in (LOADER, EXECUTABLE, RPATH))


def is_of_system(path: str) -> bool:
    """Whether macOS alone fills the place that ``path`` means: such as ``/usr/lib/swift``, whose libraries no file system shows since macOS 11."""
    return f"{posixpath.normpath(path)}/".startswith(_SYSTEM)


def behind_rpath(name: str) -> str | None:
    """Return what is behind ``@rpath/`` in the name of a library, to be looked for in each folder of the search path; None for other names.

    In an LC_RPATH itself, ``@rpath`` means nothing.
    """
    rest = _behind(name, RPATH)
    return rest.lstrip("/") or None if rest is not None else None


def expand_rpath(entry: str, origin: str, program: str | None = None) -> str | None:
    """Return the folder or file that ``entry`` means for an image in the folder ``origin``, loaded by a program in the folder ``program``.

    None when it depends on the host: an absolute path, one relative to the current folder, one that leaves the root, ``@rpath``, and
    ``@executable_path`` unless the program is installed there, too (that of an extension module is the Python interpreter).
    """
    rest = _behind(entry, LOADER)
    folder: str | None = origin
    if rest is None:
        rest, folder = _behind(entry, EXECUTABLE), program
    if rest is None or folder is None:
        return None
    path = posixpath.normpath(posixpath.join(folder, f".{rest}"))
    if path == ".." or path.startswith(("../", "/")):
        return None
    return "" if path == "." else path


def _behind(entry: str, token: str) -> str | None:
    """Return what follows ``token``, empty or with its slash; a longer word that begins like the token is none."""
    rest = entry.removeprefix(token)
    return rest if entry.startswith(token) and (not rest or rest.startswith("/")) else None
