"""Names that nativewheel gives: those of vendored libraries carry a hash, so that equal names mean equal files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_HASH_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """What decides the bytes of one vendored library, apart from its neighbours.

    ``edits`` describes what is asked of the writer, with neighbours by the hashes of their contents: their file names may be equal.  ``uses`` are
    the vendored libraries (real paths) that it needs.
    """

    sha256: str
    edits: tuple[str, ...]
    uses: tuple[Path, ...]


def vendored_names(ingredients: Mapping[Path, Ingredient], writer: str) -> dict[Path, str]:
    """Return a file name for each library: ``libfoo.so.1`` becomes ``libfoo-1a2b3c4d.so.1``.

    The hash covers the names, contents and edits of the library's whole closure and the ``writer`` that makes the edits, because the names of its
    neighbours are written into the file.  In a cycle all members share one closure, so the definition does not go round in circles.
    """
    digests = {path: _digest(_closure(path, ingredients), ingredients, writer) for path in ingredients}
    return {path: hashed_name(path.name, digest) for path, digest in digests.items()}


def hashed_name(name: str, digest: str) -> str:
    """Put the first digits of ``digest`` between the stem and the extensions of ``name``, unless they are there already."""
    stem, dot, extensions = name.partition(".")
    short = digest[:_HASH_DIGITS]
    return name if stem.endswith(f"-{short}") else f"{stem}-{short}{dot}{extensions}"


def is_hashed(name: str) -> bool:
    """Whether a repair tool has put a hash into the file name."""
    return re.search(rf"-[0-9a-f]{{{_HASH_DIGITS}}}\.", name) is not None


def _closure(path: Path, ingredients: Mapping[Path, Ingredient]) -> set[Path]:
    closure = {path}
    waiting = [path]
    while waiting:
        for used in ingredients[waiting.pop()].uses:
            if used not in closure:
                closure.add(used)
                waiting.append(used)
    return closure


def _digest(closure: Iterable[Path], ingredients: Mapping[Path, Ingredient], writer: str) -> str:
    rows = sorted([path.name, ingredients[path].sha256, *ingredients[path].edits] for path in closure)
    return hashlib.sha256(json.dumps([writer, rows], ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()
