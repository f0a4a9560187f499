"""Names of DLLs in the strings of an image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madepe import Pe

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe import literals
from nativewheel.formats.pe.literals import literal_names

NAMES = st.text(alphabet="abcXYZ09_.+-", min_size=1, max_size=12)


def holding(*strings: bytes) -> bytes:
    """Build an image with these strings among its data, and names in its tables."""
    return Pe(
        imports=(("table.dll", ("a",)),), delay_imports=(("late.dll", ("b",)),), resources=b"\0" + b"".join(strings), exports=(("f", None),)
    ).build()


def test_names_in_tables_are_none() -> None:
    assert literal_names(holding()) == set()


@given(NAMES, st.sampled_from([".dll", ".DLL"]), st.sampled_from(["ascii", "utf-16-le"]), st.sampled_from(["", "plug ins\\", "c:/"]))
def test_strings_of_one_and_of_two_bytes_a_character(name: str, suffix: str, encoding: str, folder: str) -> None:
    string = (folder + name + suffix + "\0").encode(encoding)
    assert literal_names(holding(string)) == {name + suffix}


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_names_that_are_too_long_are_cut_in_front(encoding: str) -> None:
    data = holding(*(f"{'a-' * 200}{name}.dll\0".encode(encoding) for name in ("one", "other")))
    assert {(len(name), name[-9:]) for name in literal_names(data)} == {(259, "a-one.dll"), (259, "other.dll")}


@pytest.mark.parametrize("string", [b"one.dllx\0", b"one.dl\0", b".dll\0", b"one.so\0", b"o\0n\0e\0.\0d\0l\0l\0x\0"])
def test_strings_that_are_no_names(string: bytes) -> None:
    assert literal_names(holding(string)) == set()


def test_a_table_name_that_is_a_string_too() -> None:
    assert literal_names(holding(b"table.dll\0")) == {"table.dll"}


@pytest.mark.parametrize("chunk", range(16, 48))
def test_names_across_the_border_of_chunks(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(literals, "CHUNK", chunk)
    assert literal_names(holding(b"t\0w\0o\0.\0d\0l\0l\0\0\0", b"one.dll\0")) == {"one.dll", "two.dll"}


def test_a_file_that_is_no_image() -> None:
    with pytest.raises(UnreadableError):
        literal_names(b"one.dll\0")
