"""Archives: members, names and indexes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madelib import MAGIC, archive, member

from nativewheel.errors import LinkageError, UnreadableError
from nativewheel.formats.pe.archive import changed, read_archive, write_archive

NAMES = st.binary(min_size=1, max_size=24).map(lambda name: b"".join(b"%c" % (97 + byte % 26) for byte in name))
MEMBERS = st.lists(st.tuples(NAMES, st.binary(max_size=9), st.lists(NAMES, max_size=3)), min_size=1, max_size=5)
Members = list[tuple[bytes, bytes, list[bytes]]]


def unique(members: Members) -> Members:
    """Give each long name once, as writers of archives do."""
    return list({name: (name, content, symbols) for name, content, symbols in members}.values())


@given(MEMBERS.map(unique), st.booleans())
def test_archives_are_written_as_they_were_read(members: Members, microsoft: bool) -> None:  # noqa: FBT001
    data = archive(members, microsoft=microsoft)
    found = read_archive(data)
    assert [(item.name, item.content) for item in found.members] == [(name, content) for name, content, _ in members]
    assert found.symbols == tuple((symbol, number) for number, (_, _, symbols) in enumerate(members) for symbol in symbols)
    assert write_archive(found) == data


@given(MEMBERS.map(unique), MEMBERS.map(unique), st.booleans())
def test_changed_members_and_symbols(members: Members, others: Members, microsoft: bool) -> None:  # noqa: FBT001
    count = min(len(members), len(others))
    found = read_archive(archive(members[:count], microsoft=microsoft))
    contents = [replace(item, name=name, content=content) for item, (name, content, _) in zip(found.members, others, strict=False)]
    expected = [
        (name, content, [b"nw_" + symbol for symbol in symbols]) for (name, content, _), (_, _, symbols) in zip(others, members, strict=False)
    ]
    assert write_archive(changed(found, contents, lambda symbol: b"nw_" + symbol)) == archive(expected, microsoft=microsoft)


def test_dates_owners_and_modes_are_kept() -> None:
    data = archive([(b"a.obj", b"one", [b"x"]), (b"b.obj", b"two", [])], microsoft=True).replace(b"1700000000", b"1234567890")
    assert write_archive(read_archive(data)) == data


GOOD = archive([(b"member-with-a-long-name.obj", b"content", [b"symbol"])], microsoft=False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"!<thin>\n",
        MAGIC + b"short",
        MAGIC + member(b"a/", b"x")[:-3],
        MAGIC + member(b"a/", b"x").replace(b"`\n", b"xx"),
        MAGIC + member(b"a/", b"x").replace(b"100644  1 ", b"100644  -1"),
        MAGIC + member(b"/5", b"x"),
        MAGIC + member(b"/", b"\0\0\0\1"),
        MAGIC + member(b"/", b"\0\0\0\1\0\0\0\0a\0"),
        MAGIC + member(b"/", b"\xff\xff\xff\xff"),
        *(GOOD[:size] for size in range(8, len(GOOD)) if size not in {8, len(GOOD) - 1}),
    ],
)
def test_damaged_archives(data: bytes) -> None:
    try:
        found = read_archive(data)
    except UnreadableError:
        return
    # What was cut off between two members is a whole archive.
    assert not data.endswith(b"content")
    assert found.members == ()


@pytest.mark.parametrize("name", [b"/SYM64/", b"/<ECSYMBOLS>/"])
def test_indexes_that_nobody_could_write_again(name: bytes) -> None:
    with pytest.raises(LinkageError, match="ARM64EC"):
        read_archive(MAGIC + member(name, b"\0\0\0\0"))


def test_indexes_that_no_writer_makes() -> None:
    data = archive([(b"a.obj", b"content", [b"symbol"])], microsoft=True)
    with pytest.raises(UnreadableError, match="index of an archive is damaged"):
        read_archive(MAGIC + member(b"/", bytes(4)) + data.removeprefix(MAGIC))
    many = MAGIC + member(b"/", bytes(4)) * 2 + member(b"a/", b"") * 0xFFFF
    assert len(read_archive(many).members) == 0xFFFF
    with pytest.raises(UnreadableError, match="index of an archive is damaged"):
        read_archive(many + member(b"a/", b""))
