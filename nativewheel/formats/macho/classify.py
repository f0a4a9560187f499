"""What a Mach-O image is for: a program, an extension module or a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Kind
from nativewheel.formats.macho.constants import LC_DYLD_EXPORTS_TRIE, MH_BUNDLE, MH_EXECUTE
from nativewheel.formats.macho.uleb import read_uleb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.formats.macho.commands import Linkedit
    from nativewheel.formats.macho.slices import Slice

HOOKS = (b"_PyInit_", b"_PyInitU_", b"__cffi_pypyinit_")
"""How the names begin that Python looks for in an extension module (PEP 489, cffi), with the underscore that C names have."""

LABEL_BLOCK, LABEL_LIMIT = 64, 1 << 16


def kind(image: Slice, name: str) -> Kind:
    """Tell what ``image``, in a file called ``name``, is for.

    Extension modules are bundles, as setuptools links them, or libraries: CMake and Rust link both kinds.
    """
    if image.filetype == MH_EXECUTE:
        return Kind.PROGRAM
    if image.filetype == MH_BUNDLE:
        return Kind.EXTENSION
    # Every suffix that importlib knows on macOS ends like this, so there is no need to search the names of libfoo.dylib.
    if not name.endswith(".so"):
        return Kind.LIBRARY
    return Kind.EXTENSION if any(exports_prefix(image, hook) for hook in HOOKS) else Kind.LIBRARY


def export_trie(image: Slice) -> Linkedit | None:
    """Tell where the export trie is, for which there are two places."""
    place = image.linkedit(LC_DYLD_EXPORTS_TRIE)
    if place is None:
        place = image.dyld_info.export if image.dyld_info else None
    return place if place and place.size else None


def exports_prefix(image: Slice, prefix: bytes) -> bool:
    """Whether the name of an export begins with ``prefix``; only the way to it is read.  Raises ``UnreadableError``."""
    place = export_trie(image)
    if place is None:
        return False
    offset, rest = 0, prefix
    seen: set[int] = set()
    while offset not in seen:
        seen.add(offset)
        for label, child in _children(image.data, place, offset):
            if label.startswith(rest):
                return True
            if rest.startswith(label):
                offset, rest = child, rest[len(label) :]
                break
        else:
            return False
    raise UnreadableError("a loop in the export trie", where=(f"trie offset {offset:#x}",))


def _children(data: memoryview, trie: Linkedit, node: int) -> Iterator[tuple[bytes, int]]:
    """Yield the labels and the offsets of the children of a node."""
    end = min(trie.offset + trie.size, len(data))
    size, start = read_uleb(data, trie.offset + node) if node < trie.size else (0, end)
    offset = start + size
    if offset >= end:
        raise UnreadableError("a node of the export trie is outside it", where=(f"trie offset {node:#x}",))
    for _ in range(data[offset]):
        label = _label(data, offset + 1)
        child, stop = read_uleb(data, offset + 1 + len(label) + 1)
        yield label, child
        offset = stop - 1


def _label(data: memoryview, offset: int) -> bytes:
    for size in (LABEL_BLOCK, LABEL_LIMIT):
        label, end, _ = bytes(data[offset : offset + size]).partition(b"\0")
        if end:
            return label
    raise UnreadableError("a label of the export trie does not end", where=(f"offset {offset:#x}",))
