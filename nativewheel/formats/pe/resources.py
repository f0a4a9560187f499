"""The manifests in an image's resources: they can name DLLs, which a change of the import tables does not reach.

Source: Microsoft's "PE Format" (the .rsrc section) and "Assembly manifests".
"""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from html import unescape
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_RESOURCE, RT_MANIFEST
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.names import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from nativewheel.formats.pe.headers import PeFile

DIRECTORY = Struct("<12xHH")
"""IMAGE_RESOURCE_DIRECTORY: how many entries have names, and how many have numbers; the entries follow."""
ENTRY = Struct("<II")
DATA_ENTRY = Struct("<IIII")
"""IMAGE_RESOURCE_DATA_ENTRY: OffsetToData (an RVA), Size, CodePage, Reserved."""
HIGH_BIT = 1 << 31
"""In the second word of an entry: a directory follows, else the data."""

MOST_ENTRIES = 1 << 12
"""Of the directories that lead to manifests."""
MANIFEST_LIMIT = 1 << 20
"""Most bytes of all manifests; one of CPython's has 1 or 2 KB."""

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ELEMENT = re.compile(r"<(?:\w+:)?(file|dependentAssembly|assemblyIdentity)\b([^<>]*)")
_ATTRIBUTE = re.compile(r"""\b(name|loadFrom)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SYSTEM = ("microsoft.windows.", "microsoft.vc")
"""How the names of assemblies begin that are in Windows' own folders."""


def manifest_names(data: Buffer) -> tuple[str, ...]:
    """Return the DLLs that the manifests of an image name: files, and assemblies that may be beside the image.

    What is renamed is then not found, and nothing can change that but the image's build.  Raises ``UnreadableError``.
    """
    with opened(data) as pe:
        texts = [_text(manifest) for manifest in read_manifests(pe)]
    return tuple(dict.fromkeys(name for text in texts for name in _names(_COMMENT.sub("", text))))


def read_manifests(pe: PeFile) -> tuple[bytes, ...]:
    """Read the resources of the type RT_MANIFEST in all languages.  Raises ``UnreadableError``."""
    directory = pe.directory(IMAGE_DIRECTORY_ENTRY_RESOURCE)
    if directory is None:
        return ()
    # The three levels are type, name and language.
    places = [place for number, place in _entries(pe, directory.address, 0, MOST_ENTRIES) if number == RT_MANIFEST]
    for _ in range(2):
        below: list[int] = []
        for place in places:
            if not place & HIGH_BIT:
                raise UnreadableError("data where a resource directory should be", where=(f"offset {place:#x} of the resources",))
            below += [entry for _, entry in _entries(pe, directory.address, place - HIGH_BIT, MOST_ENTRIES - len(below))]
        places = below
    return tuple(_manifests(pe, directory.address, places))


def _entries(pe: PeFile, start: int, place: int, most: int) -> tuple[tuple[int, ...], ...]:
    named, numbered = DIRECTORY.unpack(pe.take(start + place, DIRECTORY.size, "a resource directory"))
    if named + numbered > most:
        raise UnreadableError("more resources than any image has", where=(f"offset {place:#x} of the resources",))
    return tuple(ENTRY.iter_unpack(pe.take(start + place + DIRECTORY.size, (named + numbered) * ENTRY.size, "a resource directory")))


def _manifests(pe: PeFile, start: int, places: list[int]) -> Iterator[bytes]:
    left = MANIFEST_LIMIT
    for place in places:
        if place & HIGH_BIT:
            raise UnreadableError("a resource directory where data should be", where=(f"offset {place:#x} of the resources",))
        address, size, _, _ = DATA_ENTRY.unpack(pe.take(start + place, DATA_ENTRY.size, "a resource"))
        left -= size
        if left < 0:
            raise UnreadableError(f"more than {MANIFEST_LIMIT} bytes of manifests", where=(f"RVA {address:#x}",))
        yield pe.take(address, size, "a manifest")


def _text(manifest: bytes) -> str:
    if manifest.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return manifest.decode("utf-16", "replace")
    return manifest.decode("utf-8", "replace")


def _names(text: str) -> Iterator[str]:
    """Yield names of files from the text of a manifest, which is not parsed: an XML parser can be made to work very long."""
    depends = False
    for tag, attributes in _ELEMENT.findall(text):
        values = {key: unescape(double or single) for key, double, single in _ATTRIBUTE.findall(attributes)}
        if tag == "file":
            yield from (values[key] for key in ("name", "loadFrom") if key in values)
        elif tag == "assemblyIdentity" and depends and "name" in values and not folded(values["name"]).startswith(_SYSTEM):
            yield f"{values['name']}.dll"
        # The identity outside is the image's own.
        depends = tag == "dependentAssembly"
