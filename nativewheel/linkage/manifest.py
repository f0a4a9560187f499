"""The manifest of a repaired wheel: `<name>-<version>.dist-info/nativewheel.json` (schemas/manifest.schema.json)."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import nativewheel
from nativewheel.linkage import jsonfields
from nativewheel.wheel.deflate import engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.image import Arch, Format, Identity
    from nativewheel.linkage.jsonfields import Fields
    from nativewheel.wheel.names import Member

MANIFEST = "nativewheel.json"
SCHEMA = 1


class Binding(StrEnum):
    """How consumers on macOS are bound to an exported library."""

    FLAT = "flat"
    INSTALL_NAME = "install-name"


class RenameRule(StrEnum):
    """How the symbols of an exported library were renamed."""

    PREFIX = "prefix"
    """The namespace of its identity and "__" were put before the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRenames:
    """The symbols of an exported library that were renamed: how, how many, and what `digest_of` says of the map from old to new names."""

    rule: RenameRule
    count: int
    digest: str

    @classmethod
    def of(cls, renames: Mapping[str, str]) -> Self:
        """Describe a map from old to new names."""
        return cls(rule=RenameRule.PREFIX, count=len(renames), digest=digest_of(renames))


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestExport:
    """A library for other wheels.

    ``original`` is what dependents called it before the repair, ``identity`` what they call it now.  ``member`` is its path in the wheel, ``anchor``
    and ``link`` are those of the files beside it that make it findable on musl and for linkers.  ``abi`` is the ABI series, ``binding`` holds on
    macOS only.  ``requires`` is the template of the range that consumers ask for.  ``kept`` are symbols that were not renamed although the others
    were, and with ``rename_weak`` no weak definitions of macOS are among them; ``uses`` are the distributions of the providers that it needs itself.
    """

    original: Identity
    identity: Identity
    member: Member
    anchor: Member | None = None
    link: Member | None = None
    format: Format
    archs: tuple[Arch, ...]
    abi: str | None = None
    binding: Binding | None = None
    uniquify: bool = False
    requires: str
    renames: ManifestRenames | None = None
    kept: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    system_fallback: bool = False
    rename_weak: bool = False

    def document(self) -> dict[str, object]:
        """Return the entry as JSON has it."""
        renames = self.renames
        return {
            "original": self.original,
            "identity": self.identity,
            "member": self.member,
            "anchor": self.anchor,
            "link": self.link,
            "format": str(self.format),
            "arch": ",".join(self.archs),
            "abi": self.abi,
            "binding": self.binding and str(self.binding),
            "uniquify": self.uniquify,
            "requires": self.requires,
            "renames": None if renames is None else {"rule": str(renames.rule), "count": renames.count, "digest": renames.digest},
            "kept": list(self.kept),
            "uses": list(self.uses),
            "system_fallback": self.system_fallback,
            "rename_weak": self.rename_weak,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLibrary:
    """A vendored library: ``source`` is a package URL or a base name, never a path; ``sha256`` is that of the member, in hexadecimal."""

    name: str
    member: Member
    source: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestConsumption:
    """A library of another wheel that this one uses.

    ``provider`` is a distribution and ``version`` the one that this wheel was built against; ``requires`` is the range that it asks for.
    """

    provider: str
    version: str
    original: Identity
    identity: Identity
    requires: str

    def document(self) -> dict[str, object]:
        """Return the entry as JSON has it."""
        return {
            "provider": self.provider,
            "version": self.version,
            "original": self.original,
            "identity": self.identity,
            "requires": self.requires,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestImage:
    """An image that the repair changed, with the hashes of its bytes before and after, in hexadecimal."""

    member: Member
    sha256_before: str
    sha256_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a repair put into a wheel; ``bytes()`` gives the file, UTF-8, the same for the same values.

    ``tool`` and ``deflate`` are those of this process unless they were read.  Without exports, ``namespace`` is merely the name of the wheel's own
    package.
    """

    tool: str = f"nativewheel {nativewheel.__version__}"
    deflate: str = field(default_factory=engine)
    namespace: str
    exports: tuple[ManifestExport, ...] = ()
    vendored: tuple[ManifestLibrary, ...] = ()
    consumes: tuple[ManifestConsumption, ...] = ()
    images: tuple[ManifestImage, ...] = ()

    def __bytes__(self) -> bytes:
        document = {
            "schema": SCHEMA,
            "tool": self.tool,
            "deflate": self.deflate,
            "namespace": self.namespace,
            "exports": [export.document() for export in self.exports],
            "vendored": [{"name": item.name, "member": item.member, "source": item.source, "sha256": item.sha256} for item in self.vendored],
            "consumes": [item.document() for item in self.consumes],
            "images": [{"member": image.member, "sha256_before": image.sha256_before, "sha256_after": image.sha256_after} for image in self.images],
        }
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def parse(data: bytes) -> Manifest:
    """Read a manifest.  Unknown keys are passed over: newer versions of the same schema may have more.

    Raises ``UnreadableError`` that names the place in the document (``exports[0].member``).
    """
    fields = jsonfields.document(data)
    if fields.integer("schema") != SCHEMA:
        raise fields.error("schema", "it was written by a newer nativewheel", hint="use a newer nativewheel")
    return Manifest(
        tool=fields.text("tool"),
        deflate=fields.text("deflate"),
        namespace=fields.namespace("namespace"),
        exports=tuple(_export(item) for item in fields.items("exports")),
        vendored=tuple(
            ManifestLibrary(name=item.text("name"), member=item.member("member"), source=item.text("source"), sha256=item.sha256("sha256"))
            for item in fields.items("vendored")
        ),
        consumes=tuple(_consumption(item) for item in fields.items("consumes")),
        images=tuple(
            ManifestImage(member=item.member("member"), sha256_before=item.sha256("sha256_before"), sha256_after=item.sha256("sha256_after"))
            for item in fields.items("images")
        ),
    )


def _export(fields: Fields) -> ManifestExport:
    renames = fields.optional("renames", fields.inner)
    return ManifestExport(
        original=fields.identity("original"),
        identity=fields.identity("identity"),
        member=fields.member("member"),
        anchor=fields.optional("anchor", fields.member),
        link=fields.optional("link", fields.member),
        format=fields.format("format"),
        archs=fields.archs("arch"),
        abi=fields.optional("abi", fields.text),
        binding=fields.optional("binding", lambda key: fields.choice(key, Binding)),
        uniquify=fields.flag("uniquify"),
        requires=fields.text("requires"),
        renames=None if renames is None else _renames(renames),
        kept=fields.texts("kept"),
        uses=fields.distributions("uses"),
        system_fallback="system_fallback" in fields.values and fields.flag("system_fallback"),
        rename_weak="rename_weak" in fields.values and fields.flag("rename_weak"),
    )


def _renames(fields: Fields) -> ManifestRenames:
    return ManifestRenames(rule=fields.choice("rule", RenameRule), count=fields.integer("count"), digest=fields.sha256("digest"))


def _consumption(fields: Fields) -> ManifestConsumption:
    return ManifestConsumption(
        provider=fields.distribution("provider"),
        version=fields.version("version"),
        original=fields.identity("original"),
        identity=fields.identity("identity"),
        requires=fields.specifier("requires"),
    )


def digest_of(renames: Mapping[str, str]) -> str:
    """Return the hash (hexadecimal) of a map from old to new symbol names: of the sorted lines ``old TAB new LF``."""
    return hashlib.sha256("".join(sorted(f"{old}\t{new}\n" for old, new in renames.items())).encode()).hexdigest()


def hexadecimal(record_hash: str) -> str:
    """Return the hash of a RECORD row ("sha256=" and URL-safe base64 without padding) in hexadecimal."""
    text = record_hash.partition("=")[2]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()
