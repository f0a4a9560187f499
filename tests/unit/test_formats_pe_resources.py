"""Manifests in the resources of PE images."""

from __future__ import annotations

import struct
import time

import pytest
from madepe import ADDRESS, RESOURCE, Pe, manifest_resource

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.headers import opened
from nativewheel.formats.pe.resources import manifest_names, read_manifests

MANIFEST = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0">
  <assemblyIdentity name="made" version="1.0.0.0" type="win32"/>
  <dependency><dependentAssembly><assemblyIdentity type="win32" name="Microsoft.Windows.Common-Controls" version="6.0.0.0"/></dependentAssembly>
  </dependency>
  <dependency><dependentAssembly>
    <assemblyIdentity type='win32' name='Vendor.Foo' version="1.0.0.0"/></dependentAssembly></dependency>
  <asmv2:file xmlns:asmv2="urn:schemas-microsoft-com:asm.v2" asmv2:name="B&amp;B.dll" loadFrom="sub\\bar.dll"><comClass/></asmv2:file>
  <file hash="name" name="foo.dll"/><!-- <file name="gone.dll"/> --><file name="foo.dll"></file>
</assembly>"""
NAMES = ("Vendor.Foo.dll", "B&B.dll", "sub\\bar.dll", "foo.dll")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_names_in_a_manifest(encoding: str) -> None:
    data = Pe(resources=manifest_resource(MANIFEST.encode(encoding))).build()
    assert manifest_names(data) == NAMES


def test_manifests_in_several_languages() -> None:
    manifests = tuple(f'<file name="{name}.dll"/>'.encode() for name in "abc")
    data = Pe(resources=manifest_resource(*manifests)).build()
    with opened(data) as pe:
        assert read_manifests(pe) == manifests
    assert manifest_names(data) == ("a.dll", "b.dll", "c.dll")


def test_other_resources_and_none() -> None:
    assert manifest_names(Pe(resources=manifest_resource(MANIFEST.encode(), number=16)).build()) == ()
    assert manifest_names(Pe().build()) == ()


@pytest.mark.parametrize(
    "text", ["<!--" * 100_000, "<file " * 100_000, "<file name=" * 90_000, '<file name="' * 80_000, "<a:" * 300_000, "<" + "a" * 900_000]
)
def test_hostile_text_takes_bounded_time(text: str) -> None:
    resources = manifest_resource(text.encode())
    start = time.process_time()
    manifest_names(Pe(resources=resources).build())
    assert time.process_time() - start < 2


DIRECTORY, BELOW = struct.Struct("<12xHHII"), 1 << 31


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (DIRECTORY.pack(0, 1, 24, 16), "data where a resource directory should be"),
        (DIRECTORY.pack(0, 1, 24, BELOW), "a resource directory where data should be"),
        (DIRECTORY.pack(0, 1, 24, BELOW | 0x9000), "a resource directory is outside"),
        (DIRECTORY.pack(0xFFFF, 0xFFFF, 24, BELOW), "more resources"),
        (DIRECTORY.pack(0, 0x400, 24, BELOW), "a resource directory reaches past"),
        (DIRECTORY.pack(0, 1, 24, BELOW | 24) + DIRECTORY.pack(0, 1, 1, BELOW | 24), "a resource directory where data should be"),
        (DIRECTORY.pack(0, 1, 24, BELOW | 24) + DIRECTORY.pack(0, 1, 1, BELOW | 48) + DIRECTORY.pack(0, 1, 1, 0x9000), "a resource is outside"),
        (manifest_resource(b"x", address=0x9000), "a manifest is outside"),
        (manifest_resource(b"x")[:72] + struct.pack("<IIII", ADDRESS, 1 << 21, 0, 0), "bytes of manifests"),
    ],
)
def test_hostile_resources(resources: bytes, message: str) -> None:
    with opened(Pe(resources=resources).build()) as pe, pytest.raises(UnreadableError, match=message):
        read_manifests(pe)


def test_directories_that_are_shared_take_bounded_time() -> None:
    """Each of many names leads to the same many languages."""
    count = 2000
    names = DIRECTORY.pack(0, 1, 24, BELOW | 24) + struct.pack("<12xHH", 0, count) + struct.pack("<II", 1, BELOW | (40 + 8 * count)) * count
    languages = struct.pack("<12xHH", 0, count) + struct.pack("<II", 1, 0) * count
    with (
        opened(Pe(resources=names + languages, directories=((RESOURCE, ADDRESS, 1),)).build()) as pe,
        pytest.raises(UnreadableError, match="more resources"),
    ):
        read_manifests(pe)
