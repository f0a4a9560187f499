"""What sharing asks of a format: how it names things, which symbols keep their names, and what goes beside a library."""

from __future__ import annotations

import pytest
from madeimages import content
from madeslices import Macho

from nativewheel import formats
from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Format, Identity
from nativewheel.formats.macho import trie
from nativewheel.formats.macho.trie import Export

DYLIB = content("ntcore-1.2.7-py3-none-macosx_11_0_arm64.whl", "ntcore/lib/libntcore.dylib")
SO = content("ntcore-1.2.7-py3-none-linux_x86_64.whl", "ntcore/lib/libntcore.so.1")


@pytest.mark.parametrize(
    ("found", "prefix", "suffix", "flat", "anchored", "searched"),
    [(Format.ELF, "", ".so", False, True, True), (Format.MACHO, "_", ".tbd", True, False, False)],
)
def test_conventions(found: Format, prefix: str, suffix: str, flat: bool, anchored: bool, searched: bool) -> None:  # noqa: FBT001
    of = formats.conventions(found)
    assert (prefix, suffix, flat, anchored, searched) == (of.SYMBOL_PREFIX, of.LINK_SUFFIX, of.FLAT_BINDING, of.ANCHORED, of.SEARCHED)
    identity = of.named_as_file("liba.1.so")
    assert of.file_name(identity) == "liba.1.so"
    reference = of.reference("pkg", "x.libs/liba.1.so")
    assert of.file_name(reference) == "liba.1.so"
    assert (of.expand_rpath(reference, "pkg") == "x.libs/liba.1.so") is not searched
    assert of.expand_rpath(of.relative_rpath("pkg/sub", "x.libs"), "pkg/sub") == "x.libs"
    assert of.is_relative_rpath(of.relative_rpath("a", "b"))


def test_symbols_that_keep_their_names() -> None:
    library = Macho(trie=trie.encode([Export(b"_a", 0, 1), Export(b"__Znwm", trie.WEAK_DEFINITION, 2)])).build()
    assert formats.kept_names(library) == {"__Znwm"}
    assert formats.kept_names(DYLIB) == formats.kept_names(SO) == frozenset()
    weak = {symbol.name for symbol in formats.exports(library) if symbol.weak}
    assert weak == {"__Znwm"}
    with pytest.raises(UnreadableError, match="not a native image"):
        formats.kept_names(b"MZ")


def test_names_in_strings_are_looked_for_in_mach_o_only() -> None:
    assert formats.named_in_strings(SO, ["nt_add", "1.2.7"]) == frozenset()
    assert formats.named_in_strings(DYLIB, ["_1.2.7", "_nt_add"]) == {"_1.2.7"}


def test_link_stubs() -> None:
    unique = Identity("@rpath/libnw_ntcore__ntcore.dylib")
    text = formats.link_stub(DYLIB, identity=unique, plain_names={"_plain": "_nt_add"}).decode()
    assert text.startswith("--- !tapi-tbd")
    assert unique in text
    assert "_plain" in text
    assert "_nt_add" not in text
    elf = formats.link_stub(SO, identity=Identity("libnw_ntcore__ntcore.so.1"))
    assert b"\0libnw_ntcore__ntcore.so.1\0" in elf


def test_anchors() -> None:
    anchor = formats.anchor(SO, Identity("libnw_ntcore__ntcore.so.1"))
    assert [item.name for item in formats.read(anchor, "x.anchor").dependencies] == ["libnw_ntcore__ntcore.so.1"]
    with pytest.raises(UnreadableError, match=r"anchors? "):
        formats.anchor(DYLIB, Identity("@rpath/x.dylib"))
