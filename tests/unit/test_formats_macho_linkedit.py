"""The pieces of __LINKEDIT: found by their load commands, laid out again, and refused where they cannot be moved."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeslices import BASE, Macho, build_version, command, dylib, nlist, segment

from nativewheel.errors import LinkageError, NativewheelError, UnreadableError
from nativewheel.formats.macho.linkedit import FIELDS, Piece, lay_out, padded, read_pieces, write_fields
from nativewheel.formats.macho.slices import parse

MADE = Macho(commands=(dylib(0xD, "libmade.dylib"),), trie=b"\0\0", bind=b"\0\0\0", symbols=(nlist(1, 1, 0),), strings=b" \0_a\0", signed=True)
PIECES = st.dictionaries(st.sampled_from([piece for piece in Piece if piece is not Piece.SIGNATURE]), st.binary(min_size=1, max_size=40))


@given(PIECES, st.integers(0, 100).map(lambda page: page * 0x1000))
def test_pieces_are_in_order_and_aligned(pieces: dict[Piece, bytes], start: int) -> None:
    content, offsets = lay_out(pieces, start)
    end = start
    for piece, data in sorted(pieces.items()):
        offset = offsets[piece]
        assert end <= offset < end + 8
        assert offset % {Piece.INDIRECT_SYMBOLS: 4, Piece.STRINGS: 1}.get(piece, 8) == 0
        assert content[offset - start : offset - start + len(data)] == data
        end = offset + len(data)
    assert end <= start + len(content) < end + 8
    assert offsets[Piece.SIGNATURE] % 16 == 0
    assert all(offset == 0 or start <= offset <= start + len(content) + 15 for offset in offsets.values())


@given(PIECES)
def test_the_load_commands_state_the_places(pieces: dict[Piece, bytes]) -> None:
    whole = {piece: padded(data) + bytes(8 if piece is Piece.SYMBOLS and len(padded(data)) % 16 else 0) for piece, data in pieces.items()}
    _, offsets = lay_out(whole, 0x4000)
    found: dict[Piece, tuple[int, int]] = {}
    for cmd in FIELDS:
        body = bytearray(struct.pack("<II", cmd, 80) + bytes(72))
        write_fields(body, {piece: len(data) for piece, data in whole.items()}, offsets)
        for field in FIELDS[cmd]:
            offset, count = (int.from_bytes(body[at : at + 4], "little") for at in (field.offset_at, field.count_at))
            found[field.piece] = offset, count * field.unit
    assert {piece: (offset, size) for piece, (offset, size) in found.items() if size} == {
        piece: (offsets[piece], len(data)) for piece, data in whole.items()
    }
    assert {piece for piece, (offset, _) in found.items() if not offset} <= {
        *(Piece.REBASE, Piece.BIND, Piece.WEAK_BIND, Piece.LAZY_BIND, Piece.EXPORT),
        *(Piece.LOCAL_RELOCATIONS, Piece.EXTERNAL_RELOCATIONS, Piece.INDIRECT_SYMBOLS),
    }


def test_what_there_is() -> None:
    pieces = read_pieces(parse(MADE.build()).slices[0])
    signature = pieces.pop(Piece.SIGNATURE)
    assert signature.startswith(b"\xfa\xde\x0c\xc0")
    assert pieces == {Piece.BIND: b"\0\0\0", Piece.EXPORT: b"\0\0", Piece.SYMBOLS: nlist(1, 1, 0), Piece.STRINGS: b" \0_a\0"}


def refusal(made: Macho, data: bytes | None = None) -> str:
    with pytest.raises(NativewheelError) as caught:
        read_pieces(parse(made.build() if data is None else data).slices[0])
    return str(caught.value)


def with_command(*commands: bytes) -> Macho:
    return replace(MADE, commands=commands)


def test_unknown_data_in_linkedit() -> None:
    assert "unknown kind" in refusal(with_command(command(0x99, struct.pack("<II", BASE + 8, 4))))
    assert "unknown kind" in refusal(with_command(command(0x31, struct.pack("<16sQQ", b"owner", BASE, 4))))
    read_pieces(parse(with_command(command(0x99, struct.pack("<II", 8, 4))).build()).slices[0])
    read_pieces(parse(with_command(command(0x99, struct.pack("<II", BASE, 0))).build()).slices[0])


def test_a_version_that_looks_like_an_offset() -> None:
    read_pieces(parse(with_command(command(0x24, struct.pack("<II", BASE + 8, 4)), build_version(0xB0000)).build()).slices[0])
    read_pieces(parse(with_command(command(0x2A, struct.pack("<II", BASE + 8, 4))).build()).slices[0])


@pytest.mark.parametrize(("index", "what"), [(7, "table of contents"), (9, "module table"), (11, "referenced symbols")])
def test_tables_of_old_linkers(index: int, what: str) -> None:
    words = [0] * 18
    words[index] = 1
    assert what in refusal(with_command(command(0xB, struct.pack("<18I", *words))))


def test_encrypted_images() -> None:
    assert "encrypted" in refusal(with_command(command(0x2C, struct.pack("<IIII", 0, 16, 1, 0))))
    read_pieces(parse(with_command(command(0x2C, struct.pack("<IIII", 0, 16, 0, 0))).build()).slices[0])


def test_bytes_behind_linkedit() -> None:
    assert "4 bytes behind __LINKEDIT" in refusal(MADE, MADE.build() + b"more")
    read_pieces(parse(MADE.build() + bytes(4)).slices[0])


@pytest.mark.parametrize(
    "extra",
    [
        segment("__LAST", 0x100000, 16, 0),
        segment("__OVER", BASE + 4, 8, 0),
    ],
)
def test_linkedit_must_be_last(extra: bytes) -> None:
    assert "not the last segment" in refusal(with_command(extra))


def test_an_empty_segment_beside_linkedit() -> None:
    read_pieces(parse(with_command(segment("__DATA", BASE, 0, BASE)).build()).slices[0])


def test_no_linkedit() -> None:
    assert "without a __LINKEDIT" in refusal(MADE, MADE.build().replace(b"__LINKEDIT\0", b"__LINKEDOT\0"))


@pytest.mark.parametrize(
    ("offset", "size"),
    [(BASE - 8, 16), (BASE, 1 << 31), (0, 8), (BASE, 4), (0xFFFFFFFF, 8)],
)
def test_pieces_outside_and_over_each_other(offset: int, size: int) -> None:
    with pytest.raises(UnreadableError, match="outside of it or over"):
        read_pieces(parse(with_command(command(0x26, struct.pack("<II", offset, size))).build()).slices[0])


def test_one_piece_twice() -> None:
    twice = command(0x26, struct.pack("<II", BASE, 1))
    with pytest.raises(UnreadableError, match="a second load command"):
        read_pieces(parse(with_command(twice, twice).build()).slices[0])


def test_a_load_command_that_is_too_short() -> None:
    with pytest.raises(UnreadableError, match="a load command of 16 bytes"):
        read_pieces(parse(replace(with_command(command(0xB, bytes(8))), symbols=()).build()).slices[0])


def test_refusals_are_about_linkage() -> None:
    with pytest.raises(LinkageError) as caught:
        read_pieces(parse(with_command(command(0x99, struct.pack("<II", BASE + 8, 4))).build()).slices[0])
    assert caught.value.where
    assert caught.value.exit_status == 4
