"""METADATA and WHEEL edited as bytes: nothing else moves."""

from __future__ import annotations

from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.wheel.headers import Headers

METADATA = (
    b"Metadata-Version: 2.1\r\nName: Ex\xc3\xa4mple\r\nRequires-Dist: a\r\nX-Odd:no space\r\nrequires-dist: b;\r\n  extra == 'c'\r\n"
    b"Provides-Extra: c\r\n\r\nRequires-Dist: not a header\r\n\tbody \xff\n"
)
LINES = st.sampled_from(
    [b"A: 1", b"a: 2", b"B:", b" folded", b"\tfolded", b"", b"no header", b"\xff: x", b": x", b"Tag: x-y-z", b"\x0bA: 3", b"From x"]
)
FILES = st.binary(max_size=80) | st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]))).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(FILES)
def test_an_unedited_file_is_the_same_to_the_byte(data: bytes) -> None:
    assert bytes(Headers.parse(data)) == data


@given(FILES)
def test_values_are_those_of_the_email_parser(data: bytes) -> None:
    message = BytesParser().parsebytes(data)
    for name in ("A", "Tag"):
        assert [" ".join(value.split()) for value in Headers.parse(data).all(name)] == [" ".join(v.split()) for v in message.get_all(name, [])]


@given(FILES)
def test_an_added_header_can_be_read_and_taken_out_again(data: bytes) -> None:
    added = Headers.parse(bytes(Headers.parse(data).with_added("New", "value", after="A")))
    assert added.first("new") == "value"
    assert bytes(added.with_values("New", ())).rstrip(b"\r\n") == data.rstrip(b"\r\n")


def test_a_header_goes_after_the_last_of_its_kind() -> None:
    edited = bytes(Headers.parse(METADATA).with_added("Requires-Dist", "d >=1", after="Requires-Dist"))
    assert edited == METADATA.replace(b"'c'\r\n", b"'c'\r\nRequires-Dist: d >=1\r\n")


@pytest.mark.parametrize("after", [None, "Absent"])
def test_a_header_goes_to_the_end_when_there_is_no_place_for_it(after: str | None) -> None:
    edited = bytes(Headers.parse(METADATA).with_added("X", "1", after=after))
    assert edited == METADATA.replace(b"Extra: c\r\n", b"Extra: c\r\nX: 1\r\n")


def test_values_replace_every_line_of_the_name_at_the_place_of_the_first() -> None:
    edited = bytes(Headers.parse(METADATA).with_values("Requires-Dist", ["x", "y"]))
    assert edited == METADATA.replace(b"Requires-Dist: a\r\n", b"Requires-Dist: x\r\nRequires-Dist: y\r\n", 1).replace(
        b"requires-dist: b;\r\n  extra == 'c'\r\n", b""
    )


def test_new_values_are_appended_when_the_name_is_new() -> None:
    assert bytes(Headers.parse(b"A: 1\n\nbody").with_values("B", ["2", "3"])) == b"A: 1\nB: 2\nB: 3\n\nbody"


def test_a_last_line_without_an_end_gets_one_before_the_next() -> None:
    assert bytes(Headers.parse(b"A: 1").with_added("B", "2")) == b"A: 1\nB: 2\n"


def test_values_are_unfolded_and_names_ignore_case() -> None:
    headers = Headers.parse(METADATA)
    assert headers.all("REQUIRES-DIST") == ("a", "b; extra == 'c'")
    assert headers.first("x-odd") == "no space"
    assert headers.first("name") == "Exämple"
    assert headers.first("absent") is None


@pytest.mark.parametrize("value", ["a\nTag: b", "a\rTag: b"])
def test_a_value_cannot_bring_a_header_of_its_own(value: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Headers.parse(b"").with_added("A", value)


def test_a_flood_of_headers_is_refused() -> None:
    with pytest.raises(UnreadableError, match="headers"):
        Headers.parse(b"a:\n" * 70_000)


def test_a_flood_of_folded_lines_takes_linear_time() -> None:
    assert len(Headers.parse(b"a:\n" + b" \n" * 300_000).fields) == 1
