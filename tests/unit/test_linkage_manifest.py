"""The manifest: what is written can be read, the schema says the same as the parser, and hostile documents are errors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel import __version__
from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Arch, Format, Identity
from nativewheel.linkage import jsonfields
from nativewheel.linkage.manifest import (
    Binding,
    Manifest,
    ManifestConsumption,
    ManifestExport,
    ManifestImage,
    ManifestLibrary,
    ManifestRenames,
    digest_of,
    hexadecimal,
    parse,
)
from nativewheel.wheel.names import Member
from nativewheel.wheel.record import record_hash

VALIDATOR = jsonschema.Draft202012Validator(json.loads((files("nativewheel") / "schemas" / "manifest.schema.json").read_text(encoding="utf-8")))

EXPORT = ManifestExport(
    original=Identity("libntcore.so.1"),
    identity=Identity("libnw_ntcore__ntcore.so.1"),
    member=Member("ntcore/lib/libnw_ntcore__ntcore.so.1"),
    anchor=Member("ntcore/lib/libnw_ntcore__ntcore.so.1.anchor"),
    link=Member("ntcore/lib/libntcore.so"),
    format=Format.ELF,
    archs=(Arch.X86_64,),
    abi="1",
    binding=Binding.FLAT,
    uniquify=True,
    requires="=={major}.*,>={version}",
    renames=ManifestRenames.of({"nt_add": "nw_ntcore__nt_add"}),
    kept=("nt_version",),
    uses=("wpiutil",),
)
MANIFEST = Manifest(
    namespace="nw_ntcore",
    exports=(EXPORT, replace(EXPORT, anchor=None, link=None, abi=None, binding=None, uniquify=False, renames=None, kept=(), uses=())),
    vendored=(ManifestLibrary(name="libz-1.so", member=Member("ntcore.libs/libz-1.so"), source="pkg:deb/debian/zlib1g", sha256="0" * 64),),
    consumes=(
        ManifestConsumption(provider="wpiutil", version="1.2.7", original=Identity("a.so"), identity=Identity("b.so"), requires="==1.*,>=1.2.7"),
    ),
    images=(ManifestImage(member=Member("ntcore/é.so"), sha256_before="1" * 64, sha256_after="2" * 64),),
)
DOCUMENT: dict[str, Any] = json.loads(bytes(MANIFEST))


def test_round_trip() -> None:
    assert parse(bytes(MANIFEST)) == MANIFEST
    assert MANIFEST.tool == f"nativewheel {__version__}"
    assert bytes(parse(bytes(MANIFEST))) == bytes(MANIFEST)
    VALIDATOR.validate(DOCUMENT)


def test_form_of_an_export() -> None:
    assert DOCUMENT["exports"][0] == {
        "original": "libntcore.so.1",
        "identity": "libnw_ntcore__ntcore.so.1",
        "member": "ntcore/lib/libnw_ntcore__ntcore.so.1",
        "anchor": "ntcore/lib/libnw_ntcore__ntcore.so.1.anchor",
        "link": "ntcore/lib/libntcore.so",
        "format": "elf",
        "arch": "x86_64",
        "abi": "1",
        "binding": "flat",
        "uniquify": True,
        "requires": "=={major}.*,>={version}",
        "renames": {"rule": "prefix", "count": 1, "digest": hashlib.sha256(b"nt_add\tnw_ntcore__nt_add\n").hexdigest()},
        "kept": ["nt_version"],
        "uses": ["wpiutil"],
        "system_fallback": False,
        "rename_weak": False,
    }


def test_a_manifest_from_before_system_copies_allows_none() -> None:
    assert parse(json.dumps(changed("exports[0].system_fallback", DELETED)).encode()).exports[0].system_fallback is False


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the document with another value at ``path``; DELETED takes the key away."""
    document: dict[str, Any] = json.loads(bytes(MANIFEST))
    place: Any = document
    *keys, last = [int(key) if key.isdigit() else key for key in path.replace("[", ".").replace("]", "").split(".")]
    for key in keys:
        place = place[key]
    if value is DELETED:
        del place[last]
    else:
        place[last] = value
    return document


DELETED = object()
WRONG = [
    ("schema", 2),
    ("schema", True),
    ("namespace", "ntcore"),
    ("namespace", "nw_a__b"),
    ("exports", {}),
    ("exports[0]", []),
    ("exports[0].member", DELETED),
    ("exports[0].member", None),
    ("exports[0].member", "/etc/passwd"),
    ("exports[0].member", "../x"),
    ("exports[0].member", "a/../x"),
    ("exports[0].member", "a//x"),
    ("exports[0].member", "a\\x"),
    ("exports[0].member", "C:x"),
    ("exports[0].anchor", "."),
    ("exports[0].link", "a/"),
    ("exports[0].identity", ""),
    ("exports[0].format", "coff"),
    ("exports[0].abi", 1),
    ("exports[0].binding", "loose"),
    ("exports[0].uniquify", 0),
    ("exports[0].renames.rule", "hash"),
    ("exports[0].renames.count", -1),
    ("exports[0].renames.count", True),
    ("exports[0].renames.digest", "A" * 64),
    ("exports[0].kept[0]", 1),
    ("exports[0].uses[0]", "Not_Normal"),
    ("vendored[0].sha256", "0" * 63),
    ("consumes[0].provider", "a b"),
    ("images[0].sha256_after", None),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_errors_name_the_place(path: str, value: object) -> None:
    document = changed(path, value)
    with pytest.raises(UnreadableError) as caught:
        parse(json.dumps(document).encode())
    assert caught.value.where == (path.replace(".uses[0]", ".uses"),)
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("exports[0].arch", "vax"),
        ("consumes[0].version", "one"),
        ("consumes[0].requires", "about 1"),
        ("consumes[0].version", "9" * 5000),
        ("consumes[0].requires", "==" + "9" * 5000),
        ("exports[0].original", "a\x00b"),
        ("exports[0].original", "\ud800"),
        ("exports[0].kept[0]", "\x1b[1m"),
    ],
)
def test_errors_that_a_schema_cannot_tell(path: str, value: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        parse(json.dumps(changed(path, value)).encode())
    assert caught.value.where == (path,)
    assert caught.value.message.isprintable()


def test_unknown_keys_are_passed_over() -> None:
    document = changed("exports[0].novelty", {"a": [1]})
    document["more"] = None
    assert parse(json.dumps(document).encode()) == MANIFEST


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff{}",
        b'{"schema": 1, "schema": 1}',
        b"[" * 100_000,
        b'{"schema": ' + b"9" * 5000 + b"}",
        b'{"schema": NaN}',
        b'{"schema": 1e400}',
    ],
    ids=lambda data: str(data[:12]),
)
def test_what_is_no_manifest(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        parse(data)


def test_a_document_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonfields, "LIMIT", 10)
    with pytest.raises(UnreadableError, match="too large"):
        parse(bytes(MANIFEST))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.sampled_from([path for path, _ in WRONG if "[1]" not in path]), JSON)
def test_any_value_is_read_or_refused(path: str, value: object) -> None:
    document = changed(path, value)
    try:
        parse(json.dumps(document).encode())
    except UnreadableError:
        return
    assert VALIDATOR.is_valid(document)


@given(st.dictionaries(st.text("ab_", min_size=1), st.text("ab_", min_size=1)))
def test_digest_does_not_depend_on_the_order(renames: dict[str, str]) -> None:
    assert digest_of(renames) == digest_of(dict(reversed(renames.items())))


@given(st.binary())
def test_hashes_of_record_in_hexadecimal(data: bytes) -> None:
    assert hexadecimal(record_hash(data)) == hashlib.sha256(data).hexdigest()
