"""What an image is for, as its type and its export trie tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeslices import BUNDLE, DYLIB, EXECUTE, Macho

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Kind
from nativewheel.formats.macho.classify import exports_prefix, kind
from nativewheel.formats.macho.slices import Slice, parse
from nativewheel.formats.macho.trie import Export, encode


def made(*names: str, filetype: int = DYLIB, chained: bytes = b"") -> Slice:
    trie = encode([Export(name.encode(), 0, 0x100) for name in names])
    return parse(Macho(filetype=filetype, trie=trie, chained=chained).build()).slices[0]


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        (made(filetype=EXECUTE), "tool.so", Kind.PROGRAM),
        (made(filetype=BUNDLE), "_core.so", Kind.EXTENSION),
        (made("_PyInit__core"), "_core.abi3.so", Kind.EXTENSION),
        (made("_PyInit__core", chained=bytes(8)), "_core.abi3.so", Kind.EXTENSION),
        (made("_PyInitU_xyz", "_other"), "xyz.so", Kind.EXTENSION),
        (made("__cffi_pypyinit_a", "__cffi", "__cffi_pyp"), "a.so", Kind.EXTENSION),
        (made("_PyInit__core"), "libcore.dylib", Kind.LIBRARY),
        (made("_PyInit", "_PyInitialize", "_pyInit_x", "PyInit_x"), "x.so", Kind.LIBRARY),
        (made(), "x.so", Kind.LIBRARY),
        (parse(Macho().build()).slices[0], "x.so", Kind.LIBRARY),
    ],
)
def test_kind(image: Slice, name: str, expected: Kind) -> None:
    assert kind(image, name) is expected


NAMES = st.sets(st.text(alphabet="ab_", max_size=6), max_size=12)


@given(NAMES, st.text(alphabet="ab_", min_size=1, max_size=4))
def test_a_prefix_is_found_where_a_name_has_it(names: set[str], prefix: str) -> None:
    assert exports_prefix(made(*names), prefix.encode()) == any(name.startswith(prefix) for name in names)


def raw(trie: bytes) -> Slice:
    return parse(Macho(trie=trie).build()).slices[0]


def test_empty_labels() -> None:
    trie = b"\0\1\0\5\0" + b"\0\1_PyInit_x\0\x12" + b"\2\0\0\0"
    assert exports_prefix(raw(trie), b"_PyInit_")
    assert not exports_prefix(raw(trie), b"_PyInit_y")


@pytest.mark.parametrize(
    ("trie", "message"),
    [
        (b"\0\1\0\0", "a loop"),
        (b"\0\1_Py\0\5" + b"\0\1\0\0", "is outside it|a loop"),
        (b"\0\1_Py\0\x7f", "is outside it"),
        (b"\x7f", "is outside it"),
        (b"\xff" * 12, "ULEB"),
    ],
)
def test_hostile_tries(trie: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        exports_prefix(raw(trie), b"_PyInit_")


@given(st.binary(min_size=1, max_size=30))
def test_any_trie_is_read_or_refused(trie: bytes) -> None:
    try:
        assert exports_prefix(raw(trie), b"_P") in {True, False}
    except UnreadableError as error:
        assert error.message  # noqa: PT017  (either outcome is right)


def test_a_label_that_does_not_end() -> None:
    data = Macho(trie=b"\0\1" + b"x" * 78).build()
    assert data.endswith(b"x")
    with pytest.raises(UnreadableError, match="does not end"):
        exports_prefix(parse(data).slices[0], b"_PyInit_")
