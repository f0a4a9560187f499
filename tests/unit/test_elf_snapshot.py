"""Property test: whatever is done to the bytes of a real image, reading ends with a result or with UnreadableError."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.formats import exports, imports, read
from nativewheel.formats.elf.snapshot import take

WHEELS = Path(__file__).parents[2] / "fixtures" / "wheels"


def image(platform: str, pythons: str = "cp38-abi3", name: str = "_vend.abi3.so") -> bytes:
    with zipfile.ZipFile(WHEELS / f"ntvendor-0.1.0-{pythons}-{platform}.whl") as archive:
        return archive.read(f"ntvendor/{name}")


IMAGES = [image("linux_x86_64"), image("linux_i686"), image("linux_armv7l"), image("linux_aarch64")]
VALUES = st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\0" * 8, b"\xff" * 8, b"\xff\xff\xff\x7f", b"\1\0\0\0"]))
# The header, the dynamic section and the tables are in the first and the last part of these small files.
CHANGES = st.lists(st.tuples(st.one_of(st.integers(0, 64), st.integers(0, 1024), st.integers(0, 5000)), VALUES), max_size=8)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(IMAGES), CHANGES, st.one_of(st.none(), st.integers(0, 5000)))
def test_damage_never_ends_in_another_error(source: bytes, changes: list[tuple[int, bytes]], length: int | None) -> None:
    data = bytearray(source)
    for start, value in changes:
        if start + len(value) <= len(data):
            data[start : start + len(value)] = value
    damaged = bytes(data[:length])
    for function in (lambda: read(damaged, "_vend.abi3.so"), lambda: take(damaged, "x"), lambda: imports(damaged), lambda: exports(damaged)):
        with suppress(UnreadableError):
            function()


@pytest.mark.parametrize("source", IMAGES)
def test_real_images_have_no_faults(source: bytes) -> None:
    snapshot = take(source, "_vend.abi3.so")
    assert snapshot.faults == ()
    assert snapshot.image == read(source, "_vend.abi3.so")
    assert b"PyInit__vend\0" in snapshot.strings
