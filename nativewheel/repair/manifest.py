"""The manifest of a repaired wheel: `<name>-<version>.dist-info/nativewheel.json`."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nativewheel
from nativewheel.wheel.deflate import engine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.wheel.names import Member, WheelName

MANIFEST = "nativewheel.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLibrary:
    """A vendored library: ``source`` is a package URL or a base name, never a path; ``sha256`` is that of the member, in hexadecimal."""

    name: str
    member: Member
    source: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestImage:
    """An image that the repair changed, with the hashes of its bytes before and after, in hexadecimal."""

    member: Member
    sha256_before: str
    sha256_after: str


def render(name: WheelName, vendored: Iterable[ManifestLibrary], images: Iterable[ManifestImage]) -> bytes:
    """Return the manifest as JSON, UTF-8, the same bytes for the same values."""
    document = {
        "schema": 1,
        "tool": f"nativewheel {nativewheel.__version__}",
        "deflate": engine(),
        "namespace": namespace(name),
        "exports": [],
        "vendored": [{"name": library.name, "member": library.member, "source": library.source, "sha256": library.sha256} for library in vendored],
        "consumes": [],
        "images": [{"member": image.member, "sha256_before": image.sha256_before, "sha256_after": image.sha256_after} for image in images],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def namespace(name: WheelName) -> str:
    """Return the stem that is this distribution's own among shared libraries."""
    return "nw_" + re.sub(r"[-_.]+", "_", name.normalized)


def hexadecimal(record_hash: str) -> str:
    """Return the hash of a RECORD row ("sha256=" and URL-safe base64 without padding) in hexadecimal."""
    text = record_hash.partition("=")[2]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()
