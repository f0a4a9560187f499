"""What the images of one format call each other: the interface of each format's `conventions.py`.

Places are paths below the root of an installation, with POSIX separators; the root itself is the empty string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nativewheel.formats.image import Identity


class Conventions(Protocol):
    """How the loader and the linkers of one format name libraries and symbols.

    ``PLACED`` says that images tell where their libraries are, and ``SEARCHED`` that they do so by a search path.  ``ANCHORED`` says that an exported
    library gets an anchor beside it, ``FLAT_BINDING`` that references can be looked up in all images of the process.  ``RENAMES_SYMBOLS`` says that
    a library's symbols can have other names, where they could be taken for those of other libraries.  ``SYMBOL_PREFIX`` is what symbols of C have
    before the name that the source gives them; ``LINK_SUFFIX`` ends the name of a link stub, None where there is none.
    """

    PLACED: bool
    SEARCHED: bool
    ANCHORED: bool
    FLAT_BINDING: bool
    RENAMES_SYMBOLS: bool
    SYMBOL_PREFIX: str
    LINK_SUFFIX: str | None

    def key(self, name: str) -> str:
        """Return what is equal for two names, or globs over names, that the loader takes for one."""

    def file_name(self, identity: Identity) -> str:
        """Return the name of the file that a loader takes for ``identity``."""

    def named_as_file(self, name: str) -> Identity:
        """Return the identity of a library in a file called ``name`` that may be anywhere."""

    def reference(self, folder: str, library: str, /) -> Identity:
        """Return the name by which an image in ``folder`` asks for the file ``library``."""

    def relative_rpath(self, from_dir: str, to_dir: str) -> str:
        """Write the search path entry by which an image in ``from_dir`` finds libraries in ``to_dir``."""

    def is_relative_rpath(self, entry: str) -> bool:
        """Whether the folder that a search path entry means depends on where the image is."""

    def is_of_system(self, path: str) -> bool:
        """Whether every machine of the platform has what it brought at ``path``, a library or a folder, and nobody may put other files there."""

    def expand_rpath(self, entry: str, origin: str, program: str | None = None, /) -> str | None:
        """Return the folder that ``entry`` means for an image in the folder ``origin``, loaded by a program in the folder ``program``.

        None when that is not below the root; ``program`` is None when that is not there either, as for Python.
        """
