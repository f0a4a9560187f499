"""RECORD: bytes to rows and back, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.wheel.record import Record, RecordRow, disagreements, record_hash

DIGEST = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
NASTY = st.text(st.sampled_from("ab,\"\r\n\\\t '=é\u2028𝄞") | st.characters(exclude_categories=["Cs"]), max_size=20)
HASHES = st.sampled_from(["sha256", "sha384", "sha512"]).flatmap(lambda name: st.binary(max_size=8).map(lambda data: record_hash(data, name)))
ROWS = st.builds(RecordRow, name=NASTY, hash=st.none() | HASHES, size=st.none() | st.integers(0, 10**18 - 1))


@given(st.lists(ROWS))
def test_what_is_rendered_parses_back(rows: list[RecordRow]) -> None:
    record = Record(tuple(rows))
    assert Record.parse(bytes(record)) == record


@given(st.lists(ROWS))
def test_the_csv_module_reads_what_is_rendered(rows: list[RecordRow]) -> None:
    text = bytes(Record(tuple(rows))).decode()
    assert [row[0] for row in csv.reader(io.StringIO(text, newline=""))] == [row.name for row in rows]


@given(st.binary(max_size=200) | st.text(st.sampled_from('a,"\n\r=sh256'), max_size=60).map(str.encode))
def test_any_bytes_give_rows_or_a_clear_error(data: bytes) -> None:
    try:
        record = Record.parse(data)
    except UnreadableError:
        return
    assert Record.parse(bytes(record)) == record


def test_only_what_needs_quotes_is_quoted() -> None:
    rows = (RecordRow(name="a b.py", hash=f"sha256={DIGEST}", size=0), RecordRow(name='a,"b".py'), RecordRow(name="x.dist-info/RECORD"))
    assert bytes(Record(rows)) == f'a b.py,sha256={DIGEST},0\n"a,""b"".py",,\nx.dist-info/RECORD,,\n'.encode()


def test_foreign_line_ends_blank_lines_and_padding_are_read() -> None:
    record = Record.parse(f"a,sha256={DIGEST}=,0\r\n\r\nb,,\r\n".encode())
    assert record.rows == (RecordRow(name="a", hash=f"sha256={DIGEST}", size=0), RecordRow(name="b"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,md5=abc,1\n", "not one of sha256, sha384, sha512: 'md5'"),
        (b"a,sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk,1\n", "'sha1'"),
        (b"a,sha256,1\n", "0 bytes long"),
        (b"a,sha256=abcd,1\n", "3 bytes long, not the 32"),
        (f"a,sha256={DIGEST[:-1]}!,1\n".encode(), "base64"),
        (f"a,sha256={DIGEST[:-1]}V,1\n".encode(), "base64"),
        ("a,sha256=é,1\n".encode(), "base64"),
        (b"a,,-1\n", "not a number"),
        (b"a,," + b"9" * 5000 + b"\n", "not a number"),
        (b"a,\n", "2 columns"),
        (b"a,,,\n", "4 columns"),
        (b"\xff,,\n", "not UTF-8"),
        (b'"a,,\n', "CSV"),
        (b"a" * 200_000 + b",,\n", "CSV"),
    ],
)
def test_malformed_rows_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message) as caught:
        Record.parse(data)
    assert caught.value.exit_status == 3


def test_terminal_escapes_do_not_reach_the_message() -> None:
    with pytest.raises(UnreadableError) as caught:
        Record.parse(b"\x1b[2Ja,,x\n")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_hashes_are_written_as_the_specification_shows(algorithm: str) -> None:
    digest = urlsafe_b64encode(hashlib.new(algorithm, b"data").digest()).decode().rstrip("=")
    assert record_hash(b"data", algorithm) == f"{algorithm}={digest}"
    assert RecordRow(name="a", hash=record_hash(b"data", algorithm)).algorithm == algorithm


def test_every_disagreement_is_named_once() -> None:
    rows = tuple(RecordRow(name=name, hash=f"sha256={DIGEST}", size=1) for name in ("kept", "gone", "twice", "twice", "grown"))
    record = Record((*rows, RecordRow(name="bare", size=1), RecordRow(name="d/RECORD")))
    sizes = {"kept": 1, "twice": 1, "grown": 2, "bare": 1, "new": 1, "d/RECORD": 9, "d/RECORD.jws": 5}
    assert tuple(map(str, disagreements(record, sizes, "d"))) == (
        "the archive has files that RECORD does not list: new",
        "RECORD lists files that the archive does not have: gone",
        "RECORD lists files twice: twice",
        "RECORD has no hash for: bare",
        "RECORD has another size for: grown",
    )


def test_long_lists_of_names_are_cut() -> None:
    (issue,) = disagreements(Record((RecordRow(name="d/RECORD"),)), {"d/RECORD": 1, **{f"f{n}": 1 for n in range(8)}}, "d")
    assert str(issue).endswith("f0, f1, f2, f3, f4 and 3 more")
