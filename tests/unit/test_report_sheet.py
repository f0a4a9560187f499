"""Lines with style, and names that try to talk to the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nativewheel.report.sheet import Sheet, bad, printable, title


def test_plain_text_has_no_escapes() -> None:
    sheet = Sheet()
    sheet.line(title("name"), ": ", bad("missing"), indent=2)
    sheet.line()
    assert str(sheet) == "    name: missing\n\n"


def test_styles_are_escape_sequences_around_the_text_only() -> None:
    sheet = Sheet(color=True)
    sheet.line(bad("no"), "!", title(""), indent=1)
    assert str(sheet) == "  \x1b[31;1mno\x1b[0m!\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("libfoo.so.1", "libfoo.so.1"),
        ("\x1b]0;pwned\x07", "\\x1b]0;pwned\\x07"),
        ("a\nerror: b", "a\\nerror: b"),
        ("gpj\u202e.so", "gpj\\u202e.so"),
        ("\x9b31m", "\\x9b31m"),
        ("\udcff", "\\udcff"),
        ("größe → ü", "größe → ü"),
    ],
)
def test_hostile_characters_are_shown_not_obeyed(text: str, shown: str) -> None:
    assert printable(text) == shown
    for color in (False, True):
        sheet = Sheet(color=color)
        sheet.line(bad(text), text)
        assert str(sheet).count("\n") == 1
        assert str(sheet).count(shown) == 2


@given(st.text())
def test_what_is_shown_can_be_written(text: str) -> None:
    shown = printable(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert printable(shown) == shown
    assert len(shown.splitlines()) <= 1
