"""Names that nativewheel gives.

Those of vendored libraries carry a hash, so that equal names mean equal files.  Those of exported libraries carry the namespace of their provider
and stay the same over compatible releases, after the rule of the pynativelib proposal: ``libntcore.so.1`` is ``libnw_ntcore__ntcore.so.1``.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UsageError
from nativewheel.formats.image import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_HASH_DIGITS = 8

# A namespace has no double underscore and ends with none, so the first "__" after it is where the library's own name begins.
_UNIQUE = re.compile(r"(lib)?(nw_[a-z0-9]+(?:_[a-z0-9]+)*)__(.+)", re.DOTALL)
_SERIES = re.compile(r"[a-z0-9]+")
_ENDS_LIKE_A_SERIES = re.compile(r"nw_.+_abi[a-z0-9]+")
_EXTENSION = re.compile(r"(?:(?:\.[0-9]+)*\.(?:dylib|tbd)|\.so(?:\.[0-9.]+)?|\.dll)$", re.IGNORECASE)


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
    # Windows takes what is behind the last dot for the extension; other systems' libraries may have versions behind the first.
    stem, dot, extensions = name.rpartition(".") if name.lower().endswith(".dll") else name.partition(".")
    short = digest[:_HASH_DIGITS]
    return name if stem.endswith(f"-{short}") else f"{stem}-{short}{dot}{extensions}"


def is_hashed(name: str) -> bool:
    """Whether a repair tool has put a hash into the file name."""
    return re.search(rf"-[0-9a-f]{{{_HASH_DIGITS}}}\.", name) is not None


def module_name(distribution: str) -> str:
    """Return the name of the top-level package that a repaired wheel of ``distribution`` carries, which is also its stem among shared libraries."""
    return "nw_" + re.sub(r"[-_.]+", "_", distribution).lower()


def namespace(distribution: str, abi: str | None) -> str:
    """Return the namespace of the libraries that ``distribution`` exports in the ABI series ``abi``.

    Raises ``LinkageError`` for a distribution whose own name ends as if it had a series, ``UsageError`` for a series that is no single word.
    """
    own = module_name(distribution)
    if _ENDS_LIKE_A_SERIES.fullmatch(own):
        raise LinkageError(
            f"a distribution called {distribution} cannot export libraries: their names would be those of an ABI series of another one",
            hint="rename the distribution, or export the libraries from another one",
        )
    if abi is None:
        return own
    if not _SERIES.fullmatch(abi):
        raise UsageError(f"not an ABI series: {abi!r}", hint='one word of lower-case letters and digits, such as "1" or "cxx11"')
    return f"{own}_abi{abi}"


def exported_identity(owner: str, identity: Identity) -> Identity:
    """Return the unique identity, under the namespace ``owner``, of a library that is called ``identity``; one that has it already stays as it is.

    Folders before the name, as in install names, are kept.
    """
    folder, slash, name = identity.rpartition("/")
    if owner_of(identity) == owner:
        return identity
    lib, rest = ("lib", name[3:]) if name.startswith("lib") else ("", name)
    return Identity(f"{folder}{slash}{lib}{owner}__{rest}")


def owner_of(identity: Identity) -> str | None:
    """Return the namespace that a unique identity belongs to, read off the name alone; None for a plain one."""
    name = identity.rpartition("/")[2]
    # DLL names are compared without regard to case, and linkers write them as they like.
    match = _UNIQUE.fullmatch(name.lower() if name.lower().endswith(".dll") else name)
    return match[2] if match else None


def regular_name(identity: Identity) -> str:
    """Return a library's name without folder, extension and version: ``libntcore.so.1`` is ``libntcore``."""
    name = identity.rpartition("/")[2]
    return _EXTENSION.sub("", name) or name


def unique_symbol(owner: str, name: str, prefix: str = "") -> str:
    """Return the unique name, under the namespace ``owner``, of the symbol ``name``; one that has it already stays as it is.

    ``prefix`` is what the names of C have in that format; it stays in front.
    """
    first = prefix if name.startswith(prefix) else ""
    return name if plain_symbol(owner, name, prefix) else f"{first}{owner}__{name.removeprefix(prefix)}"


def plain_symbol(owner: str, name: str, prefix: str = "") -> str | None:
    """Return the symbol whose unique name under the namespace ``owner`` is ``name``; None when ``name`` is of another making."""
    first = prefix if name.startswith(prefix) else ""
    rest = name.removeprefix(prefix)
    return f"{first}{plain}" if rest.startswith(f"{owner}__") and (plain := rest.removeprefix(f"{owner}__")) else None


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
