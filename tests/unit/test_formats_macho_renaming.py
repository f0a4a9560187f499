"""What an edit makes of references and exports, in images put together for it: refusals, re-exports, weak definitions, flat names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeslices import Macho, command, dylib, nlist

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, FlatBinding, Identity
from nativewheel.formats.macho import bindopcodes, chained, trie
from nativewheel.formats.macho.bindopcodes import Bind
from nativewheel.formats.macho.chained import ChainedFixups, ChainedImport
from nativewheel.formats.macho.linkedit import Piece, read_pieces
from nativewheel.formats.macho.slices import parse
from nativewheel.formats.macho.symtab import read_symbols
from nativewheel.formats.macho.trie import Export
from nativewheel.formats.macho.writer import apply

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.formats.macho.slices import Slice

LOAD, WEAK, REEXPORT, UPWARD, LAZY = 0xC, 0x80000018, 0x8000001F, 0x80000023, 0x20
FOO, BAR = Identity("libfoo.dylib"), Identity("libbar.dylib")
NEW_FOO, NEW_BAR = Identity("libnwfoo.dylib"), Identity("libnwbar.dylib")
FLAT_FOO = FlatBinding(dependency=FOO, identity=NEW_FOO, renames=(("_add", "_nw_foo__add"), ("_same", "_nw_foo__same")))
FLAT_BAR = FlatBinding(dependency=BAR, identity=NEW_BAR, renames=(("_same", "_nw_bar__same"),))
LIBRARIES = (dylib(LOAD, FOO), dylib(LOAD, BAR), command(0x1B, bytes(16)))


def rewritten(folder: Path, made: Macho, edit: Edit) -> Slice:
    source, destination = folder / "lib.dylib", folder / "edited.dylib"
    source.write_bytes(made.build())
    apply(source, edit, destination)
    return parse(destination.read_bytes()).slices[0]


def refusal(folder: Path, made: Macho, edit: Edit) -> str:
    with pytest.raises(LinkageError) as caught:
        rewritten(folder, made, edit)
    assert not (folder / "edited.dylib").exists()
    return str(caught.value)


def binds(*items: tuple[int, str]) -> bytes:
    return bindopcodes.encode(Bind(ordinal, name.encode(), 0, 1, 0, 0, 8 * place) for place, (ordinal, name) in enumerate(items))


def bound(image: Slice) -> list[tuple[int, str]]:
    found = bindopcodes.decode(read_pieces(image)[Piece.BIND]).binds
    return [(item.ordinal, item.name.decode()) for item in sorted(found, key=lambda item: item.offset)]


def exporting(*exports: Export, bind: bytes = b"") -> Macho:
    return Macho(commands=LIBRARIES, trie=trie.encode(exports), bind=bind)


def exported(image: Slice) -> list[Export]:
    return trie.decode(read_pieces(image)[Piece.EXPORT])


def importing(*items: ChainedImport, defined: bytes = b"_mine") -> Macho:
    blob = chained.encode(ChainedFixups(starts=bytes(4), imports_format=1, imports=items))
    return Macho(commands=LIBRARIES, chained=blob, trie=trie.encode([Export(defined, 4, 8)]))


def imported(image: Slice) -> list[ChainedImport]:
    return list(chained.decode(read_pieces(image)[Piece.CHAINED_FIXUPS]).imports)


@pytest.mark.parametrize("kind", [LOAD, WEAK, UPWARD])
def test_references_to_a_flat_library(tmp_path: Path, kind: int) -> None:
    made = Macho(commands=(dylib(LOAD, BAR), dylib(kind, FOO)), bind=binds((2, "_add"), (2, "_kept"), (1, "_add"), (-1, "_add"), (-2, "_free")))
    image = rewritten(tmp_path, made, Edit(flat=(FLAT_FOO,)))
    assert bound(image) == [(-2, "_nw_foo__add"), (-2, "_kept"), (1, "_add"), (-1, "_add"), (-2, "_free")]
    assert [(item.command.cmd, item.name) for item in image.dylibs] == [(LOAD, BAR), (WEAK, NEW_FOO)]


@pytest.mark.parametrize("kind", [REEXPORT, LAZY])
def test_kinds_that_cannot_be_flat(tmp_path: Path, kind: int) -> None:
    made = Macho(commands=(dylib(kind, FOO), dylib(LOAD, BAR)), bind=binds((1, "_add")))
    assert "libfoo.dylib cannot be bound to in the flat namespace" in refusal(tmp_path, made, Edit(flat=(FLAT_FOO,)))


def test_references_that_were_flat_before(tmp_path: Path) -> None:
    made = Macho(commands=LIBRARIES, bind=binds((-2, "_add"), (-2, "_other")))
    assert bound(rewritten(tmp_path, made, Edit(flat=(FLAT_FOO, FLAT_BAR)))) == [(-2, "_nw_foo__add"), (-2, "_other")]


def test_a_flat_reference_that_two_providers_have(tmp_path: Path) -> None:
    made = Macho(commands=LIBRARIES, bind=binds((-2, "_same")))
    assert "_same is looked up in the flat namespace, and more than one" in refusal(tmp_path, made, Edit(flat=(FLAT_FOO, FLAT_BAR)))


def test_a_flat_reference_that_the_image_itself_has(tmp_path: Path) -> None:
    made = exporting(Export(b"_add", 0, 8), bind=binds((-2, "_add")))
    assert "_add is looked up in the flat namespace" in refusal(tmp_path, made, Edit(flat=(FLAT_FOO,)))


def test_a_provider_renames_its_references_to_itself(tmp_path: Path) -> None:
    made = exporting(Export(b"_add", 0, 8), bind=binds((0, "_add"), (-2, "_add"), (1, "_add"), (-1, "_add")))
    image = rewritten(tmp_path, made, Edit(rename_symbols=FLAT_FOO.renames))
    assert bound(image) == [(0, "_nw_foo__add"), (-2, "_nw_foo__add"), (1, "_add"), (-1, "_add")]
    assert exported(image) == [Export(b"_nw_foo__add", 0, 8)]


def test_every_property_of_an_export_but_its_name_stays(tmp_path: Path) -> None:
    exports = [Export(b"_abs", 2, 7), Export(b"_stub", 0x10, 8, resolver=9), Export(b"_tlv", 1, 1 << 40), Export(b"_weak", 4, 3)]
    renames = tuple((item.name.decode(), f"_nw{item.name.decode()}") for item in exports)
    image = rewritten(tmp_path, exporting(*exports), Edit(rename_symbols=renames))
    assert exported(image) == [item._replace(name=b"_nw" + item.name) for item in exports]


def test_reexports(tmp_path: Path) -> None:
    """An empty target means the name of the symbol, so that a renamed one must say its old name, or the new one of its library."""
    exports = [
        Export(b"_a", 8, 2),
        Export(b"_b", 8, 1),
        Export(b"_c", 8, 1, b"_add"),
        Export(b"_d", 8, 0, b"_a"),
        Export(b"_e", 8, 2, b"_other"),
        Export(b"_same", 8, 1),
    ]
    renames = (("_a", "_nw_a"), ("_b", "_nw_b"), ("_same", "_nw_foo__same"))
    image = rewritten(tmp_path, exporting(*exports), Edit(rename_symbols=renames, rename_imports=((FOO, FLAT_FOO.renames),)))
    assert exported(image) == sorted(
        [
            Export(b"_nw_a", 8, 2, b"_a"),
            Export(b"_nw_b", 8, 1, b"_b"),
            Export(b"_c", 8, 1, b"_nw_foo__add"),
            Export(b"_d", 8, 0, b"_nw_a"),
            Export(b"_e", 8, 2, b"_other"),
            Export(b"_nw_foo__same", 8, 1, b"_nw_foo__same"),
        ]
    )


def test_a_reexport_from_a_flat_library(tmp_path: Path) -> None:
    made = exporting(Export(b"_mine", 8, 1, b"_add"))
    assert "_mine is re-exported from a library of another wheel" in refusal(tmp_path, made, Edit(flat=(FLAT_FOO,)))


def test_chained_imports(tmp_path: Path) -> None:
    made = importing(
        ChainedImport(1, weak=True, name=b"_add"),
        ChainedImport(2, weak=False, name=b"_add"),
        ChainedImport(-3, weak=False, name=b"_shared"),
        ChainedImport(-2, weak=False, name=b"_add"),
    )
    assert imported(rewritten(tmp_path, made, Edit(flat=(FLAT_FOO,)))) == [
        ChainedImport(-2, weak=True, name=b"_nw_foo__add"),
        ChainedImport(2, weak=False, name=b"_add"),
        ChainedImport(-3, weak=False, name=b"_shared"),
        ChainedImport(-2, weak=False, name=b"_nw_foo__add"),
    ]


def test_a_weak_definition_of_its_own_stays(tmp_path: Path) -> None:
    made = importing(ChainedImport(-3, weak=False, name=b"_add"), ChainedImport(1, weak=False, name=b"_x"), defined=b"_add")
    assert imported(rewritten(tmp_path, made, Edit(flat=(FLAT_FOO,))))[0] == ChainedImport(-3, weak=False, name=b"_add")


def test_a_weak_definition_that_the_provider_renames(tmp_path: Path) -> None:
    made = importing(ChainedImport(-3, weak=False, name=b"_add"))
    assert "_add is wanted as a weak definition" in refusal(tmp_path, made, Edit(flat=(FLAT_FOO,)))


def test_weak_definitions_that_both_sides_rename(tmp_path: Path) -> None:
    weak = bindopcodes.encode_weak([Bind(0, b"_add", 0, 1, 0, 0, 8), Bind(0, b"_zeta", 0, 1, 0, 0, 16)], [(b"_add", 0), (b"_new", 8), (b"_zeta", 0)])
    made = Macho(commands=LIBRARIES, weak_bind=weak, trie=trie.encode([Export(b"_add", 4, 8), Export(b"_zeta", 4, 9)]))
    image = rewritten(tmp_path, made, Edit(rename_symbols=(("_add", "_zz_add"),)))
    table = bindopcodes.decode(read_pieces(image)[Piece.WEAK_BIND])
    assert table.symbols == [(b"_new", 8), (b"_zeta", 0), (b"_zz_add", 0)]
    assert [(item.name, item.offset) for item in table.binds] == [(b"_zeta", 16), (b"_zz_add", 8)]


def test_a_later_bind_of_one_pointer_counts(tmp_path: Path) -> None:
    lazy = b"\x70\x08\x11\x40_add\0\x90\0\x70\x10\x12\x40_other\0\x90\0"
    made = Macho(commands=LIBRARIES, bind=binds((2, "_first"), (2, "_overwritten")), lazy_bind=lazy)
    image = rewritten(tmp_path, made, Edit(flat=(FLAT_FOO,)))
    assert bound(image) == [(2, "_first"), (-2, "_nw_foo__add"), (2, "_other")]
    assert Piece.LAZY_BIND not in read_pieces(image)


def test_lazy_binds_of_other_libraries_stay_lazy(tmp_path: Path) -> None:
    lazy = b"\x70\x08\x12\x40_add\0\x90\0"
    image = rewritten(tmp_path, Macho(commands=LIBRARIES, lazy_bind=lazy), Edit(flat=(FLAT_FOO,)))
    assert read_pieces(image)[Piece.LAZY_BIND] == lazy


def test_opcodes_of_early_arm64e(tmp_path: Path) -> None:
    source = tmp_path / "lib.dylib"
    source.write_bytes(Macho(commands=LIBRARIES, bind=b"\xd0\0").build())
    with pytest.raises(Exception, match="arm64e"):
        apply(source, Edit(flat=(FLAT_FOO,)), tmp_path / "edited.dylib")


STRINGS = b" \0_add\0_add_too\0_alias\0"
ADD, TOO, ALIAS = (STRINGS.index(name + b"\0") for name in (b"_add", b"_add_too", b"_alias"))


def test_the_symbol_table(tmp_path: Path) -> None:
    symbols = (
        nlist(0, 0x64, 0, 1),  # N_SO of the debugger, without a name
        nlist(ADD, 0x24, 0, 1),  # N_FUN
        nlist(TOO + 4, 0x0E, 0, 1),  # "_too", a local symbol whose name is the tail of another
        nlist(ADD, 0x0F, 0x80, 5),
        nlist(ALIAS, 0x0B, 0, ADD),  # N_INDR
        nlist(ADD, 0x01, 0x0140),
        nlist(TOO, 0x01, 0x0100),
        nlist(ADD, 0x01, 0x0200),
        nlist(ADD, 0x01, 0xFF00),
    )
    made = Macho(commands=LIBRARIES, trie=trie.encode([Export(b"_add", 0, 8)]), symbols=symbols, strings=STRINGS)
    table = read_symbols(rewritten(tmp_path, made, Edit(rename_symbols=(("_add", "_own"),), flat=(FLAT_FOO,))))
    names = list(table.texts(range(len(symbols))))
    assert names == [b" ", b"_add", b"_too", b"_own", b"_alias", b"_nw_foo__add", b"_add_too", b"_add", b"_add"]
    assert table.strings[table.values[4] :].partition(b"\0")[0] == b"_nw_foo__add"
    assert list(table.descriptions) == [0, 0, 0, 0x80, 0, 0xFE40, 0xFE00, 0x0200, 0xFF00]
    assert (table.types, table.sections) == (bytes(item[4] for item in symbols), bytes(item[5] for item in symbols))


def test_without_two_levels_all_references_are_flat(tmp_path: Path) -> None:
    symbols = (nlist(ADD, 0x01, 0), nlist(TOO, 0x01, 0))
    made = Macho(flags=0x5, commands=LIBRARIES, bind=binds((-2, "_add")), symbols=symbols, strings=STRINGS)
    image = rewritten(tmp_path, made, Edit(flat=(FLAT_FOO,)))
    table = read_symbols(image)
    assert image.flags == 0x5
    assert list(table.texts(range(2))) == [b"_nw_foo__add", b"_add_too"]
    assert list(table.descriptions) == [0, 0]


def test_a_definition_that_takes_the_place_of_weak_ones(tmp_path: Path) -> None:
    weak = bindopcodes.encode_weak([], [(b"__Znwm", 8)])
    made = Macho(commands=LIBRARIES, weak_bind=weak, trie=trie.encode([Export(b"__Znwm", 0, 8), Export(b"_add", 0, 9)]))
    assert "__Znwm takes the place" in refusal(tmp_path, made, Edit(rename_symbols=(("__Znwm", "_nw__Znwm"),)))
    image = rewritten(tmp_path, made, Edit(rename_symbols=(("_add", "_nw_add"),)))
    assert bindopcodes.decode(read_pieces(image)[Piece.WEAK_BIND]).symbols == [(b"__Znwm", 8)]


def test_images_that_are_bound_by_relocations(tmp_path: Path) -> None:
    made = Macho(commands=LIBRARIES, symbols=(nlist(ADD, 0x01, 0x100),), strings=STRINGS)
    assert "bound by relocations" in refusal(tmp_path, made, Edit(flat=(FLAT_FOO,)))
    assert rewritten(tmp_path, made, Edit(replace=((FOO, NEW_FOO),))).dylibs[0].name == NEW_FOO


@pytest.mark.parametrize("renames", [(("_add", ""),), (("_add", "_a\0b"),), (("_add", "_\udcff"),), (("_add", "_a"), ("_add", "_b"))])
def test_names_that_no_symbol_can_have(tmp_path: Path, renames: tuple[tuple[str, str], ...]) -> None:
    assert "cannot rename the symbol '_add'" in refusal(tmp_path, exporting(Export(b"_add", 0, 8)), Edit(rename_symbols=renames))


@pytest.mark.parametrize("name", ["lib\0foo.dylib", "lib\udcfffoo.dylib"])
def test_names_that_no_library_can_have(tmp_path: Path, name: str) -> None:
    assert "no load command can hold" in refusal(tmp_path, exporting(), Edit(replace=((FOO, Identity(name)),)))


@pytest.mark.parametrize("filling", [0, 63, 1000])
def test_a_string_table_of_zeros(tmp_path: Path, filling: int) -> None:
    symbols = (nlist(ADD, 0x01, 0x100), nlist(TOO + 4, 0x01, 0x200))
    made = Macho(commands=LIBRARIES, bind=binds((1, "_add")), symbols=symbols, strings=STRINGS + bytes(filling))
    table = read_symbols(rewritten(tmp_path, made, Edit(flat=(FLAT_FOO,))))
    assert list(table.texts(range(2))) == [b"_nw_foo__add", b"_too"]
    assert len(table.strings) < 30
