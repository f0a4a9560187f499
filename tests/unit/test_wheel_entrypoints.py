"""One entry point is added, and the rest of `entry_points.txt` stays as it was."""

from __future__ import annotations

from configparser import ConfigParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.wheel.entrypoints import with_entry_point

GROUP = "nativewheel.provider"


def added(text: bytes) -> bytes:
    return with_entry_point(text, GROUP, "nt-core", "nw_nt_core")


def read(text: bytes) -> set[tuple[str, str, str]]:
    """Read the file as its specification says: with configparser, "=" and letter case."""
    parser = ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text.decode())
    return {(group, name, value) for group in parser.sections() for name, value in parser.items(group)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"[nativewheel.provider]\nnt-core = nw_nt_core\n"),
        (b"[console_scripts]\nx = y:z\n", b"[console_scripts]\nx = y:z\n\n[nativewheel.provider]\nnt-core = nw_nt_core\n"),
        (b"[console_scripts]\nx = y:z", b"[console_scripts]\nx = y:z\n\n[nativewheel.provider]\nnt-core = nw_nt_core\n"),
        (b"[a]\r\nx = y\r\n", b"[a]\r\nx = y\r\n\r\n[nativewheel.provider]\r\nnt-core = nw_nt_core\r\n"),
        (b"[nativewheel.provider]\nother = x\n[a]\nb = c\n", b"[nativewheel.provider]\nnt-core = nw_nt_core\nother = x\n[a]\nb = c\n"),
        (b"[ nativewheel.provider ]\n", b"[ nativewheel.provider ]\nnt-core = nw_nt_core\n"),
        (b"[nativewheel.provider]", b"[nativewheel.provider]\nnt-core = nw_nt_core\n"),
        (b"[nativewheel.providers]\nnt-core = x\n", b"[nativewheel.providers]\nnt-core = x\n\n[nativewheel.provider]\nnt-core = nw_nt_core\n"),
        (b"[a]\nnt-core = x\n", b"[a]\nnt-core = x\n\n[nativewheel.provider]\nnt-core = nw_nt_core\n"),
        (b"# [nativewheel.provider]\n", b"# [nativewheel.provider]\n\n[nativewheel.provider]\nnt-core = nw_nt_core\n"),
        (b"[nativewheel.provider]\nnt-core-x = a\n", b"[nativewheel.provider]\nnt-core = nw_nt_core\nnt-core-x = a\n"),
        (b"[a]\nx = \xff\n", b"[a]\nx = \xff\n\n[nativewheel.provider]\nnt-core = nw_nt_core\n"),
    ],
)
def test_it_is_added(before: bytes, after: bytes) -> None:
    assert added(before) == after
    assert added(after) == after


@pytest.mark.parametrize("entry", [b"nt-core = other", b"nt-core=other", b"nt-core\t= nw_nt_core"])
def test_one_that_is_there_stays(entry: bytes) -> None:
    for text in (b"[nativewheel.provider]\n" + entry + b"\n", b"[a]\nb = c\n[nativewheel.provider]\nz = z\n" + entry):
        assert added(text).rstrip() == text.rstrip()


NAMES = st.text("abc.-", min_size=1, max_size=4).filter(lambda name: not name.startswith("-"))
GROUPS = st.dictionaries(NAMES | st.just(GROUP), st.dictionaries(NAMES, st.just("m:f"), max_size=3), max_size=3)


@given(GROUPS, st.sampled_from(["\n", "\n\n"]))
def test_readers_find_it_and_all_that_was_there(groups: dict[str, dict[str, str]], between: str) -> None:
    text = between.join("\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]) for group, entries in groups.items())
    before = {(group, name, value) for group, entries in groups.items() for name, value in entries.items()}
    assert read(added(text.encode())) == {*before, (GROUP, "nt-core", "nw_nt_core")}
