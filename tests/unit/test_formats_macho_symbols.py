"""The symbols that a slice wants and offers, from every place where an image can have them."""

from __future__ import annotations

import pytest
from madeslices import Macho, dylib, nlist

from nativewheel.errors import UnreadableError
from nativewheel.formats.image import Symbol
from nativewheel.formats.macho import symbols
from nativewheel.formats.macho.bindopcodes import Bind, encode, encode_weak
from nativewheel.formats.macho.chained import ChainedFixups, ChainedImport
from nativewheel.formats.macho.chained import encode as encode_chained
from nativewheel.formats.macho.slices import Slice, parse
from nativewheel.formats.macho.trie import Export
from nativewheel.formats.macho.trie import encode as encode_trie

LIBRARIES = (dylib(0xD, "libmade.dylib"), dylib(0xC, "liba.dylib"), dylib(0x80000018, "libb.dylib"))
A, B = "liba.dylib", "libb.dylib"
TRIE = encode_trie([Export(b"_mine", 0, 0x100), Export(b"_inline", 4, 0x200), Export(b"_tls", 1, 0x300), Export(b"_alias", 8, 1, b"_other")])
OFFERED = [Symbol(name="_alias"), Symbol(name="_inline", weak=True), Symbol(name="_mine"), Symbol(name="_tls")]


def image(made: Macho) -> Slice:
    return parse(made.build()).slices[0]


def bind(ordinal: int, name: str, flags: int = 0, offset: int = 0, addend: int = 0) -> Bind:
    return Bind(ordinal, name.encode(), flags, 1, addend, 1, offset)


def wanted(made: Macho) -> set[tuple[str, str | None, bool]]:
    found = list(symbols.imports(image(made)))
    assert len({(item.name, item.library) for item in found}) == len(found)
    return {(item.name, item.library, item.weak) for item in found}


def test_exports_from_both_places() -> None:
    assert sorted(symbols.exports(image(Macho(trie=TRIE))), key=lambda item: item.name) == OFFERED
    assert sorted(symbols.exports(image(Macho(trie=TRIE, chained=bytes(28)))), key=lambda item: item.name) == OFFERED
    assert list(symbols.exports(image(Macho(bind=b"\0", symbols=(nlist(0, 0x0F, 0, 1),))))) == []


def test_imports_from_opcodes() -> None:
    regular = encode(
        [bind(1, "_data"), bind(1, "_data", offset=8, addend=4), bind(2, "_maybe", 1), bind(-1, "_main"), bind(-2, "_PyNone"), bind(0, "_self")]
    )
    lazy = b"".join(b"\x71\x10" + ordinal + b"\x40" + name + b"\0\x90\0" for ordinal, name in ((b"\x12", b"_call"), (b"\x3e", b"_PyCall")))
    weak = encode_weak([bind(0, "_inline")], [(b"_inline", 0), (b"_strong", 8)])
    assert wanted(Macho(commands=LIBRARIES, bind=regular, lazy_bind=lazy, weak_bind=weak)) == {
        ("_data", A, False),
        ("_maybe", B, True),
        ("_main", None, False),
        ("_PyNone", None, False),
        ("_call", B, False),
        ("_PyCall", None, False),
    }


def test_a_symbol_may_be_missing_only_if_no_pointer_needs_it() -> None:
    lazy = b"\x71\x10\x12\x40_both\0\x90\0" + b"\x71\x18\x12\x41_maybe\0\x90\0"
    regular = encode([bind(2, "_both", 1), bind(2, "_maybe", 1)])
    assert wanted(Macho(commands=LIBRARIES, bind=regular, lazy_bind=lazy)) == {("_both", B, False), ("_maybe", B, True)}


@pytest.mark.parametrize("imports_format", [1, 2, 3])
def test_imports_from_chained_fixups(imports_format: int) -> None:
    rows = (
        ChainedImport(1, weak=False, name=b"_data"),
        ChainedImport(1, weak=False, name=b"_data", addend=8 if imports_format > 1 else 0),
        ChainedImport(2, weak=True, name=b"_maybe"),
        ChainedImport(-2, weak=False, name=b"_PyNone"),
        ChainedImport(-3, weak=False, name=b"__Znwm"),
        ChainedImport(-3, weak=False, name=b"_inline"),
        ChainedImport(0, weak=False, name=b"_mine"),
    )
    blob = encode_chained(ChainedFixups(starts=bytes(8), imports_format=imports_format, imports=rows))
    expected = {("_data", A, False), ("_maybe", B, True), ("_PyNone", None, False), ("__Znwm", None, False)}
    assert wanted(Macho(commands=LIBRARIES, chained=blob, trie=TRIE)) == expected


@pytest.mark.parametrize(("flags", "library"), [(0x85, A), (0x5, None)])
def test_images_from_before_dyld_had_tables(flags: int, library: str | None) -> None:
    strings = b"\0_mine\0_theirs\0"
    entries = (nlist(1, 0x0F, 0, 1), nlist(7, 0x01, 0x0140), nlist(1, 0x0F, 0x80, 1))
    made = Macho(commands=LIBRARIES, symbols=entries, strings=strings, flags=flags)
    assert wanted(made) == {("_theirs", library, True)}
    assert list(symbols.exports(image(made))) == [Symbol(name="_mine"), Symbol(name="_mine", weak=True)]


def test_a_library_that_is_not_there() -> None:
    with pytest.raises(UnreadableError, match="library 3, of 2") as caught:
        wanted(Macho(commands=LIBRARIES, bind=encode([bind(3, "_x")])))
    assert caught.value.where == ("_x",)


def test_names_that_are_not_utf_8() -> None:
    assert wanted(Macho(commands=LIBRARIES, bind=encode([bind(1, "_x")]).replace(b"_x", b"_\xff"))) == {("_\\xff", A, False)}


def test_more_pointers_than_the_image_has_room_for() -> None:
    opcodes = b"\x11\x40_x\0\x51\x71\x00\xc0\xff\xff\xff\x01\x00"
    with pytest.raises(UnreadableError, match="more than"):
        wanted(Macho(commands=LIBRARIES, bind=opcodes))
